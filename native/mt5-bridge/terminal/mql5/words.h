// The engine's words as MQL5 has them.
#pragma once

#include "engine/engine.h"
#include "terminal/shim/mql5.h"

namespace troupe::terminal {

ENUM_ORDER_TYPE toMql(Side side, OrderType type);
ENUM_ORDER_STATE toMql(OrderState state);
ENUM_DEAL_TYPE dealType(const Deal& deal);
ENUM_DEAL_ENTRY dealEntry(const Deal& deal);
ENUM_DEAL_REASON dealReason(const Deal& deal);
ENUM_SYMBOL_CALC_MODE toMql(CalcMode mode);
inline bool isBuy(ENUM_ORDER_TYPE type) { return type % 2 == 0; }

}  // namespace troupe::terminal
