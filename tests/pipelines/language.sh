# The language at work on small data: losses by models, splits, sources, gates that hold and gates that do not.
source "$(dirname "$0")/lib.sh"
for i in $(seq 400); do
  a=$((i * 7919 % 101)); b=$((i * 104729 % 97)); day=$((i % 28 + 1)); month=$((i % 12 + 1))
  part=$([ $((i % 4)) = 0 ] && echo test || { [ $((i % 4)) = 1 ] && echo valid || echo train; })
  printf '%s,%s,%s,%s,2024-%02d-%02d,%s,%s,%s,%s\n' "$i" "$a" "$b" "k$((i % 3))" "$month" "$day" "$part" "$((a > 50 ? 1 : 0))" "$((a * 3 + b))" "$((a / 10))"
done >rows
header=id,a,b,kind,day,part,flag,amount,n
{ echo $header; cat rows; } >d.csv
{ echo $header; head -200 rows; } >p1.csv
{ echo $header; tail -200 rows; } >p2.csv
gzip -kc d.csv >d.csv.gz
awk -F, '{printf "{\"id\":%s,\"a\":%s,\"b\":%s,\"kind\":\"%s\",\"day\":\"%s\",\"part\":\"%s\",\"flag\":%s,\"amount\":%s,\"n\":%s}\n",$1,$2,$3,$4,$5,$6,($7==1?"true":"false"),$8,$9}' rows >d.jsonl
spec() { # spec SOURCE SPLIT MODEL-KIND MODEL-LINES TEST-LINES
  cat <<SPEC
pipeline small
schema Row {
  id     : id
  a      : float
  b      : float
  kind   : category
  day    : date
  part   : category
  flag   : bool
  amount : float
  n      : int  >= 0
}
source rows_in: Row = $1
features x from rows_in {
  a = a |> standardize
  b
  kind = kind |> one_hot
}
split rows_in { $2 }
model m = $3 {
$4
}
test m {
$5
}
SPEC
}
half='train = 50%, valid = 25%, test = 25%'
csv='csv("d.csv")'

for kind in gbdt linear; do
  for loss in 'flag from x|loss = logistic|auc' 'kind from y|loss = softmax|accuracy' 'amount from x|loss = squared|rmse' 'n from x|loss = poisson|poisson_deviance' 'amount from x|loss = quantile(0.8)|pinball'; do
    IFS='|' read -r predict line metric <<<"$loss"
    spec "$csv" "$half, by = random" $kind "  predict $predict
  $line
  weight = b + 1" "  require test.$metric >= 0" | sed "$([ "$predict" = 'kind from y' ] && echo 's/from y/from x/; /kind = kind/d' || echo 's/a/a/')" >s.mlp
    run 0 "$MLP" train s.mlp --json --threads 1; one=$(json package out)
    run 0 "$MLP" train s.mlp --json --threads 2; equal "$(json package out)" "$one" "$kind $line at 1 and 2 threads"
    run 0 "$MLP" test s.mlp
    run 0 "$MLP" score s.mlp --input d.csv; equal "$(wc -l <out)" 401 "$kind $line: rows scored"
  done
done

for by in random 'hash(id)' 'group(kind)' 'time(day, gap = 2d)' 'stratified(flag)'; do
  spec "$csv" "train = 40%, valid = 30%, test = 30%, by = $by, seed = 4" gbdt '  predict flag from x' '  require test.rows > 10' >s.mlp
  run 0 "$MLP" train s.mlp --json
done
for by in 'by = every(5)' 'by = column(part)'; do
  spec "$csv" "$by" gbdt '  predict flag from x' '  require test.rows > 10' >s.mlp
  run 0 "$MLP" train s.mlp --json
done

spec "$csv" "$half, by = hash(id)" gbdt '  predict flag from x' '' >s.mlp
run 0 "$MLP" train s.mlp --json; want=$(sed 's/.*"metrics"\(.*\),"data".*/\1/' out)
run 0 "$(dirname "$MLP")/tests/to_parquet" d.csv d.parquet
run 0 "$(dirname "$MLP")/tests/to_parquet" p1.csv q1.parquet
run 0 "$(dirname "$MLP")/tests/to_parquet" p2.csv q2.parquet
for source in 'csv("d.csv.gz")' 'csv("p*.csv")' 'csv(["p1.csv", "p2.csv"])' 'jsonl("d.jsonl")' 'parquet("d.parquet")' 'parquet("q*.parquet")'; do
  spec "$source" "$half, by = hash(id)" gbdt '  predict flag from x' '' >s.mlp
  run 0 "$MLP" train s.mlp --json
  equal "$(sed 's/.*"metrics"\(.*\),"data".*/\1/' out)" "$want" "$source"
done

gate() { # gate pass|fail LINE: through `mlp test`
  spec "$csv" "$half, by = random" gbdt '  predict amount from x
  increasing = [a]' "  $2" >s.mlp
  run "$([ "$1" = pass ] && echo 0 || echo 1)" "$MLP" test s.mlp
  [ "$1" = pass ] || says err E0642
}
gate pass 'require test.r2 >= 0.5'
gate fail 'require test.rmse <= 0.0001'
gate pass 'monotone increasing a'
gate fail 'monotone decreasing a'
gate pass 'invariant day'
gate fail 'invariant a'
gate fail 'require gap(test.mae, by = kind) <= 0'
gate pass 'given { a = 90, b = 10 } expect prediction > 100'
gate fail 'given { a = 90, b = 10 } expect prediction < 100'

# Data that changed since the run is trained again before it is tested.
spec "$csv" "$half, by = random" gbdt '  predict flag from x' '  require test.auc >= 0.5' >s.mlp
run 0 "$MLP" test s.mlp
{ echo $header; tail -300 rows; } >d.csv
run 0 "$MLP" test s.mlp; says err "the data has changed"

# Bounds of dates hold for the data.
bounded() { spec "$csv" "$half, by = random" gbdt '  predict flag from x' '' | sed "s/^  day    : date/&  $1/; s/^features .*{/&\n  which = month(day)/" >s.mlp; }
bounded 'in @2024-01-01..@2024-12-31'; run 0 "$MLP" train s.mlp
bounded '>= @2024-06-01';              run 1 "$MLP" train s.mlp; says err E0510; says err '>= 2024-06-01'

# Constants that make no sense are found before any data is read.
for bad in 'quantile(b, 150%)' 'clip_outliers(b, 120%)' 'target_encode(part, folds = 1)' 'target_encode(part, smoothing = -1)'; do
  spec "$csv" "$half, by = random" gbdt '  predict flag from x' '' | sed "s/^  b$/  b = b - ($bad)/" >s.mlp
  run 1 "$MLP" check s.mlp; says err E0211
done
finish
