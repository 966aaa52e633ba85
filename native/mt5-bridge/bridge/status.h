// The bridge as an actor among the others: its state machine, published like theirs (KV actors, sys.lifecycle, KV
// machines), and the link's state among the account's execution events.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "bridge/clock.h"
#include "bridge/publisher.h"

namespace troupe::bridge {

enum class State : uint8_t { kWaiting, kSyncing, kReady, kLost };
const char* nameOf(State state);

// Which steps there are; anything else is a fault of this program.
bool canStep(State from, State to);

// The machine in XState's shape, for any visualizer.
std::string machineJson();

class Status {
 public:
  Status(Publisher& publisher, const Clock& clock, std::string account);

  // Publishes the machine's definition, the state `waiting`, and that this bridge has started.
  void start();
  void step(State to, const std::string& reason);
  // A terminal was sent away; the state stays what it is.
  void refused(const std::string& reason);
  // In order, at the end.
  void stop(const std::string& reason);
  State state() const { return state_; }

 private:
  void publishLevel(const std::string& state, const std::string& detail);
  void publishLifecycle(const std::string& event, const std::string& cause);
  void publishLink(const std::string& reason);
  // One key per subject: order is promised within a subject only.
  void post(const std::string& subject, const std::string& id, const std::string& data, uint32_t key);

  Publisher& publisher_;
  const Clock& clock_;
  const std::string account_;
  const int64_t started_ms_;
  const std::string session_;
  std::atomic<State> state_{State::kWaiting};  // read by whoever is asked for it
  uint64_t posted_ = 0, link_events_ = 0;
};

}  // namespace troupe::bridge
