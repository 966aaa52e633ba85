#include <gtest/gtest.h>

#include <chrono>

#include "bridge/broker_time.h"
#include "bridge/convert.h"

using namespace troupe::bridge;

namespace {

// Milliseconds of a date and time, as if it were UTC.
int64_t at(int y, unsigned m, unsigned d, int h, int min = 0) {
  using namespace std::chrono;
  return duration_cast<milliseconds>(sys_days(year(y) / month(m) / day(d)).time_since_epoch() + hours(h) + minutes(min))
      .count();
}

struct Case {
  DaylightRule rule;
  int64_t utc_ms;
  bool daylight;
};

// Dates of the switches as published for these years; a minute before and at each.
TEST(BrokerTime, knowsTheSwitchDates) {
  const DaylightRule us = DaylightRule::kUs, eu = DaylightRule::kEu, fixed = DaylightRule::kFixed;
  const Case cases[] = {
      {us, at(2023, 3, 12, 6, 59), false},
      {us, at(2023, 3, 12, 7), true},
      {us, at(2023, 11, 5, 5, 59), true},
      {us, at(2023, 11, 5, 6), false},
      {us, at(2024, 3, 10, 7), true},
      {us, at(2024, 3, 10, 6, 59), false},
      {us, at(2024, 11, 3, 5, 59), true},
      {us, at(2024, 11, 3, 6), false},
      {us, at(2025, 3, 9, 7), true},
      {us, at(2025, 3, 9, 6, 59), false},
      {us, at(2025, 11, 2, 6), false},
      {us, at(2025, 11, 2, 5, 59), true},
      {us, at(2026, 3, 8, 7), true},
      {us, at(2026, 3, 8, 6, 59), false},
      {us, at(2026, 11, 1, 6), false},
      {us, at(2026, 11, 1, 5, 59), true},
      {us, at(2024, 1, 1, 0), false},
      {us, at(2024, 12, 31, 23), false},
      {us, at(2024, 7, 4, 12), true},
      {eu, at(2023, 3, 26, 0, 59), false},
      {eu, at(2023, 3, 26, 1), true},
      {eu, at(2023, 10, 29, 0, 59), true},
      {eu, at(2023, 10, 29, 1), false},
      {eu, at(2024, 3, 31, 1), true},
      {eu, at(2024, 3, 31, 0, 59), false},
      {eu, at(2024, 10, 27, 1), false},
      {eu, at(2024, 10, 27, 0, 59), true},
      {eu, at(2025, 3, 30, 1), true},
      {eu, at(2025, 10, 26, 1), false},
      {eu, at(2026, 3, 29, 0, 59), false},
      {eu, at(2026, 3, 29, 1), true},
      {eu, at(2026, 10, 25, 0, 59), true},
      {eu, at(2026, 10, 25, 1), false},
      // Between the switches of the two: the USA are ahead in March, and behind at the end of October.
      {us, at(2026, 3, 20, 0), true},
      {eu, at(2026, 3, 20, 0), false},
      {us, at(2026, 10, 28, 0), true},
      {eu, at(2026, 10, 28, 0), false},
      {fixed, at(2026, 7, 1, 0), false},
  };
  for (const Case& c : cases) EXPECT_EQ(isDaylight(c.rule, c.utc_ms), c.daylight) << nameOf(c.rule) << " " << c.utc_ms;
}

// A broker at UTC+2, in summer UTC+3: what its wall clock shows, and what that is in UTC.
TEST(BrokerTime, turnsTheBrokersClockIntoUtcAroundTheSwitches) {
  // Measured in winter, and in summer: the same broker.
  const BrokerTime winter(7200, DaylightRule::kUs, at(2026, 1, 15, 12)),
      summer(10800, DaylightRule::kUs, at(2026, 7, 1, 0));
  const struct {
    int64_t broker_ms, utc_ms;
  } cases[] = {
      {at(2026, 3, 8, 8, 59), at(2026, 3, 8, 6, 59)},    // a minute before
      {at(2026, 3, 8, 10, 0), at(2026, 3, 8, 7, 0)},     // 09:00 to 10:00 is never shown
      {at(2026, 7, 1, 3, 0), at(2026, 7, 1, 0, 0)},      //
      {at(2026, 11, 1, 8, 59), at(2026, 11, 1, 5, 59)},  // the last minute of summer
      {at(2026, 11, 1, 9, 0), at(2026, 11, 1, 7, 0)},    // 08:00 to 09:00 is shown twice
      {at(2026, 12, 1, 2, 0), at(2026, 12, 1, 0, 0)},
  };
  for (const auto& c : cases) {
    for (const BrokerTime& broker : {winter, summer}) {
      EXPECT_EQ(utcMs(c.broker_ms, broker), static_cast<double>(c.utc_ms)) << c.utc_ms;
      EXPECT_EQ(brokerMs(static_cast<double>(c.utc_ms), broker), c.broker_ms) << c.utc_ms;
    }
  }
  EXPECT_EQ(winter.offsetAtUtc(at(2026, 3, 20, 0)), 10800);
  const BrokerTime european(7200, DaylightRule::kEu, at(2026, 1, 15, 12));
  EXPECT_EQ(european.offsetAtUtc(at(2026, 3, 20, 0)), 7200);
  EXPECT_EQ(european.offsetAtUtc(at(2026, 4, 1, 0)), 10800);
  // The hour that never is, and the hour that is twice: one answer each.
  EXPECT_EQ(winter.offsetAtBroker(at(2026, 3, 8, 9, 30)), 7200);
  EXPECT_EQ(winter.offsetAtBroker(at(2026, 11, 1, 8, 30)), 10800);
}

// Every quarter of an hour of three years, there and back, but for the hours that are shown twice.
TEST(BrokerTime, thereAndBack) {
  for (const DaylightRule rule : {DaylightRule::kFixed, DaylightRule::kUs, DaylightRule::kEu}) {
    for (const int32_t offset : {7200, -18000, 20700}) {
      const BrokerTime broker(offset, rule, at(2025, 1, 15, 0));
      int different = 0;
      for (int64_t utc = at(2024, 1, 1, 0); utc < at(2027, 1, 1, 0); utc += BrokerTime::kQuantumMs)
        different += utcMs(brokerMs(static_cast<double>(utc), broker), broker) != static_cast<double>(utc);
      EXPECT_EQ(different, rule == DaylightRule::kFixed ? 0 : 3 * 4) << nameOf(rule) << " " << offset;
    }
  }
}

TEST(BrokerTime, rulesHaveNames) {
  DaylightRule rule = DaylightRule::kFixed;
  EXPECT_TRUE(parseDaylightRule("us", rule));
  EXPECT_EQ(rule, DaylightRule::kUs);
  EXPECT_TRUE(parseDaylightRule("eu", rule));
  EXPECT_TRUE(parseDaylightRule("fixed", rule));
  EXPECT_EQ(rule, DaylightRule::kFixed);
  EXPECT_FALSE(parseDaylightRule("summer", rule));
}

TEST(BrokerTime, aPlainOffsetHoldsAllYear) {
  const BrokerTime broker(3600);
  EXPECT_EQ(broker.offsetAtUtc(at(2026, 7, 1, 0)), 3600);
  EXPECT_EQ(broker.offsetAtBroker(at(2026, 12, 1, 0)), 3600);
}

}  // namespace
