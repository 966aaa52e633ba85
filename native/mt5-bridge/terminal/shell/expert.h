// The expert's own sources, as a program of the simulated terminal. What it hears from its link passes through here and
// is watched: the terminal tells its parent of the link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config.h"
#include "terminal/mql5/program.h"

namespace troupe::terminal {

// What has happened on the link so far.
struct LinkWatch {
  uint64_t sessions = 0;  // that have begun
  uint64_t received = 0;  // messages that the expert has taken
  struct Trouble {
    std::string code, message;
  };
  std::optional<Trouble> lost;     // the last loss
  std::optional<Trouble> refused;  // for good: the bridge will not have us before somebody has changed something

  // A message that the link has handed to the expert.
  void note(const uint8_t* message, int32_t length);
};

// One of the expert's two variants. There is one of each: their variables are global, as in MetaTrader.
class Expert {
 public:
  // The custom event by which the service rings the expert's chart.
  static constexpr int kWakeEvent = 7731;

  virtual ~Expert() = default;
  // With the inputs that the config asks for.
  virtual Program program(const Config& config) = 0;
  // The service that rings its chart. Without one the terminal does what that service would.
  virtual std::optional<Program> service() = 0;
  // Waits for a message of the bridge as TroupeWake does: 1 when there is one, 0 after `timeout_ms`, below 0 when
  // nobody but the expert can see one.
  virtual int32_t waitForMessage(int32_t timeout_ms) = 0;

  // This session knows where the feed goes on.
  virtual bool agreed() = 0;
  // Ticks of the feed so far, when the link has taken all of them.
  virtual std::optional<uint64_t> sentTicks() = 0;
  // Behind all ticks. False when the link takes nothing now.
  virtual bool sendTapeEnd(uint64_t ticks) = 0;
  virtual const LinkWatch& watch() const = 0;
};

Expert& dllExpert();      // TroupeBridge, over the link client of dll/
Expert& socketsExpert();  // TroupeBridgeSockets with TroupeWakeSockets, over the terminal's own sockets

// Files of the expert that number ticks of a tape; another tape is another feed.
void forgetTicks(const std::string& data_folder);

}  // namespace troupe::terminal
