// Deals: what an execution does to order, position and balance.
#include <algorithm>
#include <cmath>

#include "engine/engine.h"
#include "engine/random.h"

namespace troupe::terminal {

// The market price for this side, made worse by 0..slippage_max_points whole points.
double Engine::slipped(uint32_t symbol, Side side, uint64_t key, uint64_t part) const {
  const double price = market_.quote(symbol).openPrice(side);
  const double most = std::floor(config_.execution.slippage_max_points);
  const double points = std::floor(draw(config_.execution.seed, key, Draw::kSlippage, part) * (most + 1));
  if (points == 0) return price;
  return toGrid(symbol, price + signOf(side) * points * config_.symbols[symbol].point);
}

// Volume of the first deal of a market order: all of it, or a part on the volume grid.
Volume Engine::firstPart(const Order& order) const {
  const ExecutionModel& model = config_.execution;
  const Volume step = config_.symbols[order.symbol].volume_step;
  const Volume steps = order.volume / step;
  const uint64_t key = luckOf(order);
  if (steps < 2 || draw(model.seed, key, Draw::kPartial) >= model.partial_fill_probability) return order.volume;
  const double share = draw(model.seed, key, Draw::kFirstPart);
  return step * (1 + static_cast<Volume>(share * static_cast<double>(steps - 1)));
}

// The position this order's deals go to: the named one, in netting mode the symbol's, in hedging mode its own.
Position* Engine::positionFor(const Order& order) {
  uint64_t id = order.ticket;
  if (order.closing) {
    id = order.position_id;
  } else if (config_.margin_mode == MarginMode::kNetting && !books_[order.symbol].positions.empty()) {
    id = books_[order.symbol].positions.front();
  }
  const auto found = positions_.find(id);
  return found == positions_.end() ? nullptr : &found->second;
}

Deal Engine::dealFor(const Order& order, Volume volume, double price, const char* reason) {
  Deal deal;
  deal.ticket = next_deal_++;
  deal.order_ticket = order.ticket;
  deal.order_id = order.order_id;
  deal.magic = order.magic;
  deal.symbol = order.symbol;
  deal.side = order.side;
  deal.volume = volume;
  deal.price = price;
  deal.commission = -toCents(config_.commission_per_lot * toLots(volume));
  deal.time_ms = now_ms_;
  deal.reason = reason;
  return deal;
}

void Engine::openOrAdd(Position& position, const Order& order, Volume volume, double price) {
  const auto held = static_cast<double>(position.volume), more = static_cast<double>(volume);
  position.open_price = position.volume == 0 ? price : (position.open_price * held + price * more) / (held + more);
  position.volume += volume;
  position.side = order.side;
  position.magic = order.magic;
  if (order.stop_loss > 0) position.stop_loss = order.stop_loss;
  if (order.take_profit > 0) position.take_profit = order.take_profit;
}

void Engine::record(Deal deal, Order& order) {
  balance_ += deal.profit + deal.commission + deal.swap + deal.fee;
  order.deals.push_back(static_cast<uint32_t>(deals_.size()));
  events_.push_back({.kind = Event::Kind::kDeal, .deal = deal});
  deals_.push_back(std::move(deal));
}

void Engine::forgetIfClosed(const Position& position) {
  if (position.volume > 0) return;
  const uint64_t id = position.position_id;
  std::erase(books_[position.symbol].positions, id);
  positions_.erase(id);
}

// One deal. The caller has made sure that a closing order finds its position, and that volume fits it.
void Engine::fill(Order& order, Volume volume, double price, const char* reason) {
  Position* position = positionFor(order);
  Deal deal = dealFor(order, volume, price, reason);
  if (!position) {
    position = &positions_[order.ticket];
    position->position_id = order.ticket;
    position->symbol = order.symbol;
    position->order_id = order.order_id;
    position->time_ms = now_ms_;
    std::vector<uint64_t>& ids = books_[order.symbol].positions;
    ids.insert(std::lower_bound(ids.begin(), ids.end(), order.ticket), order.ticket);
  }
  deal.position_id = position->position_id;
  if (position->volume == 0 || position->side == order.side) {
    deal.entry = "in";
    openOrAdd(*position, order, volume, price);
  } else {
    const Volume closed = std::min(volume, position->volume);
    deal.entry = volume > position->volume ? "inout" : "out";
    deal.profit = market_.profit(order.symbol, position->side, closed, position->open_price, price).value_or(0);
    position->volume -= closed;
    if (volume > closed) {
      position->stop_loss = position->take_profit = 0;
      position->order_id = order.order_id;
      position->time_ms = now_ms_;
      openOrAdd(*position, order, volume - closed, price);
    }
  }
  order.filled += volume;
  order.position_id = position->position_id;
  const bool whole = order.filled == order.volume;
  order.state = whole ? OrderState::kFilled : OrderState::kPartial;
  order.retcode = whole ? kDone : kDonePartial;
  order.message = whole ? "done" : "partly done";
  if (whole) order.done_ms = now_ms_;
  if (order.type == OrderType::kMarket) order.price = price;
  // MetaTrader tells of an opening deal before its order is done, and of a closing one after (facts sheet, section 5).
  const bool out = deal.entry == "out";
  if (out) emit(order);
  record(std::move(deal), order);
  if (!out) emit(order);
  emit(*position);
  forgetIfClosed(*position);
}

// A closing order that the server makes itself; its id is the comment that MetaTrader writes.
void Engine::closePosition(uint64_t position_id, double price, const std::string& comment, const char* reason) {
  const Position& position = positions_.at(position_id);
  Order order;
  order.ticket = next_order_++;
  order.order_id = comment;
  order.symbol = position.symbol;
  order.side = opposite(position.side);
  order.type = OrderType::kMarket;
  order.state = OrderState::kWorking;
  order.retcode = kPlaced;
  order.volume = position.volume;
  order.magic = position.magic;
  order.position_id = position_id;
  order.closing = true;
  order.time_ms = now_ms_;
  Order& live = orders_[remember(std::move(order))];
  emit(live);
  fill(live, live.volume, price, reason);
}

}  // namespace troupe::terminal
