# Networks as ONNX: each of the examples, trained briefly, and what they leave out; ONNX Runtime answers as mlp does.
source "$(dirname "$0")/lib.sh"
python=$root/third_party/onnxruntime/bin/python
[ -x "$python" ] || { echo "[SKIP] no ONNX Runtime: scripts/install-dependencies --tests"; exit 0; }
agrees() { # agrees SPEC ROWS.csv [BOUND]: exported, both answers to the rows are the same
  run 0 "$MLP" export "$1" --onnx model.onnx --threads 1
  run 0 "$MLP" score "$1" --features --input "$2" --output scored.jsonl
  run 0 "$python" "$root/tests/tools/onnx_agrees.py" model.onnx scored.jsonl "${3:-1e-5}"
  echo "$1: $(cat out)"
}
example() { # example DIRECTORY SPEC DATA EPOCHS: with its data, and few epochs
  mkdir -p "$1" && cp "$root/examples/$1/$2.mlp" "$1/"
  [ -e "$(dirname "$3")" ] || { mkdir -p "$(dirname "$(dirname "$3")")"; ln -s "$root/examples/$(dirname "$3")" "$(dirname "$3")"; }
  sed -i "s/epochs *= .*/epochs = $4/" "$1/$2.mlp"
  case $3 in *.gz) zcat "$3" ;; *) cat "$3" ;; esac | sed -n '1,400p' >rows.csv
  agrees "$1/$2.mlp" rows.csv
}
if [ -f "$root/examples/mnist/data/mnist-10k.csv.gz" ]; then  # its licence keeps it out
  example mnist mnist mnist/data/mnist-10k.csv.gz 1
  example mnist mnist-conv mnist/data/mnist-10k.csv.gz 1
fi
example adult-network adult-network adult/data/adult.csv.gz 1
example california-housing-network california-housing-network california-housing/data/california-housing.csv 3
example sms-spam-network sms-spam-network sms-spam/data/sms-spam.csv 2
example sms-spam-attention sms-spam-attention sms-spam/data/sms-spam.csv 1

# Every way of a score to its answer; a fitted vocabulary; texts without a term, and values that training has not seen.
awk 'BEGIN { srand(7); print "a,b,kind,note,label,yes,n"; for (i = 0; i < 3000; i++) { a = rand() * 2 - 1; b = rand() * 2 - 1; k = int(rand() * 4); l = a * b > 0.1 ? "up" : k == 3 ? "side" : "down"; printf "%.4f,%.4f,k%d,%s,%s,%d,%d\n", a, b, k, (l == "up" ? "rising high" : i % 7 ? "so it is" : ""), l, (a > b), int(3 + 2 * a) } }' >d.csv
(head -300 d.csv; echo "0.5,0.25,new,never seen,up,1,2"; echo "-0.5,0.75,k1,,down,0,1") >rows.csv
spec() { # spec TARGET LAYERS SETTINGS
  cat <<SPEC
pipeline net
schema Row {
  a     : float
  b     : float
  kind  : category
  note  : text?
  label : category
  yes   : bool
  n     : int
}
source rows_in: Row = csv("d.csv")
features x from rows_in {
  a
  b
  kind
  words = note |> tf_idf
}
split rows_in { train = 60%, valid = 20%, test = 20%, by = every(5) }
model m = network {
  predict $1 from x
  layers = $2
  batch  = 64
  epochs = 3
  $3
}
SPEC
}
spec label 'dense(16, gelu) |> batch_norm() |> dropout(10%) |> dense(3)' '' >classes.mlp
spec label 'dense(16, relu) |> dense(3)' 'calibrate = platt' >platt.mlp
spec yes 'dense(16, tanh) |> layer_norm |> dense(1)' '' >yes.mlp
spec yes 'dense(16, relu) |> dense(1)' 'calibrate = platt' >yes_platt.mlp
spec n 'dense(16, sigmoid) |> dense(1)' 'loss = poisson' >counts.mlp
spec n 'dense(16, relu) |> dense(1)' 'loss = quantile(0.8)' >quantile.mlp
spec n 'dense(16, relu) |> dense(1)' 'loss = huber' >huber.mlp
spec yes 'dense(16, relu) |> dense(1)' 'loss = focal' >focal.mlp
spec label 'dense(16, relu) |> dense(3)' 'loss = smooth_softmax' >smooth.mlp
for s in smooth classes platt yes yes_platt counts quantile huber focal; do agrees $s.mlp rows.csv; done
# Steps of an isotonic curve may be as steep as they like: there the last bits of a score show.
spec label 'dense(16, relu) |> dense(3)' 'calibrate = isotonic' >steps.mlp
agrees steps.mlp rows.csv 1e-3
# Rounded factors: where sums differ by their order, a number between two factors may become the other one.
for s in classes counts; do
  sed 's/epochs = 3/epochs = 3\n  precision = bf16/' $s.mlp >${s}_bf16.mlp
  agrees ${s}_bf16.mlp rows.csv 1e-2
done
says model.onnx Cast
# Sequences and images of columns.
awk 'BEGIN { srand(3); for (i = 0; i < 24; i++) printf "v%d,", i; print "y"; for (r = 0; r < 600; r++) { s = 0; for (i = 0; i < 24; i++) { v = rand() - 0.5; s += v * v; printf "%.4f,", v } printf "%.4f\n", s } }' >v.csv
vectors() {
  printf 'schema Row {\n  v0..v23 : float\n  y : float\n}\nsource rows_in: Row = csv("v.csv")\nfeatures x from rows_in {\n  v = columns("v*")\n}\nmodel m = network {\n  predict y from x\n  layers = %s\n  epochs = 2\n}\n' "$1"
}
number=0
for layers in 'sequence(6) |> conv1d(5, 3, tanh) |> flatten |> dense(1)' 'sequence(6) |> conv1d(5, causal = true) |> flatten |> dense(1)' \
  'image(4, 6) |> conv2d(3, 2, tanh, stride = 2) |> avg_pool |> flatten |> dense(1)' 'image(4, 6) |> conv2d(3, 3, relu, pad = 1) |> max_pool |> flatten |> residual(dense(18, tanh)) |> dense(1)' \
  'sequence(6) |> place_waves |> attention(2) |> flatten |> dense(1)' 'sequence(6) |> attention(2, causal = true) |> layer_norm |> global_pool |> dense(1)' 'sequence(4) |> gru(5) |> dense(1)'; do
  number=$((number + 1))
  vectors "$layers" >"vectors$number.mlp"
  agrees "vectors$number.mlp" v.csv
  vectors "$layers" | sed 's/epochs = 2/epochs = 2\n  precision = bf16/' >"rounded$number.mlp"
  agrees "rounded$number.mlp" v.csv 1e-2
done

# The file is the same each time, names what a caller needs, and only networks have one.
run 0 "$MLP" export classes.mlp --onnx again.onnx --json
equal onnx "$(json format out)" "the format"
run 0 "$MLP" export classes.mlp --onnx model.onnx
same model.onnx again.onnx
says model.onnx '["a","b"]'
says model.onnx '["k0","k1","k2","k3"]'
says model.onnx '["down","side","up"]'
spec yes 'dense(1)' '' | sed 's/= network/= linear/; /layers\|batch\|epochs/d; /  kind/d; /words/d' >linear.mlp
run 1 "$MLP" export linear.mlp --onnx linear.onnx
says err E0647
[ ! -e linear.onnx ] && pass || fail "a file of no network"
run 2 "$MLP" export classes.mlp --onnx classes.mlp
run 2 "$MLP" export classes.mlp
run 3 "$MLP" export classes.mlp --onnx missing/model.onnx
finish
