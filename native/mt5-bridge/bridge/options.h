// The command line.
#pragma once

#include <cstdint>
#include <string>

#include "bridge/broker_time.h"

namespace troupe::bridge {

struct Options {
  std::string host;
  uint16_t port = 0;
  std::string account, source, journal, spill;
  std::string key_file, login, margin_mode;
  std::string tls_cert, tls_key;  // both or neither
  bool plain_anywhere = false;
  uint32_t partitions = 12;
  uint32_t window = 256;
  uint32_t spill_mb = 256;
  uint32_t not_found_after_ms = 0;
  DaylightRule daylight = DaylightRule::kFixed;
  bool metrics = false;
  uint32_t metrics_port = 0;
  bool help = false;
};

extern const char* const kUsage;

// Empty when all is well, otherwise every fault in one text.
std::string parseOptions(int argc, const char* const* argv, Options& options);

}  // namespace troupe::bridge
