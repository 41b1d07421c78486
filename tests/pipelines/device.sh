# mlp score --device=cuda and artifacts with `target = cuda`: the same bytes as on the CPU, by a driver that runs on the host; what is said
# where no GPU is.
source "$(dirname "$0")/lib.sh"
: "${FAKE_DRIVER:?a driver that runs on the host}"
{
  echo id,a,b,kind,amount,class
  for i in $(seq 3000); do
    a=$((i * 7919 % 101)); b=$((i * 104729 % 97))
    echo "$i,$a,$([ $((i % 9)) = 0 ] || echo $b),k$((i * 31 % 7 % 4)),$((a * 3 + b + i % 7)),$((a > 60 ? 2 : b > 50 ? 1 : 0))x"
  done
} >d.csv
spec() { # spec TARGET MODEL LINES FEATURES [DEPLOY]
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
${5:-}
SPEC
}

# Here a GPU may be: libcuda.so.1 is found first where the fake one lies.
mkdir fake broken
cp "$FAKE_DRIVER" fake/libcuda.so.1
echo "not a library" >broken/libcuda.so.1
export MLP_CUBLASLT=none
with_gpu() { env LD_LIBRARY_PATH=fake "$@"; }
without_gpu() { env LD_LIBRARY_PATH=broken "$@"; }
features="low = log(a + 1), high = b |> impute |> standardize, a, kind, both = log(a + 1) * high"

while IFS='|' read -r target model lines; do
  spec "$target" "$model" "  $lines" "$features" >s.mlp
  run 0 "$MLP" train s.mlp --no-cache
  run 0 "$MLP" score s.mlp -i d.csv -o cpu.csv
  run 0 with_gpu "$MLP" score s.mlp -i d.csv -o cuda.csv --device=cuda
  says err "device: Host, compute capability 8.0, driver 12.4"
  says err "on it: 3 of 5 features, "
  same cpu.csv cuda.csv
  run 0 with_gpu "$MLP" score s.mlp -i d.csv -o cuda.csv --device=cuda --features --threads 2 -q
  [ -s err ] && fail "-q is not quiet: $(cat err)" || pass
  run 0 "$MLP" score s.mlp -i d.csv -o cpu.csv --features
  same cpu.csv cuda.csv
done <<'MODELS'
amount|gbdt|trees = 40
class|gbdt|trees = 20
class|forest|trees = 20
MODELS

# More than one piece, and more than one batch a piece.
for _ in $(seq 120); do tail -n +2 d.csv; done | sed "1i$(head -1 d.csv)" >large.csv
run 0 "$MLP" score s.mlp -i large.csv -o cpu.csv
run 0 with_gpu "$MLP" score s.mlp -i large.csv -o cuda.csv --device=cuda --threads 2; same cpu.csv cuda.csv
equal "$(wc -l <cuda.csv)" 360001 "rows of the large file"
rm large.csv

# Functions of C, fitted tables and what uses them are computed here, the rest there.
echo 'double half(double v) { return v / 2; }' >half.c
spec amount gbdt "" "low = log(a + 1), c = half(a) + 1, usual = kind |> target_encode, rare = log(usual + 2), far = hash_bucket(to_int(a) |> coalesce(0), 10), inner = clamp(a * 2, 3, 90)" |
  sed 's|^schema Row|extern fn half(v: float) -> float from "half.c"\n&|' >e.mlp
run 0 "$MLP" train e.mlp --no-cache
run 0 "$MLP" score e.mlp -i d.csv -o cpu.csv --features
run 0 with_gpu "$MLP" score e.mlp -i d.csv -o cuda.csv --device=cuda --features; says err "on it: 3 of 6 features"; same cpu.csv cuda.csv
echo 'deploy api serves m { target = cuda }' >>e.mlp
run 0 "$MLP" build e.mlp -o mixed
run 0 with_gpu ./mixed score -i d.csv -o cuda.csv --features; says err "on it: 3 of 6 features"; same cpu.csv cuda.csv

# Nothing is computed there of features that need texts; all is, of those that do not.
spec amount gbdt "" "kind, size = length(to_text(kind))" >t.mlp
run 0 "$MLP" train t.mlp --no-cache
run 0 "$MLP" score t.mlp -i d.csv -o cpu.csv
run 0 with_gpu "$MLP" score t.mlp -i d.csv -o cuda.csv --device=cuda; says err "on it: 0 of 2 features"; same cpu.csv cuda.csv
spec amount gbdt "" "low = log(a + 1), twice = a * 2" >t.mlp
run 0 "$MLP" train t.mlp --no-cache
run 0 "$MLP" score t.mlp -i d.csv -o cpu.csv
run 0 with_gpu "$MLP" score t.mlp -i d.csv -o cuda.csv --device=cuda; says err "on it: 2 of 2 features"; same cpu.csv cuda.csv

run 0 "$MLP" score s.mlp -i d.csv -o cuda.csv --device=cpu
run 3 env FAKE_CUDA=no_gpu LD_LIBRARY_PATH=fake "$MLP" score s.mlp -i d.csv -o none.csv --device=cuda; says err E0924; says err "sees no GPU"
[ ! -e none.csv ] && pass || fail "something was written"

# near A B: the predictions of both files differ by 1e-4 of their size at most.
near() {
  if paste -d, <(tail -n +2 "$1") <(tail -n +2 "$2") | awk -F, '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4 * (1 + ($1 < 0 ? -$1 : $1))) exit 1 } END { exit NR != 3000 }'; then pass; else fail "$1 and $2 are not near"; fi
}
# Networks are scored and trained there too.
network="  layers = dense(4, relu) |> dense(1)
  epochs = 2"
spec amount network "$network" "twice = a * 2 |> standardize, a, kind" >n.mlp
run 0 "$MLP" train n.mlp --no-cache
run 0 "$MLP" score n.mlp -i d.csv -o cpu.csv
run 0 with_gpu "$MLP" score n.mlp -i d.csv -o cuda.csv --device=cuda; says err "on it: 1 of 3 features, the network"; near cpu.csv cuda.csv
run 3 env FAKE_CUDA=no_gpu LD_LIBRARY_PATH=fake "$MLP" train n.mlp --device=cuda; says err E0924
run 2 env LD_LIBRARY_PATH=fake "$MLP" train s.mlp --device=cuda; says err E0926; says err "trained on the CPU"
run 2 "$MLP" train n.mlp --device=tpu
run 0 "$MLP" plan n.mlp --emit=ptx; says out ".entry mlp_train_"

run 3 without_gpu "$MLP" score s.mlp -i d.csv --device=cuda; says err E0924; says err "libcuda.so.1"
run 3 without_gpu "$MLP" train n.mlp --device=cuda; says err E0924
run 0 "$MLP" plan s.mlp --emit=ptx; says out ".entry mlp_features"
run 2 "$MLP" score s.mlp -i d.csv --device=tpu

spec amount linear "" a >l.mlp
run 2 "$MLP" plan l.mlp --emit=ptx; says err E0926; says err "no feature is computed on a GPU"
run 0 "$MLP" train l.mlp --no-cache
run 2 "$MLP" score l.mlp -i d.csv --device=cuda; says err E0926; says err "only models of trees"

# An artifact that scores on a GPU where there is one: one file, the bytes of the CPU.
spec class forest "trees = 20" "$features" "deploy api serves m { target = cuda, http = listen(0) }" >s.mlp
run 0 "$MLP" plan s.mlp; says out "scored on an NVIDIA GPU where there is one"
run 0 "$MLP" build s.mlp -o art --json; equal "$(json target out)" cuda "the target of the artifact"
run 0 "$MLP" score s.mlp -i d.csv -o cpu.csv
run 0 "$MLP" score s.mlp -i d.csv -o cpu.features --features
run 0 with_gpu ./art score -i d.csv -o art.csv
says err "device: Host, compute capability 8.0, driver 12.4"; says err "on it: 3 of 5 features, 20 trees"
same cpu.csv art.csv
run 0 with_gpu ./art score -i d.csv -o art.csv --features --device=cuda; same cpu.features art.csv
run 0 without_gpu ./art score -i d.csv -o art.csv; says err "device: cpu (E0924: NVIDIA's driver cannot be opened"; same cpu.csv art.csv
run 3 without_gpu ./art score -i d.csv --device=cuda; says err E0924; [ -s out ] && fail "it scored" || pass
run 0 with_gpu ./art score -i d.csv -o art.csv --device cpu; says err "device: cpu"; same cpu.csv art.csv
for how in "no_gpu|E0924: NVIDIA's driver is here, but sees no GPU" "old_gpu|E0924: the GPU is too old: its compute capability is 6.0" "full|E0925: the GPU has no memory for"; do
  run 0 with_gpu env FAKE_CUDA="${how%%|*}" ./art score -i d.csv -o art.csv; says err "device: cpu (${how#*|}"; same cpu.csv art.csv
  run 3 with_gpu env FAKE_CUDA="${how%%|*}" ./art score -i d.csv -o none.csv --device=cuda; says err "${how#*|*: }"
done
mkdir old && cp "$(dirname "$MLP")/lib/millrace/x86_64/libm.so.6" old/libcuda.so.1
run 0 env LD_LIBRARY_PATH=old ./art score -i d.csv -o art.csv; says err "E0924"; says err "is too old: it has no \`cuInit\`"; same cpu.csv art.csv
# A GPU that fails under way: the CPU goes on, unless the GPU was asked for.
run 0 with_gpu env FAKE_CUDA=breaks ./art score -i d.csv -o art.csv; says err "device: Host"; says err "device: cpu from here on (E0925"; same cpu.csv art.csv
run 3 with_gpu env FAKE_CUDA=breaks ./art score -i d.csv -o none.csv --device=cuda; says err E0925
[ ! -e none.csv ] && pass || fail "something was written"

run 0 ./art info; says out "an NVIDIA GPU where there is one"
run 0 ./art info --json; equal "$(json device out)" cuda "the device of the artifact"
run 0 ./art score --help; says out "--device DEVICE"
run 2 ./art score -i d.csv --device=tpu
run 0 with_gpu ./art selftest; says out "ok    device"; says out "Host, compute capability 8.0, driver 12.4, the same bits"
run 0 without_gpu ./art selftest; says out "none here (E0924), the CPU scores"
run 0 with_gpu ./art bench --rows 2000 --seconds 1; says err "device: Host"
env LD_LIBRARY_PATH=fake ./art serve 2>serve.err & pids+=($!)
wait_for "listening on" serve.err; says serve.err "device: Host"
url=$(sed -n 's/^listening on //p' serve.err)
run 0 curl -sf "$url/invocations" -H 'Content-Type: text/csv' --data-binary @d.csv
equal "$(grep -o '"prediction"' out | wc -l)" "$(curl -sf "$url/invocations" -H 'Content-Type: text/csv' --data-binary @d.csv | grep -o '"prediction"' | wc -l)" "answers"
kill "${pids[-1]}"
env LD_LIBRARY_PATH=fake FAKE_CUDA=breaks ./art serve --device=cuda 2>serve.err & pids+=($!)
wait_for "listening on" serve.err
url=$(sed -n 's/^listening on //p' serve.err)
equal "$(curl -s -o out -w '%{http_code}' "$url/invocations" -H 'Content-Type: text/csv' --data-binary @d.csv)" 503 "the answer of a server whose GPU fails"; says out E0925
kill "${pids[-1]}"

# Nothing but libc beside it; and other artifacts know nothing of it.
mkdir -p root/lib64 root/lib/x86_64-linux-gnu && cp art root/
runtime=$(dirname "$MLP")/lib/millrace/x86_64
cp "$runtime/ld-linux-x86-64.so.2" root/lib64/ && cp "$runtime"/lib{c,m}.so.6 root/lib/x86_64-linux-gnu/
if [ "$(id -u)" = 0 ]; then
  chroot root /art score <d.csv >root.csv 2>err && same cpu.csv root.csv || fail "in a root with libc alone: $(cat err)"
  says err "device: cpu (E0924"
else echo "[SKIP] chroot needs root"; fi
for at in 100 $(($(stat -c %s art) / 2)) $(($(stat -c %s art) - 20)); do
  cp art damaged; printf '\xa5\x5a' | dd of=damaged bs=1 seek="$at" conv=notrunc status=none
  if ./damaged info >out 2>&1; then fail "two other bytes at $at go unnoticed"; else pass; fi
done 2>>shell.err  # the shell reports what the kernel ended
run 0 "$MLP" build s.mlp -o again; same art again
spec class forest "trees = 20" "$features" >s.mlp
run 0 "$MLP" build s.mlp -o plain
run 2 ./plain score -i d.csv --device=cpu; says err E0901
grep -qa cuInit art && ! grep -qa cuInit plain && pass || fail "the driver is asked for by a program for the CPU, or by none"
spec amount network "$network" "twice = a * 2 |> standardize, a, kind" "deploy api serves m { target = cuda }" >n.mlp
run 0 "$MLP" build n.mlp -o net
run 0 ./net score -i d.csv -o cpu.csv --device=cpu
run 0 with_gpu ./net score -i d.csv -o cuda.csv; says err "on it: 1 of 3 features, the network"; near cpu.csv cuda.csv
run 0 with_gpu ./net selftest; says out "the same but for rounding"
run 2 "$MLP" build n.mlp -o net --quantize=int8; says err E0926; says err "its weights are bytes"
run 2 "$MLP" build n.mlp --kind=lib; says err E0901; says err "\`target = cuda\` makes programs"
finish
