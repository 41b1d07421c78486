# `mlp plan --against`, `mlp diff`, exit codes, and the cache: kept whole, collected by gc, never trusted when damaged.
source "$(dirname "$0")/lib.sh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
rows() { for i in $(seq 300); do echo "$i,$((i % 17)).5,$([ $((i % 3)) = 0 ] && echo a || echo b),$([ $((i % 2)) = 0 ] && echo yes || echo no)"; done; }
mkdir -p repo/specs/data && cd repo/specs
{ echo "id,size,kind,label"; rows; } >data/d.csv
cat >s.mlp <<'SPEC'
pipeline small
schema Row {
  id    : int
  size  : float   >= 0
  kind  : category
  label : bool    from ("yes", "no")
}
source rows_in: Row = csv("data/d.csv")
features x from rows_in {
  size = size |> standardize
  kind
}
model m = gbdt {
  predict label from x
  trees = 5
}
SPEC

# Nothing to compare with: everything is made.
run 2 "$MLP" plan s.mlp --detailed-exitcode
says out 'no run of `small` yet: retrain'
run 0 "$MLP" plan s.mlp --json
equal "$(jq -r '.format_version, .class, .against, (.stages | length)' out | tr '\n' ' ')" "1 retrain null 13 " "a first plan"
run 0 "$MLP" train s.mlp --json; first=$(jq -r .run out)
run 0 "$MLP" plan s.mlp --detailed-exitcode
says out "against run $first"; says out "nothing: no row is read"

# A revision: the spec as it stood there.
git init -q .. && git -C .. add -A specs/s.mlp specs/data && git -C .. -c user.name=t -c user.email=t@example.org commit -qm one
sed -i 's/trees = 5/trees = 9/' s.mlp
run 2 "$MLP" plan s.mlp --against HEAD: --detailed-exitcode
says out 'against HEAD:./s.mlp: retrain'; says out '`trees` 5 → 9 (s.mlp:15)'
run 0 "$MLP" plan s.mlp --against HEAD:specs/s.mlp --json
equal "$(jq -r .class out)" retrain "against a path in a revision"
(cd .. && run 0 "$MLP" plan specs/s.mlp --against HEAD: --json --store specs && says out '`trees` 5 → 9 (specs/s.mlp:15)')
run 1 "$MLP" plan s.mlp --against nowhere:; says err E0910
run 1 "$MLP" plan s.mlp --against HEAD:nothing.mlp; says err E0910
# What the spec imports is read at the revision, too, and must be there.
mkdir -p common
sed -n '/^schema/,/^}/p' s.mlp >common/row.mlp; echo 'import "units.mlp"' >>common/row.mlp; echo 'fn twice(v: float) -> float = v * 2' >common/units.mlp
{ sed '/^schema/,/^}/d; s/pipeline small/pipeline parted/; s/^  kind$/&\n  more = twice(size)/' s.mlp; echo 'import "common/row.mlp"'; } >p.mlp
git -C .. add -A specs/p.mlp specs/common && git -C .. -c user.name=t -c user.email=t@example.org commit -qm two
run 0 "$MLP" plan p.mlp --against HEAD: --detailed-exitcode
sed -i 's/v \* 2/v * 3/' common/units.mlp; sed -i 's/>= 0/>= 1/' common/row.mlp
run 2 "$MLP" plan p.mlp --against HEAD: --detailed-exitcode
says out 'function `twice` changed (common/units.mlp:1)'; says out 'constraint of column `size` >= 0 → >= 1 (common/row.mlp:3)'
run 2 "$MLP" plan p.mlp --against HEAD:specs/p.mlp --detailed-exitcode; says out 'function `twice` changed'
(cd .. && run 2 "$MLP" plan specs/p.mlp --against HEAD: --detailed-exitcode --store specs && says out 'function `twice` changed (specs/common/units.mlp:1)')
run 0 "$MLP" diff HEAD: p.mlp; says out 'function `twice` changed'
git -C .. rm -q --cached specs/common/units.mlp && git -C .. -c user.name=t -c user.email=t@example.org commit -qm three
run 1 "$MLP" plan p.mlp --against HEAD:
says err 'git has no `HEAD:./common/units.mlp`'; says err 'HEAD:./common/row.mlp:7:8'
run 0 "$MLP" plan p.mlp --against HEAD~1:
git -C .. reset -q --soft HEAD~2; git -C .. reset -q; rm -r common p.mlp
# A file, a run, a package, the run in production.
git show HEAD:./s.mlp >old.mlp
for what in old.mlp "$first" latest "$(echo .mlp/objects/*/*)"; do
  run 2 "$MLP" plan s.mlp --against "$what" --detailed-exitcode
  says out '`trees` 5 → 9 (s.mlp:15)'
done
run 1 "$MLP" plan s.mlp --against production; says err E0906
run 0 "$MLP" promote latest
run 0 "$MLP" plan s.mlp --against production --markdown
says out '### `small`: retrain'; says out '| train | **retrain** | `trees` 5 → 9 (s.mlp:15) |'; says out '| fit | no-op |  |'
# Any fault is 1 beside --detailed-exitcode, and what it is without.
run 3 "$MLP" plan s.mlp --against missing.mlp
run 1 "$MLP" plan s.mlp --against missing.mlp --detailed-exitcode
run 2 "$MLP" plan s.mlp --agianst x
run 1 "$MLP" plan s.mlp --agianst x --detailed-exitcode
run 2 "$MLP" plan s.mlp --json --markdown
# Without the data a plan tells what the spec alone does.
mv data away
run 0 "$MLP" plan s.mlp --against HEAD: --json
equal "$(jq -r '.class, .data.sha256' out | tr '\n' ' ')" "retrain null " "without data"
run 0 "$MLP" plan s.mlp; says out "the data is left out: "; says out 'train     retrain'
mv away data
# Reasons name what changed where it is written, on the side that has it.
sed 's/  kind$/  big = size > 3/; s/>= 0/in 0..99/' old.mlp >other.mlp
run 0 "$MLP" plan other.mlp --against old.mlp
says out 'feature `big` added: size > 3 (other.mlp:11)'; says out 'feature `kind` removed: kind (old.mlp:11)'
says out 'constraint of column `size` >= 0 → >= 0 <= 99 (other.mlp:4)'

# diff: spec by meaning, data, features, profile, metrics.
run 0 "$MLP" diff old.mlp other.mlp --json
equal "$(jq -c '[.class, .data.same, .features.added, .features.removed]' out)" '["breaking",true,["big"],["kind"]]' "diff of specs"
run 0 "$MLP" train s.mlp --json; second=$(jq -r .run out)
sed -i '2,40s/,\([0-9]*\)\.5,/,9\1.5,/' data/d.csv
run 0 "$MLP" plan s.mlp; says out 'read      refit     data sha256 '
run 0 "$MLP" train s.mlp --json; third=$(jq -r .run out)
run 0 "$MLP" diff "$first" "$second" --json
equal "$(jq -c '[.class, .data.same, (.spec | map(.what + .was + .is))]' out)" '["retrain",true,["`trees`59"]]' "diff of runs"
run 0 "$MLP" diff "$second" "$third"
says out 'the same meaning'; says out 'sha256 '; says out 'profile of the train rows'; says out '  size  median '; says out 'metrics'
run 0 "$MLP" diff HEAD: s.mlp; says out '`trees` 5 → 9 (s.mlp:15)'
run 2 "$MLP" diff HEAD: latest
sed 's/^  /    /; 1i// a comment' s.mlp >same.mlp
run 0 "$MLP" diff s.mlp same.mlp; says out 'same.mlp: no-op'

# The cache: what is there is used, what is damaged is made again, and the bytes are the same.
run 0 "$MLP" train s.mlp; says out 'from the cache: read, expect, split, fit, train, measure'
run 0 "$MLP" rerun latest; says out 'the same bytes again'
run 0 "$MLP" train s.mlp --no-cache --json
equal "$(jq -r '[.stages[] | select(.class != "no-op") | .name] | join(" ")' out)" "read expect split fit train measure" "without the cache"
for f in $(find .mlp/cache -type f); do
  chmod u+w "$f"; printf X | dd of="$f" bs=1 seek=$((RANDOM % $(stat -c %s "$f"))) conv=notrunc status=none
done
run 0 "$MLP" train s.mlp --json; equal "$(jq -r .package out | cut -c1-12)" "${third%%-*}" "after damage"
# Rejected rows go to their file whether they are read or remembered.
sed 's/csv("data\/d.csv"/csv("data\/q.csv", on_violation = quarantine/; s/pipeline small/pipeline picky/' s.mlp >q.mlp
sed '5s/,[0-9.]*,/,many,/' data/d.csv >data/q.csv
run 0 "$MLP" train q.mlp; mv picky.quarantine.csv kept.csv
run 0 "$MLP" train q.mlp; says out 'from the cache: read'; same picky.quarantine.csv kept.csv
# Those of a table, by source; and a finding stands where the spec has its subject now.
cat >t.mlp <<'SPEC'
pipeline several
schema Row {
  id    : int
  size  : float   >= 0
  kind  : category
  label : bool    from ("yes", "no")
}
source rows_in: Row = csv("data/q.csv", on_violation = quarantine)
table good = rows_in |> filter(size >= 0)
features x from good {
  size
  known = if label then 1 else 2
}
model m = gbdt {
  predict kind == "a" from x
  trees = 5
}
SPEC
awk -F, -v OFS=, 'NR > 1 && NR != 5 { $4 = $3 == "a" ? "yes" : "no" } 1' data/q.csv >data/r.csv; sed -i 's/q.csv/r.csv/' t.mlp
run 0 "$MLP" train t.mlp; says err W0660; says err 't.mlp:12:3'
mv several.rows_in.quarantine.csv kept.csv; equal "$(wc -l <kept.csv)" 2 "one rejected row"
sed -i '1i// a line more' t.mlp; sed -i 's/  known =/  telling =/' t.mlp
run 0 "$MLP" train t.mlp; says out 'from the cache: read, expect, split, fit, train, measure'
same several.rows_in.quarantine.csv kept.csv
says err 't.mlp:13:3'; says err 'feature `telling` alone predicts'
# gc counts what it takes, and leaves what kept runs were made from.
run 0 "$MLP" plan s.mlp --detailed-exitcode
before=$(find .mlp/cache -type f | wc -l)
touch .mlp/cache/.left.AbCdEf
run 0 "$MLP" gc --keep 1 --json
after=$(find .mlp/cache -type f | wc -l)
[ "$after" -lt "$before" ] && [ "$(jq .files out)" -ge $((before + 1 - after)) ] && pass || fail "gc: $before entries, then $after; $(cat out)"
run 0 "$MLP" plan s.mlp --detailed-exitcode
# Killed at any moment, the next train gives the same bytes.
want=$("$MLP" train s.mlp --json | jq -r .package)
for i in $(seq 20); do
  rm -rf .mlp/cache
  "$MLP" train s.mlp --json >/dev/null 2>&1 & pid=$!
  sleep "0.$(printf '%03d' $((RANDOM % 150)))"; kill -9 $pid 2>/dev/null || true; wait $pid 2>/dev/null || true
  equal "$("$MLP" train s.mlp --json | jq -r .package)" "$want" "after kill $i"
done 2>/dev/null
finish
