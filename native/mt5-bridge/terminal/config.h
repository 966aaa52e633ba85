// The terminal's configuration: TerminalConfig as protobuf JSON, checked whole before anything starts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/types.h"
#include "link/key.h"
#include "link/secure.h"
#include "player/player.h"
#include "terminal/mql5/profile.h"

namespace troupe::terminal {

// What speaks to the bridge: the expert inside a terminal for MQL5 programs, over the link client or without a DLL, or
// the terminal by itself (session/).
enum class RunsProgram : uint8_t { kExpert, kExpertSockets, kNative };

const char* marginModeName(MarginMode mode);

struct Config {
  RunsProgram program = RunsProgram::kExpert;
  Profile profile;  // of the expert's terminal
  std::string bridge_host;
  uint16_t bridge_port = 0;
  std::string login;
  link::Key key;                                     // of the link; not in the file, see link::loadKey
  std::shared_ptr<const link::SecureClient> secure;  // null: no TLS; see link::secureClientOfEnvironment
  int32_t utc_offset_s = 0;
  std::string tape, history;
  double latency_ms = 0, latency_jitter_ms = 0;
  PlayerConfig player;
  EngineConfig engine;
};

// Empty `faults` means that `config` is usable. Every fault names the field and what is allowed; all are found at once,
// except that text which is no TerminalConfig at all (syntax, unknown key, wrong type) is one fault.
Config parseConfig(const std::string& json, std::vector<std::string>& faults);

// Reads the file; a file that cannot be read is a fault.
Config loadConfig(const std::string& path, std::vector<std::string>& faults);

}  // namespace troupe::terminal
