# A thousand kill -9 of real train, promote and gc at random moments, then Ctrl-C and builds: every recorded run whole,
# nothing acknowledged lost, the next command works.
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
# strike SIGNAL COMMAND...: ends it at a random moment; remembers a run that it has acknowledged.
strike() {
  local signal=$1 pid; shift
  "$@" >ack 2>/dev/null &
  pid=$!
  sleep "0.$(printf '%03d' $((RANDOM % 200)))"
  kill -"$signal" "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [ "$2" = train ] && grep -q '"run"' ack; then newest=$(json run ack); fi
}
for i in $(seq "${KILLS:-1000}"); do
  case $((RANDOM % 4)) in
    0 | 1) strike KILL "$MLP" train s.mlp --json ;;
    2) strike KILL "$MLP" promote latest ;;
    3) strike KILL "$MLP" gc --keep 3 ;;
  esac
done 2>loop.err
for i in $(seq 100); do
  export TMPDIR=$work/tmp/$i; mkdir -p "$TMPDIR"
  if [ $((RANDOM % 2)) = 0 ]; then strike INT "$MLP" train s.mlp --json; else strike INT "$MLP" build s.mlp -o built; fi
  if [ -n "$(ls -A "$TMPDIR")" ]; then fail "an interrupted command left $(ls "$TMPDIR")"; fi
  strike KILL "$MLP" build s.mlp -o built
done 2>>loop.err  # the shell reports every job that was killed
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
