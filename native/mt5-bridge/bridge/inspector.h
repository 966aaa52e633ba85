// Shows the bridge's state machine on inspect.bridge.<account> while somebody subscribes. Core NATS tells nobody that
// somebody subscribes, so it is asked with a short message that the server refuses when nobody hears it.
#pragma once

#include <nats/nats.h>

#include <mutex>
#include <string>

#include "bridge/clock.h"
#include "bridge/inspection.h"
#include "bridge/nats_options.h"

namespace troupe::bridge {

class Inspector {
 public:
  Inspector(NatsSettings settings, const Clock& clock, std::string account, std::string node)
      : settings_(std::move(settings)), clock_(clock), account_(std::move(account)), node_(std::move(node)) {}
  ~Inspector();

  // Asks who listens; to be called every two seconds or so, by one thread. Waits up to 100 ms for the answer.
  void probe(State state, const std::string& reason);
  // The machine has taken a step. Any thread.
  void stepped(State from, const std::string& event, State to, const std::string& reason);
  bool watched() const { return watched_; }

 private:
  InspectHead head() const { return {account_, node_, clock_.wallUs() / 1000}; }
  void say(const std::string& message);

  const NatsSettings settings_;
  const Clock& clock_;
  const std::string account_, node_;
  std::mutex mutex_;
  natsConnection* connection_ = nullptr;
  std::atomic<bool> watched_{false};
};

}  // namespace troupe::bridge
