// What a tick sets off.
#include <algorithm>
#include <cstdio>

#include "engine/engine.h"
#include "engine/random.h"

namespace troupe::terminal {

namespace {

std::string comment(const char* what, double value, int digits) {
  char text[32];
  snprintf(text, sizeof text, "[%s %.*f]", what, digits, value);
  return text;
}

}  // namespace

void Engine::refresh(uint32_t symbol) {
  const Book& book = books_[symbol];
  // A rate matters to the stop-out as soon as any position is open; an idle flag would have to follow every position.
  busy_[symbol] = !book.pending.empty() || !book.remainders.empty() || !book.positions.empty() ||
                  (market_.converts(symbol) && config_.stop_out_level_percent > 0);
}

void Engine::refreshExpiry() {
  next_expiry_ms_ = std::numeric_limits<int64_t>::max();
  for (const Book& book : books_) {
    for (const uint32_t at : book.pending) {
      if (orders_[at].expiration_ms > 0) next_expiry_ms_ = std::min(next_expiry_ms_, orders_[at].expiration_ms);
    }
  }
}

// Takes an order out of the book, unfilled or partly filled.
void Engine::endOrder(Order& order, OrderState state, uint32_t retcode, const std::string& message) {
  order.state = state;
  order.done_ms = now_ms_;
  order.retcode = retcode;
  order.message = message;
  const auto is_it = [&](uint32_t at) { return &orders_[at] == &order; };
  std::erase_if(books_[order.symbol].pending, is_it);
  std::erase_if(books_[order.symbol].remainders, is_it);
  emit(order);
}

void Engine::expire() {
  for (Book& book : books_) {
    const std::vector<uint32_t> pending = book.pending;
    for (const uint32_t at : pending) {
      Order& order = orders_[at];
      if (order.expiration_ms > 0 && order.expiration_ms <= now_ms_) {
        endOrder(order, OrderState::kExpired, order.retcode, "expired");
        refresh(order.symbol);
      }
    }
  }
  refreshExpiry();
}

void Engine::fillRemainders(uint32_t symbol) {
  const std::vector<uint32_t> remainders = books_[symbol].remainders;
  for (const uint32_t at : remainders) {
    Order& order = orders_[at];
    if (!trades()) {
      endOrder(order, OrderState::kCancelled, kMarketClosed, "the market closed before the rest was filled");
      continue;
    }
    const Position* position = order.closing ? positionFor(order) : nullptr;
    Volume rest = order.volume - order.filled;
    if (order.closing && !position) {
      endOrder(order, OrderState::kCancelled, kPositionClosed, "the rest found its position closed");
      continue;
    }
    if (position && rest > position->volume) {
      endOrder(order, OrderState::kCancelled, kInvalidCloseVolume, "the rest exceeds the position");
      continue;
    }
    const double price = slipped(symbol, order.side, luckOf(order), order.deals.size());
    if (const Check check = checkMoney(order, rest, price); check.retcode) {
      endOrder(order, OrderState::kCancelled, check.retcode, check.message);
      continue;
    }
    fill(order, rest, price, "expert");
    std::erase(books_[symbol].remainders, at);
  }
}

void Engine::triggerStops(uint32_t symbol) {
  const Quote quote = market_.quote(symbol);
  const int digits = static_cast<int>(config_.symbols[symbol].digits);
  // A close changes the list; in the common case nothing triggers, and nothing is copied.
  for (size_t i = 0; i < books_[symbol].positions.size();) {
    const uint64_t id = books_[symbol].positions[i];
    const Position& position = positions_.at(id);
    const int sign = signOf(position.side);
    const double price = quote.closePrice(position.side);
    if (position.stop_loss > 0 && sign * (price - position.stop_loss) <= 0) {
      const double worse = slipped(symbol, opposite(position.side), next_order_, 0);
      closePosition(id, worse, comment("sl", position.stop_loss, digits), "stop_loss");
    } else if (position.take_profit > 0 && sign * (price - position.take_profit) >= 0) {
      closePosition(id, price, comment("tp", position.take_profit, digits), "take_profit");
    } else {
      ++i;
    }
  }
}

void Engine::triggerPending(uint32_t symbol) {
  const Quote quote = market_.quote(symbol);
  std::vector<uint32_t>& pending = books_[symbol].pending;
  for (size_t i = 0; i < pending.size();) {
    Order& order = orders_[pending[i]];
    const double market = quote.openPrice(order.side);
    const int sign = signOf(order.side);
    double price = market;
    if (order.type == OrderType::kStopLimit) {
      if (sign * (market - order.price) < 0) {
        ++i;
        continue;
      }
      order.type = OrderType::kLimit;
      order.price = order.stop_limit_price;
      order.stop_limit_price = 0;
      order.message = "stop limit activated";
      emit(order);
    }
    if (order.type == OrderType::kLimit ? sign * (market - order.price) > 0 : sign * (market - order.price) < 0) {
      ++i;
      continue;
    }
    if (order.type == OrderType::kStop) price = slipped(symbol, order.side, luckOf(order), 0);
    if (const Check check = checkMoney(order, order.volume, price); check.retcode) {
      endOrder(order, OrderState::kCancelled, kRejectCancel, check.message);
      continue;
    }
    pending.erase(pending.begin() + static_cast<ptrdiff_t>(i));
    fill(order, order.volume, price, "expert");
  }
}

// Closes the position with the greatest loss until the margin level is above the limit again.
void Engine::stopOut() {
  while (!positions_.empty()) {
    const double margin = marginUsed();
    if (margin <= 0) return;
    Cents equity = balance_, worst = 0;
    uint64_t worst_id = 0;
    for (const auto& [id, position] : positions_) {
      // Before the first price after a restart nobody knows the equity.
      if (!market_.quote(position.symbol).valid()) return;
      const Cents profit = floating(position);
      equity += profit;
      if (worst_id == 0 || profit < worst) {
        worst = profit;
        worst_id = id;
      }
    }
    const double level = toMoney(equity) / margin * 100;
    if (level > config_.stop_out_level_percent) return;
    const Position& position = positions_.at(worst_id);
    const uint32_t symbol = position.symbol;
    const double price = slipped(symbol, opposite(position.side), next_order_, 0);
    closePosition(worst_id, price, comment("so %", level, 2), "stop_out");
    refresh(symbol);
  }
}

void Engine::match(uint32_t symbol) {
  const size_t before = events_.size();
  if (now_ms_ >= next_expiry_ms_) expire();
  const Book& book = books_[symbol];
  if (trades()) {
    if (!book.remainders.empty()) fillRemainders(symbol);
    if (!book.positions.empty()) triggerStops(symbol);
    if (!book.pending.empty()) triggerPending(symbol);
    if (config_.stop_out_level_percent > 0 && !positions_.empty()) stopOut();
  }
  if (events_.size() == before) return;
  emitAccount();
  refresh(symbol);
  refreshExpiry();
}

void Engine::settle() {
  for (uint32_t symbol = 0; symbol < books_.size(); ++symbol) {
    if (books_[symbol].remainders.empty() || !market_.quote(symbol).valid()) continue;
    fillRemainders(symbol);
    emitAccount();
    refresh(symbol);
  }
}

}  // namespace troupe::terminal
