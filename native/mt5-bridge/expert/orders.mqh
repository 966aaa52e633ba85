// Commands that are sent with OrderSendAsync and answered when the terminal says what became of them: what is under
// way, and orders that are placed. Changes of what is there already: changes.mqh.
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
#define NOT_SENT_TEXT "the terminal did not send it"

// What an order or a position shall become, on the grid of prices. All 0 for a cancel.
struct Change {
  double price;
  double limit;
  double stop_loss;
  double take_profit;
};

struct Request {
  bool open;
  ulong number;  // in the order in which they were begun
  int kind;
  uint id;        // of OrderSendAsync, 0: not known
  ulong command;  // of the bridge, 0: nobody waits any more
  Text32 order_id;
  ulong ticket;  // order or position that it changes; also when it is closed, as long as nobody needs its place
  Change change;
  ulong received_us;
  long sent_us;
  long looked_us;
};

Request g_requests[REQUESTS_MAX];
int g_requests_open = 0;
ulong g_request_number = 0;

void OrdersReset() {
  for (int i = 0; i < REQUESTS_MAX; i++) {
    g_requests[i].open = false;
    g_requests[i].number = 0;
    g_requests[i].ticket = 0;
  }
  g_requests_open = 0;
  g_request_number = 0;
}

// Answers belong to the link on which the question came.
void OrdersLinkLost() {
  for (int i = 0; i < REQUESTS_MAX; i++) g_requests[i].command = 0;
}

bool OrdersFull() { return g_requests_open >= REQUESTS_MAX; }

// In the place that has been free for longest: what was changed lately stays known.
int OpenRequest(int kind, ulong command, ulong received_us) {
  int at = -1;
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (!g_requests[i].open && (at < 0 || g_requests[i].number < g_requests[at].number)) at = i;
  }
  if (at < 0) return at;
  g_request_number++;
  g_requests[at].open = true;
  g_requests[at].number = g_request_number;
  g_requests[at].kind = kind;
  g_requests[at].id = 0;
  g_requests[at].command = command;
  ZeroMemory(g_requests[at].order_id);
  g_requests[at].ticket = 0;
  ZeroMemory(g_requests[at].change);
  g_requests[at].received_us = received_us;
  g_requests[at].sent_us = MonotonicUs();
  g_requests[at].looked_us = g_requests[at].sent_us;
  g_requests_open++;
  return at;
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
  const int outcome = verdict.retcode == RETCODE_CONNECTION   ? OUTCOME_REFUSED
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
  Deny(verdict, retcode, NOT_SENT_TEXT);
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
    if (!g_requests[i].open || g_requests[i].kind != REQUEST_PLACE || !SameText(g_requests[i].order_id, place.order_id))
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

void HandleFind(const WireFind &find) {
  const ulong received_us = WallUs();
  FindOrder(g_answer, find.order_id, find.magic);
  SendAnswer(find.command, received_us, g_answer);
}

#endif
