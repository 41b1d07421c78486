# Cross-validation and tuning on real data: no leakage between folds, the same bytes at any number of threads and after kill -9.
source "$(dirname "$0")/lib.sh"
data=$root/examples/telco-churn/data/telco-churn.csv
spec() { # spec SPLIT MODEL-LINES TEST-LINES TUNE-BLOCK
  cat <<SPEC
pipeline churn

schema Customer {
  customerID       : id
  tenure           : int     in 0..120
  Contract         : category
  PaymentMethod    : category
  MonthlyCharges   : float   >= 0
  TotalCharges     : float?  >= 0
  Churn            : bool    from ("Yes", "No")
}

source customers: Customer = csv("$data", null = ["", " "])

param months: int in 0..60 = 3

features x from customers {
  tenure
  new = tenure < months
  contract = Contract |> target_encode
  PaymentMethod
  spend = TotalCharges |> impute(median) |> standardize
}

split customers { $1 }

model churn = gbdt {
  predict Churn from x
  $2
}

test churn {
  $3
}

${4:-}
SPEC
}

# folds
spec 'train = 65%, valid = 15%, test = 20%, by = hash(customerID), folds = 5' 'trees = 40, depth = 4, early_stop = 10' 'require cv.auc >= 0.8, require cv.auc >= 0.95' >f.mlp
run 0 "$MLP" train f.mlp --threads 1 --json && cp out one
says one '"cv":{'; says one '"cv_sd":{'; says one '"folds":[{"rows":{"train":'
equal "$(grep -o '"rounds":[0-9]*,"metrics"' one | wc -l)" 5 "five folds"
run 0 "$MLP" train f.mlp --threads 2 --json
equal "$(json package out)" "$(json package one)" "threads change nothing"
run 0 "$MLP" train f.mlp
says out '5 folds'; says out ' ± '
run 0 "$MLP" rerun latest
run 1 "$MLP" test f.mlp
says out 'pass  require cv.auc >= 0.8'; says out 'FAIL  require cv.auc >= 0.95'; says out 'cv.auc = 0.8'
run 0 "$MLP" show latest
says out 'cv_sd'
for by in random 'stratified(Contract)' 'group(PaymentMethod)' 'every(5)' 'time(tenure)'; do
  spec "by = $by, folds = 3" 'trees = 5' '' >g.mlp
  case $by in group*) sed -i 's/folds = 3/folds = 2, train = 75%, valid = 0%, test = 25%/' g.mlp ;; every*) sed -i 's/folds = 3/folds = 3, valid = 20%/' g.mlp ;; esac
  run 0 "$MLP" train g.mlp --json
  says out '"cv":{'
done
spec 'by = time(tenure), train = 80%, test = 20%, folds = forward(3, test = 500, train = 2_000)' 'trees = 5' '' >g.mlp
run 0 "$MLP" train g.mlp --json
says out '"folds":[{"rows":{"train":2000,"valid":0,"test":500}'

# tuning
for method in random tpe halving; do
  spec 'by = hash(customerID)' 'trees = 30' '' "tune churn { depth in 2..6, learning_rate in log(0.01, 0.5), growth in [leaf_wise, depth_wise], months in 1..40, maximize valid.auc, trials = 24, method = $method }" >t.mlp
  run 0 "$MLP" train t.mlp --threads 1 --json --store "$method" && cp out one
  says one '"tuned":{"depth":'; says one '"tune":{"best":'
  run 0 "$MLP" train t.mlp --threads 2 --json --store "$method-again"
  equal "$(json package out)" "$(json package one)" "$method: threads change nothing"
  # Killed in the middle, it goes on with the trials that it has, and ends with the same bytes.
  "$MLP" train t.mlp --threads 1 --json --store killed-$method >/dev/null 2>&1 & pid=$!
  for _ in $(seq 400); do [ "$(ls killed-$method/.mlp/trials 2>/dev/null | wc -l)" -ge 5 ] && break; sleep 0.02; done
  kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null || true
  before=$(ls killed-$method/.mlp/trials | wc -l)
  if [ "$before" -ge 5 ]; then pass; else fail "$method: no trials kept"; fi
  ls -i killed-$method/.mlp/trials | sort >trials.before
  run 0 "$MLP" train t.mlp --threads 2 --json --store killed-$method
  equal "$(json package out)" "$(json package one)" "$method: resumed after kill -9"
  ls -i killed-$method/.mlp/trials | sort >trials.after
  equal "$(comm -23 trials.before trials.after | wc -l)" 0 "$method: finished trials are not run again"
done
run 0 "$MLP" rerun latest --store tpe
run 0 "$MLP" show latest --store tpe --json
says out '"tuned":{"depth":'
run 0 "$MLP" test t.mlp --store halving
run 0 "$MLP" build t.mlp --store halving -o tuned
run 0 ./tuned score --input "$data" --output built.csv
run 0 "$MLP" score t.mlp --store halving --input "$data" --output scored.csv
same built.csv scored.csv
spec 'by = stratified(Churn), train = 80%, valid = 0%, test = 20%, folds = 3' 'trees = 10' '' 'tune churn { depth in 2..5, minimize cv.logloss, trials = 4 }' >c.mlp
run 0 "$MLP" train c.mlp --json
says out '"tune":{"best":'
finish
