// New orders: what is refused, with which code, and what is taken.
#include <algorithm>
#include <cmath>

#include "engine/engine.h"
#include "engine/random.h"

namespace troupe::terminal {

namespace {

// Prices are doubles of decimal numbers: a millionth of a step forgives their rounding, and nothing else.
constexpr double kSlack = 1e-6;
constexpr int64_t kDayMs = 86'400'000;

bool isPrice(double price) { return std::isfinite(price) && price >= 0; }

}  // namespace

bool Engine::onGrid(uint32_t symbol, double price) const {
  const double steps = price / config_.symbols[symbol].tick_size;
  return std::abs(steps - std::round(steps)) < 1e-3;
}

// round(price / tick) * tick, then to the symbol's digits, so that equal prices are equal doubles.
double Engine::toGrid(uint32_t symbol, double price) const {
  const Spec& spec = config_.symbols[symbol];
  const double scale = std::pow(10.0, spec.digits);
  return std::round(std::round(price / spec.tick_size) * spec.tick_size * scale) / scale;
}

Order Engine::orderFrom(const PlaceRequest& request) {
  Order order;
  order.order_id = request.order_id;
  order.symbol = symbolIndex(request.symbol);
  order.side = request.side;
  order.type = request.type;
  order.magic = request.magic;
  order.position_id = request.position_id;
  order.closing = request.position_id != 0;
  order.time_ms = now_ms_;
  if (std::isfinite(request.volume_lots) && std::abs(request.volume_lots) < 1e9) {
    order.volume = toVolume(request.volume_lots);
  }
  return order;
}

Engine::Check Engine::validateVolume(const Order& order, double lots) const {
  const Spec& spec = config_.symbols[order.symbol];
  if (order.volume <= 0 || std::abs(lots * kVolumeUnit - static_cast<double>(order.volume)) > 0.1 ||
      order.volume % spec.volume_step != 0) {
    return {kInvalidVolume, "volume is not a positive multiple of the step"};
  }
  if (order.volume > spec.volume_max) return {kInvalidVolume, "volume above the symbol's maximum"};
  // What is left of a position may be less than the minimum, and must be closable.
  if (order.volume < spec.volume_min && !order.closing) return {kInvalidVolume, "volume below the symbol's minimum"};
  return {};
}

Engine::Check Engine::validateClose(const Order& order) const {
  if (order.type != OrderType::kMarket) return {kInvalid, "only a market order can close a position"};
  const auto found = positions_.find(order.position_id);
  if (found == positions_.end()) return {kPositionClosed, "position does not exist or is closed"};
  const Position& position = found->second;
  if (position.symbol != order.symbol) return {kInvalid, "position is of another symbol"};
  if (position.side == order.side) return {kInvalid, "closing order must be opposite to the position"};
  for (const uint32_t at : books_[order.symbol].remainders) {
    if (orders_[at].closing && orders_[at].position_id == order.position_id) {
      return {kCloseOrderExist, "a closing order for this position is being filled"};
    }
  }
  if (order.volume > position.volume) return {kInvalidCloseVolume, "volume exceeds the position's"};
  return {};
}

Engine::Check Engine::validateExpiration(const PlaceRequest& request, Order& order) const {
  if (order.type == OrderType::kMarket) return {};
  switch (request.time_in_force) {
    case TimeInForce::kUnspecified:
    case TimeInForce::kGtc:
      return {};
    case TimeInForce::kDay:
      // End of the broker's day; floor division holds before 1970 as well.
      order.expiration_ms = (now_ms_ - ((now_ms_ % kDayMs) + kDayMs) % kDayMs) + kDayMs;
      return {};
    case TimeInForce::kSpecified:
      if (request.expiration_ms <= now_ms_) return {kInvalidExpiration, "expiration is not in the future"};
      order.expiration_ms = request.expiration_ms;
      return {};
  }
  return {kInvalidExpiration, "unknown time in force"};
}

// Side of the market and stops level of a pending order: buys are measured from ask, sells from bid.
Engine::Check Engine::validatePending(const Order& order) const {
  const Spec& spec = config_.symbols[order.symbol];
  if (!isPrice(order.price) || order.price == 0 || !onGrid(order.symbol, order.price)) {
    return {kInvalidPrice, "price is missing or not on the tick grid"};
  }
  const double market = market_.quote(order.symbol).openPrice(order.side);
  // A limit waits for a better price than the market's, a stop for a worse one.
  const int better = order.type == OrderType::kLimit ? 1 : -1;
  const double points = better * signOf(order.side) * (market - order.price) / spec.point;
  if (points < kSlack) return {kInvalidPrice, "price is on the wrong side of the market"};
  if (points < spec.stops_level_points - kSlack) return {kInvalidPrice, "price is closer than the stops level"};
  if (order.type == OrderType::kStopLimit) {
    if (!isPrice(order.stop_limit_price) || order.stop_limit_price == 0 ||
        !onGrid(order.symbol, order.stop_limit_price)) {
      return {kInvalidPrice, "stop limit price is missing or not on the tick grid"};
    }
    if (signOf(order.side) * (order.price - order.stop_limit_price) / spec.point < -kSlack) {
      return {kInvalidPrice, "stop limit price must not be beyond the trigger"};
    }
  }
  return {};
}

// Stop loss and take profit: of a market order measured from the price that would close it, of a pending order from
// the price at which it opens.
Engine::Check Engine::validateStops(const Order& order) const {
  const Spec& spec = config_.symbols[order.symbol];
  if (!isPrice(order.stop_loss) || !isPrice(order.take_profit)) {
    return {kInvalidStops, "stop loss or take profit is not a price"};
  }
  double from = order.price;
  if (order.type == OrderType::kMarket) from = market_.quote(order.symbol).closePrice(order.side);
  if (order.type == OrderType::kStopLimit) from = order.stop_limit_price;
  const double least = spec.stops_level_points > 0 ? spec.stops_level_points - kSlack : kSlack;
  if (order.stop_loss > 0) {
    if (!onGrid(order.symbol, order.stop_loss)) return {kInvalidStops, "stop loss is not on the tick grid"};
    if (signOf(order.side) * (from - order.stop_loss) / spec.point < least) {
      return {kInvalidStops, "stop loss is too close or on the wrong side"};
    }
  }
  if (order.take_profit > 0) {
    if (!onGrid(order.symbol, order.take_profit)) return {kInvalidStops, "take profit is not on the tick grid"};
    if (signOf(order.side) * (order.take_profit - from) / spec.point < least) {
      return {kInvalidStops, "take profit is too close or on the wrong side"};
    }
  }
  return {};
}

Engine::Check Engine::validate(const PlaceRequest& request, Order& order) const {
  if (order.symbol == kNoSymbol) return {kInvalid, "unknown symbol"};
  if (order.side == Side::kNone) return {kInvalid, "side is missing"};
  if (order.type == OrderType::kNone) return {kInvalid, "order type is missing"};
  if (config_.client_ids && (request.order_id.empty() || request.order_id[0] == '[')) {
    return {kInvalid, "order id is missing or begins with ["};
  }
  if (Check check = validateVolume(order, request.volume_lots); check.retcode) return check;
  if (!market_.quote(order.symbol).valid()) return {kPriceOff, "no prices"};
  if (!market_.profit(order.symbol, order.side, order.volume, 1, 1) ||
      !market_.margin(order.symbol, order.side, order.volume, 1)) {
    return {kPriceOff, "no prices of the symbol that converts to the account's currency"};
  }
  if (order.closing) {
    if (Check check = validateClose(order); check.retcode) return check;
  }
  if (order.type != OrderType::kMarket) {
    order.price = request.price;
    order.stop_limit_price = order.type == OrderType::kStopLimit ? request.stop_limit_price : 0;
    if (Check check = validatePending(order); check.retcode) {
      order.price = order.stop_limit_price = 0;  // what is refused need not be a number
      return check;
    }
    order.price = toGrid(order.symbol, order.price);
    if (order.stop_limit_price > 0) order.stop_limit_price = toGrid(order.symbol, order.stop_limit_price);
    if (Check check = validateExpiration(request, order); check.retcode) return check;
  }
  if (!order.closing) {
    order.stop_loss = request.stop_loss;
    order.take_profit = request.take_profit;
    if (Check check = validateStops(order); check.retcode) {
      order.stop_loss = order.take_profit = 0;
      return check;
    }
    if (order.stop_loss > 0) order.stop_loss = toGrid(order.symbol, order.stop_loss);
    if (order.take_profit > 0) order.take_profit = toGrid(order.symbol, order.take_profit);
  }
  return {};
}

// Margin that this deal adds must be free, together with its commission. Reducing needs none.
Engine::Check Engine::checkMoney(const Order& order, Volume volume, double price) const {
  if (order.closing) return {};
  Volume opened = volume;
  double freed = 0;
  if (config_.margin_mode == MarginMode::kNetting) {
    for (const uint64_t id : books_[order.symbol].positions) {
      const Position& position = positions_.at(id);
      if (position.side == order.side) continue;
      if (volume <= position.volume) return {};
      opened = volume - position.volume;
      freed = market_.margin(order.symbol, position.side, position.volume, position.open_price).value_or(0);
    }
  }
  const auto added = market_.margin(order.symbol, order.side, opened, price);
  if (!added) return {kPriceOff, "no prices of the symbol that converts to the account's currency"};
  double required = *added - freed;
  if (config_.margin_mode == MarginMode::kHedging) {
    double same = 0, other = 0;
    for (const uint64_t id : books_[order.symbol].positions) {
      const Position& position = positions_.at(id);
      (position.side == order.side ? same : other) +=
          market_.margin(order.symbol, position.side, position.volume, position.open_price).value_or(0);
    }
    required = std::max(same + *added, other) - std::max(same, other);
  }
  const Cents commission = toCents(config_.commission_per_lot * toLots(volume));
  if (required > 0 && toCents(required) + commission > account().free_margin) {
    return {kNoMoney, "not enough free margin"};
  }
  return {};
}

Result Engine::refuse(Order order, uint32_t retcode, const std::string& message) {
  order.state = OrderState::kRejected;
  if (!config_.client_ids) ++refused_;
  order.retcode = retcode;
  order.message = message;
  // An order without an id cannot be asked for again, so there is nothing to remember.
  if (config_.client_ids && !order.order_id.empty() && order.order_id[0] != '[') {
    emit(order, true);
    remember(order);
  }
  return resultFor(order, retcode, message);
}

// What the order's chances are drawn from: the client's id, so that a repeated schedule has the same luck.
uint64_t Engine::luckOf(const Order& order) const {
  const uint64_t key = hash64(order.order_id);
  return config_.client_ids ? key : mix64(key ^ (order.ticket ? order.ticket : next_order_ ^ refused_ << 32));
}

Result Engine::place(const PlaceRequest& request) {
  if (const auto seen = by_order_id_.find(request.order_id); config_.client_ids && seen != by_order_id_.end()) {
    return known(orders_[seen->second]);
  }
  Order order = orderFrom(request);
  if (Check check = validate(request, order); check.retcode) return refuse(order, check.retcode, check.message);
  const ExecutionModel& model = config_.execution;
  if (draw(model.seed, luckOf(order), Draw::kReject) < model.reject_probability) {
    return refuse(order, kReject, "rejected by the dealer");
  }
  return order.type == OrderType::kMarket ? placeMarket(std::move(order), request) : placePending(std::move(order));
}

Result Engine::placeMarket(Order order, const PlaceRequest& request) {
  const Spec& spec = config_.symbols[order.symbol];
  const double price = request.exact ? market_.quote(order.symbol).openPrice(order.side)
                                     : slipped(order.symbol, order.side, luckOf(order), 0);
  if (request.price > 0 && request.deviation_points > 0 &&
      signOf(order.side) * (price - request.price) / spec.point > request.deviation_points + kSlack) {
    return refuse(order, kRequote, "price moved beyond the deviation");
  }
  const Volume first = request.filling == Filling::kFok ? order.volume : firstPart(order);
  if (Check check = checkMoney(order, order.volume, price); check.retcode) {
    return refuse(order, check.retcode, check.message);
  }
  order.ticket = next_order_++;
  order.state = OrderState::kWorking;
  order.retcode = kPlaced;
  const uint32_t at = remember(std::move(order));
  Order& live = orders_[at];
  emit(live);
  fill(live, first, price, "expert");
  if (live.active() && request.filling == Filling::kIoc) {
    endOrder(live, OrderState::kCancelled, kDonePartial, "the rest is cancelled");
  } else if (live.active()) {
    books_[live.symbol].remainders.push_back(at);
  }
  emitAccount();
  refresh(live.symbol);
  return resultFor(live, live.retcode, live.message);
}

Result Engine::placePending(Order order) {
  order.ticket = next_order_++;
  order.state = OrderState::kWorking;
  order.retcode = kPlaced;
  order.message = "order placed";
  const uint32_t at = remember(std::move(order));
  const Order& live = orders_[at];
  books_[live.symbol].pending.push_back(at);
  emit(live);
  refresh(live.symbol);
  refreshExpiry();
  return resultFor(live, live.retcode, live.message);
}

}  // namespace troupe::terminal
