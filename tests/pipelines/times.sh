# Local time end to end: the weather of New York, whose UTC and local hours both stand in the data; columns of local time in CSV,
# Parquet, JSON and an artifact in an empty chroot; labels with an order along the same ways.
source "$(dirname "$0")/lib.sh"
cp "$root/examples/nycflights/data/weather.csv.gz" .

cat >weather.mlp <<'SPEC'
pipeline weather
schema Weather {
  origin : category, year : int, month : int, day : int, hour : int
  temp : float?, dewp : float?, humid : float?, wind_dir : float?, wind_speed : float?, wind_gust : float?, precip : float?, pressure : float?, visib : float?
  time_hour : timestamp
}
source weather: Weather = csv("weather.csv.gz", null = ["NA"])
table local = weather
  |> derive { clock = in_zone(time_hour, "America/New_York") }
  |> derive {
    off  = if hour(clock) == hour and day(clock) == day and month(clock) == month then 0 else 1
    back = days(from_zone(clock, "America/New_York") - time_hour)
  }
expect local { rows == 26_115, max(off) <= 0, min(back) >= -0.0417, max(back) <= 0 }
features x from local {
  at_hour = hour(time_hour, zone = "America/New_York")
  behind  = hours(utc_offset(time_hour, "America/New_York"))
  humid
}
split local { by = every(5), valid = 0 }
model m = gbdt {
  predict coalesce(temp, 50) from x
  trees   = 20
}
SPEC
run 0 "$MLP" train weather.mlp --json
run 0 "$MLP" show latest --json; says out '"time_zones":"'
run 0 "$MLP" rerun latest; says out 'the same bytes again'

# A column that is local time, and labels with an order: the same from CSV, Parquet, JSON lines, mlp and the artifact.
{ echo seen,size,y
  for i in $(seq 400); do
    printf '2024-%02d-%02d %02d:30:00,%s,%s\n' "$((i % 12 + 1))" "$((i % 28 + 1))" "$((i % 24))" "$(echo S M L XL | cut -d' ' -f$((i % 4 + 1)))" "$((i % 4 * 10 + i % 3))"
  done; } >rows.csv
spec() { # spec FORMAT
  cat <<SPEC
schema Row { seen : timestamp zone "Europe/Rome", size : category ordered ("S", "M", "L", "XL"), y : float }
source rows: Row = $1("rows.$1")
features x from rows {
  utc  = hour(seen)
  wall = hour(seen, "Europe/Rome")
  size
  big  = size >= "L"
  place = rank(size)
}
split rows { by = every(5), valid = 0 }
model m = gbdt {
  predict    y from x
  trees      = 10
  increasing = [size, place]
}
test m { monotone increasing size, given { size = "XL" } expect prediction > 20 }
SPEC
}
spec csv >csv.mlp
run 0 "$MLP" train csv.mlp --json; package=$(json package out)
run 0 "$MLP" test csv.mlp; says out 'monotone increasing size'
run 0 "$MLP" build csv.mlp -o local
# Summer, winter, an hour that comes twice, one that is skipped, and moments that say their offset.
printf 'seen,size\n2024-07-01 12:00:00,S\n2024-01-01 12:00:00,L\n2024-10-27 02:30:00,XL\n2024-03-31 02:30:00,M\n2024-07-01T12:00:00Z,M\n2024-07-01T12:00:00-05:00,M\n' >in.csv
run 0 "$MLP" score csv.mlp --input in.csv --features --output mlp.csv
run 0 ./local score --input in.csv --features --output own.csv
same mlp.csv own.csv
equal "$(cut -d, -f2- own.csv | tail -n +2 | tr '\n' ' ')" "10,12,0,0,0 11,12,2,1,2 0,2,3,1,3 1,3,1,0,1 12,14,1,0,1 17,19,1,0,1 " "hours of UTC and of the wall, labels in their order"
sed '1d; s/\(.*\),\(.*\)/{"seen":"\1","size":"\2"}/' in.csv >in.jsonl
run 0 ./local score --input in.jsonl --features --output json.csv
equal "$(sed 1d json.csv | head -c 2000)" "$(sed 1d own.csv | head -c 2000)" "JSON lines"
printf 'seen,size\n2024-07-01 12:00:00,XXL\n' >bad.csv
run 0 ./local score --input bad.csv --features --output bad.out; says err '1 value of `size` break its constraint'
equal "$(sed 1d bad.out | cut -d, -f4-)" "-1,0,-1" "a label that is none ranks below all"
printf 'seen,size,y\n2024-07-01 12:00:00,XXL,1\n' >bad_rows.csv
sed 's/rows.csv/bad_rows.csv/' csv.mlp >bad.mlp
run 1 "$MLP" train bad.mlp; says err '`ordered`'
mkdir empty && cp local in.csv empty/
if chroot empty /local info >/dev/null 2>&1; then
  chroot empty /local score --features <in.csv >chrooted.csv
  same chrooted.csv own.csv
else echo "[SKIP] chroot needs root"; fi

sed 's/,\(.*\),\(.*\)/,\1,\2/; 1d; s/\(.*\),\(.*\),\(.*\)/{"seen":"\1","size":"\2","y":\3}/' rows.csv >rows.jsonl
spec jsonl >jsonl.mlp
run 0 "$MLP" train jsonl.mlp --json
run 0 "$MLP" score jsonl.mlp --input in.csv --features --output from_jsonl.csv
same from_jsonl.csv mlp.csv

run 0 "$(dirname "$MLP")/tests/to_parquet" rows.csv rows.parquet
spec parquet >parquet.mlp
run 0 "$MLP" train parquet.mlp --json
run 0 "$MLP" score parquet.mlp --input in.csv --features --output from_parquet.csv
same from_parquet.csv mlp.csv

# What is wrong is said before any data is read.
sed 's/"L"$/"XXL"/' csv.mlp >wrong.mlp
run 1 "$MLP" check wrong.mlp; says err E0240; says err 'did you mean "XL"?'
sed 's/zone "Europe\/Rome"/zone "Europe\/Roma"/' csv.mlp >wrong.mlp
run 1 "$MLP" check wrong.mlp; says err E0241; says err 'did you mean `Europe/Rome`?'
run 0 "$MLP" check --fix wrong.mlp
run 0 "$MLP" check wrong.mlp

# A change of the order or of the zone is a change of what is trained.
run 0 "$MLP" train csv.mlp --json; equal "$(json package out)" "$package" "trained again"
sed 's/("S", "M", "L", "XL")/("M", "S", "L", "XL")/' csv.mlp >csv2.mlp && mv csv2.mlp csv.mlp
run 0 "$MLP" train csv.mlp --json; [ "$(json package out)" != "$package" ] && pass || fail "another order, the same package"
finish
