// A broker: what its accounts and symbols allow, how its terminal behaves, and which faults happen. Read from a JSON
// file (terminal/profiles/), strictly: unknown names, wrong types and numbers out of range are all reported at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/types.h"
#include "terminal/shim/enums_market.h"

namespace troupe::terminal {

struct Profile {
  std::string server = "Troupe-Demo", company = "Troupe";
  ENUM_ACCOUNT_MARGIN_MODE margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
  ENUM_SYMBOL_TRADE_EXECUTION execution = SYMBOL_TRADE_EXECUTION_MARKET;
  uint32_t filling = 3;  // SYMBOL_FILLING_* bits
  uint32_t comment_max_bytes = 31;
  std::string comment = "kept";           // kept, replaced, dropped
  std::string transactions = "observed";  // observed, shuffled
  bool real_timers = true;                // 10 to 16 ms, or as asked for
  uint32_t limit_orders = 0;              // 0: none
  uint32_t book_depth = 0;                // levels; 0: no depth of market
  std::vector<TradeSession> sessions;     // none: always open
  int64_t latency_us = 0, latency_jitter_us = 0;
  int64_t connect_us = 0;       // from start or loss to connection
  int64_t synchronise_us = 0;   // from connection to known properties
  int64_t late_history_us = 0;  // from execution to visible history
  int64_t first_ticks_us = 0;   // what the first CopyTicks of a symbol takes
  int64_t slow_ticks_us = 0;    // what reading beyond the fast cache takes
  // Probabilities, drawn from the seed.
  uint64_t seed = 1;
  double lost_reply = 0, timeout_reply = 0, reject = 0, requote = 0, late_tick = 0;
  int64_t late_tick_us = 0;
  int64_t disconnect_every_us = 0, disconnect_for_us = 0;  // mean times; 0: never
};

Profile parseProfile(const std::string& json, std::vector<std::string>& faults);
Profile loadProfile(const std::string& path, std::vector<std::string>& faults);

}  // namespace troupe::terminal
