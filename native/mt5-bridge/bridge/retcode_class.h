// MetaTrader's trade server return codes (TRADE_RETCODE_*): the one table of what each means for the request that it
// answers. docs/return-codes.md shows it; a test holds the two together.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "troupe/bridge/v1/bridge.pb.h"

namespace troupe::bridge {

// With the numbers of bridge.v1.RetcodeClass.
enum class RetcodeClass : uint8_t {
  kOk = 1,    // done
  kAccepted,  // taken; its outcome comes later
  kNo,        // nothing was executed, and the same request would be refused again
  kRetry,     // nothing was executed; after the change that the action names it may be sent again, as a new order
  kUnknown,   // nobody can tell; ask what became of it before anything else is sent
};

struct Retcode {
  uint32_t code;
  const char* name;
  RetcodeClass group;
  const char* action;
};

inline constexpr uint32_t kNoChanges = 10025, kPositionClosed = 10036;

// All of them, in the order of their codes.
std::span<const Retcode> retcodes();
// Null for a code that MetaTrader does not document.
const Retcode* retcodeOf(uint32_t code);
// Its name, RETCODE_<number> for one that is not in the table.
std::string retcodeName(uint32_t code);
const char* nameOf(RetcodeClass group);

// The request that a code answers, as far as its meaning hangs on it.
struct Request {
  bool was_sent = true;    // false only when it is certain that it never left the terminal
  bool is_change = false;  // of something that stands: cancel, modify, protect
  bool is_close = false;   // a deal that closes a position or a part of one
};

RetcodeClass classOf(uint32_t code, const Request& request);
v1::Outcome outcomeOf(uint32_t code, const Request& request);

}  // namespace troupe::bridge
