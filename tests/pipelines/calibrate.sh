# Calibrated probabilities end to end: the same on every path, fitted on rows that were not trained on, visible everywhere.
source "$(dirname "$0")/lib.sh"
telco=$root/examples/telco-churn/data/telco-churn.csv
spec() { # spec KIND PREDICT SPLIT CALIBRATE MODEL-LINES
  sed "s|csv(\"../telco|csv(\"$root/examples/telco|; /^split/,\$d" "$root/examples/telco-churn-linear/telco-churn-linear.mlp"
  [ "$2" != Contract ] || echo
  cat <<SPEC
split customers { $3 }
model churn = $1 {
  predict $2 from x
  calibrate = $4
$5
}
test churn { require test.ece <= 0.2, require test.logloss <= 1 }
SPEC
}
parts='train = 60%, valid = 20%, test = 20%, by = stratified(Churn)'
folds='train = 80%, test = 20%, by = random, folds = 3'

while IFS='|' read -r kind predict split method lines; do
  name="$kind, $predict, $method on ${split##*, }"
  spec "$kind" "$predict" "$split" "$method" "$lines" >s.mlp
  [ "$predict" != Contract ] || sed -i 's/each(category) |> one_hot/each(category) |> except(Contract) |> one_hot/' s.mlp
  run 0 "$MLP" train s.mlp --json --threads 1 --no-cache; cp out one
  run 0 "$MLP" train s.mlp --json --threads 2 --no-cache; equal "$(json package out)" "$(json package one)" "$name at 1 and 2 threads"
  run 0 "$MLP" train s.mlp --json; equal "$(json package out)" "$(json package one)" "$name through the cache"
  equal "$(jq -r .model.calibration.method one)" "$method" "$name: recorded"
  equal "$(jq -r .model.calibration.on one)" "$(case $split in *folds*) echo folds ;; *) echo valid ;; esac)" "$name: rows of"
  run 0 "$MLP" rerun latest; says out "the same bytes again"
  run 0 "$MLP" show latest; says out "calibrated $method on"
  run 0 "$MLP" plan s.mlp; says out "calibrate=$method"
  run 0 "$MLP" test s.mlp
  run 0 "$MLP" score s.mlp --input "$telco"; mv out by_mlp
  run 0 "$MLP" build s.mlp -o app
  run 0 ./app selftest
  run 0 ./app info --json; equal "$(jq -r .model.calibration out)" "$method" "info"
  run 0 ./app score --input "$telco"; same out by_mlp
  for row in 2 900; do
    { head -1 "$telco"; sed -n "${row}p" "$telco"; } >one.csv
    run 0 ./app score --input one.csv; equal "$(sed -n 2p out)" "$(sed -n "${row}p" by_mlp)" "$name: row $row alone"
  done
  # Probabilities of a row add up to one.
  awk -F, 'NR > 1 { s = 0; for (i = 2; i <= NF; ++i) s += $i; if (s < 1 - 1e-9 || s > 1 + 1e-9) exit 1 }' by_mlp && pass || fail "$name: sums"
done <<MODELS
gbdt|Churn|$parts|isotonic|  early_stop = 10
gbdt|Churn|$folds|platt|  trees = 30
linear|Churn|$parts|platt|
forest|Churn|$parts|isotonic|  trees = 20
forest|Churn|$folds|isotonic|  trees = 20
gbdt|Contract|$parts|isotonic|  trees = 20
linear|Contract|$folds|platt|
MODELS

# Uncalibrated boosted trees that were trained for too long are too sure; calibrated ones are not.
spec gbdt Churn "$parts" none '  trees = 300' >s.mlp
run 0 "$MLP" train s.mlp --json; cp out none
for method in isotonic platt; do
  sed "s/calibrate = none/calibrate = $method/" s.mlp >c.mlp
  run 0 "$MLP" train c.mlp --json
  equal "$(jq '[.stages[] | select(.class != "no-op") | .name] | join(" ")' out)" '"calibrate measure"' "only calibrated anew"
  jq -e --slurpfile n none '.metrics.test.ece < $n[0].metrics.test.ece / 1.5 and .metrics.test.logloss < $n[0].metrics.test.logloss' out >/dev/null && pass || fail "$method: $(jq -c .metrics.test out none)"
done
# Rows of one class say nothing about probabilities.
{ echo a,y,part; for i in $(seq 60); do echo "$i,$([ $((i % 2)) = 0 ] && echo true || echo false),train"; done
  for i in $(seq 20); do echo "$i,true,valid"; echo "$i,$([ $((i % 3)) = 0 ] && echo true || echo false),test"; done; } >one_class.csv
cat >one_class.mlp <<'SPEC'
schema Row {
  a    : float
  y    : bool
  part : category
}
source rows_in: Row = csv("one_class.csv")
features x from rows_in { a }
split rows_in { by = column(part) }
model m = gbdt {
  predict y from x
  calibrate = platt
}
SPEC
run 1 "$MLP" train one_class.mlp; says err E0646; says err "of one class"
finish
