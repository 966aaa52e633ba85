// All figures of one account, from the parts that count them, for whoever asks: Prometheus, an operator, the doctor.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bridge/command_desk.h"
#include "bridge/journal.h"
#include "bridge/metrics_page.h"
#include "bridge/options.h"
#include "bridge/publisher.h"
#include "bridge/session.h"
#include "bridge/status.h"
#include "bridge/tick_sink.h"

namespace troupe::bridge {

// Of the daemon that serves the account.
struct DaemonFacts {
  uint16_t port = 0, metrics_port = 0;  // metrics_port 0: none
  int64_t started_ms = 0;
  bool tls = false;
  std::vector<std::string> accounts;  // all that it serves
};

struct Overview {
  using Refusals = std::function<std::map<std::string, uint64_t>()>;

  const AccountOptions& own;
  const DaemonFacts& daemon;
  const Clock& clock;
  const Status& status;
  const Room& room;
  const Publisher &ticks, &events;
  const TickSink& sink;
  const CommandDesk& desk;
  const Journal& journal;
  Refusals refusals;

  MetricsReading metrics() const;
  // Fields of the answer to `status`, as JSON without braces.
  std::string statusFields() const;
};

}  // namespace troupe::bridge
