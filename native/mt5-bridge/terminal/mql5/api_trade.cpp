// Requests, active orders and positions.
#include "terminal/mql5/api.h"

using namespace troupe::terminal;

bool OrderSend(const MqlTradeRequest& request, MqlTradeResult& result) {
  return MqlApi::passing("OrderSend", [&] { return MqlApi::send(request, result, true); });
}
bool OrderSendAsync(const MqlTradeRequest& request, MqlTradeResult& result) {
  return MqlApi::passing("OrderSendAsync", [&] { return MqlApi::send(request, result, false); });
}
bool OrderCheck(const MqlTradeRequest& request, MqlTradeCheckResult& result) {
  result = {};
  const Account account = MqlApi::account();
  result.balance = toMoney(account.balance);
  result.equity = toMoney(account.equity);
  result.margin = toMoney(account.margin);
  result.margin_free = toMoney(account.free_margin);
  double margin = 0;
  if (!OrderCalcMargin(request.type, request.symbol, request.volume, request.price, margin)) {
    result.retcode = TRADE_RETCODE_INVALID;
    return false;
  }
  result.margin += margin;
  result.margin_free -= margin;
  if (result.margin_free < 0) result.retcode = TRADE_RETCODE_NO_MONEY;
  return result.retcode == 0;
}
bool OrderCalcMargin(ENUM_ORDER_TYPE type, const ::string& name, double volume, double price, double& margin) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol || !(volume > 0 && volume < 1e9)) return false;
  const auto found =
      MqlApi::engine().market().margin(symbol, isBuy(type) ? Side::kBuy : Side::kSell, toVolume(volume), price);
  margin = found.value_or(0);
  return found.has_value();
}
bool OrderCalcProfit(ENUM_ORDER_TYPE type, const ::string& name, double volume, double open, double close,
                     double& profit) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol || !(volume > 0 && volume < 1e9)) return false;
  const auto found =
      MqlApi::engine().market().profit(symbol, isBuy(type) ? Side::kBuy : Side::kSell, toVolume(volume), open, close);
  profit = toMoney(found.value_or(0));
  return found.has_value();
}

int OrdersTotal() { return static_cast<int>(MqlApi::orders().size()); }
ulong OrderGetTicket(int at) {
  const std::vector<Order> orders = MqlApi::orders();
  if (at < 0 || static_cast<size_t>(at) >= orders.size()) {
    MqlApi::fail(ERR_TRADE_ORDER_NOT_FOUND);
    return 0;
  }
  MqlApi::running().selection.order = orders[static_cast<size_t>(at)];
  return orders[static_cast<size_t>(at)].ticket;
}
bool OrderSelect(ulong ticket) {
  for (const Order& order : MqlApi::orders()) {
    if (order.ticket != ticket) continue;
    MqlApi::running().selection.order = order;
    return true;
  }
  return MqlApi::fail(ERR_TRADE_ORDER_NOT_FOUND);
}

namespace {

const Deal* lastDeal(const Order& order) {
  return order.deals.empty() ? nullptr : &MqlApi::engine().deals()[order.deals.back()];
}

long integerOf(const Order& order, ENUM_ORDER_PROPERTY_INTEGER property) {
  switch (property) {
    case ORDER_TICKET:
      return static_cast<long>(order.ticket);
    case ORDER_TIME_SETUP:
      return order.time_ms / 1000;
    case ORDER_TIME_SETUP_MSC:
      return order.time_ms;
    case ORDER_TYPE:
      return toMql(order.side, order.type);
    case ORDER_STATE:
      return toMql(order.state);
    case ORDER_TIME_EXPIRATION:
      return order.expiration_ms / 1000;
    case ORDER_TIME_DONE:
      return order.done_ms / 1000;
    case ORDER_TIME_DONE_MSC:
      return order.done_ms;
    case ORDER_TYPE_FILLING:
      return ORDER_FILLING_RETURN;
    case ORDER_TYPE_TIME:
      return order.expiration_ms > 0 ? ORDER_TIME_SPECIFIED : ORDER_TIME_GTC;
    case ORDER_MAGIC:
      return static_cast<long>(order.magic);
    case ORDER_REASON: {
      const Deal* deal = lastDeal(order);
      const ENUM_DEAL_REASON reason = deal ? dealReason(*deal) : DEAL_REASON_EXPERT;
      if (reason == DEAL_REASON_SL) return ORDER_REASON_SL;
      if (reason == DEAL_REASON_TP) return ORDER_REASON_TP;
      return reason == DEAL_REASON_SO ? ORDER_REASON_SO : ORDER_REASON_EXPERT;
    }
    case ORDER_POSITION_ID:
      return static_cast<long>(order.position_id);
    case ORDER_POSITION_BY_ID:
      return static_cast<long>(order.position_by);
  }
  return 0;
}

double doubleOf(const Order& order, ENUM_ORDER_PROPERTY_DOUBLE property) {
  switch (property) {
    case ORDER_VOLUME_INITIAL:
      return toLots(order.volume);
    case ORDER_VOLUME_CURRENT:
      return toLots(order.volume - order.filled);
    case ORDER_PRICE_OPEN:
      return order.price;
    case ORDER_SL:
      return order.stop_loss;
    case ORDER_TP:
      return order.take_profit;
    case ORDER_PRICE_CURRENT:
      return order.symbol == kNoSymbol ? 0 : MqlApi::engine().lastQuote(order.symbol).openPrice(order.side);
    case ORDER_PRICE_STOPLIMIT:
      return order.stop_limit_price;
  }
  return 0;
}

::string textOf(const Order& order, ENUM_ORDER_PROPERTY_STRING property) {
  if (property == ORDER_SYMBOL) return MqlApi::engine().symbolName(order.symbol);
  return property == ORDER_COMMENT ? order.order_id : std::string();
}

bool choose(const Position& position) {
  MqlApi::running().selection.position = position;
  return true;
}

const Order* historyOrder(ulong ticket) {
  for (const Order* order : MqlApi::running().selection.history_orders)
    if (order->ticket == ticket) return order;
  MqlApi::fail(ERR_TRADE_ORDER_NOT_FOUND);
  return nullptr;
}

}  // namespace

long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER property) {
  const auto& order = MqlApi::running().selection.order;
  return order ? integerOf(*order, property) : 0;
}
double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE property) {
  const auto& order = MqlApi::running().selection.order;
  return order ? doubleOf(*order, property) : 0;
}
::string OrderGetString(ENUM_ORDER_PROPERTY_STRING property) {
  const auto& order = MqlApi::running().selection.order;
  return order ? textOf(*order, property) : ::string();
}
long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER property) {
  const Order* order = historyOrder(ticket);
  return order ? integerOf(*order, property) : 0;
}
double HistoryOrderGetDouble(ulong ticket, ENUM_ORDER_PROPERTY_DOUBLE property) {
  const Order* order = historyOrder(ticket);
  return order ? doubleOf(*order, property) : 0;
}
::string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING property) {
  const Order* order = historyOrder(ticket);
  return order ? textOf(*order, property) : ::string();
}

int PositionsTotal() { return static_cast<int>(MqlApi::positions().size()); }
ulong PositionGetTicket(int at) {
  const std::vector<Position> positions = MqlApi::positions();
  if (at < 0 || static_cast<size_t>(at) >= positions.size()) {
    MqlApi::fail(ERR_TRADE_POSITION_NOT_FOUND);
    return 0;
  }
  choose(positions[static_cast<size_t>(at)]);
  return MqlApi::server().ticketOf(positions[static_cast<size_t>(at)].position_id);
}
::string PositionGetSymbol(int at) {
  return PositionGetTicket(at) == 0 ? ::string() : PositionGetString(POSITION_SYMBOL);
}
// Where there are several, the one that was opened first.
bool PositionSelect(const ::string& symbol) {
  for (const Position& position : MqlApi::positions())
    if (MqlApi::engine().symbolName(position.symbol) == symbol.utf8()) return choose(position);
  return MqlApi::fail(ERR_TRADE_POSITION_NOT_FOUND);
}
bool PositionSelectByTicket(ulong ticket) {
  for (const Position& position : MqlApi::positions())
    if (MqlApi::server().ticketOf(position.position_id) == ticket) return choose(position);
  return MqlApi::fail(ERR_TRADE_POSITION_NOT_FOUND);
}
long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER property) {
  const auto& position = MqlApi::running().selection.position;
  if (!position) return 0;
  switch (property) {
    case POSITION_TICKET:
      return static_cast<long>(MqlApi::server().ticketOf(position->position_id));
    case POSITION_TIME:
    case POSITION_TIME_UPDATE:
      return position->time_ms / 1000;
    case POSITION_TIME_MSC:
    case POSITION_TIME_UPDATE_MSC:
      return position->time_ms;
    case POSITION_TYPE:
      return position->side == Side::kSell ? POSITION_TYPE_SELL : POSITION_TYPE_BUY;
    case POSITION_MAGIC:
      return static_cast<long>(position->magic);
    case POSITION_IDENTIFIER:
      return static_cast<long>(position->position_id);
    case POSITION_REASON:
      return POSITION_REASON_EXPERT;
  }
  return 0;
}
double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE property) {
  const auto& position = MqlApi::running().selection.position;
  if (!position) return 0;
  switch (property) {
    case POSITION_VOLUME:
      return toLots(position->volume);
    case POSITION_PRICE_OPEN:
      return position->open_price;
    case POSITION_SL:
      return position->stop_loss;
    case POSITION_TP:
      return position->take_profit;
    case POSITION_PRICE_CURRENT:
      return MqlApi::engine().lastQuote(position->symbol).closePrice(position->side);
    case POSITION_PROFIT:
      return toMoney(position->profit);
    case POSITION_SWAP:
      break;
  }
  return 0;
}
::string PositionGetString(ENUM_POSITION_PROPERTY_STRING property) {
  const auto& position = MqlApi::running().selection.position;
  if (!position) return "";
  if (property == POSITION_SYMBOL) return MqlApi::engine().symbolName(position->symbol);
  return property == POSITION_COMMENT ? position->order_id : std::string();
}
