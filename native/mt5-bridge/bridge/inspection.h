// What the bridge's state machine shows of itself: the events of XState's inspection protocol, as every other actor of
// the company shows them (runtime/inspect). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "bridge/status.h"

namespace troupe::bridge {

// Who shows itself, and when.
struct InspectHead {
  std::string account, node;
  int64_t wall_ms = 0;
};

// The short message that asks whether anybody listens.
std::string inspectActor(const InspectHead& head, State state);
// The machine as it is, to whoever begins to watch; then after every step of it. `event` is what it heard.
std::string inspectSnapshot(const InspectHead& head, const std::string& event, State state, const std::string& reason);
std::string inspectEvent(const InspectHead& head, const std::string& event, const std::string& reason);
std::string inspectMicrostep(const InspectHead& head, const std::string& event, State from, State to);

}  // namespace troupe::bridge
