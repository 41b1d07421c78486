# The artifact's server, asked by curl: every endpoint, the same answers as `score`, bad requests, a taken port, a clean end.
source "$(dirname "$0")/lib.sh"
spec=$root/examples/telco-churn/telco-churn.mlp
data=$root/examples/telco-churn/data/telco-churn.csv
run 0 "$MLP" build "$spec" -o churn

./churn serve --port 0 2>log & pids+=($!); server=$!
wait_for "listening on" log
url=$(grep -o 'http://[^ ]*' log | head -1)

ask 200 /v2;                               says out version
ask 200 /v2/health/live;                   says out true
ask 200 /v2/health/ready;                  says out true
ask 200 /v2/models/churn_api;              says out '"inputs"'; says out MonthlyCharges
ask 200 /v2/models/churn_api/ready
ask 404 /v2/models/nobody;                 says out error
ask 404 /nowhere;                          says out error
ask 405 /invocations
for path in /ping /health /version /livez /readyz /healthz; do ask 200 $path; done

# One row along every entrance, against the file path.
{ head -1 "$data"; sed -n 9p "$data"; } >row.csv
run 0 ./churn score --input row.csv
want=$(sed -n 2p out | cut -d, -f3)
ask 200 /invocations -H 'Content-Type: text/csv' --data-binary @row.csv
says out "$want"
header=$(head -1 "$data"); values=$(sed -n 9p "$data")
inputs=; record=
for i in $(seq 2 20); do
  name=$(echo "$header" | cut -d, -f"$i"); value=$(echo "$values" | cut -d, -f"$i")
  case $name in
    tenure) type=INT64 shown=$value ;;
    MonthlyCharges | TotalCharges) type=FP64 shown=$value ;;
    SeniorCitizen) type=BOOL; shown=$([ "$value" = 1 ] && echo true || echo false) ;;
    gender) continue ;;
    *) type=BYTES shown="\"$value\"" ;;
  esac
  inputs+="${inputs:+,}{\"name\":\"$name\",\"shape\":[1],\"datatype\":\"$type\",\"data\":[$shown]}"
  record+="${record:+,}\"$name\":$shown"
done
ask 200 /v2/models/churn_api/infer "${as_json[@]}" -d "{\"id\":\"seven\",\"inputs\":[$inputs]}"
says out "$want"; says out '"id":"seven"'; says out '"model_name":"churn_api"'
ask 200 /invocations "${as_json[@]}" -d "{\"dataframe_records\":[{$record}]}"; says out "$want"
ask 200 /invocations "${as_json[@]}" -d @"$root/examples/telco-churn/request.json"; says out predictions

# Bad requests are told what is wrong, and the server goes on.
ask 400 /invocations "${as_json[@]}" -d '{"dataframe_records":[{'
says out error
ask 400 /invocations "${as_json[@]}" -d '{"dataframe_records":[{"tenure":1}]}'; says out error
ask 400 /invocations "${as_json[@]}" -d '{}'
ask 415 /invocations -H 'Content-Type: application/xml' -d '<a/>'
ask 400 /v2/models/churn_api/infer "${as_json[@]}" -d "{\"inputs\":[${inputs/\[1\]/[2]}]}"; says out error
ask 400 /v2/models/churn_api/infer "${as_json[@]}" -d "{\"inputs\":[${inputs/INT64/NONSENSE}]}"; says out error
ask 400 /v2/models/churn_api/infer "${as_json[@]}" -d 'nothing'
head -c 40000000 /dev/zero | tr '\0' ' ' >big.json
ask 413 /invocations "${as_json[@]}" --data-binary @big.json
ask 413 /v2/models/churn_api/infer "${as_json[@]}" --data-binary @big.json

ask 200 /metrics; cp out metrics.txt
for metric in mlp_inference_requests_total mlp_inference_request_duration_seconds_bucket mlp_inference_rows_total mlp_feature_missing_total mlp_feature_unseen_category_total mlp_drift_score mlp_model_info; do says metrics.txt "$metric"; done
if "$root/third_party/promtool" check metrics <metrics.txt >lint.txt 2>&1; then pass; else fail "promtool: $(head -3 lint.txt)"; fi

# A taken port; then a clean end.
run 3 ./churn serve --port "${url##*:}"; says err "error"
kill -INT "$server"
code=0; wait "$server" || code=$?
equal "$code" 0 "exit code after Ctrl-C"

"$MLP" serve "$spec" --port 0 2>log2 & pids+=($!); server=$!
wait_for "listening on" log2
url=$(grep -o 'http://[^ ]*' log2 | head -1)
ask 200 /invocations -H 'Content-Type: text/csv' --data-binary @row.csv; says out "$want"
kill -TERM "$server"
code=0; wait "$server" || code=$?
equal "$code" 0 "exit code of mlp serve after SIGTERM"
finish
