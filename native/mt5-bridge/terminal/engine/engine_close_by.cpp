// Two opposite positions that close each other.
#include <algorithm>

#include "engine/engine.h"

namespace troupe::terminal {

Engine::Check Engine::validateCloseBy(const CloseByRequest& request) const {
  if (config_.margin_mode != MarginMode::kHedging) return {kInvalidOrder, "close-by needs a hedging account"};
  const auto one = positions_.find(request.position_id), other = positions_.find(request.position_by);
  if (one == positions_.end() || other == positions_.end())
    return {kPositionClosed, "position does not exist or is closed"};
  const Position &a = one->second, &b = other->second;
  if (a.symbol != b.symbol) return {kInvalid, "positions are of different symbols"};
  if (a.side == b.side) return {kInvalid, "positions are not opposite"};
  for (const uint32_t at : books_[a.symbol].remainders) {
    const Order& order = orders_[at];
    if (order.closing && (order.position_id == request.position_id || order.position_id == request.position_by))
      return {kCloseOrderExist, "a closing order for one of the positions is being filled"};
  }
  if (!market_.profit(a.symbol, a.side, a.volume, 1, 1))
    return {kPriceOff, "no prices of the symbol that converts to the account's currency"};
  return {};
}

void Engine::closeLeg(Order& order, uint64_t position_id, double price) {
  Position& position = positions_.at(position_id);
  Deal deal = dealFor(order, order.volume, price, "expert");
  deal.side = opposite(position.side);
  deal.position_id = position_id;
  deal.entry = "out_by";
  deal.profit = market_.profit(position.symbol, position.side, order.volume, position.open_price, price).value_or(0);
  position.volume -= order.volume;
  record(std::move(deal), order);
  emit(position);
  forgetIfClosed(position);
}

Result Engine::closeBy(const CloseByRequest& request) {
  if (const Check check = validateCloseBy(request); check.retcode)
    return {.outcome = outcomeOf(check.retcode), .retcode = check.retcode, .message = check.message};
  const Position &one = positions_.at(request.position_id), &other = positions_.at(request.position_by);
  Order order;
  order.ticket = next_order_++;
  order.order_id = request.comment;
  order.symbol = one.symbol;
  order.side = opposite(one.side);
  order.type = OrderType::kCloseBy;
  order.state = OrderState::kWorking;
  order.retcode = kPlaced;
  order.volume = std::min(one.volume, other.volume);
  order.price = other.open_price;
  order.magic = request.magic;
  order.position_id = request.position_id;
  order.position_by = request.position_by;
  order.closing = true;
  order.time_ms = now_ms_;
  Order& live = orders_[remember(std::move(order))];
  const double price = live.price;
  emit(live);
  closeLeg(live, live.position_id, price);
  closeLeg(live, live.position_by, price);
  live.filled = live.volume;
  live.state = OrderState::kFilled;
  live.retcode = kDone;
  live.message = "done";
  live.done_ms = now_ms_;
  emit(live);
  emitAccount();
  refresh(live.symbol);
  return resultFor(live, live.retcode, live.message);
}

}  // namespace troupe::terminal
