# Bad input gets a clear error with the documented exit code, and leaves nothing half-written.
source "$(dirname "$0")/lib.sh"

spec() { # spec FILE: a small pipeline over it
  cat <<SPEC
pipeline small
schema Row {
  id    : int
  size  : float    >= 0
  kind  : category
  label : bool     from ("yes", "no")
}
source rows_in: Row = csv("$1"${2:-})
features x from rows_in {
  size
  kind
}
split rows_in { train = 60%, valid = 20%, test = 20%, by = ${3:-random} }
model m = ${4:-gbdt} {
  predict label from x
${5:-  trees = 5}
}
SPEC
}
rows() { for i in $(seq "${1:-200}"); do echo "$i,$((i % 17)).5,$([ $((i % 3)) = 0 ] && echo a || echo b),$([ $((i % 2)) = 0 ] && echo yes || echo no)"; done; }
good() { echo "id,size,kind,label"; rows; }
broken() { # broken CODE EXIT TEXT: train and expect
  run "$2" "$MLP" train s.mlp
  says err "$1"
  [ -z "${3:-}" ] || says err "$3"
  [ ! -e .mlp ] && pass || { fail "a run was recorded for $1"; rm -rf .mlp; }
}

good >d.csv; spec d.csv >s.mlp
run 0 "$MLP" train s.mlp; rm -rf .mlp

spec missing.csv >s.mlp;                                          broken error 3 missing.csv
mkdir dir; spec dir >s.mlp;                                       broken error 3 dir
: >d.csv; spec d.csv >s.mlp;                                      broken error 1 empty
echo "id,size,kind,label" >d.csv;                                 broken error 1
good | sed '1s/size/sizee/' >d.csv;                               broken error 1 sizee
says err "s.mlp:"
good | sed '1s/kind/size/' >d.csv;                                broken error 1 size
good | cut -d, -f1-3 >d.csv;                                      broken error 1 label
good | sed '5s/,.*,\(.\),/,many,\1,/' >d.csv;                     broken error 1 many
says err "row 4"; says err size
good | sed '7s/,[0-9.]*,/,-3,/' >d.csv;                           broken error 1 ">= 0"
good | sed '7s/,[0-9.]*,/,,/' >d.csv;                             broken error 1 "row 6"
good | sed '9s/,[ab],/,a,b,c,/' >d.csv;                           broken error 1 "row 8"
good | sed '9s/$/,extra/' >d.csv;                                 broken error 1 "row 8"
good | sed '4s/,[ab],/,\xff\xfe,/' >d.csv;                        broken error 1 UTF-8
good | sed 's/,no$/,yes/' >d.csv;                                 broken error 1 label
good | sed '6s/,yes$/,maybe/;6s/,no$/,maybe/' >d.csv;             broken error 1 maybe
good | sed -n 1,3p >d.csv;                                            broken error 1

# A weight that cannot be one (E0640), and a class that only the test part has (W0641).
good >d.csv; spec d.csv "" random gbdt "  weight = size - 100" >s.mlp
broken E0640 1 weight
good | sed '2s/,[ab],/,rare,/' >d.csv
spec d.csv "" "every(5), valid = 0" | sed 's/train = 60%, valid = 20%, test = 20%, //; s/predict label/predict kind/; s/^  kind$/  label/' >s.mlp
run 0 "$MLP" train s.mlp; says err W0641; rm -rf .mlp
# A linear model that may not iterate long enough (W0645).
good >d.csv; spec d.csv "" random linear "  iterations = 1" | sed 's/^  kind$/  kind |> one_hot/' >s.mlp
run 0 "$MLP" train s.mlp; says err W0645; rm -rf .mlp
good >d.csv; spec d.csv >s.mlp

# A column that nothing uses is not read: a bad cell in it stops nothing, and neither does a file without it. `expect` uses it.
good | sed '5s/,[0-9.]*,/,many,/' >d.csv; spec d.csv | sed 's/^  size$//' >s.mlp
run 0 "$MLP" train s.mlp --json; says out '"rejected":0'; rm -rf .mlp
sed -i 's/^features x/expect rows_in {\n  min(size) >= 0\n}\n&/' s.mlp;  broken error 1 many
good | cut -d, -f1,3,4 >d.csv; spec d.csv | sed 's/^  size$//' >s.mlp
run 0 "$MLP" train s.mlp; rm -rf .mlp
good >d.csv; spec d.csv >s.mlp

# Policies: drop and quarantine count what they reject; read + rejected = present.
good | sed '5s/,[0-9.]*,/,many,/;7s/,[0-9.]*,/,-3,/' >d.csv
spec d.csv ", on_violation = drop" >s.mlp
run 0 "$MLP" train s.mlp --json; says out '"present":200'; says out '"read":198'; says out '"rejected":2'; rm -rf .mlp
spec d.csv ", on_violation = quarantine" >s.mlp
run 0 "$MLP" train s.mlp --json; says out '"rejected":2'; rm -rf .mlp
equal "$(ls | grep -c quarantine)" 1 "one quarantine file"
rm -f ./*quarantine*

# Dialects that must simply work, and give the same package but for the digest of the data.
good >d.csv; spec d.csv >s.mlp; run 0 "$MLP" train s.mlp --json; metrics=$(sed 's/.*"metrics"\(.*\),"data".*/\1/' out)
for variant in bom crlf semicolons quotes; do
  case $variant in
    bom) { printf '\xef\xbb\xbf'; good; } >d.csv ;;
    crlf) good | sed 's/$/\r/' >d.csv ;;
    semicolons) good | tr , ';' >d.csv ;;
    quotes) good | sed '2,$s/\([ab]\),/"\1",/' >d.csv ;;
  esac
  run 0 "$MLP" train s.mlp --json
  equal "$(sed 's/.*"metrics"\(.*\),"data".*/\1/' out)" "$metrics" "$variant"
done
good | sed '2,$s/,a,/,"a\n b",/' >d.csv
run 0 "$MLP" train s.mlp --json; says out '"present":200'
rm -rf .mlp

# Nowhere to write: a full disk and a read-only directory.
good >d.csv; spec d.csv >s.mlp
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=16k tmpfs full 2>/dev/null; then
  run 3 "$MLP" train s.mlp --store full; says err error
  run 0 "$MLP" train s.mlp --json
  run 3 "$MLP" build s.mlp -o full/artifact; says err E0904
  [ ! -e full/artifact ] && pass || fail "half an artifact was left"
  no_leftovers full
  head -c 14000 /dev/zero >full/filler; run 3 "$MLP" score s.mlp --input d.csv --output full/out.csv
  umount full
  mkdir still && mount -t tmpfs -o ro tmpfs still
  run 3 "$MLP" train s.mlp --store still; says err error
  umount still
  rm -rf .mlp
else echo "[SKIP] full disk and read-only directory need root and mount"; fi
if [ -w /dev/full ]; then
  run 0 "$MLP" train s.mlp
  code=0; "$MLP" score s.mlp --input d.csv >/dev/full 2>err || code=$?
  equal "$code" 3 "a full standard output"
  says err E0904
  rm -rf .mlp
fi

# Scoring.
run 0 "$MLP" train s.mlp --json
run 3 "$MLP" score s.mlp --input nothing.csv
good | sed '5s/,[0-9.]*,/,many,/' >bad.csv; run 1 "$MLP" score s.mlp --input bad.csv; says err many; says err "row 4"
good | sed '1s/kind/kinds/' >bad.csv;       run 1 "$MLP" score s.mlp --input bad.csv; says err "did you mean"
: >bad.csv;                                  run 1 "$MLP" score s.mlp --input bad.csv
printf 'size,kind\n' >bad.csv;              run 0 "$MLP" score s.mlp --input bad.csv; equal "$(cat out)" "prediction,p_no,p_yes" "only a header"

# Nesting, control characters, a package that is none.
{ spec d.csv | sed '/^  kind$/d'; echo "features y from rows_in { z = $(head -c 1000000 /dev/zero | tr '\0' '(') }"; } >deep.mlp
start=$(date +%s%N); run 1 "$MLP" check deep.mlp; end=$(date +%s%N)
says err "deep.mlp:"
[ $(((end - start) / 1000000)) -le 2000 ] && pass || fail "a million parentheses took $(((end - start) / 1000000)) ms"
head -c 300 /dev/urandom >noise.mlp;  run 1 "$MLP" check noise.mlp; says err "noise.mlp:"
head -c 3000 /dev/urandom >noise.bin; run 3 "$MLP" score noise.bin --input d.csv; says err noise.bin
package=$("$MLP" show latest --json | sed -n 's/.*"package":"\([0-9a-f]*\)".*/\1/p')
file=$(find .mlp -type f -size +1k -name "*${package:4:20}*" | head -1)
[ -n "$file" ] && cp "$file" p.bin && chmod +w p.bin && printf 'X' | dd of=p.bin bs=1 seek=700 conv=notrunc status=none
run 3 "$MLP" score p.bin --input d.csv; says err error
finish
