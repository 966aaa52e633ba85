#include "bridge/broker_time.h"

#include <chrono>

namespace troupe::bridge {

namespace {

using namespace std::chrono;

int64_t utcMs(sys_days day, hours at) { return duration_cast<milliseconds>(day.time_since_epoch() + at).count(); }

}  // namespace

bool parseDaylightRule(std::string_view text, DaylightRule& rule) {
  for (const DaylightRule known : {DaylightRule::kFixed, DaylightRule::kUs, DaylightRule::kEu}) {
    if (text != nameOf(known)) continue;
    rule = known;
    return true;
  }
  return false;
}

const char* nameOf(DaylightRule rule) {
  switch (rule) {
    case DaylightRule::kFixed:
      break;
    case DaylightRule::kUs:
      return "us";
    case DaylightRule::kEu:
      return "eu";
  }
  return "fixed";
}

bool isDaylight(DaylightRule rule, int64_t utc_ms) {
  if (rule == DaylightRule::kFixed) return false;
  const year_month_day date(floor<days>(sys_time<milliseconds>(milliseconds(utc_ms))));
  const year y = date.year();
  if (rule == DaylightRule::kUs) {
    // 02:00 in New York: standard time (UTC-5) in March, daylight time (UTC-4) in November. The rule of 2007.
    return utc_ms >= utcMs(sys_days(y / March / Sunday[2]), hours(7)) &&
           utc_ms < utcMs(sys_days(y / November / Sunday[1]), hours(6));
  }
  return utc_ms >= utcMs(sys_days(y / March / Sunday[last]), hours(1)) &&
         utc_ms < utcMs(sys_days(y / October / Sunday[last]), hours(1));
}

int32_t BrokerTime::offsetAtBroker(int64_t broker_ms) const {
  if (rule_ == DaylightRule::kFixed) return standard_s_;
  const int32_t ahead_s = standard_s_ + kDaylightS;
  return isDaylight(rule_, broker_ms - int64_t{1000} * ahead_s) ? ahead_s : standard_s_;
}

}  // namespace troupe::bridge
