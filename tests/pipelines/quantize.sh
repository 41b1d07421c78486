# Networks of bytes: what they cost is measured and bounded, artifacts score with them and are smaller.
source "$(dirname "$0")/lib.sh"
awk 'BEGIN { srand(7); print "a,b,far,kind,label,y"; for (i = 0; i < 6000; i++) { a = rand() * 2 - 1; b = rand() * 2 - 1; k = int(rand() * 4); l = a * b > 0.1 ? "up" : k == 3 ? "side" : "down"; printf "%.4f,%.4f,%d,k%d,%s,%.4f\n", a, b, (i % 999 == 1 ? 100000 : 0), k, l, a * b + k } }' >d.csv
spec() { # spec TARGET FEATURES LAYERS
  cat <<SPEC
pipeline net
schema Row {
  a     : float
  b     : float
  far   : float
  kind  : category
  label : category
  y     : float
}
source rows_in: Row = csv("d.csv")
features x from rows_in {
  a
  b
  $2
}
split rows_in { train = 60%, valid = 20%, test = 20%, by = every(5) }
model m = network {
  predict $1 from x
  layers = $3
  optimizer = adam(lr = 0.005)
  batch  = 64
  epochs = 8
}
SPEC
}
spec label kind 'dense(256, relu) |> batch_norm() |> dropout(10%) |> dense(256, tanh) |> dense(3)' >net.mlp
run 0 "$MLP" build net.mlp -o floats
run 0 "$MLP" build net.mlp -o bytes --quantize=int8 --max-drop=2%
says out "68,864 of 69,923 weights"   # the embedding, the offsets and the batch norm stay floats
run 0 "$MLP" build net.mlp -o again --quantize=int8 --max-drop=2% --json
same bytes again
says out '"metric":"accuracy"'
[ "$(stat -c %s bytes)" -lt $(($(stat -c %s floats) - 190000)) ] && pass || fail "$(stat -c %s bytes) bytes instead of $(stat -c %s floats)"
run 0 ./bytes selftest
run 0 ./floats score --input d.csv --output floats.csv
run 0 ./bytes score --input d.csv --output bytes.csv
! cmp -s floats.csv bytes.csv && pass || fail "bytes compute what floats do"
other=$(paste -d, floats.csv bytes.csv | awk -F, 'NR > 1 && $1 != $5' | wc -l)
[ "$other" -lt 120 ] && pass || fail "$other of 6000 predictions are others"
head -2 d.csv >one.csv
run 0 ./bytes score --input one.csv --output one.out
(head -2 bytes.csv) >wanted
same one.out wanted   # a row alone is the row among others
run 0 "$MLP" build net.mlp --kind=lib -o net.so --quantize=int8 --max-drop=2%

spec y kind 'dense(64, relu) |> dense(1)' >number.mlp
run 0 "$MLP" build number.mlp -o number --quantize=int8 --max-drop=10%
says out "test.rmse"
run 0 ./number selftest
spec label kind 'sequence(2) |> conv1d(8, 1, tanh) |> flatten |> dense(3)' | sed 's/^  kind$//' >steps.mlp
run 0 "$MLP" build steps.mlp -o steps --quantize=int8 --max-drop=5%
run 0 ./steps selftest

# One far number takes all the bytes for itself.
spec label far 'dense(32, relu) |> batch_norm() |> dense(3)' >far.mlp
run 1 "$MLP" build far.mlp -o far --quantize=int8
says err E0648
says err "0.5% is allowed"
[ ! -e far ] && pass || fail "built what was refused"
spec label a2=a*a 'dense(3)' | sed 's/= network/= linear/; /layers\|batch\|epochs\|optimizer/d' >linear.mlp
run 1 "$MLP" build linear.mlp -o linear --quantize=int8
says err E0649
run 2 "$MLP" build net.mlp -o bytes --quantize=int8 --max-drop=much
sed '2,40d' d.csv >other.csv && mv other.csv d.csv
run 0 "$MLP" runs
latest=$("$MLP" runs net | awk 'NR == 1 { print $1 }')
run 1 "$MLP" build "$latest" -o bytes --quantize=int8
says err E0907
finish
