// Dates and times, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
#include "stdlib/builtins/kernels.h"

namespace {

constexpr int64_t microseconds_a_day = 86400000000;

inline int64_t floor_div(int64_t a, int64_t b) {  // b > 0
  const int64_t q = a / b;
  return q - (a % b < 0);
}
inline int64_t floor_mod(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r < 0 ? r + b : r;
}

struct Civil {
  int64_t year, month, day;
};
inline Civil civil_of(int64_t date) {
  const int64_t z = date + 719468;  // days since 0000-03-01
  const int64_t era = floor_div(z, 146097), day_of_era = z - era * 146097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);  // from March 1st
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}
inline int64_t first_day_of(int64_t year) {  // January 1st
  const int64_t y = year - 1, era = floor_div(y, 400), year_of_era = y - era * 400;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + 306 - 719468;
}

}  // namespace

extern "C" {

int64_t mlp_time_between_dates(int64_t a, int64_t b) { return (a - b) * microseconds_a_day; }
double mlp_time_ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }
int64_t mlp_time_to_date(int64_t timestamp) { return floor_div(timestamp, microseconds_a_day); }
int64_t mlp_time_to_timestamp(int64_t date) { return date * microseconds_a_day; }
double mlp_time_days(int64_t duration) { return static_cast<double>(duration) / 86400e6; }
double mlp_time_hours(int64_t duration) { return static_cast<double>(duration) / 3600e6; }
double mlp_time_minutes(int64_t duration) { return static_cast<double>(duration) / 60e6; }
double mlp_time_seconds(int64_t duration) { return static_cast<double>(duration) / 1e6; }
int64_t mlp_time_hour(int64_t timestamp) { return floor_mod(timestamp, microseconds_a_day) / 3600000000; }
int64_t mlp_time_minute(int64_t timestamp) { return floor_mod(timestamp, 3600000000) / 60000000; }
int64_t mlp_time_second(int64_t timestamp) { return floor_mod(timestamp, 60000000) / 1000000; }

int64_t mlp_time_year_of_date(int64_t date) { return civil_of(date).year; }
int64_t mlp_time_quarter_of_date(int64_t date) { return (civil_of(date).month + 2) / 3; }
int64_t mlp_time_month_of_date(int64_t date) { return civil_of(date).month; }
int64_t mlp_time_day_of_date(int64_t date) { return civil_of(date).day; }
int64_t mlp_time_weekday_of_date(int64_t date) { return floor_mod(date + 3, 7) + 1; }  // 1970-01-01 was a Thursday
int64_t mlp_time_yearday_of_date(int64_t date) { return date - first_day_of(civil_of(date).year) + 1; }
int64_t mlp_time_week_of_date(int64_t date) {  // a week belongs to the year of its Thursday
  return (mlp_time_yearday_of_date(date + 4 - mlp_time_weekday_of_date(date)) - 1) / 7 + 1;
}

int64_t mlp_time_year(int64_t timestamp) { return mlp_time_year_of_date(mlp_time_to_date(timestamp)); }
int64_t mlp_time_quarter(int64_t timestamp) { return mlp_time_quarter_of_date(mlp_time_to_date(timestamp)); }
int64_t mlp_time_month(int64_t timestamp) { return mlp_time_month_of_date(mlp_time_to_date(timestamp)); }
int64_t mlp_time_day(int64_t timestamp) { return mlp_time_day_of_date(mlp_time_to_date(timestamp)); }
int64_t mlp_time_weekday(int64_t timestamp) { return mlp_time_weekday_of_date(mlp_time_to_date(timestamp)); }
int64_t mlp_time_yearday(int64_t timestamp) { return mlp_time_yearday_of_date(mlp_time_to_date(timestamp)); }
int64_t mlp_time_week(int64_t timestamp) { return mlp_time_week_of_date(mlp_time_to_date(timestamp)); }

}  // extern "C"
