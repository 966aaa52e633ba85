// All figures of one bridge, from the parts that count them, for whoever asks: Prometheus, an operator, the doctor.
#pragma once

#include <string>

#include "bridge/command_desk.h"
#include "bridge/journal.h"
#include "bridge/lobby.h"
#include "bridge/metrics_page.h"
#include "bridge/options.h"
#include "bridge/publisher.h"
#include "bridge/session.h"
#include "bridge/status.h"
#include "bridge/tick_sink.h"

namespace troupe::bridge {

struct Overview {
  const Options& options;
  const Clock& clock;
  const Status& status;
  const Room& room;
  const Publisher &ticks, &events;
  const TickSink& sink;
  const CommandDesk& desk;
  const Journal& journal;
  const Lobby& lobby;
  uint16_t port = 0, metrics_port = 0;  // metrics_port 0: none
  int64_t started_ms = 0;

  MetricsReading metrics() const;
  // Fields of the answer to `status`, as JSON without braces.
  std::string statusFields() const;
};

}  // namespace troupe::bridge
