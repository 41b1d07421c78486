# Models without a target, end to end: the same bytes at any number of threads; one answer along every path; a truth that measures and
# trains nothing; folds, tuning, gates; faults of the data.
source "$(dirname "$0")/lib.sh"
# Three groups of rows and some far from all; `kind` tells which, `odd` where it is known.
awk 'BEGIN {
  print "id,a,b,city,level,kind,odd"
  for (i = 0; i < 3000; i++) {
    r = (i * 7919) % 1000 / 1000; s = (i * 104729) % 997 / 997; g = i % 3; far = i % 60 == 7
    printf "%d,%.4f,%s,%s,%s,%s,%s\n", i, g * 5 + r + (far ? 30 * s - 15 : 0), i % 11 == 0 ? "" : sprintf("%.4f", (g == 1 ? 8 : 0) + s + (far ? 40 * r - 20 : 0)), far && i % 2 ? "Thule" : i % 2 ? "Rome" : "Oslo", g == 2 ? "high" : "low", "g" g, i % 4 == 0 ? "" : far ? "true" : "false"
  }
}' >rows.csv
schema='schema Row {
  id    : id
  a     : float
  b     : float?
  city  : category
  level : category
  kind  : category
  odd   : bool?
}
source rows: Row = csv("rows.csv")
'
{ printf 'pipeline groups\n%s' "$schema"; cat <<'MLP'
features x from rows {
  a |> clip_outliers(2%) |> standardize
  b |> impute(median) |> clip_outliers(2%) |> standardize
  level |> one_hot
}
split rows { train = 60%, valid = 20%, test = 20%, by = random, folds = 3 }
model groups = kmeans {
  learn    from x
  measure  against kind
  clusters = 3
}
test groups {
  require test.adjusted_rand >= 0.8
  require cv.silhouette >= 0.5
  require gap(test.davies_bouldin, by = city) <= 2
  invariant city
  given { a = 5.5, b = 8.5, level = "low" } expect distance < 1
}
MLP
} >groups.mlp
{ printf 'pipeline odd\n%s' "$schema"; cat <<'MLP'
features x from rows {
  a
  b
  city
  level |> one_hot
}
split rows { train = 60%, valid = 20%, test = 20%, by = random, folds = 3 }
model odd = isolation_forest {
  learn         from x
  measure       against odd
  contamination = 3%
}
test odd {
  require test.auc >= 0.85
  require cv.average_precision >= 0.2
  require gap(test.anomaly_share, by = level) <= 10%
  given { a = 60, b = -40, city = "Thule" } expect prediction == true
  given { a = 0.5, b = 0.5, city = "Rome", level = "low" } expect prediction == false
  given { a = 0.5, b = 0.5, city = "Rome", level = "low" } expect score < 0.5
}
MLP
} >odd.mlp

for name in groups odd; do
  run 0 "$MLP" check $name.mlp
  run 0 "$MLP" train $name.mlp --json --threads 1 --no-cache; one=$(json package out); cp out $name.json
  for threads in 2 3; do run 0 "$MLP" train $name.mlp --json --threads $threads --no-cache; equal "$(json package out)" "$one" "$name at $threads threads"; done
  run 0 "$MLP" rerun latest; says out "the same bytes again"
  run 0 "$MLP" test $name.mlp; says out " 0 failed"

  # One answer along every path: CSV, JSON lines, row by row, in process and from the artifact, over HTTP.
  run 0 "$MLP" build $name.mlp -o $name
  run 0 ./$name selftest
  head -301 rows.csv >some.csv
  awk -F, 'NR > 1 { printf "{\"a\":%s,\"b\":%s,\"city\":\"%s\",\"level\":\"%s\"}\n", $2, $3 == "" ? "null" : $3, $4, $5 }' some.csv >some.jsonl
  run 0 "$MLP" score $name.mlp --input some.csv; mv out by_mlp
  run 0 ./$name score --input some.csv; same out by_mlp
  run 0 ./$name score --input some.jsonl --to csv; same out by_mlp
  { head -1 by_mlp; sed -n 2,41p some.csv | while read -r line; do { head -1 some.csv; echo "$line"; } | ./$name score | tail -1; done; } >singly
  head -41 by_mlp >first; same singly first
  run 0 ./$name score --input some.csv --to jsonl; mv out lines
  ./$name serve --port 0 2>log-$name & pids+=($!)
  wait_for http:// log-$name
  url=$(sed -n 's|.*\(http://[^ ]*\).*|\1|p' log-$name | head -1)
  curl -sSf --data-binary @some.csv -H 'Content-Type: text/csv' "$url/invocations" | sed 's/^{"predictions":\[//; s/\]}$//; s/},{/}\n{/g' >served
  same served lines
  kill "${pids[-1]}"; wait "${pids[-1]}" 2>/dev/null || true
done
equal "$(head -1 by_mlp)" prediction,score "the header of anomalies"
equal "$(awk -F, 'NR > 1 && $1 != ($2 > 0.5 ? "true" : "false") && $1 != "true" && $1 != "false"' by_mlp | wc -l)" 0 "true or false"
run 0 "$MLP" score groups.mlp --input some.csv; equal "$(head -1 out)" prediction,distance "the header of clusters"
equal "$(tail -n +2 out | cut -d, -f1 | sort -u | tr '\n' ' ')" "0 1 2 " "numbers of clusters"

# The metrics of training are those of what is scored.
run 0 "$MLP" score groups.mlp --input rows.csv
scored=$(tail -n +2 out | awk -F, '{ s += $2 * $2 } END { printf "%.6g", s }')
equal "$scored" "$(jq '[.metrics.train.inertia, .metrics.valid.inertia, .metrics.test.inertia] | add' groups.json | awk '{ printf "%.6g", $1 }')" "inertia of all rows"

# The truth measures, and trains nothing: without it the centres are the same.
sed '/measure /d; /adjusted_rand/d' groups.mlp | sed 's/pipeline groups/pipeline untold/' >untold.mlp
run 0 "$MLP" score untold.mlp --input some.csv; mv out untold
run 0 "$MLP" score groups.mlp --input some.csv; same out untold
sed 's/against kind/against kind == "g1"/' groups.mlp >other.mlp
run 0 "$MLP" plan other.mlp --json --against groups.mlp
equal "$(jq -r '[.stages[] | select(.class != "no-op") | .name] | join(" ")' out)" "split measure" "what another truth changes"

# Tuning against the truth finds how many clusters there are; and a sample.
sed 's/clusters = 3/seed = 2/; s/^test /tune groups {\n  clusters in 2..7\n  maximize valid.adjusted_rand\n  trials = 12, method = random\n}\n&/' groups.mlp >tuned.mlp
run 0 "$MLP" train tuned.mlp --json --threads 1; one=$(json package out)
equal "$(jq -r .tuned.clusters out)" "$(jq -r '.tune.trials | max_by(.score).values.clusters' out)" "clusters that tuning finds"
equal "$(jq -r '.tune.trials | max_by(.score).score' out)" "$(jq -r .metrics.valid.adjusted_rand out)" "the best trial is the run"
run 0 "$MLP" train tuned.mlp --json --threads 2; equal "$(json package out)" "$one" "tuning at 2 threads"
sed 's/^test /tune odd {\n  sample in [32, 64, 128, 256]\n  maximize cv.auc\n  trials = 4, method = halving\n}\n&/' odd.mlp >tuned.mlp
run 0 "$MLP" train tuned.mlp --json; says out '"tuned"'

# No test part; more clusters than rows; what is no number.
sed 's/split .*/split rows { train = 100%, valid = 0, test = 0 }/; /^test /,/^}/d' groups.mlp >whole.mlp
run 0 "$MLP" train whole.mlp --json; equal "$(jq -r '.metrics | keys | join(" ")' out)" train "parts"
run 0 "$MLP" train whole.mlp
sed 's/clusters = 3/clusters = 3000/; s/^  learn .*/&\n  starts = 1, iterations = 1/' groups.mlp >many.mlp
run 1 "$MLP" train many.mlp; says err E0610
sed 's/^4,[^,]*,/4,inf,/' rows.csv >r && mv r rows.csv
sed 's/^  a |> .*/  a/; s/split .*/split rows { by = every(5), valid = 0 }/; /cv\./d' groups.mlp >raw.mlp
run 1 "$MLP" train raw.mlp; says err E0605; says err W0307
sed 's/split .*/split rows { by = every(5), valid = 0 }/; /cv\./d' odd.mlp >raw.mlp
run 1 "$MLP" train raw.mlp; says err E0605; says err clip_outliers
finish
