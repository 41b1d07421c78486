/* What the spec takes from elsewhere: the number of a day (Howard Hinnant, days_from_civil), and ways over a sphere. */
#include <math.h>
#include <stdint.h>

/* Days from 1970-01-01 to a year, month and day. */
int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
  const int64_t y = year - (month <= 2);
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t of_era = y - era * 400;
  const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static const double degree = M_PI / 180;

/* How far to the east the shortest way from a to b begins: 1 is due east, -1 due west. Places in degrees. */
double eastward(double a_latitude, double a_longitude, double b_latitude, double b_longitude) {
  const double a = a_latitude * degree, b = b_latitude * degree, turn = (b_longitude - a_longitude) * degree;
  const double east = sin(turn) * cos(b), north = cos(a) * sin(b) - sin(a) * cos(b) * cos(turn);
  const double length = sqrt(east * east + north * north);
  return length > 0 ? east / length : 0;
}
