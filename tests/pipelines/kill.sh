# Random kill -9 and Ctrl-C of real commands: every recorded run whole, nothing acknowledged lost, the next command works.
source "$(dirname "$0")/lib.sh"
for i in $(seq 300); do echo "$i,$((i % 17)).5,$([ $((i % 2)) = 0 ] && echo yes || echo no)"; done | sed '1iid,size,label' >d.csv
cat >s.mlp <<'SPEC'
pipeline small
schema Row {
  id    : int
  size  : float
  label : bool  from ("yes", "no")
}
source rows_in: Row = csv("d.csv")
features x from rows_in { size }
model m = gbdt {
  predict label from x
  trees = 5
}
SPEC
run 0 "$MLP" train s.mlp --json
run 0 "$MLP" promote latest
newest=
set -m 2>/dev/null  # with job control a background command hears SIGINT
for i in $(seq "${KILLS:-1000}"); do
  case $((RANDOM % 5)) in
    0 | 1) command=("$MLP" train s.mlp --json) ;;
    2) command=("$MLP" promote latest) ;;
    3) command=("$MLP" gc --keep 3) ;;
    4) command=("$MLP" build s.mlp -o built) ;;
  esac
  export TMPDIR=$work/tmp/$i; mkdir -p "$TMPDIR"
  [ $((RANDOM % 4)) = 0 ] && signal=INT || signal=KILL
  "${command[@]}" >ack 2>/dev/null &
  pid=$!
  sleep "0.$(printf '%03d' $((RANDOM % 200)))"
  kill -$signal "$pid" 2>/dev/null || true
  code=0; wait "$pid" 2>/dev/null || code=$?
  if [ "${command[1]}" = train ] && grep -q '"run"' ack; then newest=$(json run ack); fi
  if [ "${command[1]}" = build ] && [ "$signal" = INT ] && [ -n "$(ls -A "$TMPDIR")" ]; then fail "an interrupted build left $(ls "$TMPDIR")"; fi
done 2>loop.err  # the shell reports every job that was killed
set +m
grep FAIL loop.err >&2 || true
export TMPDIR=$work
run 0 "$MLP" verify
run 0 "$MLP" runs --json
[ -z "$newest" ] || says out "$newest"
says out '"production":true'
run 0 "$MLP" train s.mlp --json
run 0 "$MLP" gc --keep 3
run 0 "$MLP" verify
finish
