// What happens at the terminal, from its transactions to the bridge. A transaction is only a hint that something has
// changed: they come in any order, some never, and what they carry may be stale. So each names a ticket that is looked
// up, and what is told is the terminal's present state. What cannot be looked up yet (history comes late) is looked up
// again in later passes.
#ifndef TROUPE_EVENTS_MQH
#define TROUPE_EVENTS_MQH

#include "encode.mqh"
#include "outbox.mqh"

#define DIRTY_ORDER 1
#define DIRTY_DEAL 2
#define DIRTY_POSITION 3
#define DIRTY_MAX 1024
// What has not become visible by then never will; the bridge gets a snapshot instead.
#define DIRTY_GIVE_UP_US 60000000
#define TOLD_MAX 512

struct Dirty {
  int kind;
  ulong ticket;
  string symbol;  // of a position
  long since_us;
};

// What was told last of an order: the same twice is no news.
struct Told {
  ulong ticket;
  uint crc;
};

Dirty g_dirty[DIRTY_MAX];
int g_dirty_count = 0;
bool g_account_dirty = false;
Told g_told[TOLD_MAX];
uchar g_told_bytes[512];

void EventsReset() {
  g_dirty_count = 0;
  g_account_dirty = false;
  for (int i = 0; i < TOLD_MAX; i++) g_told[i].ticket = 0;
}

void MarkDirty(int kind, ulong ticket, string symbol) {
  if (ticket == 0 || !g_outbox.up) return;
  for (int i = 0; i < g_dirty_count; i++)
    if (g_dirty[i].kind == kind && g_dirty[i].ticket == ticket) return;
  if (g_dirty_count >= DIRTY_MAX) {
    g_dirty_count = 0;
    OutboxRelink("more changes at the terminal than can be followed");
    return;
  }
  g_dirty[g_dirty_count].kind = kind;
  g_dirty[g_dirty_count].ticket = ticket;
  g_dirty[g_dirty_count].symbol = symbol;
  g_dirty[g_dirty_count].since_us = MonotonicUs();
  g_dirty_count++;
}

// Binds a ticket to the order id that stands in its comment, if that is one of ours and not bound yet.
void BindByComment(ulong ticket, string comment) {
  if (ticket == 0 || JournalFindTicket(ticket) >= 0) return;
  Text32 id;
  if (!SetText(id, comment) || IsEmpty(id)) return;
  const int at = JournalFind(id);
  if (at >= 0) JournalTicket(at, ticket);
}

bool IsNews(const WireOrder &order) {
  CrcPrepare();
  StructToCharArray(order, g_told_bytes, 0);
  uint c = CrcBegin();
  for (int i = 0; i < (int)sizeof(WireOrder); i++) c = CrcAdd(c, g_told_bytes[i]);
  const int at = (int)(order.ticket % TOLD_MAX);
  if (g_told[at].ticket == order.ticket && g_told[at].crc == c) return false;
  g_told[at].ticket = order.ticket;
  g_told[at].crc = c;
  return true;
}

bool TellOrder(ulong ticket) {
  if (OrderSelect(ticket)) {
    BindByComment(ticket, OrderGetString(ORDER_COMMENT));
  } else if (HistoryOrderSelect(ticket)) {
    BindByComment(ticket, HistoryOrderGetString(ticket, ORDER_COMMENT));
  } else {
    return false;
  }
  WireOrder order;
  if (!EncodeOrder(ticket, order)) return false;
  if (IsNews(order)) EmitEvent(FRAME_ORDER, order.time_ms, order);
  return true;
}

// A position that is gone is told with volume 0.
void TellPosition(ulong position_id, string symbol) {
  WirePosition position;
  ulong ticket = 0;
  if (SelectPosition(position_id, ticket)) {
    EncodeSelectedPosition(position);
  } else {
    ZeroMemory(position);
    position.position_id = position_id;
    SetText(position.symbol, symbol);
    position.time_ms = BrokerMs();
  }
  EmitEvent(FRAME_POSITION, position.time_ms, position);
}

bool TellDeal(ulong ticket) {
  if (!HistoryDealSelect(ticket)) return false;
  BindByComment((ulong)HistoryDealGetInteger(ticket, DEAL_ORDER), HistoryDealGetString(ticket, DEAL_COMMENT));
  WireDeal deal;
  EncodeDeal(ticket, deal);
  EmitEvent(FRAME_DEAL, deal.time_ms, deal);
  if (deal.position_id != 0) TellPosition(deal.position_id, TextOf(deal.symbol));
  g_account_dirty = true;
  return true;
}

void TellAccount() {
  WireAccount account;
  EncodeAccount(account);
  EmitEvent(FRAME_ACCOUNT, account.time_ms, account);
}

bool Tell(const Dirty &dirty) {
  switch (dirty.kind) {
    case DIRTY_ORDER:
      return TellOrder(dirty.ticket);
    case DIRTY_DEAL:
      return TellDeal(dirty.ticket);
    default:
      TellPosition(dirty.ticket, dirty.symbol);
      return true;
  }
}

void EventsPass() {
  const long now_us = MonotonicUs();
  int kept = 0;
  const int count = g_dirty_count;
  for (int i = 0; i < count && g_outbox.up; i++) {
    if (Tell(g_dirty[i])) continue;
    if (now_us - g_dirty[i].since_us > DIRTY_GIVE_UP_US) {
      g_dirty_count = 0;
      OutboxRelink(StringFormat("ticket %I64u does not become visible", g_dirty[i].ticket));
      return;
    }
    g_dirty[kept] = g_dirty[i];
    kept++;
  }
  g_dirty_count = g_outbox.up ? kept : 0;
  if (g_account_dirty && g_outbox.up) TellAccount();
  g_account_dirty = false;
}

void NoteTransaction(const MqlTradeTransaction &trans) {
  switch (trans.type) {
    case TRADE_TRANSACTION_ORDER_ADD:
    case TRADE_TRANSACTION_ORDER_UPDATE:
    case TRADE_TRANSACTION_ORDER_DELETE:
    case TRADE_TRANSACTION_HISTORY_ADD:
    case TRADE_TRANSACTION_HISTORY_UPDATE:
      MarkDirty(DIRTY_ORDER, trans.order, trans.symbol);
      break;
    case TRADE_TRANSACTION_DEAL_ADD:
    case TRADE_TRANSACTION_DEAL_UPDATE:
      MarkDirty(DIRTY_DEAL, trans.deal, trans.symbol);
      break;
    case TRADE_TRANSACTION_POSITION: {
      // Its ticket, which after a reversal is not its identifier.
      ulong id = trans.position;
      if (PositionSelectByTicket(trans.position)) id = (ulong)PositionGetInteger(POSITION_IDENTIFIER);
      MarkDirty(DIRTY_POSITION, id, trans.symbol);
      break;
    }
    default:
      break;
  }
}

#endif
