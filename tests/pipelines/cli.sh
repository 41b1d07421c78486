# Every command: help with examples, exit codes, did-you-mean, the registry's commands.
source "$(dirname "$0")/lib.sh"
spec=$root/examples/telco-churn/telco-churn.mlp

for command in init check fmt plan train test build score serve runs show promote rollback rerun verify gc explain; do
  run 0 "$MLP" "$command" --help
  says out "Example"
done
run 0 "$MLP" --version
run 2 "$MLP" trian "$spec";              says err "did you mean \`mlp train\`"; says err E0901
run 2 "$MLP" train;                      says err E0901
run 2 "$MLP" train "$spec" --threads 0;  says err E0901
run 2 "$MLP" train "$spec" --check-gradients 0;  says err "0 is no number above 0"
run 2 "$MLP" train "$spec" --checkpoint=-1;      says err "-1 is no number from 0 up"
run 3 "$MLP" check nothing.mlp;          says err E0902
run 3 "$MLP" check "$work";              says err E0903
run 2 "$MLP" explain E9999;              says err E0909
run 0 "$MLP" explain e0902;              says out "cannot be found"
run 0 "$MLP" explain;                    says out E0904
run 1 "$MLP" show latest;                says err E0906
run 0 "$MLP" runs

# A finding has file:line:column.
sed 's/each(bool)/each(bool)\n  MonthlyCharge/' "$spec" >typo.mlp
run 1 "$MLP" check typo.mlp
says err "typo.mlp:38:3"
says err 'did you mean `MonthlyCharges`'
run 1 "$MLP" check --json typo.mlp
says out '"line":38'

# LLVM and DuckDB are opened by the commands that need them; where they are missing, only those fail, and say what is missing.
if readelf -d "$MLP" | grep -E 'NEEDED.*(LLVM|clang|duckdb)'; then fail "mlp is linked with what most commands do not need"; else pass; fi
mkdir bare && cp "$MLP" bare/mlp
run 0 bare/mlp check "$spec"
run 0 bare/mlp fmt --check "$spec"
run 3 bare/mlp train "$spec";            says err E0905; says err lib/millrace/libmillrace-llvm.so; says err libllvm19
run 3 bare/mlp plan "$spec" --emit=asm;  says err E0905
mkdir -p bare/lib/millrace && cp "$(dirname "$MLP")/lib/millrace/libmillrace-llvm.so" bare/lib/millrace/
run 0 bare/mlp plan "$spec" --emit=asm
run 3 bare/mlp train "$spec";            says err E0905; says err lib/millrace/libduckdb.so
echo "not a library" >bare/lib/millrace/libduckdb.so
run 3 bare/mlp train "$spec";            says err E0905; says err "libduckdb.so: file too short"

# Formatting.
sed 's/^  tenure$/       tenure/' "$spec" >loose.mlp
run 1 "$MLP" fmt --check loose.mlp;      says err E0908
run 0 "$MLP" fmt --diff loose.mlp;       says out "+  tenure"
run 0 "$MLP" fmt loose.mlp
same loose.mlp "$spec"

# Forms of a spec.
for form in ast sem flow loop llvm asm; do run 0 "$MLP" plan "$spec" --emit="$form"; [ -s out ] && pass || fail "empty $form"; done
for phase in parse check plan lower codegen; do run 0 "$MLP" plan "$spec" --stop-after="$phase"; [ -s out ] && pass || fail "nothing after $phase"; done
run 0 "$MLP" plan --passes; cut -d: -f1 out >passes
while read -r name; do
  run 0 "$MLP" plan "$spec" --verify --disable-pass="$name"
  run 0 "$MLP" plan "$spec" --verify --emit=asm --disable-pass="$name"
done <passes
equal "$(wc -l <passes)" 14 "passes"
run 0 "$MLP" plan "$spec" --json
run 2 "$MLP" plan "$spec" --disable-pass=nothing; says err E0901

# The registry.
run 0 "$MLP" train "$spec" --json;       first=$(json run out); package=$(json package out)
mkdir timed
run 0 "$MLP" train "$spec" --store timed --time-passes --json; says out '"passes":[{"name":"compile","seconds":'; says out '{"name":"fold_constants",'; says out '{"name":"histograms",'
run 0 "$MLP" train "$spec" --store timed --time-passes; grep -Eq '^    codegen +[0-9.]+ s +[0-9.]+ %$' out && pass || fail "no time of codegen: $(tail -30 out)"
sed 's/trees         = 400/trees         = 20/' "$spec" | sed "s#data/telco#$root/examples/telco-churn/data/telco#" >small.mlp
run 0 "$MLP" train small.mlp --json;     second=$(json run out)
run 0 "$MLP" runs;                       equal "$(wc -l <out)" 2 "runs"
run 0 "$MLP" promote "$first"
run 0 "$MLP" promote "$second"
run 0 "$MLP" runs --json;                says out '"production":true'
run 0 "$MLP" rollback telco_churn;       says out "$first"
run 0 "$MLP" show "$first";              says out production; says out "$package"
run 0 "$MLP" show "$first" --spec;       same out "$spec"
run 0 "$MLP" show latest --json;         says out '"manifest"'
run 0 "$MLP" verify
run 0 "$MLP" gc --keep 0
run 0 "$MLP" rerun "$first" --threads 1; says out "the same bytes again"
run 0 "$MLP" test small.mlp --json;      says out '"gates"'

# A pass left out changes nothing but time; where its package would not fit, another is trained.
run 0 "$MLP" build small.mlp -o small
run 0 ./small score --input "$root/examples/telco-churn/data/telco-churn.csv"; cp out scored
while read -r name; do
  run 0 "$MLP" build small.mlp --disable-pass="$name" -o without
  run 0 ./without score --input "$root/examples/telco-churn/data/telco-churn.csv"; same out scored
done < <(sort -u passes)
run 0 "$MLP" build small.mlp -o again;   same again small
run 2 "$MLP" build latest --disable-pass=drop_dead -o x; says err E0901

# A failed gate.
sed 's/test.auc >= 0.82/test.auc >= 0.99/' small.mlp >greedy.mlp
run 1 "$MLP" test greedy.mlp;            says err E0642; says out FAIL
# A budget that cannot hold.
sed 's/size <= 10MiB/size <= 1KiB/' small.mlp >tight.mlp
run 1 "$MLP" build tight.mlp -o tight;   says err E0644

# A rerun on other data says so.
mkdir moved && cp small.mlp moved/ && sed -i "s#$root/examples/telco-churn/data/##" moved/small.mlp
cp "$root/examples/telco-churn/data/telco-churn.csv" moved/
run 0 "$MLP" train moved/small.mlp --json --store moved
sed -i '2s/29.85/31.85/' moved/telco-churn.csv
run 1 "$MLP" rerun latest --store moved; says err E0907; says err "data"

# mlp beside nothing cannot build.
mkdir alone && cp "$MLP" alone/mlp
if LD_LIBRARY_PATH="$(dirname "$MLP"):${LD_LIBRARY_PATH:-}" alone/mlp --version >/dev/null 2>&1; then
  run 3 alone/mlp build small.mlp -o x;  says err E0905
fi
finish
