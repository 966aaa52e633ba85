// Changes of what is there: cancel and modify of an order, protect of a position.
//
// Whoever had no answer asks again, and a change is not noted anywhere: so what is said of it is what the terminal
// shows. A change that stands is done, however often it is asked for; one is rejected only when it neither stands nor
// is under way; and of an order that is in sight nowhere nobody knows, nor of one for which it was sent before and not
// answered.
#ifndef TROUPE_CHANGES_MQH
#define TROUPE_CHANGES_MQH

#include "unheard.mqh"

// The ticket that a cancel or modify means. 0 with `g_answer` when there is no such order, or nobody knows which it is.
ulong TicketOf(ulong ticket, const Text32 &order_id) {
  AnswerWith(g_answer, OUTCOME_REJECTED, RETCODE_INVALID, "no such order");
  if (ticket != 0 || IsEmpty(order_id)) return ticket;
  const int at = JournalFind(order_id);
  if (at >= 0 && g_journal[at].order.ticket != 0) return g_journal[at].order.ticket;
  FindOrder(g_answer, order_id, 0);
  if (g_answer.has_order) return g_answer.order.ticket;
  if (g_answer.outcome != OUTCOME_UNKNOWN) AnswerWith(g_answer, OUTCOME_REJECTED, RETCODE_INVALID, "no such order");
  return 0;
}

// An order of ours, or one that a change was sent for: it was there.
bool IsKnownOrder(ulong ticket) {
  if (JournalFindTicket(ticket) >= 0) return true;
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (g_requests[i].ticket == ticket && g_requests[i].kind != REQUEST_PROTECT) return true;
  }
  return false;
}

// What is said of the change of an order that is no longer active: what became of the order.
void AnswerOfGone(Answer &answer, ulong ticket, bool cancels) {
  if (AnswerFromTicket(answer, ticket, JournalFindTicket(ticket))) {
    const bool gone = answer.order.state == STATE_CANCELLED || answer.order.state == STATE_EXPIRED;
    // Cancelling twice is no fault; cancelling what was filled must make the caller look again.
    answer.outcome = cancels && gone ? OUTCOME_DONE : OUTCOME_REJECTED;
    answer.retcode = cancels && gone ? RETCODE_NO_CHANGES : RETCODE_ORDER_CHANGED;
    answer.message = cancels && gone ? "already gone" : "the order is no longer active";
  } else if (IsKnownOrder(ticket)) {
    // The history comes late. Until then it may have been cancelled as well as filled.
    AnswerWith(answer, OUTCOME_UNKNOWN, RETCODE_LOCKED, "the order is no longer active, and not in the history yet");
  } else {
    AnswerWith(answer, OUTCOME_REJECTED, RETCODE_INVALID, "no such order");
  }
}

void AnswerGone(ulong command, ulong received_us, ulong ticket, bool cancels) {
  if (ticket != 0) AnswerOfGone(g_answer, ticket, cancels);
  SendAnswer(command, received_us, g_answer);
}

// Whether the selected order is as the change asks.
bool OrderStands(const Change &change) {
  return change.price == OrderGetDouble(ORDER_PRICE_OPEN) && change.limit == OrderGetDouble(ORDER_PRICE_STOPLIMIT) &&
         change.stop_loss == OrderGetDouble(ORDER_SL) && change.take_profit == OrderGetDouble(ORDER_TP);
}

// Whether the selected position is.
bool PositionStands(const Change &change) {
  return change.stop_loss == PositionGetDouble(POSITION_SL) && change.take_profit == PositionGetDouble(POSITION_TP);
}

// The last request to change this ticket that is under way; -1: none. A position may have the number of an order.
int LastUnderWay(ulong ticket, bool of_position) {
  int last = -1;
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (!g_requests[i].open || g_requests[i].kind == REQUEST_PLACE || g_requests[i].ticket != ticket) continue;
    if ((g_requests[i].kind == REQUEST_PROTECT) != of_position) continue;
    if (last < 0 || g_requests[i].number > g_requests[last].number) last = i;
  }
  return last;
}

// When the last one is the same change, its answer is waited for. Sent again it could be refused because it has been
// made, and "rejected" be said of what is done.
bool Joins(int last, int kind, const Change &change, ulong command, ulong received_us) {
  if (last < 0 || g_requests[last].kind != kind || !SameChange(g_requests[last].change, change)) return false;
  const int at = OpenRequest(kind, command, received_us);
  g_requests[at].id = g_requests[last].id;
  g_requests[at].ticket = g_requests[last].ticket;
  g_requests[at].change = change;
  g_requests[at].sent_us = g_requests[last].sent_us;
  return true;
}

// Not sent. Rejected it is only when no copy that was sent before may still be made.
void RefuseChange(int kind, ulong ticket, const Change &change, ulong command, ulong received_us,
                  const Verdict &verdict) {
  if (verdict.retcode == RETCODE_NO_CHANGES || !MayArrive(kind, ticket, change)) {
    Refuse(command, received_us, verdict);
    return;
  }
  AnswerWith(g_answer, OUTCOME_UNKNOWN, RETCODE_TIMEOUT,
             StringFormat("sent before and not answered, not sent again: %s", verdict.message));
  SendAnswer(command, received_us, g_answer);
}

void SendChange(int kind, ulong ticket, const Change &change, const MqlTradeRequest &request, ulong command,
                ulong received_us) {
  const int at = OpenRequest(kind, command, received_us);
  g_requests[at].ticket = ticket;
  g_requests[at].change = change;
  uint retcode = 0;
  if (SendRequest(at, request, retcode)) return;
  Verdict verdict;
  Deny(verdict, retcode, NOT_SENT_TEXT);
  RefuseChange(kind, ticket, change, command, received_us, verdict);
  CloseRequest(at);
}

void CheckFreeze(Verdict &verdict) {
  const string symbol = OrderGetString(ORDER_SYMBOL);
  const long type = OrderGetInteger(ORDER_TYPE);
  MqlTick quote = {};
  if (type < 2 || !SymbolInfoTick(symbol, quote)) return;
  const double market = SideOf(type) == SIDE_BUY ? quote.ask : quote.bid;
  if (IsFrozen(symbol, market, OrderGetDouble(ORDER_PRICE_OPEN)))
    Deny(verdict, RETCODE_FROZEN, "the order is within the freeze level");
}

void HandleCancel(const WireCancel &cancel) {
  const ulong received_us = WallUs();
  const ulong ticket = TicketOf(cancel.ticket, cancel.order_id);
  if (ticket == 0 || !OrderSelect(ticket)) {
    AnswerGone(cancel.command, received_us, ticket, true);
    return;
  }
  Change nothing;
  ZeroMemory(nothing);
  if (Joins(LastUnderWay(ticket, false), REQUEST_CANCEL, nothing, cancel.command, received_us)) return;
  Verdict verdict;
  CheckPermissions(verdict);
  if (verdict.retcode == 0) CheckFreeze(verdict);
  if (verdict.retcode != 0) {
    RefuseChange(REQUEST_CANCEL, ticket, nothing, cancel.command, received_us, verdict);
    return;
  }
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_REMOVE;
  request.order = ticket;
  SendChange(REQUEST_CANCEL, ticket, nothing, request, cancel.command, received_us);
}

// What the order would become. The whole of it: a price of 0 is refused, stops of 0 are removed.
void CheckModify(const WireModify &modify, Verdict &verdict) {
  const string symbol = OrderGetString(ORDER_SYMBOL);
  const int side = SideOf(OrderGetInteger(ORDER_TYPE));
  const int type = TypeOfOrder(OrderGetInteger(ORDER_TYPE));
  const double limit = type == TYPE_STOP_LIMIT ? modify.stop_limit_price : 0;
  CheckPermissions(verdict);
  if (verdict.retcode == 0) CheckFreeze(verdict);
  if (verdict.retcode == 0) CheckPending(symbol, side, type, modify.price, limit, verdict);
  if (verdict.retcode == 0)
    CheckStops(symbol, side, type == TYPE_STOP_LIMIT ? limit : modify.price, modify.stop_loss, modify.take_profit,
               verdict);
}

void HandleModify(const WireModify &modify) {
  const ulong received_us = WallUs();
  const ulong ticket = TicketOf(modify.ticket, modify.order_id);
  if (ticket == 0 || !OrderSelect(ticket) || OrderGetInteger(ORDER_TYPE) < 2) {
    AnswerGone(modify.command, received_us, ticket, false);
    return;
  }
  const string symbol = OrderGetString(ORDER_SYMBOL);
  Change change;
  ZeroMemory(change);
  change.price = ToGrid(symbol, modify.price);
  if (TypeOfOrder(OrderGetInteger(ORDER_TYPE)) == TYPE_STOP_LIMIT)
    change.limit = ToGrid(symbol, modify.stop_limit_price);
  change.stop_loss = ToGrid(symbol, modify.stop_loss);
  change.take_profit = ToGrid(symbol, modify.take_profit);
  const int last = LastUnderWay(ticket, false);
  if (Joins(last, REQUEST_MODIFY, change, modify.command, received_us)) return;
  Verdict verdict;
  // What stands is no matter of the market, unless another change is about to come over it.
  if (last < 0 && OrderStands(change)) {
    Deny(verdict, RETCODE_NO_CHANGES, "it is so already");
  } else {
    CheckModify(modify, verdict);
  }
  if (verdict.retcode != 0) {
    RefuseChange(REQUEST_MODIFY, ticket, change, modify.command, received_us, verdict);
    return;
  }
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_MODIFY;
  request.order = ticket;
  request.symbol = symbol;
  request.price = change.price;
  request.stoplimit = change.limit;
  request.sl = change.stop_loss;
  request.tp = change.take_profit;
  request.type_time = (ENUM_ORDER_TYPE_TIME)OrderGetInteger(ORDER_TYPE_TIME);
  request.expiration = (datetime)OrderGetInteger(ORDER_TIME_EXPIRATION);
  SendChange(REQUEST_MODIFY, ticket, change, request, modify.command, received_us);
}

// Selects the position that is meant: by identifier, or where there is one for each symbol by that.
bool SelectProtected(const WireProtect &protect, string symbol, ulong &ticket, Verdict &verdict) {
  ticket = 0;
  if (protect.position_id != 0) {
    if (SelectPosition(protect.position_id, ticket)) return true;
  } else if (IsHedging()) {
    Deny(verdict, RETCODE_INVALID, "a hedging account: the position's id is missing");
    return false;
  } else if (PositionSelect(symbol)) {
    ticket = (ulong)PositionGetInteger(POSITION_TICKET);
    return true;
  }
  Deny(verdict, RETCODE_POSITION_CLOSED, "the position does not exist or is closed");
  return false;
}

void CheckProtect(const WireProtect &protect, string symbol, Verdict &verdict) {
  const int side = SideOf(PositionGetInteger(POSITION_TYPE));
  MqlTick quote = {};
  CheckPermissions(verdict);
  if (verdict.retcode != 0) return;
  if (!SymbolInfoTick(symbol, quote) || quote.bid <= 0 || quote.ask <= 0) {
    Deny(verdict, RETCODE_PRICE_OFF, "the symbol has no price");
    return;
  }
  const double market = side == SIDE_BUY ? quote.bid : quote.ask;
  CheckStops(symbol, side, market, protect.stop_loss, protect.take_profit, verdict);
  if (verdict.retcode != 0) return;
  if (IsFrozen(symbol, market, PositionGetDouble(POSITION_SL)) ||
      IsFrozen(symbol, market, PositionGetDouble(POSITION_TP)))
    Deny(verdict, RETCODE_FROZEN, "the position's stops are within the freeze level");
}

void HandleProtect(const WireProtect &protect) {
  const ulong received_us = WallUs();
  const string named = TextOf(protect.symbol);
  ulong ticket = 0;
  Verdict verdict;
  Deny(verdict, 0, "");
  if (SelectProtected(protect, named, ticket, verdict) && StringLen(named) > 0 &&
      named != PositionGetString(POSITION_SYMBOL))
    Deny(verdict, RETCODE_INVALID, "the position is of another symbol");
  if (verdict.retcode != 0) {
    Refuse(protect.command, received_us, verdict);
    return;
  }
  const string symbol = PositionGetString(POSITION_SYMBOL);
  Change change;
  ZeroMemory(change);
  change.stop_loss = ToGrid(symbol, protect.stop_loss);
  change.take_profit = ToGrid(symbol, protect.take_profit);
  const int last = LastUnderWay(ticket, true);
  if (Joins(last, REQUEST_PROTECT, change, protect.command, received_us)) return;
  if (last < 0 && PositionStands(change)) {
    Deny(verdict, RETCODE_NO_CHANGES, "it is so already");
  } else {
    CheckProtect(protect, symbol, verdict);
  }
  if (verdict.retcode != 0) {
    RefuseChange(REQUEST_PROTECT, ticket, change, protect.command, received_us, verdict);
    return;
  }
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_SLTP;
  request.position = ticket;
  request.symbol = symbol;
  request.sl = change.stop_loss;
  request.tp = change.take_profit;
  SendChange(REQUEST_PROTECT, ticket, change, request, protect.command, received_us);
}

#endif
