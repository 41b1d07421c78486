# Sequences: lags of a window and the words of a text, from the data to the artifact.
source "$(dirname "$0")/lib.sh"
awk 'BEGIN { srand(3); print "machine,hour,warmth"; for (t = 0; t < 1500; t++) for (m = 0; m < 2; m++) {
  y = sin(6.2831853 * t / 24 + m) * (m + 1) + (rand() - 0.5) * 0.2; printf "m%d,%d,%.4f\n", m, t, y } }' >hours.csv
cat >hours.mlp <<'SPEC'
pipeline hours
schema Hour {
  machine : id
  hour    : int
  warmth  : float
}
source measured: Hour = csv("hours.csv")
table known = measured
  |> window(by = machine, order = hour) { past = lags(warmth, 6, 29) }
  |> filter(past29 != null)
features x from known {
  past = columns("past*")
}
split known { train = 60%, valid = 20%, test = 20%, by = time(hour) }
model m = network {
  predict warmth from x
  layers = sequence(24) |> conv1d(8, 5, tanh) |> flatten |> dense(1)
  optimizer = adam(lr = 0.01)
  epochs = 15
  batch = 64
}
test m { require test.rmse <= 0.2 }
SPEC
run 0 "$MLP" check hours.mlp
run 0 "$MLP" train hours.mlp --threads 1 --json --store one
one=$(json package out)
run 0 "$MLP" train hours.mlp --threads 2 --json --store two
equal "$one" "$(json package out)" "package at 1 and at 2 threads"
run 0 "$MLP" test hours.mlp --store one
says out " 0 failed"
# Without the filter the first rows of each machine have no value so far back.
sed '/filter/d' hours.mlp >holes.mlp
run 1 "$MLP" check holes.mlp
says err "may be null"
# The columns that a request has: the earliest first, and each the value of so many rows before, of the same machine.
run 0 "$MLP" build hours.mlp -o hours --store one
awk -F, 'NR > 1 { v[$1, $2] = $3 } END { line = ""; for (k = 29; k >= 6; k--) line = line (k < 29 ? "," : "") "past" k; print line;
  for (t = 1400; t < 1403; t++) { line = ""; for (k = 29; k >= 6; k--) line = line (k < 29 ? "," : "") v["m1", t - k]; print line } }' hours.csv >request.csv
run 0 ./hours score --input request.csv
awk -F, 'NR > 1 && $1 == "m1" && $2 >= 1400 && $2 < 1403 { print $3 }' hours.csv >true
tail -n +2 out | paste -d, - true | awk -F, '{ d = $1 - $2; if (d < 0) d = -d; if (d > 0.6) bad = 1 } END { exit bad || NR != 3 }' && pass || fail "forecasts far from what came"
sed 's/past29,//' request.csv >narrow.csv
run 1 ./hours score --input narrow.csv
says err "past29"

# Words in their order: what decides is which of two words comes first, which no bag can tell.
awk 'BEGIN { srand(5); print "note,label"; for (i = 0; i < 3000; i++) { a = int(rand() * 6); b = int(rand() * 6); f = rand() < 0.5;
  printf "\"%s%s then %s\",%d\n", (rand() < 0.3 ? "so " : ""), (f ? "rise w" a : "fall w" a), (f ? "fall w" b : "rise w" b), f } }' >notes.csv
cat >notes.mlp <<'SPEC'
pipeline notes
schema Note {
  note  : text?
  label : bool
}
source noted: Note = csv("notes.csv")
features x from noted {
  words = note |> tokens(8, size = 512)
}
split noted { by = every(5), valid = 0 }
model m = network {
  predict label from x
  layers = text_encoder(512, 16, 2) |> dense(1)
  optimizer = adam(lr = 0.005)
  epochs = 8
  batch = 64
}
test m { require test.accuracy >= 0.98 }
SPEC
run 0 "$MLP" train notes.mlp --threads 1 --json --store one
one=$(json package out)
run 0 "$MLP" train notes.mlp --threads 2 --json --store two
equal "$one" "$(json package out)" "package at 1 and at 2 threads"
run 0 "$MLP" test notes.mlp --store one
says out " 0 failed"
run 0 "$MLP" build notes.mlp -o notes --store one
run 0 "$MLP" score notes.mlp --input notes.csv --output ours.csv --store one
run 0 ./notes score --input notes.csv
same out ours.csv
printf 'note\n"RISE then"\n""\n"a b c"\n' >short.csv  # words of one letter are none, a missing text has none
run 0 ./notes score --input short.csv --features
sed -n '3,4p' out | cut -d, -f2- | sort -u | wc -l >kinds
equal "1" "$(cat kinds)" "what a model sees of a missing text and of one without words"
finish
