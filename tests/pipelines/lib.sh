# What the end-to-end tests share. Each test is a bash script that sources this; ctest runs it with MLP set.
set -euo pipefail
: "${MLP:?the mlp program}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]:-}"; do [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
export NO_COLOR=1
checks=0
failures=0

pass() { checks=$((checks + 1)); }
fail() {
  checks=$((checks + 1)); failures=$((failures + 1))
  echo "FAIL: $*" >&2
}
# run CODE COMMAND...: runs it, keeps standard output in out and standard error in err, expects the exit code.
run() {
  local want=$1; shift
  local got=0
  "$@" >out 2>err </dev/null || got=$?
  if [ "$got" != "$want" ]; then
    fail "exit code $got, expected $want: $*"
    sed 's/^/    | /' out err | head -20 >&2
  else pass; fi
}
# says FILE TEXT: the file holds the text.
says() {
  if grep -qF -- "$2" "$1"; then pass; else
    fail "\`$2\` is missing in $1:"
    sed 's/^/    | /' "$1" | head -20 >&2
  fi
}
same() { if cmp -s "$1" "$2"; then pass; else fail "$1 and $2 differ: $(diff "$1" "$2" | head -4)"; fi; }
equal() { if [ "$1" = "$2" ]; then pass; else fail "\`$1\` is not \`$2\` ($3)"; fi; }
# json KEY FILE: the text or number of a key of a one-line JSON object.
json() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2" | head -1; }
no_leftovers() { # nothing half-written in a directory
  local found
  found=$(find "$1" -name '.*.??????' -type f | head -3)
  if [ -z "$found" ]; then pass; else fail "left behind: $found"; fi
}
wait_for() { # wait_for TEXT FILE: until the file holds it, 5 seconds at most
  for _ in $(seq 100); do grep -qF -- "$1" "$2" 2>/dev/null && return 0; sleep 0.05; done
  fail "\`$1\` never came in $2"; return 1
}
ask() { # ask STATUS PATH CURL-ARGUMENTS...: of the server at $url; the body in out
  local want=$1 path=$2; shift 2
  local got
  got=$(curl -sS -o out -w '%{http_code}' "$@" "$url$path" 2>err) || got="curl failed: $(cat err)"
  equal "$got" "$want" "status of $path"
}
as_json=(-H 'Content-Type: application/json')
finish() {
  echo "$((checks - failures)) passed, $failures failed"
  [ "$failures" = 0 ]
}
