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
base odd diamonds-odd 600
base segments california-housing-segments 400
base trees telco-churn-forest 400
mkdir -p bases/calibrated/data; cp bases/telco/data/rows.csv bases/calibrated/data/
sed 's/^  depth .*/&\n  calibrate = isotonic/' bases/telco/spec.mlp >bases/calibrated/spec.mlp
(cd bases/calibrated && run 0 "$MLP" train spec.mlp)
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

# Text that means the same.
pair telco "" "a comment" 'edit "1i// said anew"'
pair telco "" "a comment less" 'edit "s|  // rounds.*||"'
pair telco "" "blank lines and indentation" 'edit "s/^  /      /; s/^}/}\n\n/"'
pair telco "" "order of settings" 'lines "s/^  depth .*//; s/^  learning_rate.*/&\n  depth = 4/"'
pair telco "" "order of tests" 'lines "/invariant gender/d"; lines "s/^test churn {/&\n  invariant gender/"'
pair telco "" "order of blocks" 'sed -n "/^monitor/,/^}/p" spec.mlp >m; lines "/^monitor/,/^}/d"; sed -n "/^split/p" spec.mlp >s; lines "/^split/d"; lines "/^features/{
r s
N
}"; grep -q "^split" spec.mlp; cat m >>spec.mlp'
pair telco "" "order of columns" 'lines "/^  gender  /d"; lines "s/^  Partner .*/&\n  gender : category @protected/"'
pair telco "" "a number spelled otherwise" 'edit "s/= 0.05/= 5e-2/; s/70%/0.7/"'
pair telco "" "a pipe as a call" 'edit "s/TotalCharges |> impute(median) |> log1p/log1p(impute(TotalCharges, median))/"'
pair telco "" "a computed constant" 'edit "s/= 0.05/= 1 \/ 20/"'
pair telco "" "commas for lines" 'edit "s/^  depth  *= 4/  depth = 4,/"'
pair telco "" "a default written out" 'edit "s/^  depth .*/&\n  l2 = 1/"'
pair telco "" "null words in another order" 'edit "s/null = \[\"\", \" \"\]/null = [\" \", \"\"]/"'
pair telco "" "the data under another name" 'mv data/rows.csv data/others.csv; edit "s/rows.csv/others.csv/"'
pair bikes "" "the canonical form" 'run 0 "$MLP" fmt spec.mlp'
pair own "" "a parameter of a function renamed" 'edit "s/v: float, by/w: float, by/; s/= v \* by/= w * by/"'

# The model.
pair telco "$train" "learning rate" 'edit "s/= 0.05/= 0.1/"'
pair telco "$train" "trees" 'edit "s/trees = 6/trees = 7/"'
pair telco "$train" "depth" 'edit "s/depth .*/depth = 3/"'
pair telco "$train" "early stopping" 'edit "/early_stop/d"'
pair telco "$train" "regularisation" 'edit "s/^  depth .*/&\n  l2 = 3/"'
pair telco "$train" "seed" 'edit "s/^  depth .*/&\n  seed = 3, subsample = 0.8/"'
pair telco "$train" "bins" 'edit "s/^  depth .*/&\n  bins = 15/"'
pair telco "$train" "a direction" 'edit "s/^  depth .*/&\n  decreasing = [tenure]/"'
pair telco "split=refit $train" "a weight" 'edit "s/^  depth .*/&\n  weight = MonthlyCharges/"'
pair linear "$train" "regularisation of a linear model" 'edit "s/l2 .*/l2 = 2/"'
pair linear "$train" "iterations" 'edit "s/l2 .*/&\n  iterations = 500/"'
pair bikes "split=refit $train" "loss" 'edit "s/loss .*/loss = squared/"'
pair adult "$train" "leaves" 'edit "s/^  min_rows = 5/&, leaves = 7/"'
pair cut "$train" "growth" 'edit "s/^  min_rows = 5/&\n  growth = depth_wise, depth = 3/"'
pair houses "$train" "a smaller share of the rows" 'edit "s/^  min_rows = 5/&, subsample = 0.5/"'
pair own "fit=refit $train" "the seed of an out-of-fold encoding" 'edit "s/^  depth .*/&\n  seed = 3/"'

# Models without a target: what they are measured against is measured again, and trains nothing.
pair odd "$train" "trees of an isolation forest" 'edit "s/trees = 6/trees = 7/"'
pair odd "$train" "sample" 'edit "s/^  learn .*/&\n  sample = 64/"'
pair odd "$train" "contamination" 'edit "s/contamination .*/contamination = 5%/"'
pair odd "$train" "no contamination" 'edit "/contamination/d"'
pair odd "" "a default of an isolation forest written out" 'edit "s/^  learn .*/&\n  sample = 256/"'
pair odd "split=refit measure=refit" "another truth" 'edit "s/cut == \"Fair\"/cut == \"Good\"/"'
pair odd "read=refit split=refit measure=refit test=relink" "no truth" 'edit "/measure /d; /test.auc/d; /average_precision/d"'
pair odd "test=relink" "what is expected of a score" 'edit "s/expect score > 0.6/expect score > 0.5/"'
pair segments "$train" "clusters" 'edit "s/clusters .*/clusters = 5/"'
pair segments "$train" "starts and tolerance" 'edit "s/clusters .*/&\n  starts = 3, tolerance = 0.01/"'
pair segments "split=refit $train" "a weight of a cluster's rows" 'edit "s/clusters .*/&\n  weight = households/"'
pair segments "split=refit measure=refit" "another truth for clusters" 'edit "s/against ocean_proximity/against ocean_proximity == \"INLAND\"/"'
pair segments "read=refit split=refit $train test=relink response=breaking" "another kind of model" 'edit "s/kmeans {/isolation_forest {/; /measure /d; /clusters /d; /^test /,/^}/d"'
pair telco "calibrate=refit measure=refit" "calibration" 'edit "s/^  depth .*/&\n  calibrate = isotonic/"'
pair telco "" "no calibration, written out" 'edit "s/^  depth .*/&\n  calibrate = none/"'
pair calibrated "calibrate=refit measure=refit" "another calibration" 'edit "s/= isotonic/= platt/"'
pair calibrated "measure=refit" "calibration no more" 'edit "/calibrate/d"'
pair calibrated "train=retrain calibrate=refit measure=refit" "a calibrated model" 'edit "s/= 0.05/= 0.1/"'
pair calibrated "read=refit expect=refit split=refit fit=refit train=retrain calibrate=refit measure=refit" "rows of a calibrated model" 'sed -i "\$d" data/rows.csv'
pair calibrated "test=relink" "a gate on calibration" 'edit "s/^test churn {/&\n  require test.ece <= 0.9/"'
pair calibrated "split=refit fit=refit train=retrain calibrate=refit measure=refit" "folds in place of a valid part" 'edit "s/train = 70%, valid = 15%/train = 85%, folds = 3/; /early_stop/d"'
pair trees "train=retrain measure=refit" "trees of a forest" 'edit "s/trees = 6/trees = 8/"'
pair trees "train=retrain measure=refit" "random thresholds" 'edit "s/^  trees .*/&\n  thresholds = random, bootstrap = true/"'
pair trees "train=retrain measure=refit" "features of a node" 'edit "s/^  trees .*/&\n  feature_fraction = 0.5/"'
pair trees "read=refit train=retrain measure=refit link=relink request=breaking" "a feature of a forest less" 'edit "/^  tenure$/d"' 
pair trees "test=relink" "a gate out of bag" 'edit "s/oob.auc >= 0.84/oob.auc >= 0.5/"'
pair trees "" "a default of forests written out" 'edit "s/^  trees .*/&\n  thresholds = best, bootstrap = true, bins = 1000/"'

# Features.
pair telco "$train link=relink" "a feature more" 'edit "s/^  per_month .*/&\n  yearly = MonthlyCharges * 12/"'
pair telco "$train link=relink" "a feature less" 'edit "/^  per_month/d"'
pair telco "fit=refit $train link=relink" "a fitted feature less" 'edit "/^  spend/d"'
pair telco "link=relink" "a feature under another name" 'edit "s/^  per_month /  monthly /"'
pair telco "$train link=relink" "order of features" 'lines "/^  tenure$/d"; lines "s/^  MonthlyCharges$/&\n  tenure/"'
pair telco "$train" "a formula" 'edit "s/max(tenure, 1)/max(tenure, 2)/"'
pair telco "fit=refit $train" "a statistic" 'edit "s/impute(median)/impute(mean)/"'
pair telco "fit=refit $train" "no statistic" 'edit "s/ |> standardize//"'
pair telco "read=refit $train link=relink request=breaking" "a column less in the request" 'edit "/^  MonthlyCharges$/d"'
pair telco "fit=refit $train link=relink request=breaking" "a column more in the request" 'edit "s/except(gender)/except(PaymentMethod)/; s/^  spend .*/&\n  PaymentMethod/"'
pair bikes "$train" "an argument" 'edit "s/cyclic(hr, 24)/cyclic(hr, 12)/"'
pair cut "$train" "a formula with classes" 'edit "s/flatness .*/flatness = z \/ max(x + y, 0.01)/"'
pair own "$train" "the body of a function" 'edit "s/= v \* by/= v + by/"'
pair own "$train" "a default of a function" 'edit "s/by: float = 2/by: float = 3/"'

# Data and rows.
pair telco "$rows" "a row changed" 'sed -i "5s/,[0-9.]*,\(No\|Yes\)\(.\?\)$/,99.5,\1\2/" data/rows.csv'
pair bikes "$rows" "a row less" 'sed -i "\$d" data/rows.csv'
pair telco "$rows" "words for null" 'edit "s/null = \[/null = [\"NA\", /"'
pair telco "$rows" "policy" 'edit "s/null = /on_violation = drop, null = /"'
pair telco "expect=refit" "an expectation" 'edit "s/rows >= 100/rows >= 200/"'
pair telco "expect=refit" "one expectation more" 'edit "s/rows >= 100/&\n  mean(tenure) > 1/"'
pair telco "read=refit link=relink" "a constraint of a column that features need" 'edit "s/0..120/0..130/"'
pair telco "read=refit" "a constraint of a column that only tests need" 'edit "s/^  gender .*/  gender : category one_of (\"Male\", \"Female\") @protected/"'
pair bikes "" "a constraint of a column that nothing uses" 'edit "s/^  casual .*/  casual : int in 0..9999/"'
pair telco "read=refit $train test=relink request=breaking" "type" 'edit "s/^  tenure  *: int /  tenure : float /"'
pair houses "read=refit $train request=breaking" "null" 'edit "s/^  population  *: float/  population : float?/"'
pair telco "$split" "shares" 'edit "s/train = 70%, valid = 15%/train = 65%, valid = 20%/"'
pair telco "$split" "how rows are split" 'edit "s/by = hash(customerID)/by = random/"'
pair bikes "$split" "a gap" 'edit "s/by = time(dteday)/by = time(dteday, gap = 7d)/"'
pair adult "$split" "every fourth" 'edit "s/every(5)/every(4)/"'
pair cut "$split" "seed of the split" 'edit "s/by = stratified(cut)/&, seed = 4/"'

# Tests, monitoring, deployment, and what callers see.
pair telco "test=relink" "a threshold of a test" 'edit "s/gap(test.recall, by = gender) <= 0.15/gap(test.recall, by = gender) <= 0.2/"'
pair telco "test=relink" "a test less" 'edit "/require gap/d"'
pair telco "monitor=relink" "a threshold of monitoring" 'edit "s/alert psi > 0.25/alert psi > 0.3/"'
pair telco "monitor=relink" "a rule less" 'edit "/drift prediction/d"'
pair telco "link=relink" "port" 'edit "s/8080/8081/"'
pair telco "link=relink" "budget" 'edit "s/50us/60us/"'
pair telco "link=relink" "description" 'edit "s/months with us/months so far/"'
pair telco "monitor=relink link=relink" "no deployment" 'edit "/^deploy/,\$d"'
pair adult "read=refit split=refit $train response=breaking" "the words of the target" 'edit "s/^  income .*/  income : category/"'

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
pair shop "$all request=breaking" "a join that leaves rows out" 'edit "s/join(users, on = user)/join(users, on = user, kind = inner)/"'
pair shop "read=refit" "an expectation of a source" 'edit "s/^  unique(user)/&\n  rows >= 40/"'
pair shop "read=refit" "which of several rows is joined, where there is one" 'edit "s/^expect users {/expect users {\n  rows == 40/"'
pair shop "read=refit fit=refit $train request=breaking" "the type of a column of a source" 'edit "s/age  : int?/age  : float?/; s/^  age = age/  age = age + 0/"'
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
pair tuned "tune=retrain fit=refit $train" "a statistic under a tune block" 'edit "s/impute(median)/impute(mean)/"'
pair tuned "test=relink" "a test under a tune block" 'edit "s/<= 0.15/<= 0.2/"'
pair tuned "$train" "no tune block" 'lines "/^tune/,\$d"'
pair telco "$chosen" "a tune block" 'printf "\ntune churn { depth in 2..4, maximize valid.auc, trials = 2 }\n" >>spec.mlp'
pair choosy "tune=retrain fit=refit $train" "trials over a param of a feature" 'edit "s/trials = 4/trials = 3/"'

# Folds measure only, unless trials are judged by them.
pair tuned "measure=refit" "folds" 'edit "s/folds = 3/folds = 4/"'
because measure '`folds` 3 → 4'
equal "$(jq -c '.metrics.test' pair/train.json)" "$(cd bases/tuned && "$MLP" show latest --json | jq -c '.metrics.test')" "folds leave the kept model as it is"
pair tuned "measure=refit" "no folds" 'edit "s/, folds = 3//"'
pair telco "measure=refit" "folds more" 'edit "s/by = hash(customerID)/&, folds = 3/"'
pair bikes "measure=refit" "forward folds" 'edit "s/by = time(dteday)/&, folds = forward(2, test = 50)/"'
pair choosy "tune=retrain fit=refit $train" "folds that judge trials" 'edit "s/folds = 3/folds = 2/"'

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

# What the cache holds counts, not what ran last.
pair telco "" "there and back" 'lines "s/= 0.05/= 0.07/"; run 0 "$MLP" train spec.mlp; lines "s/= 0.07/= 0.05/"'
pair telco "$rows" "no cache" 'rm -r .mlp/cache'
pair telco "$rows" "a damaged cache" 'for f in .mlp/cache/*/*; do chmod u+w "$f"; printf X | dd of="$f" bs=1 seek=120 conv=notrunc status=none; done'
pair telco "fit=refit train=retrain" "entries that are cut short" 'for f in .mlp/cache/*/*; do if grep -qa fitted. "$f"; then chmod u+w "$f"; truncate -s -1 "$f"; fi; done'
echo "$pairs pairs"
[ "$pairs" -ge 110 ] && pass || fail "$pairs pairs"
finish
