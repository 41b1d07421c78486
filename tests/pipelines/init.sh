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
run 0 "$MLP" init "$data" --predict Contract
grep -qE "predict +Contract from x" out && pass || fail "Contract is not predicted"
run 1 "$MLP" init "$data" --predict Chrun;      says err 'did you mean `Churn`'
run 1 "$MLP" init "$data" --predict customerID; says err E0643
run 3 "$MLP" init nothing.csv
run 3 "$MLP" init "$data" --output telco-churn.mlp;  says err E0904
run 0 "$MLP" init "$data" --output telco-churn.mlp --force
finish
