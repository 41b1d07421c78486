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
run 0 "$MLP" build "$spec" --symbols -o named
if [ "$(nm named | grep -c " T mlp_features_v[234]$")" = 3 ]; then pass; else fail "an artifact with symbols names no kernels"; fi
run 0 ./named score --input "$data" --output named.csv; same named.csv churn.csv
run 0 ./churn bench --rows 200 --seconds 1; says out "200 rows made from the schema"
run 0 ./churn bench --input "$data" --seconds 1 --json; equal "$(json rows out)" 7043 "rows of the bench"
run 0 "$MLP" score "$spec" --input "$data" --to jsonl --output mlp.jsonl
run 0 ./churn score --input "$data" --to jsonl --output churn.jsonl
run 0 "$MLP" score "$spec" --input "$data" --features --output mlp.features
run 0 ./churn score --input "$data" --features --output churn.features
same mlp.features churn.features
equal "$(head -1 churn.features | tr , "\n" | grep -c "^features\.")" "$("$MLP" plan "$spec" --json | grep -o "\"encoding\"" | wc -l)" "features written"
equal "$(cut -d, -f1-3 churn.features | sha256sum)" "$(sha256sum <churn.csv)" "predictions beside features"
run 0 ./churn score --input "$data" --features --to jsonl; says out '"features":{"'
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

# Memory does not grow with the input: a hundred times the rows within 40 MB of address space.
for _ in $(seq 100); do tail -n +2 "$data"; done | sed "1i$(head -1 "$data")" >large.csv
(ulimit -v 40000 && ./churn score --input large.csv --output large.out) >out 2>err || fail "more than 40 MB: $(cat err)"
equal "$(wc -l <large.out)" 704301 "rows of the large file"
rm large.csv large.out

# Damage anywhere is found: by the artifact, and where the system reads before it does (the ELF headers), by `mlp verify`.
flip() { # flip AT BIT: damaged = churn with that bit turned
  local byte
  byte=$(od -An -tu1 -j "$1" -N 1 churn | tr -d ' ')
  cp churn damaged
  printf "$(printf '\\x%02x' $((byte ^ $2)))" | dd of=damaged bs=1 seek="$1" conv=notrunc status=none
}
headers=$((64 + 56 * $(od -An -tu2 -j 56 -N 2 churn)))
for at in $(seq 0 $((headers - 1))); do
  flip "$at" $((1 << at % 8))
  if (./damaged score --input single.csv) >out 2>err || [ -s out ]; then fail "a flipped bit at $at goes unnoticed"; else pass; fi
  if [ $((at % 6)) = 0 ]; then run 3 "$MLP" verify damaged; says err damaged; fi
done 2>>shell.err  # the shell reports what the kernel ended
for at in $((headers)) 1000 $((size / 3)) $((size / 2)) $((size - 100000)) $(seq $((size - 40)) $((size - 1))); do
  flip "$at" 1
  run 1 ./damaged score --input single.csv; says err "damaged"
  [ -s out ] && fail "a damaged artifact predicts" || pass
done
run 3 "$MLP" verify damaged; says err damaged
head -c $((size / 2)) churn >cut && chmod +x cut
if ./cut info >out 2>err; then fail "a cut artifact runs"; else pass; fi

# Built without any compiler, linker or development package in reach.
mkdir bare && ln -s "$(command -v cat)" bare/cat
run 0 env PATH="$work/bare" "$MLP" build "$spec" -o churn2
same churn churn2

# Library and object, called from C: the bytes of `score`. Two models stand in one program.
run 0 "$MLP" build "$spec" --kind=lib -o libchurn.so
run 0 "$MLP" build "$spec" --kind=obj -o churn.o
same libchurn.h churn.h
linear=$root/examples/telco-churn-linear/telco-churn-linear.mlp
run 0 "$MLP" build "$linear" --kind=obj -o linear.o
run 0 "$MLP" score "$linear" --input "$data" --output linear.csv
cat >use.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include MODEL_H
#ifdef OTHER_H
#include OTHER_H
#endif
#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define USE(name, label)                                                                           \
  static int label(const char* text, size_t size) {                                                \
    char* out; size_t n;                                                                           \
    if (JOIN(name, score_csv)(text, size, &out, &n) < 0) { puts(JOIN(name, error)()); return 1; }  \
    fwrite(out, 1, n, stdout);                                                                     \
    JOIN(name, free)(out);                                                                         \
    return JOIN(name, score_csv)("nonsense\n1\n", 11, &out, &n) < 0 && *JOIN(name, error)() ? 0 : 1; \
  }
USE(MODEL, first)
#ifdef OTHER
USE(OTHER, second)
#endif
int main(int argc, char** argv) {
  static char text[4 << 20];
  const size_t size = fread(text, 1, sizeof text, stdin);
  if (MODEL_TYPES != JOIN(MODEL, column_count)() || argc < 1) return 2;
  int failed = first(text, size);
#ifdef OTHER
  failed |= second(text, size);
#endif
  return failed;
}
END
columns=$(./churn info --json | jq '.request | length')
name=$(sed -n 's/^int \(.*\)_open(void);.*/\1/p' churn.h)
other=$(sed -n 's/^int \(.*\)_open(void);.*/\1/p' linear.h)
run 0 cc -Wall -Werror use.c -DMODEL_H='"libchurn.h"' -DMODEL="$name" -DMODEL_TYPES="$columns" -o with_library libchurn.so -Wl,-rpath,"$work"
run 0 cc -Wall -Werror use.c -DMODEL_H='"churn.h"' -DMODEL="$name" -DOTHER_H='"linear.h"' -DOTHER="$other" -DMODEL_TYPES="$columns" -o with_objects churn.o linear.o -lm
./with_library <"$data" >library.out && same library.out churn.csv || fail "the library: $(tail -1 library.out)"
./with_objects <"$data" >objects.out && cat churn.csv linear.csv | cmp -s - objects.out && pass || fail "the objects: $(tail -1 objects.out)"
run 0 cc -static -Wl,--gc-sections,--eh-frame-hdr use.c -DMODEL_H='"churn.h"' -DMODEL="$name" -DMODEL_TYPES="$columns" -o static_objects churn.o -lm
./static_objects <"$data" >static.out && same static.out churn.csv || fail "a static program: $(tail -1 static.out)"
finish
