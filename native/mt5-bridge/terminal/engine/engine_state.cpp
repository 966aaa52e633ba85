// What the engine knows: account, records, restoring them, and telling of changes.
#include <algorithm>

#include "engine/engine.h"

namespace troupe::terminal {

Engine::Engine(EngineConfig config)
    : config_(std::move(config)),
      market_(config_),
      now_ms_(config_.start_ms),
      books_(config_.symbols.size()),
      busy_(config_.symbols.size(), 0) {
  for (uint32_t i = 0; i < config_.symbols.size(); ++i) symbol_index_[config_.symbols[i].name] = i;
}

void Engine::begin() {
  if (deals_.empty()) {
    Deal deal;
    deal.ticket = next_deal_++;
    deal.entry = "balance";
    deal.reason = "client";
    deal.profit = config_.balance;
    deal.time_ms = now_ms_;
    deals_.push_back(deal);
    balance_ += deal.profit;
    Event event{.kind = Event::Kind::kDeal, .deal = deal};
    events_.push_back(std::move(event));
  }
  for (uint32_t i = 0; i < books_.size(); ++i) refresh(i);
  refreshExpiry();
}

void Engine::restore(const Order& order) {
  uint32_t at;
  if (auto found = order.ticket ? by_ticket_.find(order.ticket) : by_ticket_.end(); found != by_ticket_.end()) {
    at = found->second;
    std::vector<uint32_t> deals = std::move(orders_[at].deals);
    orders_[at] = order;
    orders_[at].deals = std::move(deals);
  } else {
    at = remember(order);
    orders_[at].deals.clear();
  }
  next_order_ = std::max(next_order_, order.ticket + 1);
  now_ms_ = std::max(now_ms_, order.time_ms);
  if (order.symbol == kNoSymbol) return;
  Book& book = books_[order.symbol];
  std::erase(book.pending, at);
  std::erase(book.remainders, at);
  if (!order.active()) return;
  // By ticket, as before the restart: the order in which one tick fills two orders must not depend on it.
  std::vector<uint32_t>& list = order.type == OrderType::kMarket ? book.remainders : book.pending;
  list.insert(std::lower_bound(list.begin(), list.end(), at), at);
}

void Engine::restore(const Deal& deal) {
  deals_.push_back(deal);
  balance_ += deal.profit + deal.commission + deal.swap + deal.fee;
  next_deal_ = std::max(next_deal_, deal.ticket + 1);
  now_ms_ = std::max(now_ms_, deal.time_ms);
  if (auto found = by_ticket_.find(deal.order_ticket); found != by_ticket_.end()) {
    orders_[found->second].deals.push_back(static_cast<uint32_t>(deals_.size() - 1));
  }
}

void Engine::restore(const Position& position) {
  std::erase(books_[position.symbol].positions, position.position_id);
  if (position.volume == 0) {
    positions_.erase(position.position_id);
    return;
  }
  positions_[position.position_id] = position;
  std::vector<uint64_t>& ids = books_[position.symbol].positions;
  ids.insert(std::lower_bound(ids.begin(), ids.end(), position.position_id), position.position_id);
}

void Engine::restoreDone(uint64_t ticket, int64_t done_ms) {
  if (const auto found = by_ticket_.find(ticket); found != by_ticket_.end()) orders_[found->second].done_ms = done_ms;
  now_ms_ = std::max(now_ms_, done_ms);
}

void Engine::restoreClosedBy(uint64_t ticket, uint64_t position_by) {
  if (const auto found = by_ticket_.find(ticket); found != by_ticket_.end())
    orders_[found->second].position_by = position_by;
}

void Engine::prime(uint32_t symbol, int64_t time_ms, double bid, double ask) {
  now_ms_ = std::max(now_ms_, time_ms);
  market_.set(symbol, {time_ms, bid, ask});
}

uint32_t Engine::symbolIndex(const std::string& name) const {
  const auto found = symbol_index_.find(name);
  return found == symbol_index_.end() ? kNoSymbol : found->second;
}

const std::string& Engine::symbolName(uint32_t symbol) const {
  static const std::string none;
  return symbol < config_.symbols.size() ? config_.symbols[symbol].name : none;
}

uint32_t Engine::remember(Order order) {
  orders_.push_back(std::move(order));
  const auto at = static_cast<uint32_t>(orders_.size() - 1);
  index(at);
  return at;
}

// Orders of the server carry a comment in brackets, which is no client's id.
void Engine::index(uint32_t at) {
  const Order& order = orders_[at];
  if (order.ticket != 0) by_ticket_[order.ticket] = at;
  if (config_.client_ids && !order.order_id.empty() && order.order_id[0] != '[') by_order_id_[order.order_id] = at;
}

Order* Engine::findOrder(uint64_t ticket, const std::string& order_id) {
  if (ticket != 0) {
    const auto found = by_ticket_.find(ticket);
    return found == by_ticket_.end() ? nullptr : &orders_[found->second];
  }
  const auto found = by_order_id_.find(order_id);
  return found == by_order_id_.end() ? nullptr : &orders_[found->second];
}

const Order* Engine::orderByTicket(uint64_t ticket) const {
  const auto found = by_ticket_.find(ticket);
  return found == by_ticket_.end() ? nullptr : &orders_[found->second];
}

std::vector<Event> Engine::takeEvents() {
  std::vector<Event> taken;
  taken.swap(events_);
  return taken;
}

void Engine::emit(const Order& order, bool silent) {
  events_.push_back({.kind = Event::Kind::kOrder, .silent = silent, .order = order});
}

void Engine::emit(const Position& position) {
  Event event{.kind = Event::Kind::kPosition, .position = position};
  event.position.profit = floating(position);
  events_.push_back(std::move(event));
}

void Engine::emitAccount() { events_.push_back({.kind = Event::Kind::kAccount, .account = account()}); }

// Floating profit; 0 while a price or rate is missing (after a restart, before the first tick).
Cents Engine::floating(const Position& position) const {
  const Quote& quote = market_.quote(position.symbol);
  if (position.volume == 0 || !quote.valid()) return 0;
  return market_
      .profit(position.symbol, position.side, position.volume, position.open_price, quote.closePrice(position.side))
      .value_or(0);
}

double Engine::marginOf(uint32_t symbol) const {
  double buy = 0, sell = 0;
  for (const uint64_t id : books_[symbol].positions) {
    const Position& position = positions_.at(id);
    (position.side == Side::kBuy ? buy : sell) +=
        market_.margin(symbol, position.side, position.volume, position.open_price).value_or(0);
  }
  return std::max(buy, sell);
}

double Engine::marginUsed() const {
  double sum = 0;
  for (const auto& [id, position] : positions_) {
    // Once per symbol, at its first position: no list of symbols to walk or to keep.
    if (books_[position.symbol].positions.front() == id) sum += marginOf(position.symbol);
  }
  return sum;
}

Account Engine::account() const {
  Account account;
  account.balance = account.equity = balance_;
  for (const auto& [id, position] : positions_) account.equity += floating(position);
  account.margin = toCents(marginUsed());
  account.free_margin = account.equity - account.margin;
  account.time_ms = now_ms_;
  return account;
}

std::vector<Order> Engine::activeOrders() const {
  std::vector<Order> active;
  for (const Book& book : books_) {
    for (const uint32_t at : book.pending) active.push_back(orders_[at]);
    for (const uint32_t at : book.remainders) active.push_back(orders_[at]);
  }
  std::sort(active.begin(), active.end(), [](const Order& a, const Order& b) { return a.ticket < b.ticket; });
  return active;
}

std::vector<Position> Engine::positions() const {
  std::vector<Position> all;
  for (const auto& [id, position] : positions_) {
    all.push_back(position);
    all.back().profit = floating(position);
  }
  return all;
}

Result Engine::resultFor(const Order& order, uint32_t retcode, const std::string& message) const {
  Result result{.outcome = outcomeOf(retcode), .retcode = retcode, .message = message, .has_order = true};
  result.order = order;
  for (const uint32_t at : order.deals) result.deals.push_back(deals_[at]);
  return result;
}

// What became of an order, told to somebody who asks or asks again.
Result Engine::known(const Order& order) const {
  Result result = resultFor(order, order.retcode, order.message);
  if (order.filled > 0) {
    result.outcome = Outcome::kDone;
  } else if (order.active()) {
    result.outcome = Outcome::kAccepted;
  } else {
    result.outcome = Outcome::kRejected;
  }
  return result;
}

Result Engine::find(const std::string& order_id, uint64_t magic) const {
  if (!order_id.empty()) {
    if (const auto found = by_order_id_.find(order_id); found != by_order_id_.end())
      return known(orders_[found->second]);
    return {.outcome = Outcome::kNotFound, .message = "no such order id"};
  }
  const Order* only = nullptr;
  for (const Order& order : orders_) {
    if (magic == 0 || order.magic != magic || order.order_id[0] == '[') continue;
    if (only) return {.outcome = Outcome::kUnknown, .message = "several orders carry this magic"};
    only = &order;
  }
  if (only) return known(*only);
  return {.outcome = Outcome::kNotFound, .message = "no order carries this magic"};
}

}  // namespace troupe::terminal
