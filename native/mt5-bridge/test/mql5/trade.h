// The trade functions of the small terminal: lists that a test fills are what the expert sees.
#pragma once

#include "test/mql5/world.h"

inline bool OrderSendAsync(const MqlTradeRequest& request, MqlTradeResult& result) {
  mql5::World& w = mql5::world();
  w.sent.push_back(request);
  if (w.on_send) w.on_send();
  result.retcode = w.send_retcode;
  if (w.send_succeeds) result.request_id = w.next_request++;
  return w.send_succeeds;
}

// Active orders
inline int OrdersTotal() { return static_cast<int>(mql5::world().orders.size()); }
inline ulong OrderGetTicket(int at) {
  mql5::World& w = mql5::world();
  if (at < 0 || at >= OrdersTotal()) return 0;
  w.order = w.orders[static_cast<size_t>(at)];
  return w.order.ticket;
}
inline bool OrderSelect(ulong ticket) {
  for (const mql5::Order& order : mql5::world().orders) {
    if (order.ticket != ticket) continue;
    mql5::world().order = order;
    return true;
  }
  return false;
}
namespace mql5 {
inline long propertyOf(const Order& o, ENUM_ORDER_PROPERTY_INTEGER p) {
  switch (p) {
    case ORDER_TICKET:
      return static_cast<long>(o.ticket);
    case ORDER_TYPE:
      return o.type;
    case ORDER_STATE:
      return o.state;
    case ORDER_MAGIC:
      return o.magic;
    case ORDER_POSITION_ID:
      return o.position_id;
    case ORDER_TIME_SETUP_MSC:
      return o.setup_ms;
    case ORDER_TIME_DONE_MSC:
      return o.done_ms;
    default:
      return 0;
  }
}
inline double propertyOf(const Order& o, ENUM_ORDER_PROPERTY_DOUBLE p) {
  switch (p) {
    case ORDER_VOLUME_INITIAL:
      return o.initial;
    case ORDER_VOLUME_CURRENT:
      return o.current;
    case ORDER_PRICE_OPEN:
      return o.price;
    case ORDER_PRICE_STOPLIMIT:
      return o.stop_limit;
    case ORDER_SL:
      return o.sl;
    default:
      return o.tp;
  }
}
inline string propertyOf(const Order& o, ENUM_ORDER_PROPERTY_STRING p) {
  return p == ORDER_SYMBOL ? o.symbol : o.comment;
}
inline Order historyOrder(ulong ticket) {
  for (const Order& order : world().selected_orders)
    if (order.ticket == ticket) return order;
  return {};
}
inline Deal historyDeal(ulong ticket) {
  for (const Deal& deal : world().selected_deals)
    if (deal.ticket == ticket) return deal;
  return {};
}
}  // namespace mql5
inline long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER p) { return mql5::propertyOf(mql5::world().order, p); }
inline double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE p) { return mql5::propertyOf(mql5::world().order, p); }
inline string OrderGetString(ENUM_ORDER_PROPERTY_STRING p) { return mql5::propertyOf(mql5::world().order, p); }

// History
inline bool HistorySelect(datetime from, datetime) {
  mql5::World& w = mql5::world();
  w.selected_orders.clear();
  w.selected_deals.clear();
  for (const mql5::Order& order : w.history)
    if (order.done_ms / 1000 >= from) w.selected_orders.push_back(order);
  for (const mql5::Deal& deal : w.deals)
    if (deal.time_ms / 1000 >= from) w.selected_deals.push_back(deal);
  return true;
}
inline bool HistorySelectByPosition(long id) {
  mql5::World& w = mql5::world();
  w.selected_orders.clear();
  w.selected_deals.clear();
  for (const mql5::Deal& deal : w.deals)
    if (deal.position_id == id) w.selected_deals.push_back(deal);
  return true;
}
inline bool HistoryOrderSelect(ulong ticket) {
  mql5::world().selected_orders.clear();
  for (const mql5::Order& order : mql5::world().history)
    if (order.ticket == ticket) mql5::world().selected_orders = {order};
  return !mql5::world().selected_orders.empty();
}
inline bool HistoryDealSelect(ulong ticket) {
  mql5::world().selected_deals.clear();
  for (const mql5::Deal& deal : mql5::world().deals)
    if (deal.ticket == ticket) mql5::world().selected_deals = {deal};
  return !mql5::world().selected_deals.empty();
}
inline int HistoryOrdersTotal() { return static_cast<int>(mql5::world().selected_orders.size()); }
inline int HistoryDealsTotal() { return static_cast<int>(mql5::world().selected_deals.size()); }
inline ulong HistoryOrderGetTicket(int at) { return mql5::world().selected_orders[static_cast<size_t>(at)].ticket; }
inline ulong HistoryDealGetTicket(int at) { return mql5::world().selected_deals[static_cast<size_t>(at)].ticket; }
inline long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER p) {
  return mql5::propertyOf(mql5::historyOrder(ticket), p);
}
inline double HistoryOrderGetDouble(ulong ticket, ENUM_ORDER_PROPERTY_DOUBLE p) {
  return mql5::propertyOf(mql5::historyOrder(ticket), p);
}
inline string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING p) {
  return mql5::propertyOf(mql5::historyOrder(ticket), p);
}
inline long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER p) {
  const mql5::Deal d = mql5::historyDeal(ticket);
  switch (p) {
    case DEAL_ORDER:
      return d.order;
    case DEAL_TIME_MSC:
      return d.time_ms;
    case DEAL_TYPE:
      return d.type;
    case DEAL_ENTRY:
      return d.entry;
    case DEAL_MAGIC:
      return d.magic;
    case DEAL_REASON:
      return d.reason;
    default:
      return d.position_id;
  }
}
inline double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE p) {
  const mql5::Deal d = mql5::historyDeal(ticket);
  return p == DEAL_VOLUME ? d.volume : p == DEAL_PRICE ? d.price : p == DEAL_PROFIT ? d.profit : 0;
}
inline string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING p) {
  const mql5::Deal d = mql5::historyDeal(ticket);
  return p == DEAL_SYMBOL ? d.symbol : d.comment;
}

// Positions
inline int PositionsTotal() { return static_cast<int>(mql5::world().positions.size()); }
inline ulong PositionGetTicket(int at) {
  mql5::World& w = mql5::world();
  w.position = w.positions[static_cast<size_t>(at)];
  return w.position.ticket;
}
inline bool PositionSelectByTicket(ulong ticket) {
  for (const mql5::Position& position : mql5::world().positions) {
    if (position.ticket != ticket) continue;
    mql5::world().position = position;
    return true;
  }
  return false;
}
inline bool PositionSelect(const string& symbol) {
  for (const mql5::Position& position : mql5::world().positions) {
    if (position.symbol != symbol) continue;
    mql5::world().position = position;
    return true;
  }
  return false;
}
inline long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER p) {
  const mql5::Position& at = mql5::world().position;
  switch (p) {
    case POSITION_TICKET:
      return static_cast<long>(at.ticket);
    case POSITION_IDENTIFIER:
      return static_cast<long>(at.identifier);
    case POSITION_TYPE:
      return at.type;
    case POSITION_MAGIC:
      return at.magic;
    default:
      return at.time_ms;
  }
}
inline double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE p) {
  const mql5::Position& at = mql5::world().position;
  switch (p) {
    case POSITION_VOLUME:
      return at.volume;
    case POSITION_PRICE_OPEN:
      return at.price;
    case POSITION_SL:
      return at.sl;
    case POSITION_TP:
      return at.tp;
    default:
      return 0;
  }
}
inline string PositionGetString(ENUM_POSITION_PROPERTY_STRING p) {
  return p == POSITION_SYMBOL ? mql5::world().position.symbol : mql5::world().position.comment;
}
