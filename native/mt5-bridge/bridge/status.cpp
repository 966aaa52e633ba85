#include "bridge/status.h"

#include <unistd.h>

#include "bridge/json.h"
#include "bridge/log.h"
#include "bridge/subjects.h"
#include "troupe/bridge/v1/bridge.pb.h"
#include "troupe/system/v1/system.pb.h"

namespace troupe::bridge {

namespace {

struct Step {
  State from;
  const char* event;
  State to;
};
// The whole machine; the JSON below is written from it.
constexpr Step kSteps[] = {
    {State::kWaiting, "HELLO", State::kSyncing}, {State::kSyncing, "SYMBOLS", State::kReady},
    {State::kSyncing, "LOST", State::kLost},     {State::kReady, "LOST", State::kLost},
    {State::kLost, "HELLO", State::kSyncing},
};
constexpr State kStates[] = {State::kWaiting, State::kSyncing, State::kReady, State::kLost};

// One per subject family: the publisher keeps order within a key.
enum Key : uint32_t { kExecutionKey, kMachineKey, kLevelKey, kLifecycleKey };

const Step* stepOf(State from, State to) {
  for (const Step& step : kSteps)
    if (step.from == from && step.to == to) return &step;
  return nullptr;
}

}  // namespace

std::string hostName() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

const char* nameOf(State state) {
  switch (state) {
    case State::kWaiting:
      return "waiting";
    case State::kSyncing:
      return "syncing";
    case State::kReady:
      return "ready";
    case State::kLost:
      return "lost";
  }
  return "";
}

bool canStep(State from, State to) { return stepOf(from, to) != nullptr; }

std::string machineJson() {
  std::string out = R"({"id":"bridge","initial":"waiting","states":{)";
  for (const State state : kStates) {
    if (state != kStates[0]) out += ',';
    out += jsonText(nameOf(state)) + R"(:{"on":{)";
    bool first = true;
    for (const Step& step : kSteps) {
      if (step.from != state) continue;
      if (!first) out += ',';
      first = false;
      out += jsonText(step.event) + ':' + jsonText(nameOf(step.to));
    }
    out += "}}";
  }
  return out + "}}";
}

Status::Status(Publisher& publisher, const Clock& clock, std::string account)
    : publisher_(publisher),
      clock_(clock),
      account_(std::move(account)),
      started_ms_(clock.wallUs() / 1000),
      session_("bridge-" + std::to_string(started_ms_)) {}

void Status::start() {
  post(machineKeySubject(), "machine", machineJson(), kMachineKey);
  publishLifecycle("started", "");
  publishLevel(nameOf(state_), "");
  publishLink("");
  printEvent({{"event", "state"}, {"state", nameOf(state_)}, {"reason", ""}, {"account", account_}});
}

void Status::step(State to, const std::string& reason) {
  const State from = state_;
  const Step* step = stepOf(from, to);
  if (!step) {
    logError("E_BRIDGE_STATE", std::string("no step from ") + nameOf(from) + " to " + nameOf(to));
    return;
  }
  {
    std::lock_guard lock(reason_mutex_);
    reason_ = reason;
  }
  state_ = to;
  if (listener_) listener_(from, step->event, to, reason);
  publishLevel(nameOf(to), reason);
  publishLifecycle(nameOf(to), reason);
  publishLink(reason);
  printEvent({{"event", "state"}, {"state", nameOf(to)}, {"reason", reason}, {"account", account_}});
}

void Status::refused(const std::string& reason) { publishLifecycle("refused", reason); }

void Status::commandRefused(const std::string& reason) { publishLifecycle("command_refused", reason); }

void Status::certificate(bool taken, const std::string& what) {
  publishLifecycle(taken ? "certificate_read" : "certificate_kept", what);
}

std::string Status::reason() const {
  std::lock_guard lock(reason_mutex_);
  return reason_;
}

void Status::stop(const std::string& reason) {
  publishLevel("stopped", reason);
  publishLifecycle("stopped", reason);
}

void Status::publishLevel(const std::string& state, const std::string& detail) {
  troupe::system::v1::ActorLevel level;
  level.set_kind("bridge");
  level.set_id(account_);
  level.set_node(hostName());
  level.set_state(state);
  level.set_since_ms(static_cast<double>(clock_.wallUs() / 1000));
  level.set_detail(detail);
  post(actorKeySubject(account_), "level", toJson(level), kLevelKey);
}

void Status::publishLifecycle(const std::string& event, const std::string& cause) {
  troupe::system::v1::LifecycleEvent out;
  out.set_kind("bridge");
  out.set_id(account_);
  out.set_event(event);
  out.set_cause(cause);
  out.set_node(hostName());
  out.set_time_ms(static_cast<double>(clock_.wallUs() / 1000));
  post(lifecycleSubject(account_), "lifecycle", toJson(out), kLifecycleKey);
}

void Status::publishLink(const std::string& reason) {
  v1::ExecutionEvent out;
  out.set_account(account_);
  out.set_session(session_);
  out.set_sequence(static_cast<double>(++link_events_));
  out.set_time_ms(static_cast<double>(clock_.wallUs() / 1000));
  out.mutable_link()->set_state(nameOf(state_));
  out.mutable_link()->set_reason(reason);
  const std::string data = toJson(out);
  const std::string id = token(account_) + "." + session_ + "." + std::to_string(link_events_);
  publisher_.post({executionSubject(account_), id, data.data(), data.size(), kExecutionKey, 1});
}

void Status::post(const std::string& subject, const std::string& id, const std::string& data, uint32_t key) {
  const std::string unique = token(account_) + "." + session_ + "." + id + "." + std::to_string(++posted_);
  publisher_.post({subject, unique, data.data(), data.size(), key, 0});
}

}  // namespace troupe::bridge
