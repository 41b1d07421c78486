# Params, --set and imports: typed, recorded with the run, and enough in a package to train again elsewhere.
source "$(dirname "$0")/lib.sh"
mkdir -p specs/common/deep data
{ echo id,a,b,kind,flag; for i in $(seq 600); do a=$((i * 7919 % 101)); echo "$i,$a,$((i * 104729 % 97)),k$((i % 3)),$((a > 50 ? 1 : 0))"; done; } >data/d.csv
sed 's/k1/k9/' data/d.csv >data/e.csv
cat >specs/common/row.mlp <<'SPEC'
import "deep/units.mlp"

schema Row {
  id   : id
  a    : float
  b    : float
  kind : category
  flag : bool
}

source rows_in: Row = csv(concat("../../data/", file))
SPEC
cat >specs/common/deep/units.mlp <<'SPEC'
/// In hundreds, at least `least`.
fn hundreds(v: float) -> float = max(v, least) / 100
SPEC
cat >specs/small.mlp <<'SPEC'
pipeline small

import "common/row.mlp"
import "common/deep/units.mlp"

param file: string = "d.csv"
param least: float in 0..60 = 2
param rounds: int in 1..100 = 5 "trees"
param parts: float = 20%

features x from rows_in {
  a = hundreds(a)
  b
  kind
}

split rows_in { train = 1 - 2 * parts, valid = parts, test = parts, by = hash(id) }

model m = gbdt {
  predict flag from x
  trees   = rounds
}

test m {
  require test.auc >= 0.6
}
SPEC
S=specs/small.mlp
run 0 "$MLP" check $S
run 0 "$MLP" fmt --check $S specs/common/row.mlp specs/common/deep/units.mlp
run 0 "$MLP" train $S --json && cp out plain; plain=$(json package out)
says out '"rounds":5'
run 0 "$MLP" test $S --set least=2 --set rounds=5 --json
equal "$(json run out)" "${plain:0:12}" "params set to their own values train nothing"
run 0 "$MLP" train $S --set rounds=9 --json && cp out nine; nine=$(json run out)
says out '"rounds":9'
run 0 "$MLP" test $S --set rounds=9 --json
equal "$(json run out)" "$nine" "the run with this value is tested, not trained again"
run 0 "$MLP" test "$nine"
run 0 "$MLP" show "$nine" --json
says out '"rounds":"9"'
run 0 "$MLP" show "$nine"
says out 'rounds = 9 (set)'
run 0 "$MLP" plan $S --set rounds=9
says out 'trees=9'; says out 'rounds = 9 (set)'
run 0 "$MLP" score $S --set rounds=9 --input data/d.csv --output nine.csv
run 0 "$MLP" build $S --set rounds=9 -o nine
run 0 ./nine score --input data/d.csv --output built.csv
same nine.csv built.csv
run 0 "$MLP" train $S --set file=e.csv --json
if [ "$(json sha256 out)" != "$(json sha256 plain)" ]; then pass; else fail "another file has the same digest"; fi

# A package holds all that it was made of: it trains again where the imports are gone.
run 0 "$MLP" rerun "$nine" --threads 1
cp -r specs kept && rm -r specs/common
run 0 "$MLP" rerun "$nine"
run 0 "$MLP" score "$nine" --input data/d.csv --output again.csv
same nine.csv again.csv
rm -r specs && mv kept specs

# A changed import is a changed spec; a comment in it is not.
echo '// a comment' >>specs/common/deep/units.mlp
run 0 "$MLP" test $S --json
equal "$(json run out | cut -c1-12)" "$(json run plain | cut -c1-12)" "a comment in an import trains nothing"
sed -i 's|/ 100|/ 50 + v ^ 2|' specs/common/deep/units.mlp
run 0 "$MLP" test $S
says err 'training it'

# What is wrong is shown where it stands.
run 2 "$MLP" check $S --set leest=3
says err 'error[E0250]: the spec has no param `leest`'; says err 'did you mean `least`?'; says err '--set:1:1'
run 2 "$MLP" train $S --set least=61
says err 'error[E0250]'; says err 'least=61'; says err 'specs/small.mlp:7:7'
run 2 "$MLP" train $S --set rounds=many
says err 'param `rounds` is a `int`, found `many`'
run 2 "$MLP" check $S --set rounds
says err 'is not `name=value`'
run 2 "$MLP" check $S --set rounds=1 --set rounds=2
says err 'twice'
run 2 "$MLP" test "$nine" --set rounds=1
says err 'needs a spec'
echo 'fn broken(v: float) -> float = v + w' >>specs/common/deep/units.mlp
run 1 "$MLP" check $S
says err 'specs/common/deep/units.mlp:4:36'; says err 'error[E0201]'
run 1 "$MLP" check --json $S
says out '"file":"specs/common/deep/units.mlp"'
printf 'schema Row { a: int }\n' >>specs/small.mlp
run 1 "$MLP" check $S
says err 'schema `Row` is declared twice'
cat >a.mlp <<'SPEC'
import "b.mlp"
SPEC
cat >b.mlp <<'SPEC'
import "a.mlp"
SPEC
run 1 "$MLP" check a.mlp
says err 'error[E0253]: `a.mlp` imports `b.mlp` imports `a.mlp`'; says err 'b.mlp:1:8'
echo 'import "none.mlp"' >a.mlp
run 1 "$MLP" check a.mlp
says err 'error[E0252]'; says err 'a.mlp:1:8'
echo 'import "/etc/x.mlp"' >a.mlp
run 1 "$MLP" check a.mlp
says err 'cannot be absolute'
echo 'import "data/d.csv"' >a.mlp
run 1 "$MLP" check a.mlp
says err 'names a `.mlp` file'
finish
