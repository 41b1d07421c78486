# Tools around the language: fixes, report formats, completions, manuals, the reference, hooks.
source "$(dirname "$0")/lib.sh"
spec=$root/examples/telco-churn/telco-churn.mlp

# --fix: applies what is certain, checks again, leaves the rest as it is and says so.
sed 's/each(bool)/each(bool)\n  b = ln(tenrue)/; s/^  loss  /  los  /' "$spec" >wrong.mlp
cp wrong.mlp fixed.mlp && cp wrong.mlp patched.mlp
run 1 "$MLP" check wrong.mlp
run 0 "$MLP" check --fix --diff wrong.mlp;  says out '+  b = log1p(tenure)'; says err 'would fix wrong.mlp:38:7: E0202'; cp out patch
cmp -s wrong.mlp fixed.mlp && pass || fail "--diff wrote"
run 0 "$MLP" check --fix fixed.mlp;         says err 'fixed fixed.mlp:38:10: E0201'
run 0 "$MLP" check fixed.mlp
run 0 patch -s patched.mlp patch;           same patched.mlp fixed.mlp
sed 's/b = ln(tenrue)/b = ln(nothing_like_it)/' wrong.mlp >half.mlp
run 1 "$MLP" check --fix half.mlp;          says err E0201; grep -q 'log(nothing_like_it)' half.mlp && pass || fail "the certain fix was not applied"
cp "$spec" untouched.mlp; touch -d @0 untouched.mlp
run 0 "$MLP" check --fix untouched.mlp;     equal "$(stat -c %Y untouched.mlp)" 0 "a spec without findings is not written"
run 2 "$MLP" check --diff wrong.mlp;        says err E0901
run 2 "$MLP" check --fix - ;                says err E0901
no_leftovers .
# A fix that shows the next finding: the right name of the label leaks it.
sed 's/each(bool)/each(bool)\n  leak = Chrun/' "$spec" >chain.mlp
run 1 "$MLP" check --fix chain.mlp;         says err "fixed chain.mlp:38:10: E0201"; says err E0312

# Formats: one finding, each time in its place.
run 1 "$MLP" check --format=json wrong.mlp;   says out '"line":38'
"$MLP" check --json wrong.mlp >json || true;  same out json
run 1 "$MLP" check --format=github wrong.mlp; says out '::error file=wrong.mlp,line=38,endLine=38,col=7,endColumn=9,title=E0202%3A '
run 1 "$MLP" check --format=gitlab wrong.mlp; says out '"check_name": "E0202"'
run 1 "$MLP" check --format=junit wrong.mlp "$spec"; says out 'tests="2" failures="1"'
run 1 "$MLP" check --format=sarif wrong.mlp;  says out '"version": "2.1.0"'
run 2 "$MLP" check --format=xml wrong.mlp
sed "s#data/telco#$root/examples/telco-churn/data/telco#; s/trees         = 400/trees         = 60/; s/test.auc >= 0.82/test.auc >= 0.99/" "$spec" >greedy.mlp
run 1 "$MLP" test greedy.mlp
equal "$(cat out err | grep -c 'test.auc = [0-9.]*$')" 1 "a failed line of a test is measured once in the output"
says err E0642; says err greedy.mlp:
run 1 "$MLP" test --format=junit greedy.mlp;  says out 'failures="1"'; says out '<failure type="E0642"'
run 1 "$MLP" test --format=github greedy.mlp; says out '::error file=greedy.mlp,line='

# Differences apply with patch, whatever changes where.
sed 's/^  tenure$/     tenure/; 1s/^/\n\n/; s/ *trees  *=/  trees=/' "$spec" >loose.mlp; printf 'fn last(v: float) -> float = v' >>loose.mlp; cp loose.mlp byhand.mlp
run 0 "$MLP" fmt --diff loose.mlp; cp out patch
run 0 "$MLP" fmt loose.mlp
run 0 patch -s byhand.mlp patch; same byhand.mlp loose.mlp
run 0 "$MLP" fmt --check loose.mlp

# Every code is explained, listed and completed.
for code in $("$MLP" explain | cut -c1-5); do "$MLP" explain "$code" | head -1 | grep -q "^$code: " || fail "explain $code"; done; pass

# Completions: the bash one is run, as bash runs it.
run 0 "$MLP" completions bash; cp out completion.bash
run 0 bash -n completion.bash
complete_words() { # complete_words EXPECTED WORD...: the last word is being completed
  local want=$1; shift
  local got
  got=$(source ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mlp; echo "${COMPREPLY[*]}")
  equal "$got" "$want" "completing: $*"
}
complete_words "check" mlp ch
complete_words "--format --fix" mlp check --f
complete_words "sarif" mlp check --format = s
complete_words "text json sarif junit github gitlab" mlp check --format ""
complete_words "E0310 E0311 E0312 E0313 E0314 E0315 E0316 E0317" mlp explain E031
complete_words "bash zsh fish" mlp completions ""
mkdir -p place && cp "$spec" place/ && cd place && touch other.csv
cp ../completion.bash .
complete_words "telco-churn.mlp" mlp check ""
complete_words "other.csv" mlp score --input other
cd ..
commands=$("$MLP" --help | sed -n 's/^  \([a-z]\{2,\}\)  .*/\1/p')
complete_words "$(echo $commands)" mlp ""
for shell in zsh fish; do
  run 0 "$MLP" completions $shell
  for command in $commands; do says out "$command"; done
done
run 2 "$MLP" completions tcsh
if command -v zsh >/dev/null; then "$MLP" completions zsh >_mlp && run 0 zsh -n _mlp; fi
if command -v fish >/dev/null; then "$MLP" completions fish >mlp.fish && run 0 fish --no-execute mlp.fish; fi

# Manuals: a page for each command, which groff takes without a warning.
run 0 "$MLP" man --directory pages
equal "$(ls pages | wc -l)" "$(($(echo "$commands" | wc -l) + 1))" "manual pages"
run 0 "$MLP" man check; same out pages/mlp-check.1
run 2 "$MLP" man chek;  says err 'did you mean `mlp man check`'
if command -v groff >/dev/null; then
  for page in pages/*; do
    groff -man -ww -z "$page" 2>warnings || true
    [ -s warnings ] && fail "$page: $(head -1 warnings)"
  done
  pass
  groff -man -Tutf8 pages/mlp-check.1 2>/dev/null | sed 's/\x1b\[[0-9;]*m//g' >page; says page "One of: text, json, sarif, junit, github, gitlab."
fi

# The reference is what `mlp doc` writes; a spec documents itself.
run 0 "$MLP" doc;         same out "$root/docs/stdlib.md"
printf 'pipeline p "What it is"\n\n/// Weight over height squared.\n/// example bmi(70, 2) == 17.5\nfn bmi(weight: float,\n  height: float = 1.8) -> float = weight / height ^ 2\n' >own.mlp
run 0 "$MLP" doc own.mlp; says out '| `bmi(weight: float, height: float = 1.8) -> float` | Weight over height squared. | `bmi(70, 2) == 17.5` |'; says out '# p'
run 0 "$MLP" doc "$spec"; says out '| `spend` | `TotalCharges \|> impute(median) \|> log1p \|> standardize` |'

# The workflow of examples/ci, on a repository of two specs: its scripts, and the commands of its steps.
workflow=$root/examples/ci/.github/workflows/millrace.yml
mkdir -p repository/data && cd repository
export HOME=$work GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b PATH="$(dirname "$MLP"):$PATH"
git init -q -b main . && cp -r "$root/examples/ci/scripts" .
cp "$root/examples/telco-churn/data/telco-churn.csv" data/
sed 's/trees         = 400/trees         = 60/; /given {/d; s/test.auc >= 0.82/test.auc >= 0.7/' "$spec" >churn.mlp
sed 's/telco_churn/plain/; /^test churn/,/^}/d; /^deploy/,$d' churn.mlp >plain.mlp
"$MLP" fmt churn.mlp plain.mlp
git add . && git commit -qm first
steps() { sed -n "s/^        run: //p" "$workflow"; }
equal "$(steps | grep -c mlp)" 2 "steps of the workflow that run mlp"
steps | grep mlp >steps.sh; run 0 bash -e steps.sh
run 0 scripts/plan main; says out 'nothing is rebuilt'
git checkout -qb change
sed -i 's/learning_rate = 0.05/learning_rate = 0.1/' churn.mlp && cp plain.mlp fresh.mlp && git add churn.mlp fresh.mlp && git commit -qm second
run 0 scripts/plan main; says out '### `churn.mlp`'; says out retrain; says out 'A new spec'
if grep -q plain.mlp out; then fail "an unchanged spec is planned"; else pass; fi
run 0 scripts/test reports; says reports/churn.xml 'failures="0"'; equal "$(ls reports)" churn.xml "reports"
sed -i 's/test.auc >= 0.7/test.auc >= 0.99/' churn.mlp
run 1 scripts/test reports; says reports/churn.xml 'failures="1"'
sed -i 's/^  tenure$/  tenur/' churn.mlp
run 123 bash -e steps.sh; says out '::error file=churn.mlp,line='
cd ..

# The hooks of pre-commit name commands that exist.
grep '^  entry: ' "$root/.pre-commit-hooks.yaml" | sed 's/^  entry: mlp //' >entries
equal "$(echo $(cat entries))" "check fmt" "hooks"
while read -r entry; do run 0 "$MLP" $entry place/telco-churn.mlp; done <entries
finish
