# Tables end to end: queries in the plan, joins that must be chosen, rows and packages at any number of threads, requests, the
# real flights.
source "$(dirname "$0")/lib.sh"

for i in $(seq 300); do
  printf 'u%s,2024-01-%02dT%02d:00:00,%s\n' "$((i * 7919 % 40))" "$((i % 27 + 1))" "$((i * 31 % 24))" "$([ $((i * 7 % 3)) = 0 ] && echo Yes || echo No)"
done >visit_rows
for i in $(seq 900); do
  printf 'u%s,2024-01-%02dT%02d:00:00,%s.%s,%s\n' "$((i * 104729 % 45))" "$((i * 5 % 27 + 1))" "$((i * 17 % 24))" "$((i * 37 % 101))" "$((i % 10))" "$([ $((i % 3)) = 0 ] && echo open || echo paid)"
done >order_rows
{ echo user,at,bought; cat visit_rows; } >visits.csv
{ echo user,ts,amount,status; cat order_rows; } >orders.csv
{ echo user,plan,age; for u in $(seq 0 39); do echo "u$u,p$((u % 3)),$([ $((u % 5)) = 0 ] || echo $((20 + u)))"; done; } >users.csv
cat >s.mlp <<'SPEC'
pipeline shop
schema User { user : id, plan : category, age : int? }
schema Order { user : id, ts : timestamp, amount : float, status : category }
schema Visit { user : id, at : timestamp, bought : bool from ("Yes", "No") }
source users: User = csv("users.csv", null = ["", "?"])
source orders: Order = csv("orders.csv", on_violation = drop)
source visits: Visit = csv("visits.csv")
table paid = orders |> filter(status == "paid")
table spend = paid |> window(by = user, order = ts) { week = sum(amount, over = 7d), before = lag(amount) } |> select(user, ts, week, before)
table base = visits
  |> join(users, on = user)
  |> asof_join(spend, on = at == ts, by = user, prefix = "o_", strict = true)
  |> window(by = user, order = at) { seen = count(current = false), habit = mean(bought, current = false) }
expect users { unique(user) }
expect base { rows == 300 }
features x from base {
  plan
  age
  week = o_week
  before = o_before
  seen
  habit
}
split base { train = 60%, valid = 20%, test = 20%, by = time(at) }
model m = gbdt {
  predict bought from x
  trees = 10
}
deploy api serves m {
  http = listen(0)
}
SPEC

run 0 "$MLP" train s.mlp --threads 1 --json; one=$(json package out)
says out '"present":900,"read":900,"rejected":0'
run 0 "$MLP" train s.mlp --threads 2 --json; equal "$(json package out)" "$one" 'package at 1 and 2 threads'
run 0 "$MLP" rerun latest; says out 'the same bytes again'
run 0 "$MLP" test s.mlp

# The plan shows each table: its columns, its query, and what must hold before a join.
run 0 "$MLP" plan s.mlp
says out 'read    orders = csv orders.csv (user: id, ts: timestamp, amount: float, status: category); rows that break the schema: drop'
says out 'table   paid (user: id, ts: timestamp, amount: float, status: category)'
says out '"status" = '"'paid'"
says out 'ASOF LEFT JOIN'
says out 'no key twice: SELECT'
run 0 "$MLP" plan s.mlp --json; says out '"must_be_empty"'

# A request has the columns of the table that features read, as they are at its moment.
cat >request.jsonl <<'J'
{"plan":"p1","age":33,"o_week":12.5,"o_before":null,"seen":4,"habit":0.5}
J
run 0 "$MLP" score s.mlp --input request.jsonl
run 0 "$MLP" build s.mlp -o artifact
run 0 ./artifact info; says out o_week
run 0 ./artifact selftest

# A key that stands twice must be chosen.
echo u3,p2,50 >>users.csv
sed 's/expect users.*//' s.mlp >t.mlp
run 1 "$MLP" train t.mlp; says err E0540; says err '1 key of `users` stands in 2 rows, first user = u3 (2 rows)'
for many in first last; do
  sed 's/expect users.*//; s/join(users, on = user)/join(users, on = user, many = '$many')/' s.mlp >t.mlp
  run 0 "$MLP" train t.mlp --json
done
sed 's/expect users.*//; s/join(users, on = user)/join(users, on = user, many = all)/' s.mlp >t.mlp
run 1 "$MLP" train t.mlp; says err E0518; says err 'there are 30'
run 1 "$MLP" train s.mlp; says err E0518; says err 'unique(user)'
sed -i '$ d' users.csv

# Every source has its own counts; a missing file of any of them is named, before anything is read.
echo u1,yesterday,3,paid >>orders.csv
run 0 "$MLP" train s.mlp; says out 'orders: 901 rows, 900 read, 1 rejected'; says out '`orders.ts` breaks `type` in 1 row'
mv users.csv user.csv
run 3 "$MLP" train s.mlp; says err E0501; says err users.csv
mv user.csv users.csv
sed 's/plan : category/plan : float/' s.mlp >t.mlp
run 1 "$MLP" train t.mlp; says err E0508

# A sum that no int holds.
printf 'k,v,y\na,9223372036854775807,1\na,9223372036854775807,0\n' >big.csv
cat >t.mlp <<'SPEC'
schema Row { k : id, v : int, y : bool }
source rows: Row = csv("big.csv")
table t = rows |> join(rows |> group_by(k) { total = sum(v) }, on = k)
features x from t { total }
model m = gbdt { predict y from x }
SPEC
run 1 "$MLP" train t.mlp; says err E0541

# Flights: the hour that is in the weather twice stops the join that does not say which row is meant.
flights=$root/examples/nycflights
mkdir -p f/data; cp "$flights"/data/*.gz f/data
sed '/many = first/d; s/on = \[origin, year, month, day, hour\],/on = [origin, year, month, day, hour]/' "$flights/nycflights.mlp" >f/t.mlp
run 1 "$MLP" train f/t.mlp; says err E0540
says err '3 keys of `weather` stand in 6 rows, first origin = EWR, year = 2013, month = 11, day = 3, hour = 1 (2 rows)'
run 0 "$MLP" train "$flights/nycflights.mlp" --json --store f/store
says out '"test":6547'
auc=$(sed 's/.*"test":{[^}]*"auc":\([0-9.]*\).*/\1/' out)
awk -v a="$auc" 'BEGIN { exit !(a >= 0.7138 - 0.01) }' && pass || fail "auc $auc; gradient boosting of scikit-learn has 0.7138 on the same rows"

finish
