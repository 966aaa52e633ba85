// The history of orders and deals: a selection of each program, which each selecting function replaces.
#include <algorithm>

#include "terminal/mql5/api.h"

using namespace troupe::terminal;

namespace {

Selection& selection() { return MqlApi::running().selection; }

void forget() {
  selection().history_orders.clear();
  selection().history_deals.clear();
}

const Deal* dealOf(ulong ticket) {
  const auto& deals = MqlApi::engine().deals();
  for (const size_t at : selection().history_deals)
    if (deals[at].ticket == ticket) return &deals[at];
  MqlApi::fail(ERR_TRADE_DEAL_NOT_FOUND);
  return nullptr;
}

}  // namespace

bool HistorySelect(datetime from, datetime to) {
  forget();
  // Up to the present is everything: the time of a tape's deals may be later than the clock's.
  const bool to_now = to >= MqlApi::serverS();
  const auto within = [&](int64_t time_ms) { return time_ms / 1000 >= from && (to_now || time_ms / 1000 <= to); };
  for (const Order& order : MqlApi::engine().orders())
    if (within(order.done_ms) && MqlApi::seen(order)) selection().history_orders.push_back(&order);
  const auto& deals = MqlApi::engine().deals();
  const auto first = std::lower_bound(deals.begin(), deals.end(), from,
                                      [](const Deal& deal, datetime at) { return deal.time_ms / 1000 < at; });
  for (auto deal = first; deal != deals.end(); ++deal) {
    if (within(deal->time_ms) && MqlApi::seen(*deal))
      selection().history_deals.push_back(static_cast<size_t>(deal - deals.begin()));
  }
  return true;
}

bool HistorySelectByPosition(long position_id) {
  forget();
  const auto id = static_cast<uint64_t>(position_id);
  const auto& deals = MqlApi::engine().deals();
  for (const Order& order : MqlApi::engine().orders())
    if (order.position_id == id && MqlApi::seen(order)) selection().history_orders.push_back(&order);
  for (size_t i = 0; i < deals.size(); ++i)
    if (deals[i].position_id == id && MqlApi::seen(deals[i])) selection().history_deals.push_back(i);
  return !selection().history_deals.empty() || !selection().history_orders.empty();
}

bool HistoryOrderSelect(ulong ticket) {
  const Order* order = MqlApi::engine().orderByTicket(ticket);
  if (!order || !MqlApi::seen(*order)) return MqlApi::fail(ERR_TRADE_ORDER_NOT_FOUND);
  forget();
  selection().history_orders.push_back(order);
  return true;
}

bool HistoryDealSelect(ulong ticket) {
  const auto& deals = MqlApi::engine().deals();
  const auto deal =
      std::lower_bound(deals.begin(), deals.end(), ticket, [](const Deal& deal, ulong at) { return deal.ticket < at; });
  if (deal == deals.end() || deal->ticket != ticket || !MqlApi::seen(*deal))
    return MqlApi::fail(ERR_TRADE_DEAL_NOT_FOUND);
  forget();
  selection().history_deals.push_back(static_cast<size_t>(deal - deals.begin()));
  return true;
}

int HistoryOrdersTotal() { return static_cast<int>(selection().history_orders.size()); }
int HistoryDealsTotal() { return static_cast<int>(selection().history_deals.size()); }

ulong HistoryOrderGetTicket(int at) {
  if (at < 0 || at >= HistoryOrdersTotal()) return 0;
  return selection().history_orders[static_cast<size_t>(at)]->ticket;
}
ulong HistoryDealGetTicket(int at) {
  if (at < 0 || at >= HistoryDealsTotal()) return 0;
  return MqlApi::engine().deals()[selection().history_deals[static_cast<size_t>(at)]].ticket;
}

long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER property) {
  const Deal* deal = dealOf(ticket);
  if (!deal) return 0;
  switch (property) {
    case DEAL_TICKET:
      return static_cast<long>(deal->ticket);
    case DEAL_ORDER:
      return static_cast<long>(deal->order_ticket);
    case DEAL_TIME:
      return deal->time_ms / 1000;
    case DEAL_TIME_MSC:
      return deal->time_ms;
    case DEAL_TYPE:
      return dealType(*deal);
    case DEAL_ENTRY:
      return dealEntry(*deal);
    case DEAL_MAGIC:
      return static_cast<long>(deal->magic);
    case DEAL_REASON:
      return dealReason(*deal);
    case DEAL_POSITION_ID:
      return static_cast<long>(deal->position_id);
  }
  return 0;
}
double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE property) {
  const Deal* deal = dealOf(ticket);
  if (!deal) return 0;
  switch (property) {
    case DEAL_VOLUME:
      return toLots(deal->volume);
    case DEAL_PRICE:
      return deal->price;
    case DEAL_COMMISSION:
      return toMoney(deal->commission);
    case DEAL_SWAP:
      return toMoney(deal->swap);
    case DEAL_PROFIT:
      return toMoney(deal->profit);
    case DEAL_FEE:
      return toMoney(deal->fee);
    case DEAL_SL:
    case DEAL_TP:
      break;
  }
  return 0;
}
string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING property) {
  const Deal* deal = dealOf(ticket);
  if (!deal) return "";
  if (property == DEAL_SYMBOL) return MqlApi::engine().symbolName(deal->symbol);
  return property == DEAL_COMMENT ? deal->order_id : std::string();
}
