#include "terminal/mql5/words.h"

namespace troupe::terminal {

ENUM_ORDER_TYPE toMql(Side side, OrderType type) {
  if (type == OrderType::kCloseBy) return ORDER_TYPE_CLOSE_BY;
  const int base = type == OrderType::kNone ? 0 : 2 * (static_cast<int>(type) - 1);
  return static_cast<ENUM_ORDER_TYPE>(base + (side == Side::kSell ? 1 : 0));
}

ENUM_ORDER_STATE toMql(OrderState state) {
  switch (state) {
    case OrderState::kWorking:
      return ORDER_STATE_PLACED;
    case OrderState::kPartial:
      return ORDER_STATE_PARTIAL;
    case OrderState::kFilled:
      return ORDER_STATE_FILLED;
    case OrderState::kCancelled:
      return ORDER_STATE_CANCELED;
    case OrderState::kRejected:
      return ORDER_STATE_REJECTED;
    case OrderState::kExpired:
      return ORDER_STATE_EXPIRED;
    case OrderState::kNone:
      break;
  }
  return ORDER_STATE_STARTED;
}

ENUM_DEAL_TYPE dealType(const Deal& deal) {
  if (deal.entry == "balance") return DEAL_TYPE_BALANCE;
  return deal.side == Side::kSell ? DEAL_TYPE_SELL : DEAL_TYPE_BUY;
}

ENUM_DEAL_ENTRY dealEntry(const Deal& deal) {
  if (deal.entry == "out_by") return DEAL_ENTRY_OUT_BY;
  if (deal.entry == "out") return DEAL_ENTRY_OUT;
  return deal.entry == "inout" ? DEAL_ENTRY_INOUT : DEAL_ENTRY_IN;
}

ENUM_DEAL_REASON dealReason(const Deal& deal) {
  if (deal.reason == "expert") return DEAL_REASON_EXPERT;
  if (deal.reason == "stop_loss") return DEAL_REASON_SL;
  if (deal.reason == "take_profit") return DEAL_REASON_TP;
  return deal.reason == "stop_out" ? DEAL_REASON_SO : DEAL_REASON_CLIENT;
}

ENUM_SYMBOL_CALC_MODE toMql(CalcMode mode) {
  switch (mode) {
    case CalcMode::kForex:
      return SYMBOL_CALC_MODE_FOREX;
    case CalcMode::kCfd:
      return SYMBOL_CALC_MODE_CFD;
    case CalcMode::kCfdLeverage:
      return SYMBOL_CALC_MODE_CFDLEVERAGE;
  }
  return SYMBOL_CALC_MODE_FOREX;
}

}  // namespace troupe::terminal
