// Commands that change something: sent with OrderSendAsync, answered when the terminal says what became of them.
//
// A request is known by its request id until the trade server has given the order a ticket, and by the ticket from then
// on. The answer to a request (TRADE_TRANSACTION_REQUEST) may come before or after the transactions of what it did, or
// never; a placed order whose answer does not come is looked for, and when it cannot be found nobody knows.
#ifndef TROUPE_ORDERS_MQH
#define TROUPE_ORDERS_MQH

#include "events.mqh"
#include "find.mqh"

#define REQUESTS_MAX 64
#define REQUEST_PLACE 1
#define REQUEST_CANCEL 2
#define REQUEST_MODIFY 3
#define REQUEST_PROTECT 4
// The bridge waits for 5 s. Before that an order is looked for, from this age on:
#define LOOK_AFTER_US 1500000
#define ANSWER_WITHIN_US 4000000

struct Request {
  bool open;
  int kind;
  uint id;        // of OrderSendAsync, 0: not known
  ulong command;  // of the bridge, 0: nobody waits any more
  Text32 order_id;
  ulong ticket;  // order or position that it changes
  ulong received_us;
  long sent_us;
  long looked_us;
};

Request g_requests[REQUESTS_MAX];
int g_requests_open = 0;

void OrdersReset() {
  for (int i = 0; i < REQUESTS_MAX; i++) g_requests[i].open = false;
  g_requests_open = 0;
}

// Answers belong to the link on which the question came.
void OrdersLinkLost() {
  for (int i = 0; i < REQUESTS_MAX; i++) g_requests[i].command = 0;
}

bool OrdersFull() { return g_requests_open >= REQUESTS_MAX; }

int OpenRequest(int kind, ulong command, ulong received_us) {
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (g_requests[i].open) continue;
    g_requests[i].open = true;
    g_requests[i].kind = kind;
    g_requests[i].id = 0;
    g_requests[i].command = command;
    ZeroMemory(g_requests[i].order_id);
    g_requests[i].ticket = 0;
    g_requests[i].received_us = received_us;
    g_requests[i].sent_us = MonotonicUs();
    g_requests[i].looked_us = g_requests[i].sent_us;
    g_requests_open++;
    return i;
  }
  return -1;
}

void CloseRequest(int at) {
  if (!g_requests[at].open) return;
  g_requests[at].open = false;
  g_requests_open--;
}

void SendAnswer(ulong command, ulong received_us, const Answer &answer) {
  if (command == 0 || !g_outbox.up) return;
  WireResult result;
  ZeroMemory(result);
  result.command = command;
  result.outcome = (uchar)answer.outcome;
  result.retcode = answer.retcode;
  SetText(result.message, answer.message);
  result.received_us = received_us;
  result.has_order = answer.has_order ? 1 : 0;
  result.deals = (uint)answer.deals;
  if (answer.has_order) result.order = answer.order;
  BeginMessage(g_out, FRAME_RESULT);
  Append(g_out, result);
  for (int i = 0; i < answer.deals; i++) Append(g_out, answer.deal[i]);
  OutboxPush(g_out);
}

void Answered(int at, const Answer &answer) {
  SendAnswer(g_requests[at].command, g_requests[at].received_us, answer);
  CloseRequest(at);
}

// Refused before anything was sent. Without a connection it was certainly not sent, and may be tried again.
void Refuse(ulong command, ulong received_us, const Verdict &verdict) {
  const int outcome = verdict.retcode == RETCODE_CONNECTION ? OUTCOME_REFUSED
                      : verdict.retcode == RETCODE_NO_CHANGES ? OUTCOME_DONE
                                                              : OUTCOME_REJECTED;
  AnswerWith(g_answer, outcome, verdict.retcode, verdict.message);
  SendAnswer(command, received_us, g_answer);
}

// Hands a request to the terminal. False with `retcode` when it was certainly not sent; a request of which that is not
// certain counts as sent.
bool SendRequest(int at, const MqlTradeRequest &request, uint &retcode) {
  MqlTradeResult result = {};
  ResetLastError();
  g_requests[at].sent_us = MonotonicUs();
  g_requests[at].looked_us = g_requests[at].sent_us;
  if (OrderSendAsync(request, result)) {
    g_requests[at].id = result.request_id;
    return true;
  }
  const int error = GetLastError();
  retcode = result.retcode;
  // The terminal's own check of the request has failed, or it has no connection or no permission.
  if (retcode == RETCODE_CONNECTION) return false;
  if (retcode != 0 && OutcomeOf(retcode) == OUTCOME_REJECTED) return false;
  if (retcode == 0 && error == ERR_TRADE_DISABLED) {
    retcode = RETCODE_TRADE_DISABLED;
    return false;
  }
  return true;
}

// It was certainly not sent.
void NotSent(int at, uint retcode) {
  Verdict verdict;
  Deny(verdict, retcode, "the terminal did not send it");
  Refuse(g_requests[at].command, g_requests[at].received_us, verdict);
  CloseRequest(at);
}

ENUM_ORDER_TYPE OrderTypeOf(int side, int type) {
  const int base = type == TYPE_MARKET ? 0 : (type - 1) * 2;
  return (ENUM_ORDER_TYPE)(base + (side == SIDE_SELL ? 1 : 0));
}

bool BuildPlace(const WirePlace &place, string symbol, MqlTradeRequest &request, Verdict &verdict) {
  ENUM_ORDER_TYPE_FILLING filling = ORDER_FILLING_RETURN;
  if (!ChooseFilling(symbol, place.type, filling)) {
    Deny(verdict, RETCODE_INVALID_FILL, "the symbol allows no filling mode for a market order");
    return false;
  }
  request.symbol = symbol;
  request.magic = place.magic;
  request.volume = place.volume_lots;
  request.type = OrderTypeOf(place.side, place.type);
  request.type_filling = filling;
  request.comment = TextOf(place.order_id);
  if (place.position_id == 0) {
    request.sl = ToGrid(symbol, place.stop_loss);
    request.tp = ToGrid(symbol, place.take_profit);
  }
  if (place.type == TYPE_MARKET) {
    MqlTick quote = {};
    SymbolInfoTick(symbol, quote);
    const double market = place.side == SIDE_BUY ? quote.ask : quote.bid;
    request.action = TRADE_ACTION_DEAL;
    // Looked at with request and instant execution only.
    request.price = place.price > 0 ? ToGrid(symbol, place.price) : market;
    request.deviation = place.deviation_points;
    ulong position = 0;
    if (place.position_id != 0 && !SelectPosition(place.position_id, position)) {
      Deny(verdict, RETCODE_POSITION_CLOSED, "the position does not exist or is closed");
      return false;
    }
    request.position = position;
    return true;
  }
  request.action = TRADE_ACTION_PENDING;
  request.price = ToGrid(symbol, place.price);
  if (place.type == TYPE_STOP_LIMIT) request.stoplimit = ToGrid(symbol, place.stop_limit_price);
  request.type_time = ORDER_TIME_GTC;
  if (place.time_in_force == FORCE_DAY) request.type_time = ORDER_TIME_DAY;
  if (place.time_in_force == FORCE_SPECIFIED) {
    request.type_time = ORDER_TIME_SPECIFIED;
    request.expiration = (datetime)(place.expiration_ms / 1000);
  }
  return true;
}

// An id that stands in the journal is not sent again, whatever became of it.
void AnswerRepeated(const WirePlace &place, ulong received_us) {
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (!g_requests[i].open || g_requests[i].kind != REQUEST_PLACE ||
        !SameText(g_requests[i].order_id, place.order_id))
      continue;
    // Still under way: whoever asked last gets the answer.
    g_requests[i].command = place.command;
    g_requests[i].received_us = received_us;
    return;
  }
  FindOrder(g_answer, place.order_id, place.magic);
  SendAnswer(place.command, received_us, g_answer);
}

void HandlePlace(const WirePlace &place) {
  const ulong received_us = WallUs();
  Verdict verdict;
  if (JournalFind(place.order_id) >= 0) {
    AnswerRepeated(place, received_us);
    return;
  }
  const string symbol = TextOf(place.symbol);
  if (IsEmpty(place.order_id)) {
    Deny(verdict, RETCODE_INVALID, "order_id: empty");
  } else {
    CheckPlace(place, symbol, verdict);
  }
  MqlTradeRequest request = {};
  if (verdict.retcode == 0) BuildPlace(place, symbol, request, verdict);
  if (verdict.retcode != 0) {
    Refuse(place.command, received_us, verdict);
    return;
  }
  JournalRecord record;
  ZeroMemory(record);
  record.order_id = place.order_id;
  record.symbol = place.symbol;
  record.magic = place.magic;
  record.position_id = place.position_id;
  record.volume_lots = place.volume_lots;
  record.broker_ms = BrokerMs();
  record.side = place.side;
  record.type = place.type;
  if (JournalSending(record, MonotonicUs()) < 0) {
    Report("error", "E_EXPERT_JOURNAL", StringFormat("the journal cannot be written (error %d)", GetLastError()));
    AnswerWith(g_answer, OUTCOME_REFUSED, RETCODE_CLIENT_DISABLES_AT, "the expert's journal cannot be written");
    SendAnswer(place.command, received_us, g_answer);
    return;
  }
  const int at = OpenRequest(REQUEST_PLACE, place.command, received_us);
  g_requests[at].order_id = place.order_id;
  uint retcode = 0;
  if (SendRequest(at, request, retcode)) return;
  JournalRefused(JournalFind(place.order_id), retcode);
  NotSent(at, retcode);
}

// The ticket that a cancel or modify means.
ulong TicketOf(ulong ticket, const Text32 &order_id) {
  if (ticket != 0 || IsEmpty(order_id)) return ticket;
  const int at = JournalFind(order_id);
  if (at >= 0 && g_journal[at].order.ticket != 0) return g_journal[at].order.ticket;
  const string id = TextOf(order_id);
  for (int i = OrdersTotal() - 1; i >= 0; i--) {
    const ulong active = OrderGetTicket(i);
    if (active != 0 && OrderGetString(ORDER_COMMENT) == id) return active;
  }
  return 0;
}

// A change of an order that is no longer active: told with what became of it.
void AnswerGone(ulong command, ulong received_us, ulong ticket, bool cancels) {
  AnswerWith(g_answer, OUTCOME_REJECTED, RETCODE_INVALID, "no such order");
  if (ticket != 0 && AnswerFromTicket(g_answer, ticket, JournalFindTicket(ticket))) {
    const bool gone = g_answer.order.state == STATE_CANCELLED || g_answer.order.state == STATE_EXPIRED;
    // Cancelling twice is no fault; cancelling what was filled must make the caller look again.
    g_answer.outcome = cancels && gone ? OUTCOME_DONE : OUTCOME_REJECTED;
    g_answer.retcode = cancels && gone ? RETCODE_NO_CHANGES : RETCODE_ORDER_CHANGED;
    g_answer.message = cancels && gone ? "already gone" : "the order is no longer active";
  }
  SendAnswer(command, received_us, g_answer);
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
  Verdict verdict;
  CheckPermissions(verdict);
  if (verdict.retcode == 0) CheckFreeze(verdict);
  if (verdict.retcode != 0) {
    Refuse(cancel.command, received_us, verdict);
    return;
  }
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_REMOVE;
  request.order = ticket;
  const int at = OpenRequest(REQUEST_CANCEL, cancel.command, received_us);
  g_requests[at].ticket = ticket;
  uint retcode = 0;
  if (!SendRequest(at, request, retcode)) NotSent(at, retcode);
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
  if (verdict.retcode != 0) return;
  if (ToGrid(symbol, modify.price) == OrderGetDouble(ORDER_PRICE_OPEN) &&
      ToGrid(symbol, limit) == OrderGetDouble(ORDER_PRICE_STOPLIMIT) &&
      ToGrid(symbol, modify.stop_loss) == OrderGetDouble(ORDER_SL) &&
      ToGrid(symbol, modify.take_profit) == OrderGetDouble(ORDER_TP))
    Deny(verdict, RETCODE_NO_CHANGES, "it is so already");
}

void HandleModify(const WireModify &modify) {
  const ulong received_us = WallUs();
  const ulong ticket = TicketOf(modify.ticket, modify.order_id);
  if (ticket == 0 || !OrderSelect(ticket) || OrderGetInteger(ORDER_TYPE) < 2) {
    AnswerGone(modify.command, received_us, ticket, false);
    return;
  }
  Verdict verdict;
  CheckModify(modify, verdict);
  if (verdict.retcode != 0) {
    Refuse(modify.command, received_us, verdict);
    return;
  }
  const string symbol = OrderGetString(ORDER_SYMBOL);
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_MODIFY;
  request.order = ticket;
  request.symbol = symbol;
  request.price = ToGrid(symbol, modify.price);
  if (TypeOfOrder(OrderGetInteger(ORDER_TYPE)) == TYPE_STOP_LIMIT)
    request.stoplimit = ToGrid(symbol, modify.stop_limit_price);
  request.sl = ToGrid(symbol, modify.stop_loss);
  request.tp = ToGrid(symbol, modify.take_profit);
  request.type_time = (ENUM_ORDER_TYPE_TIME)OrderGetInteger(ORDER_TYPE_TIME);
  request.expiration = (datetime)OrderGetInteger(ORDER_TIME_EXPIRATION);
  const int at = OpenRequest(REQUEST_MODIFY, modify.command, received_us);
  g_requests[at].ticket = ticket;
  uint retcode = 0;
  if (!SendRequest(at, request, retcode)) NotSent(at, retcode);
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
  if (ToGrid(symbol, protect.stop_loss) == PositionGetDouble(POSITION_SL) &&
      ToGrid(symbol, protect.take_profit) == PositionGetDouble(POSITION_TP)) {
    Deny(verdict, RETCODE_NO_CHANGES, "it is so already");
  } else if (IsFrozen(symbol, market, PositionGetDouble(POSITION_SL)) ||
             IsFrozen(symbol, market, PositionGetDouble(POSITION_TP))) {
    Deny(verdict, RETCODE_FROZEN, "the position's stops are within the freeze level");
  }
}

void HandleProtect(const WireProtect &protect) {
  const ulong received_us = WallUs();
  const string named = TextOf(protect.symbol);
  ulong ticket = 0;
  Verdict verdict;
  Deny(verdict, 0, "");
  if (SelectProtected(protect, named, ticket, verdict)) {
    if (StringLen(named) > 0 && named != PositionGetString(POSITION_SYMBOL)) {
      Deny(verdict, RETCODE_INVALID, "the position is of another symbol");
    } else {
      CheckProtect(protect, PositionGetString(POSITION_SYMBOL), verdict);
    }
  }
  if (verdict.retcode != 0) {
    Refuse(protect.command, received_us, verdict);
    return;
  }
  const string symbol = PositionGetString(POSITION_SYMBOL);
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_SLTP;
  request.position = ticket;
  request.symbol = symbol;
  request.sl = ToGrid(symbol, protect.stop_loss);
  request.tp = ToGrid(symbol, protect.take_profit);
  const int at = OpenRequest(REQUEST_PROTECT, protect.command, received_us);
  g_requests[at].ticket = ticket;
  uint retcode = 0;
  if (!SendRequest(at, request, retcode)) NotSent(at, retcode);
}

void HandleFind(const WireFind &find) {
  const ulong received_us = WallUs();
  FindOrder(g_answer, find.order_id, find.magic);
  SendAnswer(find.command, received_us, g_answer);
}

#endif
