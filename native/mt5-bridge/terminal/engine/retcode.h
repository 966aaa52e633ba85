// MetaTrader's trade server return codes, as far as the simulated terminal gives them, and what each means for the
// request: source is the MQL5 reference, "Return codes of the trade server".
#pragma once

#include <cstdint>

#include "engine/types.h"

namespace troupe::terminal {

enum Retcode : uint32_t {
  kRequote = 10004,
  kReject = 10006,
  kPlaced = 10008,
  kDone = 10009,
  kDonePartial = 10010,
  kInvalid = 10013,
  kInvalidVolume = 10014,
  kInvalidPrice = 10015,
  kInvalidStops = 10016,
  kMarketClosed = 10018,
  kNoMoney = 10019,
  kPriceOff = 10021,
  kInvalidExpiration = 10022,
  kOrderChanged = 10023,
  kNoChanges = 10025,
  kFrozen = 10029,
  kInvalidOrder = 10035,
  kPositionClosed = 10036,
  kInvalidCloseVolume = 10038,
  kCloseOrderExist = 10039,
  kRejectCancel = 10041,
};

// What a fresh answer with this code means. Codes that may be tried again (10004, 10015, 10021 ...) are rejections
// too: nothing was executed, and a second try needs a new order id.
inline Outcome outcomeOf(uint32_t retcode) {
  switch (retcode) {
    case kDone:
    case kDonePartial:
    case kNoChanges:
      return Outcome::kDone;
    case kPlaced:
      return Outcome::kAccepted;
    default:
      return Outcome::kRejected;
  }
}

}  // namespace troupe::terminal
