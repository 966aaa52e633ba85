// The dealing desk: holds each command for the simulated latency, then gives it to the engine. Pure: the caller brings
// the time. Commands on one order id keep their order; a question about an order that is still held waits for it, so
// that "not found" is never said of an order that is about to execute.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "engine/engine.h"
#include "link/messages.h"

namespace troupe::terminal {

struct Command {
  std::variant<link::Place, link::Cancel, link::Modify, link::Protect, link::Find> body;
  uint64_t received_us = 0;  // wall clock
  uint64_t link_number = 0;  // the connection it came by; its answer goes nowhere else
  uint64_t number() const;
};

class Desk {
 public:
  Desk(double latency_ms, double latency_jitter_ms, uint64_t seed);

  void accept(Command command, int64_t now_us);
  // The next command whose time has come.
  std::optional<Command> due(int64_t now_us);
  // Microseconds until due() gives something; -1 if nothing is held.
  int64_t waitUs(int64_t now_us) const;

  static Result execute(Engine& engine, const Command& command);

 private:
  int64_t latencyUs(const Command& command, const std::string& order_id) const;

  struct Held {
    Command command;
    std::string order_id;
  };
  double latency_ms_, jitter_ms_;
  uint64_t seed_;
  std::multimap<int64_t, Held> held_;  // by due time; equal times keep their order
};

}  // namespace troupe::terminal
