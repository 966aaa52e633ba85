// The page that Prometheus reads. Names and labels are a promise: dashboards and alert rules use them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bridge/figures.h"
#include "bridge/status.h"

namespace troupe::bridge {

// Of one account.
struct MetricsReading {
  std::string account;
  State state = State::kWaiting;
  uint64_t ticks = 0, acked_ticks = 0, frames = 0, acked_frames = 0;
  uint64_t in_flight = 0, window = 0;
  uint64_t spill_bytes = 0, spilled_frames = 0;
  uint64_t events_waiting = 0, commands_waiting = 0, link_bytes_waiting = 0;
  uint64_t commands = 0;
  std::map<std::string, uint64_t> replies;   // by outcome
  std::map<std::string, uint64_t> refusals;  // of terminals, by code
  uint64_t journal_bytes = 0, journal_orders = 0;
  LatencyHistogram::Reading command, journal;
  uint64_t links = 0;
  double clock_offset_s = 0, utc_offset_s = 0, rtt_s = 0, tick_lag_s = 0;
  // -1, and absent on the page: the terminal has not said.
  int trade_allowed = -1, connected = -1, build = -1;
  double ping_s = -1;
  std::map<std::string, int> permissions;  // by where
};

// Of the whole daemon.
struct DaemonReading {
  std::vector<MetricsReading> accounts;
  std::map<std::string, uint64_t> refusals;  // of terminals that came for no account, by code
  uint64_t resident_bytes = 0;
};

std::string metricsPage(const DaemonReading& reading);

// Memory of this process that is in use, 0 where the system does not tell.
uint64_t residentBytes();

}  // namespace troupe::bridge
