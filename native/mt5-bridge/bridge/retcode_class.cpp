#include "bridge/retcode_class.h"

#include <algorithm>

namespace troupe::bridge {

namespace {

using enum RetcodeClass;

constexpr uint32_t kInvalid = 10013, kConnection = 10031;

constexpr Retcode kTable[] = {
    {0, "NONE", kOk, "the success value of OrderCheck; no answer of the trade server"},
    {10004, "REQUOTE", kRetry, "ask again at the new price"},
    {10006, "REJECT", kNo, "the server or a dealer refused it"},
    {10007, "CANCEL", kNo, "the trader cancelled it"},
    {10008, "PLACED", kAccepted, "wait for its deals; for a request that was sent without waiting: for its result"},
    {10009, "DONE", kOk, "none"},
    {10010, "DONE_PARTIAL", kOk, "part was executed; the filling mode decides whether the rest lives on"},
    {10011, "ERROR", kUnknown, "ask what became of it"},
    {10012, "TIMEOUT", kUnknown, "ask what became of it: it may still execute"},
    {10013, "INVALID", kNo, "correct the request; a change: wait for the change that is still under way (then RETRY)"},
    {10014, "INVALID_VOLUME", kNo, "correct the volume"},
    {10015, "INVALID_PRICE", kRetry, "take the present price, on the price grid"},
    {10016, "INVALID_STOPS", kNo, "move the stops further away, or to their right side"},
    {10017, "TRADE_DISABLED", kNo, "wait until symbol or account may trade again"},
    {10018, "MARKET_CLOSED", kRetry, "wait for the next session"},
    {10019, "NO_MONEY", kNo, "the margin does not suffice"},
    {10020, "PRICE_CHANGED", kRetry, "take the present price"},
    {10021, "PRICE_OFF", kRetry, "there is no price; wait for one"},
    {10022, "INVALID_EXPIRATION", kNo, "correct the expiration"},
    {10023, "ORDER_CHANGED", kRetry, "read the order again, then decide again"},
    {10024, "TOO_MANY_REQUESTS", kRetry, "send less often"},
    {10025, "NO_CHANGES", kOk, "none: it is as was asked already"},
    {10026, "SERVER_DISABLES_AT", kNo, "the server allows this account no automated trading"},
    {10027, "CLIENT_DISABLES_AT", kNo, "allow automated trading in the terminal"},
    {10028, "LOCKED", kRetry, "the request is being processed; wait"},
    {10029, "FROZEN", kRetry, "the market is within the freeze level; wait until it has moved"},
    {10030, "INVALID_FILL", kRetry, "take a filling mode that the symbol allows"},
    {10031, "CONNECTION", kUnknown, "ask what became of it; if it is certain that it was not sent: send it later"},
    {10032, "ONLY_REAL", kNo, "real accounts only"},
    {10033, "LIMIT_ORDERS", kNo, "the account's limit of pending orders is reached"},
    {10034, "LIMIT_VOLUME", kNo, "the symbol's limit of volume is reached"},
    {10035, "INVALID_ORDER", kNo, "this type of order is prohibited"},
    {10036, "POSITION_CLOSED", kNo, "the position is closed already: for a close that is success"},
    {10038, "INVALID_CLOSE_VOLUME", kNo, "read the position's volume again"},
    {10039, "CLOSE_ORDER_EXIST", kNo, "an order that closes this position stands already"},
    {10040, "LIMIT_POSITIONS", kNo, "the account's limit of positions is reached"},
    {10041, "REJECT_CANCEL", kNo, "the pending order was not activated and is cancelled"},
    {10042, "LONG_ONLY", kNo, "the symbol may only be bought"},
    {10043, "SHORT_ONLY", kNo, "the symbol may only be sold"},
    {10044, "CLOSE_ONLY", kNo, "positions in the symbol may only be closed"},
    {10045, "FIFO_CLOSE", kNo, "close the oldest position first"},
    {10046, "HEDGE_PROHIBITED", kNo, "the account forbids opposite positions"},
};

}  // namespace

std::span<const Retcode> retcodes() { return kTable; }

const Retcode* retcodeOf(uint32_t code) {
  const auto* at = std::lower_bound(std::begin(kTable), std::end(kTable), code,
                                    [](const Retcode& entry, uint32_t wanted) { return entry.code < wanted; });
  return at != std::end(kTable) && at->code == code ? at : nullptr;
}

std::string retcodeName(uint32_t code) {
  const Retcode* known = retcodeOf(code);
  return known ? known->name : "RETCODE_" + std::to_string(code);
}

const char* nameOf(RetcodeClass group) {
  switch (group) {
    case kOk:
      return "OK";
    case kAccepted:
      return "ACCEPTED";
    case kNo:
      return "NO";
    case kRetry:
      return "RETRY";
    case kUnknown:
      break;
  }
  return "UNKNOWN";
}

RetcodeClass classOf(uint32_t code, const Request& request) {
  if (code == kInvalid && request.is_change) return kRetry;
  if (code == kPositionClosed && request.is_close) return kOk;
  if (code == kConnection && !request.was_sent) return kRetry;
  const Retcode* known = retcodeOf(code);
  return known ? known->group : kUnknown;
}

v1::Outcome outcomeOf(uint32_t code, const Request& request) {
  switch (classOf(code, request)) {
    case kOk:
      return v1::OUTCOME_DONE;
    case kAccepted:
      return v1::OUTCOME_ACCEPTED;
    case kNo:
    case kRetry:
      return v1::OUTCOME_REJECTED;
    case kUnknown:
      break;
  }
  return v1::OUTCOME_UNKNOWN;
}

}  // namespace troupe::bridge
