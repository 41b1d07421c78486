# Networks from the spec to the artifact: what is wrong with data, training that is killed goes on to the same bytes, and the artifact
# needs nothing but itself.
source "$(dirname "$0")/lib.sh"
awk 'BEGIN { srand(7); print "a,b,kind,note,label"; for (i = 0; i < 6000; i++) { a = rand() * 2 - 1; b = rand() * 2 - 1; k = int(rand() * 4); l = a * b > 0.1 ? "up" : k == 3 ? "side" : "down"; printf "%.4f,%.4f,k%d,%s,%s\n", a, b, k, (l == "up" ? "rising high" : "so it is"), l } }' >d.csv
spec() { # spec LAYERS EXTRA
  cat <<SPEC
pipeline net
schema Row {
  a     : float
  b     : float
  kind  : category
  note  : text
  label : category
}
source rows_in: Row = csv("d.csv")
features x from rows_in {
  a
  b
  kind
  words = note |> hash_terms(64)
}
split rows_in { train = 60%, valid = 20%, test = 20%, by = every(5) }
model m = network {
  predict label from x
  layers = $1
  optimizer = adam(lr = 0.005)
  batch = 64
  $2
}
test m { require test.accuracy >= 0.9 }
SPEC
}
spec 'dense(32, relu) |> batch_norm() |> dropout(10%) |> dense(3)' 'epochs = 12, schedule = cosine, clip = 5' >net.mlp
run 0 "$MLP" check net.mlp
run 0 "$MLP" train net.mlp --threads 1 --json --store one
one=$(json package out)
run 0 "$MLP" train net.mlp --threads 2 --json --store two
equal "$one" "$(json package out)" "package at 1 and at 2 threads"
run 0 "$MLP" test net.mlp --store one
says out " 0 failed"
run 0 "$MLP" rerun latest --store one
says out "the same bytes again"

# Killed in the midst, again and again, training goes on where it was, to the same bytes.
sed 's/epochs = 12/epochs = 150/' net.mlp >long.mlp
run 0 "$MLP" train long.mlp --json --store one
one=$(json package out)
struck=0
for i in $(seq 8); do
  "$MLP" train long.mlp --json --store killed --checkpoint 0 >ack 2>/dev/null &
  pid=$!
  sleep "0.$((25 + i * 9))"
  if kill -9 $pid 2>/dev/null; then struck=$((struck + 1)); fi
  wait $pid 2>/dev/null || true
  if grep -q '"package"' ack; then break; fi
done 2>/dev/null
[ "$struck" -gt 0 ] && pass || fail "nothing was killed"
run 0 "$MLP" train long.mlp --json --store killed
equal "$one" "$(json package out)" "package after $struck interruptions"

# Gradients of library layers and of a spec's own beside central differences; a derivative that leaves steps out is above the bound.
{
  echo 'layer bent(v: float[.., n], units: int) -> float[.., units] {'
  echo '  let w = weight([n, units])'
  echo '  log(1 + exp(v @ w)) * sin(v @ w + weight([units], init = 0.1))'
  echo '}'
  spec 'bent(8) |> layer_norm() |> dense(12, tanh) |> dense(3)' 'epochs = 2'
} >bent.mlp
run 0 "$MLP" train --check-gradients 0.01 bent.mlp --json --store one
one=$(json package out)
says err "bent_1.w "
says err "embedding.words"
run 0 "$MLP" train bent.mlp --no-cache --json --store one
equal "$one" "$(json package out)" "package with gradients checked and without"
sed 's/epochs = 2/epochs = 2, precision = bf16/' bent.mlp >bent_rounded.mlp   # checked without the rounding, trained with it
run 0 "$MLP" train --check-gradients 0.01 bent_rounded.mlp --json --store one
one=$(json package out)
run 0 "$MLP" train bent_rounded.mlp --no-cache --json --store one
equal "$one" "$(json package out)" "package of rounded products with gradients checked and without"
{
  echo 'layer stepped(v: float[n]) -> float[n] = v + 5 * floor(2 * v)'
  spec 'dense(8) |> stepped |> dense(3)' 'epochs = 1'
} >stepped.mlp
run 1 "$MLP" train stepped.mlp --check-gradients 0.5 --store one
says err "E0612"
sed 's/network {/gbdt {/; /layers =/d; /optimizer =/d; /batch =/d; /epochs =/d' net.mlp >trees.mlp
run 2 "$MLP" train trees.mlp --check-gradients 0.01 --store one
says err "E0901"

# What a mean takes out has no gradient but what rounds.
spec 'dense(16) |> batch_norm() |> activate(tanh) |> dense(3)' 'epochs = 1' >free.mlp
run 0 "$MLP" train free.mlp --check-gradients 0.01 --store one

# Weights and means of three axes leave training and come back.
{
  echo 'layer scaled(v: float[h, w, c]) -> float[h, w, c] = (v - batch_mean(v)) * weight([h, w, c], init = ones)'
  spec 'dense(12) |> image(3, 4) |> scaled |> flatten |> dense(3)' 'epochs = 2'
} >axes.mlp
run 0 "$MLP" train axes.mlp --store one
run 0 "$MLP" rerun latest --store one
run 0 "$MLP" build axes.mlp -o axes --store one
run 0 ./axes selftest

# A mean that grows out of single precision is found before a run is recorded.
{
  echo 'layer far_away(v: float[n]) -> float[n] = v * 1e30'
  spec 'dense(12) |> far_away |> batch_norm() |> dense(3)' 'epochs = 2'
} >lost.mlp
run 1 "$MLP" train lost.mlp --store one
says err "E0606"
says err "batch_norm_1.spread"

# A package that cannot be read any more does not stand in the way of another run.
run 0 "$MLP" train axes.mlp --store torn --json
package=$(find torn -name '*.mlpkg')
chmod u+w "$package" && truncate -s -1 "$package"
run 3 "$MLP" build axes.mlp -o axes2 --store torn
says err "E0706"
sed 's/epochs = 2/epochs = 3/' axes.mlp >axes3.mlp
run 0 "$MLP" train axes3.mlp --store torn --no-cache
run 0 "$MLP" build axes3.mlp -o axes2 --store torn

# A recurrence over many places.
{
  echo 'pipeline long'
  printf 'schema Row {\n  f0..f1199 : float\n  y : float\n}\nsource rows_in: Row = csv("d.csv")\nfeatures x from rows_in { columns("f*") }\nmodel m = network {\n  predict y from x\n  layers = sequence(1200) |> gru(4) |> dense(1)\n}\n'
} >places.mlp
run 0 "$MLP" plan places.mlp --stop-after=lower

# Factors of products rounded to bfloat16: the same bytes at 1 and 2 threads, as good, and another model; the artifact computes the same.
sed 's/epochs = 12/epochs = 12, precision = bf16/' net.mlp >rounded.mlp
run 0 "$MLP" train rounded.mlp --threads 1 --json --store one
rounded=$(json package out)
run 0 "$MLP" train rounded.mlp --threads 2 --json --store two
equal "$rounded" "$(json package out)" "package of rounded products at 1 and at 2 threads"
run 0 "$MLP" test rounded.mlp --store one
says out " 0 failed"
run 0 "$MLP" rerun latest --store one
says out "the same bytes again"
run 0 "$MLP" plan rounded.mlp --store one
says out "precision=bf16"
says out "products of a batch of 64 "
says out "factors rounded to bfloat16"
run 0 "$MLP" plan rounded.mlp --store one --json
equal '[["dense_1",false,1,64,32,18],["dense_2",false,1,64,3,32]]' "$(jq -c '[.model.products[] | select(.gradient | not) | [.layer, .gradient, .times, .m, .n, .k]]' out)" "products of the forward pass"
equal '["dense_1","dense_1","dense_2","dense_2"]' "$(jq -c '[.model.products[] | select(.gradient) | .layer] | sort' out)" "products of gradients"
equal '[1]' "$(jq -c '[.model.products[].packed_from_rows] | unique' out)" "rounded products pack"
run 0 "$MLP" build rounded.mlp -o rounded --store one
run 0 ./rounded selftest
run 0 "$MLP" score rounded.mlp --input d.csv --output ours.csv --store one
run 0 ./rounded score --input d.csv --output theirs.csv
same ours.csv theirs.csv
run 0 "$MLP" score net.mlp --input d.csv --output floats.csv --store one
! cmp -s ours.csv floats.csv && pass || fail "rounded products compute what others do"
(head -1 d.csv; sed -n 778p d.csv) >row.csv
run 0 ./rounded score --input row.csv
(head -1 ours.csv; sed -n 778p ours.csv) >wanted
same out wanted
run 0 "$MLP" plan net.mlp --store one --against rounded.mlp --json
says out precision
run 0 "$MLP" build rounded.mlp -o bytes --quantize=int8 --max-drop=5% --store one
run 0 ./bytes selftest

# Rows so large that few go through the steps together, before a large weight: its gradient waits for more of them. One column of
# a product is computed transposed, but of rounded factors.
awk 'BEGIN { srand(3); printf "y"; for (c = 0; c < 1024; c++) printf ",p%d", c; print ""; for (i = 0; i < 60; i++) { s = ""; t = 0; for (c = 0; c < 1024; c++) { v = rand(); if (c < 40) t += v; s = s sprintf(",%.3f", v) } printf "%.3f%s\n", t, s } }' >large.csv
for norm in "" "|> batch_norm()"; do
  cat >large.mlp <<SPEC
pipeline large
schema Row {
  y         : float
  p0..p1023 : float
}
source rows_in: Row = csv("large.csv")
features x from rows_in { columns("p*") }
split rows_in { train = 80%, valid = 0%, test = 20%, by = every(5) }
model m = network {
  predict y from x
  layers = image(32, 32) |> conv2d(64, 3, relu, pad = 1) $norm |> max_pool(4) |> flatten() |> dense(64, relu) |> dense(1)
  epochs = 2, batch = 16
}
SPEC
  run 0 "$MLP" train large.mlp --check-gradients 0.2 --threads 1 --json --store one
  large=$(json package out)
  run 0 "$MLP" train large.mlp --threads 3 --json --store two
  equal "$large" "$(json package out)" "package of large rows at 1 and at 3 threads"
done
transposed() { jq -c '[.model.products[] | select(.layer == "dense_2" and .transposed)] | length' out; }
run 0 "$MLP" plan large.mlp --json
equal "$(grep -q -w avx2 /proc/cpuinfo && echo 2 || echo 0)" "$(transposed)" "products of one column"
sed -i 's/batch = 16/batch = 16, precision = bf16/' large.mlp
run 0 "$MLP" plan large.mlp --json
equal 0 "$(transposed)" "rounded products of one column"

# What only the data shows.
spec 'dense(16, relu) |> dense(4)' 'epochs = 2' >wide.mlp
run 1 "$MLP" train wide.mlp --store one
says err "E0611"
says err "4 numbers, and the label has 3 classes"
spec 'dense(16) |> dense(3)' 'epochs = 20' | sed 's/adam(lr = 0.005)/sgd(lr = 1000)/' >steep.mlp
run 1 "$MLP" train steep.mlp --store one
says err "E0606"

# The artifact, with nothing beside it, gives what mlp gives; a row alone is the row among others.
run 0 "$MLP" build net.mlp -o net --store one
run 0 ./net selftest
run 0 "$MLP" score net.mlp --input d.csv --output ours.csv --store one
run 0 ./net score --input d.csv --output theirs.csv
same ours.csv theirs.csv
for row in 2 777 4001; do
  (head -1 d.csv; sed -n "${row}p" d.csv) >row.csv
  run 0 ./net score --input row.csv
  (head -1 ours.csv; sed -n "${row}p" ours.csv) >wanted
  same out wanted
done
if [ "$(id -u)" = 0 ]; then
  mkdir -p empty && cp net row.csv empty/
  run 0 chroot empty /net score --input row.csv
  same out wanted
fi
run 0 "$MLP" build net.mlp --kind=lib -o net.so --store one
[ -s net.so ] && pass || fail "no library"
finish
