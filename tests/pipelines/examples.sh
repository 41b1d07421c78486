# Every example: trains, passes its own tests, gives one package at 1 and 2 threads and on rerun, and formats to itself.
source "$(dirname "$0")/lib.sh"

# Data that may not be handed on is not here: its spec is checked, and trained where somebody has put the data.
for spec in "$root"/examples/*/*.mlp; do
  name=$(basename "$spec" .mlp)
  run 0 "$MLP" check "$spec"
  run 0 "$MLP" fmt --check "$spec"
  case $name in  # whose data has a licence that keeps it out
    etth1-network) data=ETTh1.csv ;;
    mnist-pictures) data=digits.csv ;;
    mnist*) data=mnist-10k.csv.gz ;;
    *) data= ;;
  esac
  if [ -n "$data" ] && [ ! -f "$(dirname "$spec")/data/$data" ]; then
    run 3 "$MLP" train "$spec" --store "$work/none"
    says err "$data"
    continue
  fi
  if [ "$name" = mnist-conv ] || [ "$name" = mnist-pictures ]; then  # trains for a minute: once is enough, the others show the rest
    run 0 "$MLP" train "$spec" --threads 2 --store "$work/one-$name"
    run 0 "$MLP" test "$spec" --store "$work/one-$name"
    says out " 0 failed"
    continue
  fi
  run 0 "$MLP" train "$spec" --threads 1 --json --store "$work/one-$name"
  one=$(json package out)
  run 0 "$MLP" train "$spec" --threads 2 --json --store "$work/two-$name"
  two=$(json package out)
  equal "$one" "$two" "$name: package at 1 and at 2 threads"
  [ "${#one}" = 64 ] && pass || fail "$name: \`$one\` is no SHA-256"
  run 0 "$MLP" rerun latest --store "$work/one-$name"
  says out "the same bytes again"
  run 0 "$MLP" test "$spec" --store "$work/one-$name"
  says out " 0 failed"
  rm -rf "$work/one-$name" "$work/two-$name"
done
finish
