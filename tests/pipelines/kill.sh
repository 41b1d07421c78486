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
acknowledged=1
for i in $(seq "${KILLS:-60}"); do
  case $((RANDOM % 4)) in
    0 | 1) command=("$MLP" train s.mlp --json) ;;
    2) command=("$MLP" promote latest) ;;
    3) command=("$MLP" gc --keep 1000) ;;
  esac
  "${command[@]}" >ack 2>/dev/null &
  pid=$!
  sleep "0.$(printf '%03d' $((RANDOM % 200)))"
  [ $((RANDOM % 5)) = 0 ] && signal=INT || signal=KILL
  kill -$signal "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [ "${command[1]}" = train ] && grep -q '"run"' ack; then acknowledged=$((acknowledged + 1)); fi
done
run 0 "$MLP" verify
run 0 "$MLP" runs --json
recorded=$(wc -l <out)
[ "$recorded" -ge "$acknowledged" ] && pass || fail "$acknowledged runs were acknowledged, $recorded are there"
says out '"production":true'
run 0 "$MLP" train s.mlp --json
run 0 "$MLP" gc --keep 3
run 0 "$MLP" verify
finish
