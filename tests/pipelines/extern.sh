# Functions of C: trained, scored, built, run again from the package alone; plans; and what is wrong with the C, at its place.
source "$(dirname "$0")/lib.sh"

cat >geo.c <<'C'
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static const double radius = 6371.0;

static double square(double v) { return v * v; }

double great_circle(double a, double b, double c, double d) {
  const double rad = M_PI / 180;
  const double h = square(sin((c - a) * rad / 2)) + cos(a * rad) * cos(c * rad) * square(sin((d - b) * rad / 2));
  return 2 * radius * asin(sqrt(h < 1 ? h : 1));
}

/* By zero it gives 0, and ends nothing. */
int64_t quotient(int64_t a, int64_t b) { return a / b; }

bool far(double distance, bool strict) { return strict ? distance > 1000 : distance >= 500; }

double half_or_nothing(double v) { return v < 0 ? NAN : v / 2; }
C
cat >trip.mlp <<'SPEC'
pipeline trips "Functions of C beside those of the language"
schema Airport { faa : id, name : string, lat : float, lon : float, alt : int, tz : int, dst : category, tzone : category }
schema Flight {
  year : int, month : int, day : int, dep_time : int, dep_delay : float, arr_time : int, arr_delay : float
  carrier : category, tailnum : id, flight : int, origin : id, dest : id
  air_time : float, distance : float, hour : int, minute : int
}
source airports: Airport = csv("airports.csv.gz", null = ["NA"], on_violation = drop)
source flights: Flight = csv("flights.csv.gz", on_violation = drop)

/// Kilometres along the surface of the earth.
extern fn great_circle(a: float, b: float, c: float, d: float) -> float from "geo.c"
extern fn quotient(a: int, b: int) -> int from "geo.c"
extern fn far(distance: float, strict: bool) -> bool from "geo.c" "whether it is far"
extern fn half_or_nothing(v: float) -> float? from "geo.c"
fn from_new_york(lat: float, lon: float) -> float = great_circle(40.7, -74, lat, lon)

table base = flights |> join(airports, on = dest == faa, prefix = "a_")

features x from base {
  km        = great_circle(40.639751, -73.778925, a_lat, a_lon)
  same      = abs(great_circle(40.639751, -73.778925, a_lat, a_lon) - haversine(40.639751, -73.778925, a_lat, a_lon)) < 10
  own       = from_new_york(a_lat, a_lon) |> impute(median)
  per_hour  = quotient(hour, a_tz) |> coalesce(-1)  // a_tz is null where the airport is not known
  away      = far(distance, a_lat > 40)
  never     = half_or_nothing(distance - 700)
  both      = half_or_nothing([distance, dep_delay])
}
split base { by = every(5), valid = 0 }
model m = gbdt {
  predict air_time > 120 from x
  trees = 20
}
test m { require test.auc >= 0.9 }
SPEC
cp "$root/examples/nycflights/data/airports.csv.gz" "$root/examples/nycflights/data/flights.csv.gz" .

run 0 "$MLP" fmt trip.mlp; run 0 "$MLP" fmt --check trip.mlp; says trip.mlp 'extern fn quotient(a: int, b: int) -> int from "geo.c"'
run 0 "$MLP" check trip.mlp
run 0 "$MLP" train trip.mlp --threads 1 --json; one=$(json package out)
run 0 "$MLP" train trip.mlp --threads 2 --json; equal "$(json package out)" "$one" "package at 1 and 2 threads"
run 0 "$MLP" test trip.mlp
run 0 "$MLP" show latest --json; says out geo.c

run 0 "$MLP" plan trip.mlp --emit=loop; says out 'extern mlp_extern_great_circle_'
run 0 "$MLP" plan trip.mlp --emit=llvm; says out 'mlp_extern_great_circle_'

# Batch, single row, JSON and artifacts give the same bits, without a compiler.
run 0 "$MLP" build trip.mlp -o trip
if grep -qaF 'LLVM' trip; then fail "the artifact holds LLVM"; else pass; fi
run 0 ./trip selftest
printf 'distance,dep_delay,hour,a_lat,a_lon,a_tz\n760,128,6,33.636719,-84.428067,-5\n1074,175,6,,,\n500,80,7,26.536167,-81.755167,0\n' >in.csv
run 0 "$MLP" score trip.mlp --input in.csv --features --output mlp.csv
run 0 ./trip score --input in.csv --features --output own.csv
same mlp.csv own.csv
for row in 2 3 4; do
  { head -1 in.csv; sed -n "${row}p" in.csv; } >single.csv
  run 0 ./trip score --input single.csv --features
  equal "$(sed -n 2p out)" "$(sed -n "${row}p" own.csv)" "row $row alone"
done
column() { head -1 own.csv | tr , '\n' | grep -n "^features\.$1$" | cut -d: -f1; }
value() { sed -n "$2p" own.csv | cut -d, -f"$(column "$1")"; }
equal "$(value same 2)" 1 "the distance of the library, with another radius"
equal "$(value per_hour 2)" -1 "6 / -5 as C rounds it"
equal "$(value per_hour 3)" -1 "a null is not passed to C"
equal "$(value km 3)" nan "a null argument gives null"
equal "$(value never 2)" 30 "half of 60"
equal "$(value never 4)" nan "NaN is the null of a float?"
equal "$(value per_hour 4)" 0 "a division by zero"
equal "$(value away 4)" 1 "a bool, not strict"
mkdir empty && cp trip in.csv empty/
if chroot empty /trip info >/dev/null 2>&1; then
  chroot empty /trip score --features <in.csv >chrooted.csv
  same chrooted.csv own.csv
else echo "[SKIP] chroot needs root"; fi

# A library and an object for a program of one's own: the C is in them, and no name of it can be seen.
run 0 "$MLP" score trip.mlp --input in.csv --output plain.csv
cat >use.c <<'C'
#include <stdio.h>
#include "model.h"
double great_circle(double v) { return v; } /* the program's own */
int main(void) {
  static char text[1 << 16];
  char* out; size_t n;
  if (trips_score_csv(text, fread(text, 1, sizeof text, stdin), &out, &n) < 0) { puts(trips_error()); return 1; }
  fwrite(out, 1, n, stdout);
  trips_free(out);
  return great_circle(1) != 1;
}
C
run 0 "$MLP" build trip.mlp --kind=lib -o libtrip.so; mv libtrip.h model.h
run 0 cc -Wall -Werror use.c -o with_library libtrip.so -Wl,-rpath,"$work"
./with_library <in.csv >library.csv && same library.csv plain.csv || fail "the library: $(tail -1 library.csv)"
run 0 "$MLP" build trip.mlp --kind=obj -o trip.o; same trip.h model.h
run 0 cc -Wall -Werror use.c -o with_object trip.o -lm
./with_object <in.csv >object.csv && same object.csv plain.csv || fail "the object: $(tail -1 object.csv)"

# The package alone: the C is in it.
mkdir elsewhere && cp .mlp -r elsewhere/ && cp ./*.csv.gz elsewhere/
(cd elsewhere && run 0 "$MLP" rerun latest && says out 'the same bytes again')

# Other C is another function: what uses it is made anew, the rest is kept.
cp geo.c kept.c
sed -i 's/6371.0/6372.8/' geo.c
run 0 "$MLP" plan trip.mlp; says out 'function `great_circle` changed'; says out 'read      no-op'
run 0 "$MLP" train trip.mlp --json; [ "$(json package out)" != "$one" ] && pass || fail "other C, same package"
cp kept.c geo.c
run 0 "$MLP" train trip.mlp --json; equal "$(json package out)" "$one" "the same C again"

# What is wrong, at its place: in the C, or where it is declared.
sed -i 's/return v \* v; }/return v * w; }/' geo.c
run 1 "$MLP" check trip.mlp; says err E0243; says err 'geo.c:7:'; says err "undeclared identifier 'w'"
cp kept.c geo.c; sed -i 's/int64_t quotient(int64_t a/int64_t quotient(int a/' geo.c
run 1 "$MLP" check trip.mlp; says err E0244; says err 'long quotient(long, long)'
cp kept.c geo.c; sed -i 's/bool far(/bool fer(/' geo.c
run 1 "$MLP" check trip.mlp; says err E0244; says err 'defines no function `far`'
cp kept.c geo.c; sed -i 's/^static const double radius/static double radius/' geo.c
run 1 "$MLP" check trip.mlp; says err E0245; says err '`radius` can change'
cp kept.c geo.c; printf 'int puts(const char*);\nvoid shout(void) { puts("x"); }\n' >>geo.c
run 1 "$MLP" check trip.mlp; says err E0245; says err '`puts`'
cp kept.c geo.c; sed -i 's/#include <stdint.h>/#include <stdio.h>/' geo.c
run 1 "$MLP" check trip.mlp; says err E0243; says err "'stdio.h' file not found"
rm geo.c
run 1 "$MLP" check trip.mlp; says err E0252
cp kept.c geo.c

# Without the compiler of C: the spec says so, others do not need it, and neither does what was built.
mkdir -p bare/lib && cp "$MLP" bare/mlp && cp -r "$(dirname "$MLP")/lib/millrace" bare/lib/ && rm bare/lib/millrace/libmillrace-c.so
run 3 bare/mlp check trip.mlp; says err E0923; says err libclang-cpp19
run 0 bare/mlp check "$root/examples/telco-churn/telco-churn.mlp"
finish
