# Losses of the language, end to end: equal to the builtin ones where they say the same, the same bytes at any number of
# threads, in the artifact, and with the link that they name.
source "$(dirname "$0")/lib.sh"
cp -r "$root/examples/telco-churn/data" "$root/examples/telco-churn/telco-churn.mlp" .
awk 'BEGIN { print "a,b,amount,count,share"; for (i = 1; i <= 2000; i++) { a = (i * 7919) % 101; b = (i * 104729) % 97; printf "%d,%d,%.3f,%d,%.4f\n", a, b, 5 + a * 3 + b % 7 + (i % 50 == 0 ? 900 : 0), int(a / 10) + i % 3, (a + 1) / 103 } }' >d.csv
metric() { tr -d '\n ' <"$2" | sed -n "s/.*\"test\":{[^}]*\"$1\":\([^,}]*\).*/\1/p"; }
near() { if awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; if (d < 0) d = -d; s = b < 0 ? -b : b; exit !(a != "" && b != "" && d <= t * (s > 1 ? s : 1)) }'; then pass; else fail "$1 is not near $2 ($4)"; fi; }

# The builtin logistic loss against the same, written; on both kinds of model.
cat >mine.txt <<'MLP'

loss mine(y: bool, score: float) -> float {
  let p = sigmoid(score)
  if y then -log(p) else -log(1 - p)
}
MLP
linear() { sed '/^model/,/^}/d; /^test/,/^}/d; /^deploy/,/^}/d; /^monitor/,/^}/d; s/each(category) |> except(gender)/each(category) |> except(gender) |> one_hot/' telco-churn.mlp; printf 'model churn = linear {\n  predict Churn from x\n  loss = %s\n}\n' "$1"; }
sed 's/loss          = logistic/loss = mine/' telco-churn.mlp >gbdt.mlp; cat mine.txt >>gbdt.mlp
linear logistic >builtin_linear.mlp
linear mine >linear.mlp; cat mine.txt >>linear.mlp
for kind in gbdt linear; do
  run 0 "$MLP" train "$([ $kind = gbdt ] && echo telco-churn || echo builtin_linear).mlp" --json; cp out builtin
  run 0 "$MLP" train $kind.mlp --json --threads 1; one=$(json package out); cp out written
  for name in auc logloss brier; do near "$(metric $name written)" "$(metric $name builtin)" 1e-6 "$kind $name, written and builtin"; done
  for threads in 2 3; do run 0 "$MLP" train $kind.mlp --json --threads $threads; equal "$(json package out)" "$one" "$kind at $threads threads"; done
done
says written '"loss":"mine"'
run 0 "$MLP" test gbdt.mlp

# The artifact scores as `mlp score` does.
run 0 "$MLP" build gbdt.mlp -o churn
run 0 "$MLP" score gbdt.mlp --input data/telco-churn.csv; mv out by_mlp
run 0 ./churn score --input data/telco-churn.csv; same out by_mlp
run 0 ./churn info; says out mine

# What the library has. The outliers of `amount` pull the mean, not a Huber loss; log and logit links keep their range.
spec() { # spec KIND TARGET LOSS
  printf 'schema Row {\n  a: float\n  b: float\n  amount: float\n  count: int >= 0\n  share: float in 0..1\n}\nsource rows: Row = csv("d.csv")\nfeatures x from rows {\n  a\n  b\n}\nsplit rows { train = 60%%, valid = 20%%, test = 20%%, by = random }\nmodel m = %s {\n  predict %s from x\n  loss = %s\n}\n' "$1" "$2" "$3"
}
for kind in gbdt linear; do
  for line in 'amount|squared' 'amount|huber(delta = 5)' 'amount|pseudo_huber(5)' 'amount|log_cosh' 'amount|gamma' 'amount|tweedie' 'amount|tweedie(power = 1.9)' 'count|poisson' 'share|cross_entropy' \
              'a > 50|focal' 'a > 50|focal(gamma = 0.5)' 'a > 50|weighted_logistic(positive = 4)'; do
    IFS='|' read -r target loss <<<"$line"
    spec $kind "$target" "$loss" | sed "$([ "$target" = 'a > 50' ] && echo 's/^  a$/  a = a % 10/')" >s.mlp
    [ "$target" = 'a > 50' ] && sed -i 's/predict a > 50/predict count > 4/' s.mlp
    run 0 "$MLP" train s.mlp --json --threads 1; one=$(json package out); cp out "$kind-${loss%%(*}"
    run 0 "$MLP" train s.mlp --json --threads 3; equal "$(json package out)" "$one" "$kind $loss at 3 threads"
  done
  # A robust loss is nearer to the typical row.
  if awk -v h="$(metric mae $kind-huber)" -v s="$(metric mae $kind-squared)" 'BEGIN { exit !(h < s) }'; then pass; else fail "$kind: huber is no nearer than squared"; fi
  spec $kind share cross_entropy >s.mlp
  run 0 "$MLP" score s.mlp --input d.csv
  equal "$(awk 'NR > 1 && !($1 > 0 && $1 < 1)' out | wc -l)" 0 "$kind: shares between 0 and 1"
  spec $kind amount gamma >s.mlp
  run 0 "$MLP" score s.mlp --input d.csv
  equal "$(awk 'NR > 1 && !($1 > 0)' out | wc -l)" 0 "$kind: predictions of a log link are positive"
done

# A counting loss written out is the builtin one; on trees the builtin takes other steps, so only linear models agree.
spec linear count poisson >p.mlp; run 0 "$MLP" train p.mlp --json; cp out builtin
spec linear count mine >p.mlp; echo 'loss mine(y: float, score: float) -> float link log = exp(score) - y * score' >>p.mlp
run 0 "$MLP" train p.mlp --json; near "$(metric rmse out)" "$(metric rmse builtin)" 1e-6 'poisson, written and builtin'

# A loss that is not convex, and one that cannot be evaluated where training starts.
spec gbdt amount mine >n.mlp; echo 'loss mine(y: float, score: float) -> float = log(1 + (y - score) ^ 2)' >>n.mlp
run 0 "$MLP" train n.mlp --json; near "$(metric mae out)" 0 60 'cauchy loss'
spec gbdt amount mine >n.mlp; echo 'loss mine(y: float, score: float) -> float = -log(score - 1000000) + score' >>n.mlp
run 1 "$MLP" train n.mlp; says err E0606
run 1 "$MLP" check <(spec gbdt amount mine; echo 'loss mine(y: float, score: float) -> float = abs(y - score)'); says err E0402
run 0 "$MLP" plan gbdt.mlp --emit=loop; says out 'kernel loss_derivatives'

# Pairs: what is alike is learned from whether two things are, by one net for both.
awk 'BEGIN { srand(11); print "a0,a1,a2,b0,b1,b2,same"; for (i = 0; i < 6000; i++) { for (k = 0; k < 6; k++) v[k] = rand() * 2 - 1; printf "%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%d\n", v[0], v[1], v[2], v[3], v[4], v[5], (v[0] * v[1] > 0) == (v[3] * v[4] > 0) } }' >pairs.csv
cat >pairs.mlp <<'SPEC'
pipeline pairs
schema Pair {
  a0..a2 : float
  b0..b2 : float
  same   : bool
}
source pairs_in: Pair = csv("pairs.csv")
features x from pairs_in {
  a = columns("a*")
  b = columns("b*")
}
split pairs_in { by = every(5), valid = 0 }
model m = network {
  predict same from x
  layers = twins(dense(32, tanh) |> dense(4), margin = 2)
  loss = contrastive(margin = 2)
  optimizer = adam(lr = 0.01)
  epochs = 40
  batch = 64
}
test m { require test.accuracy >= 0.88 }
SPEC
run 0 "$MLP" train pairs.mlp
run 0 "$MLP" test pairs.mlp; says out ' 0 failed'

# A loss over the scores of all classes: cross entropy written out learns what the builtin one does.
awk 'BEGIN { srand(13); print "a,b,c"; for (i = 0; i < 3000; i++) { a = rand() * 2 - 1; b = rand() * 2 - 1; printf "%.4f,%.4f,%s\n", a, b, (a + rand() * 0.4 > b ? (b > 0 ? "x" : "y") : "z") } }' >three.csv
three() { # three LOSS
  cat <<SPEC
pipeline three
schema Row {
  a : float
  b : float
  c : category
}
source rows_in: Row = csv("three.csv")
features x from rows_in {
  a
  b
}
split rows_in { by = every(5), valid = 0 }
loss mine(y: int, score: float[n]) -> float {
  let far = score - max(score)
  sum(if positions(n) == y then log(sum(exp(far))) - far else 0)
}
model m = network {
  predict c from x
  layers = dense(16, tanh) |> dense(3)
  loss = $1
  optimizer = adam(lr = 0.01)
}
SPEC
}
three softmax >t.mlp; run 0 "$MLP" train t.mlp --json; cp out builtin
three mine >t.mlp; run 0 "$MLP" train t.mlp --json; near "$(metric logloss out)" "$(metric logloss builtin)" 1e-3 'cross entropy, written and builtin'
three 'smooth_softmax(0.2)' >t.mlp; run 0 "$MLP" train t.mlp --json; near "$(metric accuracy out)" "$(metric accuracy builtin)" 0.02 'cross entropy, smoothed'
[ "$(metric logloss out)" != "$(metric logloss builtin)" ] && pass || fail 'smoothing changed nothing'
finish
