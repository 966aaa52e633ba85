// The bridge as an actor among the others: its state machine, published like theirs (KV actors, sys.lifecycle, KV
// machines), and the link's state among the account's execution events.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "bridge/clock.h"
#include "bridge/publisher.h"

namespace troupe::bridge {

enum class State : uint8_t { kWaiting, kSyncing, kReady, kLost };
const char* nameOf(State state);
std::string hostName();

// Which steps there are; anything else is a fault of this program.
bool canStep(State from, State to);

// The machine in XState's shape, for any visualizer.
std::string machineJson();

class Status {
 public:
  Status(Publisher& publisher, const Clock& clock, std::string account);

  // Hears every step, with the event that caused it. To be set before the first.
  using Listener = std::function<void(State from, const char* event, State to, const std::string& reason)>;
  void setListener(Listener listener) { listener_ = std::move(listener); }

  // Publishes the machine's definition, the state `waiting`, and that this bridge has started.
  void start();
  void step(State to, const std::string& reason);
  // A terminal was sent away, or a command refused for a reason that a person must know; the state stays what it is.
  // Any thread.
  void refused(const std::string& reason);
  void commandRefused(const std::string& reason);
  void certificate(bool taken, const std::string& what);
  // In order, at the end.
  void stop(const std::string& reason);
  State state() const { return state_; }
  // Why it is in that state.
  std::string reason() const;

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
  std::atomic<uint64_t> posted_{0};
  uint64_t link_events_ = 0;
  Listener listener_;
  mutable std::mutex reason_mutex_;
  std::string reason_;
};

}  // namespace troupe::bridge
