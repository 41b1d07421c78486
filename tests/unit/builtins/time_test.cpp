#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "stdlib/builtins/kernels.h"

namespace {

TEST(Time, CalendarAgreesWithTheStandardLibrary) {
  using namespace std::chrono;
  for (std::int64_t date = -800'000; date <= 800'000; ++date) {  // years -220 to 4160
    const sys_days day{days{date}};
    const year_month_day ymd{day};
    ASSERT_EQ(mlp_time_year_of_date(date), static_cast<int>(ymd.year())) << date;
    ASSERT_EQ(mlp_time_month_of_date(date), static_cast<unsigned>(ymd.month())) << date;
    ASSERT_EQ(mlp_time_day_of_date(date), static_cast<unsigned>(ymd.day())) << date;
    ASSERT_EQ(mlp_time_quarter_of_date(date), (static_cast<unsigned>(ymd.month()) - 1) / 3 + 1) << date;
    ASSERT_EQ(mlp_time_weekday_of_date(date), weekday{day}.iso_encoding()) << date;
    ASSERT_EQ(mlp_time_yearday_of_date(date), (day - sys_days{ymd.year() / January / 1}).count() + 1) << date;
    // ISO week 1 is the one with the year's first Thursday.
    const year thursdays_year = year_month_day{day + days{4} - days{weekday{day}.iso_encoding()}}.year();
    const sys_days first_monday = sys_days{thursdays_year / January / Thursday[1]} - days{3};
    ASSERT_EQ(mlp_time_week_of_date(date), (day - first_monday).count() / 7 + 1) << date;
  }
}

TEST(Time, Timestamps) {
  constexpr std::int64_t second = 1'000'000, day = 86400 * second;
  const std::int64_t t = 19782 * day + 13 * 3600 * second + 5 * 60 * second + 59 * second + 999'999;  // 2024-02-29 13:05:59.999999
  EXPECT_EQ(mlp_time_year(t), 2024);
  EXPECT_EQ(mlp_time_quarter(t), 1);
  EXPECT_EQ(mlp_time_month(t), 2);
  EXPECT_EQ(mlp_time_day(t), 29);
  EXPECT_EQ(mlp_time_weekday(t), 4);
  EXPECT_EQ(mlp_time_yearday(t), 60);
  EXPECT_EQ(mlp_time_week(t), 9);
  EXPECT_EQ(mlp_time_hour(t), 13);
  EXPECT_EQ(mlp_time_minute(t), 5);
  EXPECT_EQ(mlp_time_second(t), 59);
  EXPECT_EQ(mlp_time_to_date(t), 19782);
  EXPECT_EQ(mlp_time_to_timestamp(19782), 19782 * day);
  // One microsecond before 1970.
  EXPECT_EQ(mlp_time_to_date(-1), -1);
  EXPECT_EQ(mlp_time_year(-1), 1969);
  EXPECT_EQ(mlp_time_hour(-1), 23);
  EXPECT_EQ(mlp_time_minute(-1), 59);
  EXPECT_EQ(mlp_time_second(-1), 59);
  EXPECT_EQ(mlp_time_between_dates(5, 3), 2 * day);
  EXPECT_EQ(mlp_time_days(day * 3 / 2), 1.5);
  EXPECT_EQ(mlp_time_hours(day), 24);
  EXPECT_EQ(mlp_time_minutes(day), 1440);
  EXPECT_EQ(mlp_time_seconds(500'000), 0.5);
  EXPECT_EQ(mlp_time_ratio(day, day / 2), 2);
  for (const std::int64_t extreme : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_LE(mlp_time_month(extreme), 12);
    EXPECT_GE(mlp_time_month(extreme), 1);
    EXPECT_GE(mlp_time_weekday_of_date(extreme), 1);
    EXPECT_LE(mlp_time_week_of_date(extreme), 54);
  }
}

}  // namespace
