#include "terminal/mql5/api.h"

#include <stdexcept>

namespace troupe::terminal {

namespace {
thread_local MqlTerminal* g_current = nullptr;
}  // namespace

MqlTerminal* MqlApi::current() { return g_current; }
void MqlApi::setCurrent(MqlTerminal* terminal) { g_current = terminal; }

MqlTerminal& MqlApi::terminal() {
  if (!g_current) throw std::logic_error("an MQL5 function was called without a terminal");
  return *g_current;
}

Loaded& MqlApi::running() {
  MqlTerminal& terminal = MqlApi::terminal();
  return terminal.running_ ? *terminal.running_ : terminal.outside_;
}

bool MqlApi::fail(int error) {
  running().last_error = error;
  return false;
}

void MqlApi::sleepUs(int64_t us) {
  Loaded& loaded = running();
  if (loaded.service) {
    loaded.service->sleepUntil(clock().nowUs() + us);
    return;
  }
  clock().sleepUs(us);
  if (loaded.deinit_until_us > 0 && clock().nowUs() > loaded.deinit_until_us) throw ProgramKilled{};
}

bool MqlApi::chartEvent(long chart_id, const ProgramEvent& event) {
  bool found = false;
  for (const auto& loaded : terminal().programs_) {
    if (loaded->chart_id != chart_id) continue;
    found = true;
    if (loaded->ready) loaded->queue.push(event);
  }
  return found;
}

uint32_t MqlApi::symbol(const ::string& name) {
  const uint32_t symbol = engine().symbolIndex(name.utf8());
  if (symbol == kNoSymbol) fail(ERR_MARKET_UNKNOWN_SYMBOL);
  return symbol;
}

std::vector<Order> MqlApi::orders() {
  return terminal().connected_ ? engine().activeOrders() : terminal().seen_orders_;
}

std::vector<Position> MqlApi::positions() {
  return terminal().connected_ ? engine().positions() : terminal().seen_positions_;
}

Account MqlApi::account() { return terminal().connected_ ? engine().account() : terminal().seen_account_; }

bool MqlApi::seen(const Order& order) {
  MqlTerminal& t = terminal();
  if (order.ticket == 0 || order.active()) return false;
  if (!t.connected_) {
    for (const Order& active : t.seen_orders_)
      if (active.ticket == order.ticket) return false;
    if (!order.deals.empty() && order.deals.back() >= t.seen_deals_) return false;
  }
  const auto late = t.late_orders_.find(order.ticket);
  if (late == t.late_orders_.end()) return true;
  if (late->second > t.clock_.nowUs()) return false;
  t.late_orders_.erase(late);
  return true;
}

bool MqlApi::seen(const Deal& deal) {
  MqlTerminal& t = terminal();
  if (!t.connected_ && t.engine_.deals()[t.seen_deals_ == 0 ? 0 : t.seen_deals_ - 1].ticket < deal.ticket) return false;
  const auto late = t.late_deals_.find(deal.ticket);
  if (late == t.late_deals_.end()) return true;
  if (late->second > t.clock_.nowUs()) return false;
  t.late_deals_.erase(late);
  return true;
}

// What the terminal itself refuses is not sent, and gets no request id.
bool MqlApi::send(const MqlTradeRequest& request, MqlTradeResult& result, bool wait) {
  MqlTerminal& t = terminal();
  result = {};
  const auto refuse = [&](uint32_t retcode, int error) {
    result.retcode = retcode;
    return fail(error);
  };
  if (!t.trade_allowed_) return refuse(TRADE_RETCODE_CLIENT_DISABLES_AT, ERR_TRADE_DISABLED);
  if (!t.connected_) return refuse(TRADE_RETCODE_CONNECTION, ERR_TRADE_SEND_FAILED);
  const int action = request.action;
  if (action != TRADE_ACTION_DEAL && action != TRADE_ACTION_PENDING && action != TRADE_ACTION_SLTP &&
      action != TRADE_ACTION_MODIFY && action != TRADE_ACTION_REMOVE && action != TRADE_ACTION_CLOSE_BY)
    return refuse(TRADE_RETCODE_INVALID, ERR_TRADE_SEND_FAILED);
  if (action == TRADE_ACTION_DEAL || action == TRADE_ACTION_PENDING) {
    if (engine().symbolIndex(request.symbol.utf8()) == kNoSymbol)
      return refuse(TRADE_RETCODE_INVALID, ERR_TRADE_SEND_FAILED);
    if (!(request.volume > 0)) return refuse(TRADE_RETCODE_INVALID_VOLUME, ERR_TRADE_SEND_FAILED);
  }
  result.request_id = t.next_request_id_++;
  if (!wait) {
    t.submit(request, result.request_id, nullptr, nullptr);
    result.retcode = TRADE_RETCODE_PLACED;
    return true;
  }
  bool answered = false;
  t.submit(request, result.request_id, &result, &answered);
  while (!answered) {
    t.clock_.sleepUs(t.requests_.front().due_us - t.clock_.nowUs());
    MqlTerminal::Request next = std::move(t.requests_.front());
    t.requests_.erase(t.requests_.begin());
    t.runRequest(std::move(next));
  }
  if (result.retcode == TRADE_RETCODE_DONE || result.retcode == TRADE_RETCODE_DONE_PARTIAL ||
      result.retcode == TRADE_RETCODE_PLACED || result.retcode == TRADE_RETCODE_NO_CHANGES)
    return true;
  return fail(ERR_TRADE_SEND_FAILED);
}

}  // namespace troupe::terminal
