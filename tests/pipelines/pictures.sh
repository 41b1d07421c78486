# Pictures from PNG and JPEG files: what is trained on them is what is trained on their numbers as columns; broken files are told of by
# place and cause, or rejected; a changed picture trains anew; the artifact reads files from the command line and base64 from requests.
source "$(dirname "$0")/lib.sh"
tool=$(dirname "$MLP")/tests/to_pictures
# Stripes across, stripes down, or a spot somewhere, 12 x 12, with noise.
awk 'BEGIN { srand(3); printf "label"; for (i = 0; i < 144; i++) printf ",p%d", i; print ""
  for (r = 0; r < 600; r++) { k = int(rand() * 3); at = int(rand() * 3); sx = int(rand() * 8) + 2; sy = int(rand() * 8) + 2; printf "%s", k == 0 ? "across" : k == 1 ? "down" : "spot"
    for (y = 0; y < 12; y++) for (x = 0; x < 12; x++) { on = k == 0 ? int((y + at) / 3) % 2 : k == 1 ? int((x + at) / 3) % 2 : (x - sx) ^ 2 + (y - sy) ^ 2 < 6; printf ",%d", on * 180 + int(rand() * 60) }
    print "" } }' >columns.csv
mkdir data
"$tool" columns.csv data/png png 12 12 1 | sed 's|,data/|,|' >data/png.csv
"$tool" columns.csv data/jpeg jpeg 12 12 1 | sed 's|,data/|,|' >data/jpeg.csv
spec() { # spec SCHEMA SOURCE FEATURE SHAPE
  cat <<SPEC
pipeline patterns
schema Row {
  label : category
  $1
}
source drawn: Row = $2
features x from drawn { pixels = $3 }
split drawn { train = 60%, valid = 20%, test = 20%, by = every(5) }
model m = network {
  predict label from x
  layers = image($4) |> conv2d(6, 3, relu, pad = 1) |> max_pool(2) |> flatten() |> dense(3)
  optimizer = adam(lr = 0.01)
  epochs = 6, batch = 32
}
test m { require test.accuracy >= 0.95 }
SPEC
}
spec 'p0..p143 : int in 0..255' 'csv("columns.csv")' 'columns("p*") / 255' '12, 12' >columns.mlp
spec 'picture : image[12, 12]' 'csv("data/png.csv")' 'picture / 255' '12, 12' >png.mlp
spec 'picture : image[12, 12]' 'csv("data/jpeg.csv")' 'picture / 255' '12, 12' >jpeg.mlp
spec 'picture : image[8, 10, 3]' 'csv("data/png.csv")' 'picture / 255' '8, 10, 3' >other.mlp
for name in columns png jpeg other; do
  run 0 "$MLP" train $name.mlp --json --store $name --threads 1
  cp out $name.json
  run 0 "$MLP" test $name.mlp --store $name
done
equal "$(json accuracy png.json)" "$(json accuracy columns.json)" "accuracy by files and by columns"
run 0 "$MLP" score columns.mlp --input columns.csv --output by_columns.csv --store columns
run 0 "$MLP" score png.mlp --input data/png.csv --output by_png.csv --store png
same by_columns.csv by_png.csv
one=$(json package png.json)
run 0 "$MLP" train png.mlp --json --store two --threads 2
equal "$(json package out)" "$one" "package at 1 and at 2 threads"
run 0 "$MLP" rerun latest --store png
says out "the same bytes again"
run 0 "$MLP" score jpeg.mlp --input data/jpeg.csv --output best.csv --store jpeg
run 0 env JSIMD_FORCENONE=1 "$MLP" score jpeg.mlp --input data/jpeg.csv --output plain.csv --store jpeg
same best.csv plain.csv

# Paths are those of the file that names them, wherever the command runs; a cell may be the picture itself.
(cd data && "$MLP" score ../png.mlp --input png.csv --store ../png >../from_data.csv)
same by_png.csv from_data.csv
(cd data && "$MLP" score ../png.mlp --store ../png <png.csv >../from_stdin.csv)
same by_png.csv from_stdin.csv
{ echo picture; echo "\"data:image/png;base64,$(base64 -w0 data/png/7.png)\""; echo "$PWD/data/png/8.png"; } >cells.csv
sed -n '1p;9,10p' by_png.csv >wanted
run 0 "$MLP" score png.mlp --input cells.csv --store png
same out wanted
echo '{"picture":"data/png/7.png"}' >rows.jsonl
run 0 "$MLP" score png.mlp --input rows.jsonl --to csv --store png
sed -n '1p;9p' by_png.csv >wanted
same out wanted

# A picture that changes trains anew; the same bytes under another time do not.
run 0 "$MLP" plan png.mlp --json --store png
equal "$(jq -r '[.stages[] | select(.class != "no-op")] | length' out)" 0 "nothing to do"
touch data/png/5.png
run 0 "$MLP" plan png.mlp --json --store png
equal "$(jq -r '[.stages[] | select(.class != "no-op")] | length' out)" 0 "nothing to do after a touch"
cp data/png/5.png kept.png
cp data/png/6.png data/png/5.png
run 0 "$MLP" plan png.mlp --json --store png
says out '"data '
run 0 "$MLP" train png.mlp --json --store png
[ "$(json package out)" != "$one" ] && pass || fail "a changed picture gave the same package"
cp kept.png data/png/5.png
run 0 "$MLP" train png.mlp --json --store png
equal "$(json package out)" "$one" "package with the picture as it was"

# What is wrong with a picture, and where.
cp -r data bad
sed -i 's|^\([a-z]*\),png/3.png|\1,png/none.png|' bad/png.csv
head -c 100 data/png/4.png >bad/png/4.png
head -c 300 data/jpeg/4.jpeg >bad/jpeg/4.jpeg
echo text >bad/png/9.png
sed 's|data/png.csv|bad/png.csv|' png.mlp >bad.mlp
run 1 "$MLP" train bad.mlp --store bad
says err E0522; says err "png/none.png"; says err "row 4 of column \`picture\`"; says err "there is no such file"; says err "3 rows break the schema"; says err "the PNG file is damaged: the file ends too early"
sed -i 's|bad/png.csv")|bad/png.csv", on_violation = quarantine)|' bad.mlp
run 0 "$MLP" train bad.mlp --json --store bad
says out '"rejected":3'
says patterns.quarantine.csv "picture: there is no such file"
says patterns.quarantine.csv "picture: the PNG file is damaged: the file ends too early"
says patterns.quarantine.csv "picture: it is neither a PNG nor a JPEG file"
sed 's|data/jpeg.csv|bad/jpeg.csv|' jpeg.mlp >bad.mlp
run 1 "$MLP" train bad.mlp --store bad
says err E0522; says err "row 5 of column \`picture\`"; says err "the JPEG file is damaged"
run 1 "$MLP" score png.mlp --input bad/png.csv --store png
says err E0810; says err "row 4"; says err "there is no such file"
sed -n '1,4p' by_png.csv >wanted
same out wanted

# The artifact.
run 0 "$MLP" build png.mlp -o art --store png
run 0 "$MLP" build columns.mlp -o plain --store columns
run 0 ./art selftest
run 0 ./art score --input data/png.csv --output theirs.csv
same by_png.csv theirs.csv
run 0 ./art info --json
says out 'image[12, 12]'
grep -q "Corrupt JPEG data" art && pass || fail "the artifact has no decoder"
if grep -q "Corrupt JPEG data" plain; then fail "an artifact without pictures has a decoder"; else pass; fi
if [ "$(id -u)" = 0 ]; then
  mkdir -p empty && cp -r art data empty/
  run 0 chroot empty /art score --input data/png.csv
  same out by_png.csv
fi
run 0 ./art bench --rows 20 --seconds 1 --json
run 0 "$MLP" build png.mlp --kind=lib -o art.so --store png
run 0 "$MLP" build png.mlp --kind=obj -o art.o --store png
if command -v cc >/dev/null; then
  cat >main.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "art.h"
int main(int count, char** arguments) {
  static char text[1 << 20];
  size_t size = fread(text, 1, sizeof text, stdin), out_size = 0;
  char* out = NULL;
  if (count > 1) { /* no file is opened for a library's caller */
    puts(patterns_score_csv("picture\ndata/png/7.png\n", 23, &out, &out_size) < 0 ? patterns_error() : "a file was read");
    return 0;
  }
  if (patterns_score_csv(text, size, &out, &out_size) < 0) return puts(patterns_error()), 1;
  fwrite(out, 1, out_size, stdout);
  patterns_free(out);
  return 0;
}
C
  for form in "art.o -lm" "./art.so"; do
    cc -o main main.c $form 2>err || fail "cannot link $form: $(head -3 err)"
    { echo picture; for i in 6 7; do base64 -w0 data/png/$i.png; echo; done; } >base64.csv
    sed -n '1p;8,9p' by_png.csv >wanted
    LD_LIBRARY_PATH=. ./main <base64.csv >out || fail "the program by $form fails"
    same out wanted
    LD_LIBRARY_PATH=. ./main no_files </dev/null >out
    says out "no file is opened"
  done
fi

# Requests hold the picture; a path opens nothing.
./art serve --port 0 2>log & pids+=($!)
wait_for "listening on" log
url=$(grep -o 'http://[^ ]*' log | head -1)
want=$(sed -n 9p by_png.csv | cut -d, -f1)
share=$(sed -n 9p by_png.csv | cut -d, -f2)
seven=$(base64 -w0 data/png/7.png)
for cell in "$seven" "data:image/png;base64,$seven"; do
  for again in 1 2; do
    ask 200 /v2/models/patterns/infer "${as_json[@]}" -d "{\"inputs\":[{\"name\":\"picture\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"$cell\"]}]}"
    says out "$want"; says out "$share"
  done
  ask 200 /invocations "${as_json[@]}" -d "{\"dataframe_records\":[{\"picture\":\"$cell\"}]}"; says out "$share"
done
printf 'picture\n%s\n' "$seven" >body.csv
ask 200 /invocations -H 'Content-Type: text/csv' --data-binary @body.csv; says out "$share"
for cell in data/png/7.png "$PWD/data/png/7.png" "${seven:0:60}" "$(base64 -w0 columns.mlp)"; do
  ask 400 /v2/models/patterns/infer "${as_json[@]}" -d "{\"inputs\":[{\"name\":\"picture\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"$cell\"]}]}"
  says out E0810; says out "picture"
done
ask 200 /v2/models/patterns; says out 'image[12, 12]'
ask 200 /healthz
finish
