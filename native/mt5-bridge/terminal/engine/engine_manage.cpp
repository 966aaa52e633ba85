// Commands on what already stands: cancel, modify, protect.
#include <cmath>

#include "engine/engine.h"

namespace troupe::terminal {

namespace {

Result plain(uint32_t retcode, const std::string& message) {
  return {.outcome = outcomeOf(retcode), .retcode = retcode, .message = message};
}

// Points between the market and a price, whichever side.
double distance(const Spec& spec, double a, double b) { return std::abs(a - b) / spec.point; }

}  // namespace

Result Engine::cancel(uint64_t ticket, const std::string& order_id) {
  Order* order = findOrder(ticket, order_id);
  if (!order) return plain(kInvalid, "no such order");
  if (!order->active()) {
    // Cancelling twice is no fault; cancelling what was filled must make the caller look again.
    const bool gone = order->state == OrderState::kCancelled || order->state == OrderState::kExpired;
    return resultFor(*order, gone ? kNoChanges : kOrderChanged, gone ? "already gone" : "order is no longer active");
  }
  const Spec& spec = config_.symbols[order->symbol];
  const Quote& quote = market_.quote(order->symbol);
  if (order->type != OrderType::kMarket && spec.freeze_level_points > 0 && quote.valid() &&
      distance(spec, quote.openPrice(order->side), order->price) <= spec.freeze_level_points) {
    return resultFor(*order, kFrozen, "order is within the freeze level");
  }
  endOrder(*order, OrderState::kCancelled, kDone, "cancelled");
  refresh(order->symbol);
  refreshExpiry();
  return resultFor(*order, kDone, "cancelled");
}

Result Engine::modify(const ModifyRequest& request) {
  Order* order = findOrder(request.ticket, request.order_id);
  if (!order) return plain(kInvalid, "no such order");
  if (!order->active() || order->type == OrderType::kMarket) {
    return resultFor(*order, kOrderChanged, "order is no longer pending");
  }
  const Spec& spec = config_.symbols[order->symbol];
  const Quote& quote = market_.quote(order->symbol);
  if (!quote.valid()) return resultFor(*order, kPriceOff, "no prices");
  if (spec.freeze_level_points > 0 &&
      distance(spec, quote.openPrice(order->side), order->price) <= spec.freeze_level_points) {
    return resultFor(*order, kFrozen, "order is within the freeze level");
  }
  Order changed = *order;
  changed.price = request.price;
  changed.stop_limit_price = changed.type == OrderType::kStopLimit ? request.stop_limit_price : 0;
  changed.stop_loss = request.stop_loss;
  changed.take_profit = request.take_profit;
  if (const Check check = validatePending(changed); check.retcode) {
    return resultFor(*order, check.retcode, check.message);
  }
  if (const Check check = validateStops(changed); check.retcode) {
    return resultFor(*order, check.retcode, check.message);
  }
  for (double* price : {&changed.price, &changed.stop_limit_price, &changed.stop_loss, &changed.take_profit}) {
    if (*price > 0) *price = toGrid(changed.symbol, *price);
  }
  if (changed.price == order->price && changed.stop_limit_price == order->stop_limit_price &&
      changed.stop_loss == order->stop_loss && changed.take_profit == order->take_profit) {
    return resultFor(*order, kNoChanges, "no changes");
  }
  changed.message = "modified";
  *order = changed;
  emit(*order);
  return resultFor(*order, kDone, "modified");
}

Result Engine::protect(uint64_t position_id, const std::string& symbol, double stop_loss, double take_profit) {
  const uint32_t named = symbolIndex(symbol);
  if (!symbol.empty() && named == kNoSymbol) return plain(kInvalid, "unknown symbol");
  if (position_id == 0) {
    if (config_.margin_mode == MarginMode::kHedging) return plain(kInvalid, "hedging: position id is missing");
    if (named == kNoSymbol) return plain(kInvalid, "symbol and position id are missing");
    if (books_[named].positions.empty()) return plain(kPositionClosed, "no position in this symbol");
    position_id = books_[named].positions.front();
  }
  const auto found = positions_.find(position_id);
  if (found == positions_.end()) return plain(kPositionClosed, "position does not exist or is closed");
  Position& position = found->second;
  if (named != kNoSymbol && position.symbol != named) return plain(kInvalid, "position is of another symbol");
  const Spec& spec = config_.symbols[position.symbol];
  const Quote& quote = market_.quote(position.symbol);
  if (!quote.valid()) return plain(kPriceOff, "no prices");
  Order probe;
  probe.symbol = position.symbol;
  probe.side = position.side;
  probe.type = OrderType::kMarket;
  probe.stop_loss = stop_loss;
  probe.take_profit = take_profit;
  if (const Check check = validateStops(probe); check.retcode) return plain(check.retcode, check.message);
  if (stop_loss > 0) stop_loss = toGrid(position.symbol, stop_loss);
  if (take_profit > 0) take_profit = toGrid(position.symbol, take_profit);
  if (stop_loss == position.stop_loss && take_profit == position.take_profit) return plain(kNoChanges, "no changes");
  const double market = quote.closePrice(position.side);
  for (const double standing : {position.stop_loss, position.take_profit}) {
    if (spec.freeze_level_points > 0 && standing > 0 && distance(spec, market, standing) <= spec.freeze_level_points) {
      return plain(kFrozen, "position's stops are within the freeze level");
    }
  }
  position.stop_loss = stop_loss;
  position.take_profit = take_profit;
  emit(position);
  return plain(kDone, "done");
}

}  // namespace troupe::terminal
