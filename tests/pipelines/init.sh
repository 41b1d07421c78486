# `mlp init` writes a spec that checks, is in canonical form, and trains as it stands.
source "$(dirname "$0")/lib.sh"

for data in "$root"/examples/*/data/*.csv "$root"/examples/*/data/*.csv.gz; do
  [ -e "$data" ] || continue
  name=$(basename "$data"); name=${name%%.*}
  run 0 "$MLP" init "$data" --output "$name.mlp"
  run 0 "$MLP" fmt --check "$name.mlp"
  sed -i 's/trees         = 200/trees         = 30/' "$name.mlp"
  run 0 "$MLP" train "$name.mlp" --json
  says out '"metrics"'
done
data=$root/examples/telco-churn/data/telco-churn.csv

# Other kinds of models, with the features that each takes.
for model in linear forest kmeans isolation_forest; do
  for file in telco-churn/data/telco-churn.csv adult/data/adult.csv.gz sms-spam/data/sms-spam.csv nycflights/data/weather.csv.gz; do
    name=$(basename "$file"); name=$model-${name%%.*}
    run 0 "$MLP" init "$root/examples/$file" --model $model --output "$name.mlp"
    run 0 "$MLP" fmt --check "$name.mlp"
    sed -i 's/trees *= 200/trees = 10/; s/clusters *= 8/clusters = 8, starts = 1/' "$name.mlp"
    run 0 "$MLP" train "$name.mlp" --json
    says out '"metrics"'
  done
done
run 0 "$MLP" init "$data" --model kmeans --measure Contract;         grep -qE "measure +against Contract" out && pass || fail "Contract is no truth"
run 0 "$MLP" init "$data" --model isolation_forest --measure Churn;  grep -qE "measure +against Churn" out && pass || fail "Churn is no truth"
grep -qE "^  Churn$" out && fail "Churn measures and is a feature" || pass
run 1 "$MLP" init "$data" --model isolation_forest --measure Contract; says err 'choose a yes-or-no column'
run 1 "$MLP" init "$data" --model kmeans --predict Churn;            says err '`--measure Churn`'
run 1 "$MLP" init "$data" --measure Churn;                           says err '`--model kmeans`'
run 2 "$MLP" init "$data" --model kmean;                             says err isolation_forest
{ echo id,note; for i in $(seq 300); do echo "a$i,the note $i"; done; } >names.csv
run 1 "$MLP" init names.csv;                                         says err '`--model kmeans`'
run 1 "$MLP" init names.csv --model kmeans;                          says err 'no column to learn from: each is'

run 0 "$MLP" init "$data" --predict Contract
grep -qE "predict +Contract from x" out && pass || fail "Contract is not predicted"
run 1 "$MLP" init "$data" --predict Chrun;      says err 'did you mean `Churn`'
run 1 "$MLP" init "$data" --predict customerID; says err E0643
run 3 "$MLP" init nothing.csv
run 3 "$MLP" init "$data" --output telco-churn.mlp;  says err E0904
run 0 "$MLP" init "$data" --output telco-churn.mlp --force
finish
