// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/broker_time.h"

namespace troupe::bridge {

// What one account has of its own.
struct AccountOptions {
  std::string account, source, journal, spill;
  std::string login, margin_mode;  // empty: any
  uint32_t window = 256;
  uint32_t spill_mb = 256;
  uint32_t not_found_after_ms = 0;
  DaylightRule daylight = DaylightRule::kFixed;

  std::string spillFile() const { return spill.empty() ? journal + ".spill" : spill; }
};

struct Options {
  std::string host;
  uint16_t port = 0;
  std::string key_file;
  std::string tls_cert, tls_key;  // both or neither
  bool plain_anywhere = false;
  uint32_t partitions = 12;
  bool metrics = false;
  uint32_t metrics_port = 0;
  std::vector<AccountOptions> accounts;
  bool help = false;

  static constexpr size_t kMostAccounts = 64;
};

extern const char* const kUsage;

// Empty when all is well, otherwise every fault in one text.
std::string parseOptions(int argc, const char* const* argv, Options& options);

}  // namespace troupe::bridge
