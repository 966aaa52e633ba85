// Broker's wall clock and UTC. MetaTrader writes every time as the trade server's wall clock, as if that were UTC, and
// does not say how far it is from it: the terminal measures the offset of today, and the broker's rule of daylight
// saving says what it was, or will be, at any other time. Most brokers keep UTC+2 and UTC+3 by the rule of the USA, so
// that their day ends with New York's; others by that of the EU, and some keep one offset all year. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::bridge {

enum class DaylightRule : uint8_t {
  kFixed,  // one offset all year
  kUs,     // second Sunday of March 07:00 UTC to first Sunday of November 06:00 UTC
  kEu,     // last Sunday of March 01:00 UTC to last Sunday of October 01:00 UTC
};

// fixed, us or eu. False for anything else.
bool parseDaylightRule(std::string_view text, DaylightRule& rule);
const char* nameOf(DaylightRule rule);
// Whether clocks that obey the rule are an hour ahead of their standard time then.
bool isDaylight(DaylightRule rule, int64_t utc_ms);

class BrokerTime {
 public:
  // One offset all year. Implicit: that is what a plain number of seconds means.
  BrokerTime(int32_t offset_s = 0) : standard_s_(offset_s) {}
  // The offset that was measured at a moment, for a broker that obeys a rule.
  BrokerTime(int32_t offset_s, DaylightRule rule, int64_t measured_utc_ms)
      : standard_s_(offset_s - (isDaylight(rule, measured_utc_ms) ? kDaylightS : 0)), rule_(rule) {}

  // What the broker's wall clock is ahead of UTC when it shows `broker_ms`. The hour that it shows twice in autumn is
  // taken for the first of the two; the hour that it never shows in spring for standard time.
  int32_t offsetAtBroker(int64_t broker_ms) const;
  int32_t offsetAtUtc(int64_t utc_ms) const { return standard_s_ + (isDaylight(rule_, utc_ms) ? kDaylightS : 0); }

  DaylightRule rule() const { return rule_; }
  // Offsets change only where the broker's clock shows a multiple of this.
  static constexpr int64_t kQuantumMs = 900'000;

 private:
  static constexpr int32_t kDaylightS = 3600;
  int32_t standard_s_;
  DaylightRule rule_ = DaylightRule::kFixed;
};

}  // namespace troupe::bridge
