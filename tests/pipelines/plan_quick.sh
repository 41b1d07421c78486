# What `mlp plan` foresees is what `mlp train` then does, stage by stage: pairs of specs over the examples, each with the
# classes that must come out. And a cached train gives the bytes of an uncached one.
source "$(dirname "$0")/lib.sh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

# base NAME EXAMPLE ROWS: a small copy of an example in bases/NAME, trained once.
base() {
  local from=$root/examples/$2 spec=$work/bases/$1/spec.mlp file
  mkdir -p "$work/bases/$1/data"
  cp "$from"/*.mlp "$spec"
  file=$(sed -n 's/.*= *csv("\([^"]*\)".*/\1/p' "$spec")
  case $file in
    *.gz) gzip -dc "$from/$file" >all.csv ;;
    *) cp "$from/$file" all.csv ;;
  esac
  { head -1 all.csv; tail -n +2 all.csv | awk -v rows="$3" '{ line[NR] = $0 } END { for (i = 0; i < rows; ++i) print line[1 + int(i * NR / rows)] }'; } >"$work/bases/$1/data/rows.csv"
  sed -i "s|csv(\"[^\"]*\"|csv(\"data/rows.csv\"|; s/rows >= .*/rows >= 100/; s/trees  *= .*/trees = 6/; s/^\(model .*gbdt {\)/\1\n  min_rows = 5/" "$spec"
  (cd "$work/bases/$1" && run 0 "$MLP" train spec.mlp)
}
classes() { jq -r '.stages[] | select(.class != "no-op") | .name + "=" + .class' "$1" | tr '\n' ' ' | sed 's/ $//'; }
heaviest() { jq -r '.class' "$1"; }

# pair BASE EXPECTED WHAT COMMAND: a copy of the base; the command changes it, or sets `args`; plan, then train, then train
# uncached.
pairs=0
args=
pair() {
  local name=$1 want=$2 what=$3
  rm -rf pair && cp -r "bases/$name" pair && cd pair
  eval "$4"
  run 0 "$MLP" plan spec.mlp --json $args; cp out plan.json
  run 0 "$MLP" train spec.mlp --json $args; cp out train.json
  run 0 "$MLP" train spec.mlp --json --no-cache $args; cp out fresh.json
  equal "$(classes plan.json)" "$want" "$name, $what: the plan"
  equal "$(classes train.json)" "$want" "$name, $what: what was rebuilt"
  equal "$(heaviest plan.json)" "$(heaviest train.json)" "$name, $what: the class of the whole"
  equal "$(jq -r .package train.json)" "$(jq -r .package fresh.json)" "$name, $what: cached and uncached bytes"
  run 0 "$MLP" plan spec.mlp --json --detailed-exitcode $args  # now there is nothing to do
  pairs=$((pairs + 1))
  args=
  cd ..
}
because() { # because STAGE TEXT: a reason that the plan of the last pair gave for a stage
  if jq -e --arg s "$1" --arg t "$2" '.stages[] | select(.name == $s) | .reasons | any(contains($t))' pair/plan.json >/dev/null; then pass
  else fail "no reason \`$2\` for $1: $(jq -c '.stages[] | select(.class != "no-op") | [.name, .reasons]' pair/plan.json | tr '\n' ' ')"; fi
}
edit() { # edit SED: changes the spec, or the test is wrong
  cp spec.mlp before; sed -i "$1" spec.mlp
  if cmp -s before spec.mlp; then fail "the edit changes nothing: $1"; fi
  rm before
}
lines() { sed -i "$1" spec.mlp; }

base telco telco-churn 500
base linear telco-churn-linear 400
base bikes bike-sharing 400
base adult adult 600
base cut diamonds-cut 600
base houses california-housing 400
# Functions of its own, and an encoding by the target.
mkdir -p bases/own/data; cp bases/telco/data/rows.csv bases/own/data/
sed 's/^features x/fn grown(v: float, by: float = 2) -> float = v * by\n\n&/; s/^  each(category).*/  Contract |> target_encode/; s/^  per_month .*/  grown = grown(MonthlyCharges)/' bases/telco/spec.mlp >bases/own/spec.mlp
(cd bases/own && run 0 "$MLP" train spec.mlp)

# Tables: a filter, a window, joins, and a source whose bad rows are dropped.
mkdir -p bases/shop/data
awk -v d=bases/shop/data 'BEGIN {
  print "user,at,bought" >(d "/visits.csv"); print "user,ts,amount,status" >(d "/orders.csv"); print "user,plan,age" >(d "/users.csv")
  for (i = 1; i <= 300; i++) printf "u%d,2024-01-%02dT%02d:00:00,%s\n", i * 7919 % 40, i % 27 + 1, i * 31 % 24, i * 7 % 3 ? "No" : "Yes" >(d "/visits.csv")
  for (i = 1; i <= 900; i++) printf "u%d,2024-01-%02dT%02d:00:00,%d.%d,%s\n", i * 104729 % 45, i * 5 % 27 + 1, i * 17 % 24, i * 37 % 101, i % 10, i % 3 ? "paid" : "open" >(d "/orders.csv")
  for (u = 0; u < 40; u++) printf "u%d,p%d,%s\n", u, u % 3, u % 5 ? 20 + u : "" >(d "/users.csv") }'
cat >bases/shop/spec.mlp <<'SPEC'
pipeline shop

schema User {
  user : id
  plan : category
  age  : int?
}

schema Order {
  user   : id
  ts     : timestamp
  amount : float      >= 0
  status : category
}

schema Visit {
  user   : id
  at     : timestamp
  bought : bool       from ("Yes", "No")
}

source users: User = csv("data/users.csv", null = [""])
source orders: Order = csv("data/orders.csv", on_violation = drop)
source visits: Visit = csv("data/visits.csv")

table paid = orders
  |> filter(status == "paid")

table spend = paid
  |> window(by = user, order = ts) {
    week = sum(amount, over = 7d)
    last = lag(amount)
  }
  |> select(user, ts, week, last)

table base = visits
  |> join(users, on = user)
  |> asof_join(spend, on = at == ts, by = user, prefix = "o_")
  |> window(by = user, order = at) { seen = count(current = false) }

expect users {
  unique(user)
}

features x from base {
  plan
  age = age |> impute(median)
  week = o_week
  seen
}

split base { train = 60%, valid = 20%, test = 20%, by = time(at) }

model m = gbdt {
  predict bought from x
  trees    = 6
  min_rows = 5
}
SPEC
(cd bases/shop && run 0 "$MLP" train spec.mlp)
# A tune block over settings, and one over a param of a feature.
mkdir -p bases/tuned/data bases/choosy/data; cp bases/telco/data/rows.csv bases/tuned/data/; cp bases/telco/data/rows.csv bases/choosy/data/
sed 's/by = hash(customerID)/&, folds = 3/' bases/telco/spec.mlp >bases/tuned/spec.mlp
cat >>bases/tuned/spec.mlp <<'SPEC'

tune churn {
  depth in 2..6
  learning_rate in log(0.01, 0.5)
  maximize valid.auc
  trials = 4
  method = random
}
SPEC
sed 's/^features x/param months: float in 0..60 = 1\n\n&/; s/max(tenure, 1)/max(tenure, months)/' bases/tuned/spec.mlp | sed 's/^  depth in 2..6/&\n  months in 1..12/; s/valid.auc/cv.auc/; s/maximize cv.auc/maximize cv.auc/' >bases/choosy/spec.mlp
for name in tuned choosy; do (cd bases/$name && run 0 "$MLP" train spec.mlp); done
# Imports and params.
mkdir -p bases/parts/data bases/parts/common; cp bases/telco/data/rows.csv bases/parts/data/
sed -n '/^schema/,/^}/p; /^source/,/^$/p' bases/telco/spec.mlp >bases/parts/common/customer.mlp
echo 'fn monthly(total: float?, months: float) -> float? = total / max(months, least)' >bases/parts/common/units.mlp
sed '/^schema/,/^}/d; /^source/d' bases/telco/spec.mlp | sed 's|^features x|import "common/customer.mlp"\nimport "common/units.mlp"\n\nparam least: float = 1\nparam rate: float = 0.05\nparam unused: float = 1\n\n&|; s/= 0.05$/= rate/; s/^  learning_rate .*/  learning_rate = rate/; s/^  per_month .*/  per_month = monthly(TotalCharges, tenure)/' >bases/parts/spec.mlp
sed -i 's|"data/|"../data/|' bases/parts/common/customer.mlp
(cd bases/parts && run 0 "$MLP" train spec.mlp)

train="train=retrain measure=refit"
rows="read=refit expect=refit split=refit fit=refit $train"
split="split=refit fit=refit $train"

# Tables: what a step decides is made again, and nothing else.
all="read=refit expect=refit split=refit fit=refit $train"
pair shop "" "a comment in a table" 'edit "s|^table spend = paid|// what they paid\n&|"'
pair shop "" "other names of tables" 'edit "s/table paid/table settled/; s/= paid$/= settled/"'
pair shop "" "a step that is not used" 'edit "s/last = lag(amount)/last = lag(amount, 2)/"'
pair shop "" "a column more that is not used" 'edit "s/last = lag(amount)/&\n    days = count(over = 7d)/; s/week, last)/week, last, days)/"'
pair shop "read=refit $train" "a condition behind a joined column" 'edit "s/status == .paid./status == \"open\"/"'
because train "\`filter\` of table \`paid\` filter(status == \"paid\") → filter(status == \"open\")"
pair shop "read=refit $train" "the span of a window" 'edit "s/over = 7d/over = 14d/"'
because read '`window` of table `spend`'
pair shop "read=refit $train" "how a join looks back" 'edit "s/prefix = .o_./&, strict = true/"'
because train '`asof_join` of table `base`'
pair shop "read=refit $train" "a window over the visits" 'edit "s/count(current = false)/count(current = true)/"'
pair shop "$all" "rows that are left out" 'edit "s/^table base = visits/&\n  |> filter(at >= @2024-01-02)/"'
because split '`filter` of table `base` added'
pair shop "$all" "a join that leaves rows out" 'edit "s/join(users, on = user)/join(users, on = user, kind = inner)/"'
pair shop "read=refit" "an expectation of a source" 'edit "s/^  unique(user)/&\n  rows >= 40/"'
pair shop "read=refit" "which of several rows is joined, where there is one" 'edit "s/^expect users {/expect users {\n  rows == 40/"'
pair shop "read=refit fit=refit $train" "the type of a column of a source" 'edit "s/age  : int?/age  : float?/; s/^  age = age/  age = age + 0/"'
pair shop "$all" "what happens to bad rows" 'edit "s/on_violation = drop/on_violation = fail/"'
because read '`on_violation` of source `orders` drop → fail'

# Tuning: a block that is changed chooses anew; the rows, the statistics and the trials that there are stay.
chosen="tune=retrain $train"
pair tuned "" "a comment in a tune block" 'edit "s/^  trials = 4/  trials = 4 \/\/ few/"'
pair tuned "" "the order of its settings" 'lines "/^  trials = 4/d"; lines "s/^  method = random/&\n  trials = 4/"'
trials() { ls -i "$1"/.mlp/trials | sort; }
pair tuned "$chosen" "trials more" 'edit "s/trials = 4/trials = 6/"'
because tune '`trials` 4 → 6'; because train '`trials` 4 → 6'
trials bases/tuned | awk '{ print $2 }' | sort >kept; ls pair/.mlp/trials | sort >now
equal "$(comm -13 kept now | wc -l)" 2 "only the trials that are new are run"
pair tuned "" "trials more and back" 'lines "s/trials = 4/trials = 6/"; run 0 "$MLP" train spec.mlp; lines "s/trials = 6/trials = 4/"'
pair tuned "$chosen" "a range" 'edit "s/depth in 2..6/depth in 3..7/"'
because train 'range of `depth` 2..6 → 3..7'
pair tuned "$chosen" "a range more" 'edit "s/^  depth in 2..6/&\n  l2 in log(0.1, 10)/"'
because tune 'range of `l2` added'
pair tuned "$chosen" "the method" 'edit "s/method = random/method = tpe/"'
pair tuned "$chosen" "the objective" 'edit "s/maximize valid.auc/minimize valid.logloss/"'
pair tuned "$chosen" "a setting that is not tuned" 'edit "s/trees = 6/trees = 7/"'
pair tuned "fit=refit $chosen" "a statistic under a tune block" 'edit "s/impute(median)/impute(mean)/"'
pair tuned "test=relink" "a test under a tune block" 'edit "s/<= 0.15/<= 0.2/"'
pair tuned "$train" "no tune block" 'lines "/^tune/,\$d"'
pair telco "$chosen" "a tune block" 'printf "\ntune churn { depth in 2..4, maximize valid.auc, trials = 2 }\n" >>spec.mlp'
pair choosy "fit=refit $chosen" "trials over a param of a feature" 'edit "s/trials = 4/trials = 3/"'

# Folds measure only, unless trials are judged by them.
pair tuned "measure=refit" "folds" 'edit "s/folds = 3/folds = 4/"'
because measure '`folds` 3 → 4'
equal "$(jq -c '.metrics.test' pair/train.json)" "$(cd bases/tuned && "$MLP" show latest --json | jq -c '.metrics.test')" "folds leave the kept model as it is"
pair tuned "measure=refit" "no folds" 'edit "s/, folds = 3//"'
pair telco "measure=refit" "folds more" 'edit "s/by = hash(customerID)/&, folds = 3/"'
pair bikes "measure=refit" "forward folds" 'edit "s/by = time(dteday)/&, folds = forward(2, test = 50)/"'
pair choosy "fit=refit $chosen" "folds that judge trials" 'edit "s/folds = 3/folds = 2/"'

# Imports and params: by meaning, wherever it stands.
pair parts "" "a comment in an imported file" 'cd common; sed -i "1i// shared" units.mlp; cd ..'
pair parts "" "an import moved to another file" 'mv common/units.mlp common/measures.mlp; edit "s/units.mlp/measures.mlp/"'
pair parts "$train" "a function in an imported file" 'sed -i "s/max(months, least)/(least + months)/" common/units.mlp'
because train 'function `monthly` changed'
pair parts "read=refit link=relink" "a constraint in an imported file" 'sed -i "s/0..120/0..130/" common/customer.mlp'
pair parts "$train" "a param of a feature" 'args="--set least=2"'
pair parts "$train" "a param of the model" 'args="--set rate=0.1"'
because train '`learning_rate`'
pair parts "" "a param that nothing uses" 'args="--set unused=7"'
pair parts "" "a param set to its own value" 'args="--set rate=0.05"'
pair parts "$train" "another default of a param" 'edit "s/^param least: float = 1/param least: float = 3/"'

echo "$pairs pairs"
finish
