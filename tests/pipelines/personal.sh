# Personal data (@pii): its values stand in no message, log line, metric, quarantine file, report or hover, whoever provokes it.
source "$(dirname "$0")/lib.sh"
secret=anna.at.home

# A secret in each personal column of one row; the pipeline may use them only through `hash_id`, `redact` and counts.
people() { # people ROWS: id, mail, pay, plan, spend, left
  awk -v n="$1" 'BEGIN { print "id,mail,pay,plan,spend,left"
    for (i = 1; i <= n; i++) printf "c%d,m%d@example.org,%d,p%d,%d.5,%s\n", i, i % 90, 1000 + i % 7, i % 3, i * 37 % 101, i % 3 ? "no" : "yes" }'; }
spec() { # spec [SOURCE-SETTINGS] [MORE]
  cat <<SPEC
pipeline people
schema Person {
  id    : id
  mail  : string  matches "[^ ]+" @pii
  pay   : int     >= 0 @pii
  plan  : category
  spend : float
  left  : bool    from ("yes", "no")
}
source persons: Person = csv("d.csv"${1:-})
${2:-}
features x from persons {
  plan
  spend = spend |> standardize
  known = hash_id(mail) |> frequency_encode
  shape = redact(mail) |> to_category
}
expect persons { distinct(pay) > 1 }
split persons { train = 60%, valid = 20%, test = 20%, by = hash(id) }
model m = gbdt { predict left from x, trees = 4 }
test m { require test.auc >= 0 }
deploy api serves m { http = listen(0) }
monitor api { drift x warn psi > 0.1 }
SPEC
}
silent() { # silent WHAT: the secret stands nowhere in what was written; rows that are cached are data, not reports
  if grep -rlq --exclude-dir=cache -e "$secret" -e 98765432123 -e 922337203685477 -- out err log *.quarantine.csv *.json *.txt .mlp 2>/dev/null; then
    fail "$1: a personal value is printed: $(grep -rh --exclude-dir=cache -e "$secret" -e 98765432123 -e 922337203685477 -- out err log *.quarantine.csv *.json *.txt .mlp 2>/dev/null | head -2 | cut -c1-300)"
  else pass; fi
}

# ---- training: bad cells, bad records, and what is written of them
people 600 >good.csv
for policy in fail drop quarantine; do
  spec ", on_violation = $policy" >s.mlp
  want=$([ $policy = fail ] && echo 1 || echo 0)
  for edit in "5s/m[0-9]*@example.org/$secret is here/" "5s/,10[0-9]*,/,$secret,/" "5s/,10[0-9]*,/,-98765432123,/" "5s/,10[0-9]*,/,,/" "5s/m[0-9]*@/$secret\xff@/" "5s/\$/,$secret/" "5s/m[0-9]*@/\"$secret\"x@/"; do
    sed "$edit" good.csv >d.csv
    run "$want" "$MLP" train s.mlp
    silent "train with $policy, $edit"
    run "$want" "$MLP" train s.mlp --json
    silent "train --json with $policy, $edit"
  done
done
sed "5s/m[0-9]*@/\"$secret@/" good.csv >d.csv; run 1 "$MLP" train s.mlp; silent "a quote that is not closed"
tail -n +2 good.csv | sed "1s/m[0-9]*@example.org/$secret/" >d.csv; run 1 "$MLP" train s.mlp; silent "a file without its header"
sed "5s/m[0-9]*@example.org/$secret/; 6s/m[0-9]*@example.org/$secret/" good.csv >d.csv
spec "" '' | sed 's/distinct(pay) > 1/unique(mail), max(pay) < 10, distinct(mail) < 3/' >s.mlp
run 1 "$MLP" train s.mlp; silent "expectations"
# JSON lines and Parquet go other ways.
people 300 | awk -F, -v secret="$secret" 'NR > 1 { printf "{\"id\":\"%s\",\"mail\":\"%s\",\"pay\":%s,\"plan\":\"%s\",\"spend\":%s,\"left\":\"%s\"}\n", $1, $2, NR == 5 ? "\"" secret "\"" : $3, $4, $5, $6 }' >d.jsonl
for policy in fail quarantine; do
  spec ", on_violation = $policy" | sed 's/csv("d.csv"/jsonl("d.jsonl"/' >s.mlp
  run "$([ $policy = fail ] && echo 1 || echo 0)" "$MLP" train s.mlp; silent "JSON lines with $policy"
  sed "7s/.*/{\"mail\":\"$secret\",/" d.jsonl >e.jsonl; sed -i 's/d.jsonl/e.jsonl/' s.mlp
  run "$([ $policy = fail ] && echo 1 || echo 0)" "$MLP" train s.mlp; silent "a broken line of JSON with $policy"
done

# ---- tables: keys that stand twice, an overflow, an expectation on the way
people 300 | sed "5s/m[0-9]*@example.org/$secret/; 6s/m[0-9]*@example.org/$secret/; 7s/,10[0-9]*,/,98765432123,/" >d.csv
spec "" 'table both = persons |> join(persons |> select(mail, other = spend), on = mail)' | sed 's/from persons/from both/; s/split persons/split both/' >s.mlp
run 1 "$MLP" train s.mlp; says err E0540; says err "(personal)"; silent "a key that stands twice"
people 300 | sed "7s/,10[0-9]*,/,9223372036854775807,/; 10s/,10[0-9]*,/,9223372036854775807,/" >d.csv
spec "" 'table big = persons |> join(persons |> group_by(plan) { total = sum(pay) }, on = plan) |> filter(total != 3)' | sed 's/from persons/from big/; s/split persons/split big/' >s.mlp
run 1 "$MLP" train s.mlp; says err E0541; says err withheld; silent "an overflow in a table"
people 300 | sed "5s/m[0-9]*@example.org/$secret/; 6s/m[0-9]*@example.org/$secret/" >d.csv
spec "" 'table kept = persons |> filter(spend >= 0)
' | sed 's/distinct(pay) > 1/unique(mail)/; s/from persons/from kept/; s/split persons/split kept/' >s.mlp
run 1 "$MLP" train s.mlp; silent "an expectation on the way"

# ---- a good run, and everything that reports it
people 600 | sed "5s/m[0-9]*@example.org/$secret/; 8s/m[0-9]*@example.org/$secret/; 9s/,10[0-9]*,/,98765432123,/" >d.csv
spec >s.mlp
run 0 "$MLP" train s.mlp; silent "train"
for command in "show latest" "show latest --json" "runs --json" "plan s.mlp" "plan s.mlp --json" "plan s.mlp --emit=flow" "test s.mlp" "test s.mlp --json" "rerun latest" "diff latest latest" "doc"; do
  run 0 "$MLP" $command; silent "mlp $command"
done
run 0 "$MLP" build s.mlp -o app
run 0 ./app info; silent info
run 0 ./app selftest; silent selftest

# ---- score: bad rows of every form
mail() { printf 'id,mail,pay,plan,spend\nx,%b,5,p1,3\n' "$1"; }
mail "$secret" >ok.csv; run 0 "$MLP" score s.mlp --input ok.csv; silent "score"
mail "$secret\\xff" >bad.csv; run 1 "$MLP" score s.mlp --input bad.csv; silent "score, no UTF-8"
mail "\"$secret" >bad.csv; run 1 "$MLP" score s.mlp --input bad.csv; silent "score, an open quote"
mail "$secret,$secret" >bad.csv; run 1 "$MLP" score s.mlp --input bad.csv; silent "score, a cell more"
mail "" >bad.csv; run 1 "$MLP" score s.mlp --input bad.csv; silent "score, no value"
for body in "{\"mail\":\"$secret\"" "{\"mail\":[\"$secret\"],\"plan\":\"p1\",\"spend\":3}" "{\"mail\":\"$secret\\u12\",\"plan\":\"p1\",\"spend\":3}" "{\"mail\":\"$secret\",\"plan\":\"p1\",\"spend\":\"many\"}" "{\"mail\":{\"a\":\"$secret\"},\"plan\":\"p1\",\"spend\":1}" "\"$secret\"" "{\"mail\":\"$secret\",\"mail\":\"$secret\",\"plan\":\"p1\",\"spend\":1}"; do
  printf '%s\n' "$body" >bad.jsonl
  run 1 "$MLP" score s.mlp --input bad.jsonl; silent "score of $body"
done

# ---- a server: errors, log, metrics
./app serve --port 0 2>log & pids+=($!)
wait_for "listening on" log
url=$(grep -o 'http://[^ ]*' log | head -1)
send() { curl -sS -o out -w '%{http_code}' -H "Content-Type: $1" --data-binary "$3" "$url$2" >status 2>err || true; silent "$2 of $3"; }
for body in "{\"mail\":\"$secret\"" "{\"mail\":[\"$secret\"],\"plan\":\"p1\",\"spend\":3}" "{\"mail\":\"$secret\\u12\",\"plan\":\"p1\",\"spend\":3}" "{\"mail\":\"$secret\",\"plan\":\"p1\",\"spend\":\"many\"}" "{\"mail\":{\"a\":\"$secret\"},\"plan\":\"p1\",\"spend\":1}" "{\"mail\":\"$secret\",\"plan\":\"p1\",\"spend\":3}"; do
  send application/json /invocations "{\"dataframe_records\":[$body]}"
done
send application/json /invocations "{\"dataframe_split\":{\"columns\":[\"mail\",\"plan\",\"spend\"],\"data\":[[[\"$secret\"],\"p1\",1]]}}"
send application/json /invocations "{\"dataframe_split\":{\"columns\":[\"mail\",\"plan\"],\"data\":[[\"$secret\",\"p1\",1]]}}"
send application/json /invocations "{\"inputs\":{\"mail\":[\"$secret\",[\"$secret\"]],\"plan\":[\"p1\",\"p2\"],\"spend\":[1,2]}}"
send text/csv /invocations "$(mail "$secret,$secret")"
send text/csv /invocations "$(mail "\"$secret")"
tensor() { echo "{\"inputs\":[{\"name\":\"mail\",\"shape\":[1],\"datatype\":\"$1\",\"data\":[$2]},{\"name\":\"plan\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"p1\"]},{\"name\":\"spend\",\"shape\":[1],\"datatype\":\"FP64\",\"data\":[1]}]}"; }
for data in "\"$secret\"" "[\"$secret\"]" "\"$secret\",\"$secret\"" "{\"a\":\"$secret\"}"; do
  for type in BYTES FP64 INT64 BOOL; do send application/json /v2/models/api/infer "$(tensor $type "$data")"; done
done
curl -sS "$url/metrics" >metrics.txt; silent metrics
[ -s metrics.txt ] && pass || fail "no metrics"
silent "the server's log"

# ---- an editor: hovers over everything that has a name, and completion
python=$(command -v python3 || true)
if [ -n "$python" ]; then
  "$python" - "$MLP" s.mlp >hovers.json <<'PY'
import json, pathlib, subprocess, sys
text = pathlib.Path(sys.argv[2]).read_text()
uri = pathlib.Path(sys.argv[2]).absolute().as_uri()
server = subprocess.Popen([sys.argv[1], "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
number = 0
def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()
def receive():
    length = 0
    while (line := server.stdout.readline().strip()):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return json.loads(server.stdout.read(length))
def ask(method, params):
    global number
    number += 1
    send({"id": number, "method": method, "params": params})
    while (answer := receive()).get("id") != number:
        pass
    return answer.get("result")
ask("initialize", {"capabilities": {}})
send({"method": "initialized", "params": {}})
send({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": uri, "languageId": "mlp", "version": 1, "text": text}}})
hovers = 0
for line, content in enumerate(text.split("\n")):
    for character in range(len(content) + 1):
        place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        hover = ask("textDocument/hover", place)
        hovers += hover is not None
        print(json.dumps(hover))
        if character == len(content):
            print(json.dumps(ask("textDocument/completion", place)))
print(json.dumps({"hovers": hovers}))
PY
  [ "$(tail -1 hovers.json | jq .hovers)" -gt 100 ] && pass || fail "few hovers: $(tail -1 hovers.json)"
  grep -q "Fitted on the train rows" hovers.json && pass || fail "no hover shows fitted values"
  silent "hovers"
fi
finish
