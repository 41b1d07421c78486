# Leakage that the data shows, the population of a deployment, and personal data that no message prints.
source "$(dirname "$0")/lib.sh"
examples=$root/examples
findings() { "$MLP" train "$1" --json --quiet ${2:-} | jq -c "[.findings[] | $3]"; }

# ---- L2: the sum of two columns is the label of the bike-sharing data; honest features of no example are reported.
bike=$examples/bike-sharing
cp -r "$bike/data" data
sed 's/^  windspeed$/  windspeed\n  both = casual + registered/; s/trees   = 150/trees = 20/; s/require test.rmse <= 75/require findings == 0/' "$bike/bike-sharing.mlp" >bike.mlp
run 0 "$MLP" train bike.mlp
says err W0660; says err "feature \`both\` alone predicts \`cnt\` too well"
equal "$(findings bike.mlp "" '[.kind, .subject]')" '[["telling_feature","both"]]' findings
run 1 "$MLP" test bike.mlp
says out "FAIL  require findings == 0"
for part in casual registered; do sed "s/casual + registered/$part/" bike.mlp >part.mlp; findings part.mlp "" .subject >"$part.found"; done
equal "$(cat registered.found)" '["both"]' "registered"   # nearly all of the label
equal "$(cat casual.found)" '[]' "casual"             # less than half of it
sed 's/registered : int$/registered : int @future/' bike.mlp >typed.mlp
run 1 "$MLP" check typed.mlp
says err E0314
sed 's/by = time(dteday)/by = random/' bike.mlp >mixed.mlp
run 1 "$MLP" check mixed.mlp
says err E0310
rm -rf data
for example in adult telco-churn telco-churn-linear california-housing diamonds diamonds-cut bike-sharing; do
  mkdir "$example"; cp "$examples/$example"/*.mlp "$example"; [ ! -d "$examples/$example/data" ] || ln -s "$examples/$example/data" "$example/data"
done
for example in adult telco-churn telco-churn-linear california-housing diamonds diamonds-cut bike-sharing; do
  sed -i 's/trees\( *\)= .*/trees\1= 5/; s/early_stop\( *\)= .*/early_stop\1= 0/' "$example/$example.mlp"
  equal "$example $(findings "$example/$example.mlp" "" .message)" "$example []" findings
done

# ---- L1.4 and L3.2: copies, and persons on both sides
rows() { awk -v n="$1" -v copies="$2" 'BEGIN {
  print "id,person,size,weight,label"; srand(5)
  for (i = 0; i < n; i++) { p = int(rand() * n / 6); line[i] = sprintf("p%05d,%.4f,%.4f,%s", p, rand() * 100, rand(), rand() < 0.5 ? "yes" : "no"); printf "v%d,%s\n", i, line[i] }
  for (i = 0; i < copies; i++) printf "v%d,%s\n", (i * 7 % n), line[i * 7 % n] }'; }
spec() { # spec PERSON SPLIT [TEST] [DEPLOY]
  cat <<SPEC
pipeline visits
schema Row {
  id     : id
  person : $1
  size   : float >= 0
  weight : float
  label  : bool from ("yes", "no")
}
source rows_in: Row = csv("d.csv")
features x from rows_in {
  size
  weight
}
split rows_in { train = 60%, test = 40%, by = $2 }
model m = gbdt { predict label from x, trees = 3 }
test m { ${3:-require findings == 0} }
${4:-}
SPEC
}
rows 3000 0 >d.csv
spec "float" random | sed 's/^  person : float/  person : string @pii/' >s.mlp
equal "$(findings s.mlp "" '[.kind, .subject]')" '[["identity_in_both_parts","person"]]' findings  # W0662
spec "category" "hash(person)" >s.mlp
equal "$(findings s.mlp "" .kind)" '[]' findings
run 0 "$MLP" test s.mlp
says out "findings = 0"
rows 3000 12 >d.csv   # a few copies, each with the id of its row
spec "category" "hash(person)" >s.mlp
equal "$(findings s.mlp "" .kind)" '[]' findings
spec "category" random >s.mlp
run 0 "$MLP" train s.mlp
says err W0661; says err "in the train part too"
found=$(findings s.mlp "" 'select(.kind == "rows_in_both_parts") | [.count, (.rows | length)]')
count=$(echo "$found" | jq '.[0][0]')
[ "$count" -ge 1 ] && [ "$count" -le 24 ] && pass || fail "$count copies of 12 rows"
# The rows that are named are equal.
findings s.mlp "" 'select(.kind == "rows_in_both_parts") | .rows' | jq -r '.[0][]' | while read -r row; do sed -n "$((row + 1))p" d.csv; done >pairs
equal "$(awk 'NR % 2 {last = $0; next} last != $0' pairs | wc -l)" 0 findings
# Copies under new ids are seen when they are many.
rows 3000 600 | awk -F, -v OFS=, 'NR > 1 {$1 = "w" NR} 1' >d.csv
equal "$(findings s.mlp "" .kind)" '["rows_in_both_parts","identity_in_both_parts"]' findings
# The same findings and the same bytes at any number of threads.
one=$("$MLP" train s.mlp --json --quiet --threads 1 | jq -c '[.package, .findings]')
equal "$("$MLP" train s.mlp --json --quiet --threads 4 | jq -c '[.package, .findings]')" "$one" findings
run 0 "$MLP" show latest
says out "finding    "

# ---- L3.3: the population of a deployment
rows 3000 0 >d.csv
spec category "hash(person)" "require test.auc >= 0" >all.mlp
spec category "hash(person)" "require test.auc >= 0" "deploy api serves m { serve on size >= 50 }" >served.mlp
all=$("$MLP" train all.mlp --json --quiet | jq .metrics.test.rows)
served=$("$MLP" train served.mlp --json --quiet)
equal "$(echo "$served" | jq '.metrics.test.rows + .rows.not_served')" "$all" findings
equal "$(echo "$served" | jq '.rows.not_served > 300 and .metrics.test.rows > 300 and .metrics.train.rows > 1500')" true findings
run 0 "$MLP" test served.mlp
spec category "hash(person)" "require test.auc >= 0" "deploy api serves m { serve on size >= 97 }" >thin.mlp
equal "$(findings thin.mlp "" .kind)" '["thin_population"]' findings
run 0 "$MLP" train thin.mlp
says err W0663
spec category "hash(person)" "require test.auc >= 0" "deploy api serves m { serve on size >= 5000 }" >none.mlp
run 1 "$MLP" train none.mlp
says err E0664

# ---- personal data: the value of a cell stands nowhere
secret=anna.at.home
rows 300 0 | awk -F, -v OFS=, -v secret=$secret 'NR == 5 {$3 = secret} NR == 9 {$2 = secret} 1' >d.csv
personal() { spec "string matches \"p[0-9]+\" @pii" random "require test.auc >= 0" | sed "s/size   : float >= 0/size   : float @pii/; s/^features x/expect rows_in { min(size) >= -1, distinct(person) > 1 }\n&/; s/^  size\$/  weight2 = weight * 2/; s/csv(\"d.csv\")/csv(\"d.csv\"$1)/" >s.mlp; }
silent() { ! grep -rq "$secret" out err visits.quarantine.csv .mlp 2>/dev/null && pass || fail "a personal value is printed: $(grep -rh "$secret" out err visits.quarantine.csv .mlp 2>/dev/null | head -2)"; }
personal ""
run 1 "$MLP" train s.mlp
says err E0508; says err "row 4"; silent
personal ", on_violation = quarantine"
run 0 "$MLP" train s.mlp
silent
equal "$(sed -n 2p visits.quarantine.csv | grep -c '(personal)')" 1 findings
run 0 "$MLP" train s.mlp --json
silent
printf '%s\n' '{"id":"a","person":"p1","size":"anna.at.home","weight":1,"label":"yes"}' >>d.jsonl
for i in $(seq 200); do echo "{\"id\":\"a$i\",\"person\":\"p$i\",\"size\":$i,\"weight\":$((i % 7)),\"label\":\"$([ $((i % 2)) = 0 ] && echo yes || echo no)\"}"; done >>d.jsonl
personal ", on_violation = quarantine"; sed -i 's/csv("d.csv"/jsonl("d.jsonl"/' s.mlp; rm -f visits.quarantine.csv
run 0 "$MLP" train s.mlp
silent
equal "$(grep -c '(personal)' visits.quarantine.csv)" 1 findings
# In a request: what may pass is asked for by a hash, and its raw value is not shown.
rows 300 0 >d.csv
spec "category" random "require test.auc >= 0" | sed 's/weight : float/weight : float @pii/; s/^  weight$/  known = hash_id(person)/; s/person : category/person : string @pii/' >s.mlp
run 0 "$MLP" train s.mlp
printf 'size,person\n1,\xff%s\n' "$secret" >bad.csv
run 1 "$MLP" score s.mlp --input bad.csv
silent
finish
