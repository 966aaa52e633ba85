// The expert's own sources, as a program of the simulated terminal, joined to the real link client. What it says to the
// link client and hears from it passes through here and is watched: the terminal tells its parent of the link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config.h"
#include "terminal/mql5/program.h"

namespace troupe::terminal {

// There is one: the expert's variables are global, as in MetaTrader.
namespace expert {

// TroupeBridge with the inputs that the config asks for.
Program program(const Config& config);

// The custom event by which TroupeWake rings the expert's chart.
inline constexpr int kWakeEvent = 7731;

// What has happened on the link so far.
struct LinkWatch {
  int32_t handle = 0;     // of the link client; 0: none
  uint64_t sessions = 0;  // that have begun
  uint64_t received = 0;  // messages that the expert has taken
  struct Trouble {
    std::string code, message;
  };
  std::optional<Trouble> lost;     // the last loss
  std::optional<Trouble> refused;  // for good: the bridge will not have us before somebody has changed something
};
const LinkWatch& watch();

// Waits for a message of the bridge as TroupeWake does: 1 when there is one, 0 after `timeout_ms`, below 0 without a
// link client.
int32_t waitForMessage(int32_t timeout_ms);

// This session knows where the feed goes on.
bool agreed();
// Ticks of the feed so far, when the link client has taken all of them.
std::optional<uint64_t> sentTicks();
// Behind all ticks. False when the link client takes nothing now.
bool sendTapeEnd(uint64_t ticks);

// Files of the expert that number ticks of a tape; another tape is another feed.
void forgetTicks(const std::string& data_folder);

}  // namespace expert

}  // namespace troupe::terminal
