# Forests end to end: the same bytes at 1 and 2 threads, the same answers from mlp and from an artifact in batch, row by row,
# as CSV and as JSON; out-of-bag metrics in the run, in gates and in a tune block.
source "$(dirname "$0")/lib.sh"
{
  echo id,a,b,kind,flag,amount
  for i in $(seq 600); do
    a=$((i * 7919 % 101)); b=$((i * 104729 % 97))
    echo "$i,$a,$([ $((i % 9)) = 0 ] || echo $b),k$((i * 31 % 7 % 4)),$(((a + i * 37 % 40 > 70) ? 1 : 0)),$((a * 3 + b + i % 7))"
  done
} >d.csv
spec() { # spec MODEL-LINES TEST-LINES
  cat <<SPEC
pipeline small
schema Row {
  id     : id
  a      : float
  b      : float?
  kind   : category
  flag   : bool
  amount : float
}
source rows_in: Row = csv("d.csv")
features x from rows_in { a, b, kind }
split rows_in { by = every(5), valid = 0 }
model m = forest {
  trees = 30
$1
}
test m {
$2
}
SPEC
}

while IFS='|' read -r name lines metric; do
  spec "  $lines" "  require test.$metric >= 0
  require oob.$metric >= 0" >s.mlp
  [ "$name" != classes ] || sed -i 's/{ a, b, kind }/{ a, b, amount }/' s.mlp
  run 0 "$MLP" fmt s.mlp
  run 0 "$MLP" train s.mlp --json --threads 1 --no-cache; one=$(json package out)
  [ "$(jq '.metrics.oob.rows' out)" -gt 400 ] && pass || fail "$name: rows out of bag"
  run 0 "$MLP" train s.mlp --json --threads 2 --no-cache; equal "$(json package out)" "$one" "$name at 1 and 2 threads"
  run 0 "$MLP" train s.mlp --json; equal "$(json package out)" "$one" "$name from the cache"
  run 0 "$MLP" rerun latest; says out "the same bytes again"
  run 0 "$MLP" test s.mlp
  run 0 "$MLP" score s.mlp --input d.csv; mv out by_mlp
  run 0 "$MLP" build s.mlp -o app
  run 0 ./app selftest
  run 0 ./app info --json; equal "$(jq -r '"\(.model.kind) \(.model.trees)"' out)" "forest 30" "info"
  run 0 ./app score --input d.csv; same out by_mlp
  head -1 by_mlp >by_row
  for row in 1 5 300; do
    { head -1 d.csv; sed -n "$((row + 1))p" d.csv; } >one.csv
    run 0 ./app score --input one.csv; sed -n 2p out >>by_row
  done
  sed -n '1p;2p;6p;301p' by_mlp >wanted; same by_row wanted
  awk -F, 'NR > 1 { printf "{\"a\":%s,\"b\":%s,\"kind\":\"%s\",\"amount\":%s}\n", $2, $3 == "" ? "null" : $3, $4, $6 }' d.csv | { [ "$name" = classes ] && cat || sed 's/,"amount":[0-9]*//'; } | { [ "$name" = classes ] && sed 's/"kind":"[^"]*",//' || cat; } >d.jsonl
  run 0 ./app score --input d.jsonl --to csv; same out by_mlp
done <<'MODELS'
numbers|predict amount from x|rmse
two classes|predict flag from x|auc
classes|predict kind from x|accuracy
extra-trees|predict amount from x, thresholds = random, bootstrap = true|r2
a limit of leaves|predict flag from x, leaves = 8, depth = 4, increasing = [a]|auc
weights|predict amount from x, weight = a + 1, subsample = 70%|mae
MODELS

# Trees that see every row have nothing out of bag.
spec '  predict amount from x
  thresholds = random' '  require test.r2 >= 0.5' >s.mlp
run 0 "$MLP" train s.mlp --json; equal "$(jq .metrics.oob out)" null "extra-trees without bootstrap"
run 0 "$MLP" test s.mlp

# A forest is tuned by what its trees did not see: no row is set aside.
spec '  predict flag from x' '  require oob.auc >= 0.7' >s.mlp
printf 'tune m {\n  min_rows in 1..20\n  thresholds in [best, random]\n  bootstrap in [true]\n  maximize oob.auc\n  trials = 6\n}\n' >>s.mlp
run 0 "$MLP" train s.mlp --json --threads 1; cp out one
equal "$(jq '[.tune.trials[].score] | max == .[] | select(.)' one | head -1)" true "a best trial"
equal "$(jq '.tune as $t | $t.trials[$t.best - 1].score == .metrics.oob.auc' one)" true "the best trial is what is trained"
run 0 "$MLP" train s.mlp --json --threads 2 --no-cache; equal "$(json package out)" "$(json package one)" "tuned at 1 and 2 threads"
run 0 "$MLP" test s.mlp

run 0 "$MLP" plan s.mlp; says out 'm = forest'; says out 'thresholds='
[ "$(grep -c learning_rate out)" = 0 ] && pass || fail "a forest has no learning rate"
finish
