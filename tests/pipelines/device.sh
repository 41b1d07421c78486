# mlp score --device=cuda: the same bytes as on the CPU, by a driver that runs on the host; what is said where no GPU is.
source "$(dirname "$0")/lib.sh"
: "${FAKE_DRIVER:?a driver that runs on the host}"
{
  echo id,a,b,kind,amount,class
  for i in $(seq 3000); do
    a=$((i * 7919 % 101)); b=$((i * 104729 % 97))
    echo "$i,$a,$([ $((i % 9)) = 0 ] || echo $b),k$((i * 31 % 7 % 4)),$((a * 3 + b + i % 7)),$((a > 60 ? 2 : b > 50 ? 1 : 0))x"
  done
} >d.csv
spec() { # spec TARGET MODEL LINES FEATURES
  cat <<SPEC
pipeline small
schema Row {
  id     : id
  a      : float
  b      : float?
  kind   : category
  amount : float
  class  : category
}
source rows_in: Row = csv("d.csv")
features x from rows_in { $4 }
split rows_in { by = every(5), valid = 0 }
model m = $2 {
  predict $1 from x
$3
}
test m { }
SPEC
}

# Here a GPU may be: libcuda.so.1 is found first where the fake one lies.
mkdir fake
cp "$FAKE_DRIVER" fake/libcuda.so.1
export MLP_CUBLASLT=none

while IFS='|' read -r target model lines; do
  spec "$target" "$model" "  $lines" "a, b, kind" >s.mlp
  run 0 "$MLP" train s.mlp --no-cache
  run 0 "$MLP" score s.mlp -i d.csv -o cpu.csv
  run 0 env LD_LIBRARY_PATH=fake "$MLP" score s.mlp -i d.csv -o cuda.csv --device=cuda
  says err "device: Host, compute capability 8.0, driver 12.4"
  same cpu.csv cuda.csv
  run 0 env LD_LIBRARY_PATH=fake "$MLP" score s.mlp -i d.csv -o cuda.csv --device=cuda --features --threads 2 -q
  run 0 "$MLP" score s.mlp -i d.csv -o cpu.csv --features
  same cpu.csv cuda.csv
done <<'MODELS'
amount|gbdt|trees = 40
class|gbdt|trees = 20
class|forest|trees = 20
MODELS

run 0 "$MLP" score s.mlp -i d.csv -o cuda.csv --device=cpu
run 3 env FAKE_CUDA=no_gpu LD_LIBRARY_PATH=fake "$MLP" score s.mlp -i d.csv -o none.csv --device=cuda; says err E0924; says err "sees no GPU"
[ ! -e none.csv ] && pass || fail "something was written"
# Networks are trained there too.
spec amount network "  layers = dense(4, relu) |> dense(1)
  epochs = 2" "a, amount_again = a * 2" >n.mlp
run 3 env FAKE_CUDA=no_gpu LD_LIBRARY_PATH=fake "$MLP" train n.mlp --device=cuda; says err E0924
run 2 env LD_LIBRARY_PATH=fake "$MLP" train s.mlp --device=cuda; says err E0926; says err "trained on the CPU"
run 2 "$MLP" train n.mlp --device=tpu
run 0 "$MLP" plan n.mlp --emit=ptx; says out ".entry mlp_train_"

echo "not a library" >fake/libcuda.so.1
run 3 env LD_LIBRARY_PATH=fake "$MLP" score s.mlp -i d.csv --device=cuda; says err E0924; says err "libcuda.so.1"
run 3 env LD_LIBRARY_PATH=fake "$MLP" train n.mlp --device=cuda; says err E0924
run 2 "$MLP" plan s.mlp --emit=ptx; says err E0926; says err "the feature \`kind\` needs texts"
run 2 "$MLP" score s.mlp -i d.csv --device=tpu

spec amount linear "" a >l.mlp
run 0 "$MLP" plan l.mlp --emit=ptx; says out ".entry mlp_features"
run 0 "$MLP" train l.mlp --no-cache
run 2 "$MLP" score l.mlp -i d.csv --device=cuda; says err E0926; says err "only models of trees"
finish
