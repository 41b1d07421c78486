# The artifact: small, static, needs nothing, answers at once, and gives exactly what `mlp score` gives.
source "$(dirname "$0")/lib.sh"
spec=$root/examples/telco-churn/telco-churn.mlp
data=$root/examples/telco-churn/data/telco-churn.csv

run 0 "$MLP" train "$spec" --json
run 0 "$MLP" build "$spec" -o churn --json
size=$(stat -c %s churn)
[ "$size" -le 10000000 ] && pass || fail "the artifact has $size bytes"
if ldd churn >ldd.txt 2>&1 && ! grep -q 'statically linked' ldd.txt; then fail "the artifact is not static: $(cat ldd.txt)"; else pass; fi
for banned in LLVM duckdb_ N6duckdb antlr4 Py_Initialize JNI_; do  # names of symbols
  if grep -qaF "$banned" churn; then fail "the artifact holds $banned"; else pass; fi
done

run 0 "$MLP" score "$spec" --input "$data" --output mlp.csv
run 0 ./churn score --input "$data" --output churn.csv
same mlp.csv churn.csv
equal "$(head -1 churn.csv)" "prediction,p_No,p_Yes" "header"
equal "$(wc -l <churn.csv)" 7044 "a row per input row"
run 0 ./churn selftest
run 0 ./churn info
says out telco_churn
run 0 "$MLP" score "$spec" --input "$data" --to jsonl --output mlp.jsonl
run 0 ./churn score --input "$data" --to jsonl --output churn.jsonl
same mlp.jsonl churn.jsonl

# One row at a time gives what the batch gave.
for row in 2 500 7044; do
  { head -1 "$data"; sed -n "${row}p" "$data"; } >single.csv
  run 0 ./churn score --input single.csv
  equal "$(sed -n 2p out)" "$(sed -n "${row}p" churn.csv)" "row $row alone"
done

# An empty chroot, and the first prediction within 50 ms of exec (the best of ten, on a busy machine).
mkdir empty && cp churn empty/
if chroot empty /churn info >/dev/null 2>err; then
  pass
  best=999999
  for _ in $(seq 10); do
    start=$(date +%s%N); chroot empty /churn score <single.csv >single.out; end=$(date +%s%N)
    us=$(((end - start) / 1000)); [ "$us" -lt "$best" ] && best=$us
  done
  echo "first prediction in an empty chroot: $best us from exec to exit"
  [ "$best" -le 50000 ] && pass || fail "first prediction took $best us"
  equal "$(sed -n 2p single.out)" "$(sed -n 7044p churn.csv)" "in the chroot"
elif [ "$(id -u)" = 0 ]; then fail "the artifact does not run in an empty chroot: $(cat err)"
else echo "[SKIP] chroot needs root"; fi

# Damage anywhere is found.
for at in 1000 $((size / 3)) $((size / 2)) $((size - 100000)) $((size - 40)); do
  cp churn damaged
  byte=$(od -An -tu1 -j "$at" -N 1 damaged | tr -d ' ')
  printf "$(printf '\\x%02x' $((byte ^ 1)))" | dd of=damaged bs=1 seek="$at" conv=notrunc status=none
  if ./damaged info >out 2>err; then fail "a flipped bit at $at of $size goes unnoticed"; else pass; fi
  run 3 "$MLP" verify damaged
done
head -c $((size / 2)) churn >cut && chmod +x cut
if ./cut info >out 2>err; then fail "a cut artifact runs"; else pass; fi

# Built without any compiler, linker or development package in reach.
mkdir bare && ln -s "$(command -v cat)" bare/cat
run 0 env PATH="$work/bare" "$MLP" build "$spec" -o churn2
same churn churn2

# Library and object.
run 0 "$MLP" build "$spec" --kind=lib -o libchurn.so
[ -s libchurn.so ] && [ -s libchurn.h ] && pass || fail "no library or header"
run 0 "$MLP" build "$spec" --kind=obj -o churn.o
[ -s churn.o ] && pass || fail "no object"
finish
