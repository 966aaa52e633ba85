// Orders, deals and positions of the terminal as the bridge hears of them.
#ifndef TROUPE_ENCODE_MQH
#define TROUPE_ENCODE_MQH

#include "journal.mqh"
#include "retcodes.mqh"
#include "rules.mqh"

int SideOf(long order_type) { return (order_type & 1) == 0 ? SIDE_BUY : SIDE_SELL; }

// 0 for a close-by, which is none of ours.
int TypeOfOrder(long order_type) { return order_type >= 0 && order_type < 8 ? (int)(order_type / 2) + 1 : 0; }

int StateOf(long order_state) {
  switch ((ENUM_ORDER_STATE)order_state) {
    case ORDER_STATE_CANCELED:
      return STATE_CANCELLED;
    case ORDER_STATE_PARTIAL:
      return STATE_PARTIAL;
    case ORDER_STATE_FILLED:
      return STATE_FILLED;
    case ORDER_STATE_REJECTED:
      return STATE_REJECTED;
    case ORDER_STATE_EXPIRED:
      return STATE_EXPIRED;
    default:
      return STATE_WORKING;
  }
}

bool IsFinal(int state) { return state >= STATE_FILLED; }

// The code with which an order stands or has ended, where the terminal keeps none.
uint RetcodeOfState(int state) {
  switch (state) {
    case STATE_FILLED:
      return RETCODE_DONE;
    case STATE_PARTIAL:
      return RETCODE_DONE_PARTIAL;
    case STATE_CANCELLED:
    case STATE_EXPIRED:
      return RETCODE_CANCEL;
    case STATE_REJECTED:
      return RETCODE_REJECT;
    default:
      return RETCODE_PLACED;
  }
}

// The client order id: by the journal where it knows the ticket, because comments get cut and rewritten; otherwise the
// comment, whatever it says ("[sl 1.08639]" of an order that the server made).
void EncodeId(ulong order_ticket, string comment, Text32 &to) {
  const int at = JournalFindTicket(order_ticket);
  if (at >= 0) {
    to = g_journal[at].order.order_id;
    return;
  }
  SetText(to, comment);
}

void EncodeOrderEnd(WireOrder &to, double initial, double current) {
  to.filled_lots = NormalizeDouble(initial - current, 8);
  if (to.filled_lots < 0) to.filled_lots = 0;
  if (to.state == STATE_FILLED) to.filled_lots = initial;
  if (to.state == STATE_WORKING && to.filled_lots > 0) to.state = STATE_PARTIAL;
  to.retcode = RetcodeOfState(to.state);
}

// The order that OrderSelect or OrderGetTicket has selected.
void EncodeSelectedOrder(WireOrder &to) {
  ZeroMemory(to);
  const long type = OrderGetInteger(ORDER_TYPE);
  to.ticket = (ulong)OrderGetInteger(ORDER_TICKET);
  EncodeId(to.ticket, OrderGetString(ORDER_COMMENT), to.order_id);
  SetText(to.symbol, OrderGetString(ORDER_SYMBOL));
  to.side = (uchar)SideOf(type);
  to.type = (uchar)TypeOfOrder(type);
  to.state = (uchar)StateOf(OrderGetInteger(ORDER_STATE));
  to.volume_lots = OrderGetDouble(ORDER_VOLUME_INITIAL);
  to.price = OrderGetDouble(ORDER_PRICE_OPEN);
  to.stop_limit_price = OrderGetDouble(ORDER_PRICE_STOPLIMIT);
  to.stop_loss = OrderGetDouble(ORDER_SL);
  to.take_profit = OrderGetDouble(ORDER_TP);
  to.magic = (ulong)OrderGetInteger(ORDER_MAGIC);
  to.position_id = (ulong)OrderGetInteger(ORDER_POSITION_ID);
  to.time_ms = OrderGetInteger(ORDER_TIME_SETUP_MSC);
  EncodeOrderEnd(to, to.volume_lots, OrderGetDouble(ORDER_VOLUME_CURRENT));
}

// An order of the history, which must be in the present selection.
void EncodeHistoryOrder(ulong ticket, WireOrder &to) {
  ZeroMemory(to);
  const long type = HistoryOrderGetInteger(ticket, ORDER_TYPE);
  to.ticket = ticket;
  EncodeId(ticket, HistoryOrderGetString(ticket, ORDER_COMMENT), to.order_id);
  SetText(to.symbol, HistoryOrderGetString(ticket, ORDER_SYMBOL));
  to.side = (uchar)SideOf(type);
  to.type = (uchar)TypeOfOrder(type);
  to.state = (uchar)StateOf(HistoryOrderGetInteger(ticket, ORDER_STATE));
  to.volume_lots = HistoryOrderGetDouble(ticket, ORDER_VOLUME_INITIAL);
  to.price = HistoryOrderGetDouble(ticket, ORDER_PRICE_OPEN);
  to.stop_limit_price = HistoryOrderGetDouble(ticket, ORDER_PRICE_STOPLIMIT);
  to.stop_loss = HistoryOrderGetDouble(ticket, ORDER_SL);
  to.take_profit = HistoryOrderGetDouble(ticket, ORDER_TP);
  to.magic = (ulong)HistoryOrderGetInteger(ticket, ORDER_MAGIC);
  to.position_id = (ulong)HistoryOrderGetInteger(ticket, ORDER_POSITION_ID);
  to.time_ms = HistoryOrderGetInteger(ticket, ORDER_TIME_DONE_MSC);
  EncodeOrderEnd(to, to.volume_lots, HistoryOrderGetDouble(ticket, ORDER_VOLUME_CURRENT));
}

// Wherever the order is: first the active ones, then the history. The selection of the history is lost.
bool EncodeOrder(ulong ticket, WireOrder &to) {
  if (ticket == 0) return false;
  if (OrderSelect(ticket)) {
    EncodeSelectedOrder(to);
    return true;
  }
  if (!HistoryOrderSelect(ticket)) return false;
  EncodeHistoryOrder(ticket, to);
  return true;
}

string EntryName(long deal_type, long entry) {
  switch ((ENUM_DEAL_TYPE)deal_type) {
    case DEAL_TYPE_BUY:
    case DEAL_TYPE_SELL:
      break;
    case DEAL_TYPE_BALANCE:
      return "balance";
    case DEAL_TYPE_CREDIT:
      return "credit";
    case DEAL_TYPE_CHARGE:
      return "charge";
    case DEAL_TYPE_CORRECTION:
      return "correction";
    case DEAL_TYPE_BONUS:
      return "bonus";
    case DEAL_TYPE_INTEREST:
      return "interest";
    case DEAL_TYPE_BUY_CANCELED:
    case DEAL_TYPE_SELL_CANCELED:
      return "canceled";
    default:
      return deal_type >= 7 && deal_type <= 11 ? "commission" : StringFormat("type_%d", (int)deal_type);
  }
  switch ((ENUM_DEAL_ENTRY)entry) {
    case DEAL_ENTRY_IN:
      return "in";
    case DEAL_ENTRY_OUT:
      return "out";
    case DEAL_ENTRY_INOUT:
      return "inout";
    default:
      return "out_by";
  }
}

string ReasonName(long reason) {
  switch ((ENUM_DEAL_REASON)reason) {
    case DEAL_REASON_CLIENT:
      return "client";
    case DEAL_REASON_MOBILE:
      return "mobile";
    case DEAL_REASON_WEB:
      return "web";
    case DEAL_REASON_EXPERT:
      return "expert";
    case DEAL_REASON_SL:
      return "stop_loss";
    case DEAL_REASON_TP:
      return "take_profit";
    case DEAL_REASON_SO:
      return "stop_out";
    case DEAL_REASON_ROLLOVER:
      return "rollover";
    case DEAL_REASON_VMARGIN:
      return "vmargin";
    case DEAL_REASON_SPLIT:
      return "split";
    default:
      return StringFormat("reason_%d", (int)reason);
  }
}

// A deal of the present selection of the history.
void EncodeDeal(ulong ticket, WireDeal &to) {
  ZeroMemory(to);
  const long type = HistoryDealGetInteger(ticket, DEAL_TYPE);
  const bool trades = type == (long)DEAL_TYPE_BUY || type == (long)DEAL_TYPE_SELL;
  to.ticket = ticket;
  to.order_ticket = (ulong)HistoryDealGetInteger(ticket, DEAL_ORDER);
  to.position_id = (ulong)HistoryDealGetInteger(ticket, DEAL_POSITION_ID);
  EncodeId(to.order_ticket, HistoryDealGetString(ticket, DEAL_COMMENT), to.order_id);
  to.magic = (ulong)HistoryDealGetInteger(ticket, DEAL_MAGIC);
  if (trades) SetText(to.symbol, HistoryDealGetString(ticket, DEAL_SYMBOL));
  if (trades) to.side = (uchar)SideOf(type);
  SetText(to.entry, EntryName(type, HistoryDealGetInteger(ticket, DEAL_ENTRY)));
  to.volume_lots = HistoryDealGetDouble(ticket, DEAL_VOLUME);
  to.price = HistoryDealGetDouble(ticket, DEAL_PRICE);
  to.profit = HistoryDealGetDouble(ticket, DEAL_PROFIT);
  to.commission = HistoryDealGetDouble(ticket, DEAL_COMMISSION);
  to.swap = HistoryDealGetDouble(ticket, DEAL_SWAP);
  to.fee = HistoryDealGetDouble(ticket, DEAL_FEE);
  to.time_ms = HistoryDealGetInteger(ticket, DEAL_TIME_MSC);
  SetText(to.reason, ReasonName(HistoryDealGetInteger(ticket, DEAL_REASON)));
}

// The position that PositionSelect… or PositionGetTicket has selected.
void EncodeSelectedPosition(WirePosition &to) {
  ZeroMemory(to);
  to.position_id = (ulong)PositionGetInteger(POSITION_IDENTIFIER);
  SetText(to.symbol, PositionGetString(POSITION_SYMBOL));
  to.side = (uchar)SideOf(PositionGetInteger(POSITION_TYPE));
  to.volume_lots = PositionGetDouble(POSITION_VOLUME);
  to.open_price = PositionGetDouble(POSITION_PRICE_OPEN);
  to.stop_loss = PositionGetDouble(POSITION_SL);
  to.take_profit = PositionGetDouble(POSITION_TP);
  to.profit = PositionGetDouble(POSITION_PROFIT);
  to.swap = PositionGetDouble(POSITION_SWAP);
  to.magic = (ulong)PositionGetInteger(POSITION_MAGIC);
  EncodeId(to.position_id, PositionGetString(POSITION_COMMENT), to.order_id);
  to.time_ms = PositionGetInteger(POSITION_TIME_MSC);
}

#endif
