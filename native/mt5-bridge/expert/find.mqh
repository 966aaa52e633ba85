// What became of a client order id, from what the terminal can show: active orders, the history of orders and deals,
// positions. The magic number is the strategy's and many orders share it; the comment carries the id, but brokers cut
// and rewrite comments. So an order is looked for by its comment first, and when no comment has it, by everything else
// that is known of it. When more than one order may be the one, nobody knows, and that is the answer.
#ifndef TROUPE_FIND_MQH
#define TROUPE_FIND_MQH

#include "encode.mqh"

#define FOUND_MAX 16
#define ANSWER_DEALS 512
// A comment that was cut to less than this is no evidence.
#define COMMENT_LEAST 8
// TimeCurrent() is that of the last quote and may be behind; orders are looked for from this much before.
#define FIND_SLACK_MS 60000
#define RIVAL_MS 600000

// The answer to a command.
struct Answer {
  int outcome;
  uint retcode;
  string message;
  bool has_order;
  WireOrder order;
  int deals;
  WireDeal deal[ANSWER_DEALS];
};

struct Sought {
  string id;
  Text32 id_text;
  ulong magic;  // 0: any
  int entry;    // in the journal, -1: none
  bool by_comment;
};

Answer g_answer;
ulong g_found[FOUND_MAX];
int g_found_count = 0;
// An order that stands in the journal and cannot be seen is "not found" only after this long with a connection.
long g_not_found_after_us = 10000000;
long g_connected_since_us = -1;

void AnswerWith(Answer &answer, int outcome, uint retcode, string message) {
  answer.outcome = outcome;
  answer.retcode = retcode;
  answer.message = message;
  answer.has_order = false;
  answer.deals = 0;
  ZeroMemory(answer.order);
}

void AddFound(ulong ticket) {
  if (ticket == 0) return;
  for (int i = 0; i < g_found_count; i++)
    if (g_found[i] == ticket) return;
  if (g_found_count < FOUND_MAX) g_found[g_found_count++] = ticket;
}

// Whole, cut at its end, or with something of the broker's around it.
bool CommentNames(string comment, string id) {
  const int length = StringLen(comment);
  if (length < COMMENT_LEAST) return comment == id;
  return StringFind(comment, id) >= 0 || (length < StringLen(id) && StringFind(id, comment) == 0);
}

// Whether a comment or ticket belongs to another order of the journal.
bool IsAnothers(ulong ticket, string comment, int entry) {
  const int by_ticket = JournalFindTicket(ticket);
  if (by_ticket >= 0) return by_ticket != entry;
  Text32 id;
  if (!SetText(id, comment)) return false;
  const int by_comment = JournalFind(id);
  return by_comment >= 0 && by_comment != entry;
}

void Weigh(const Sought &sought, ulong ticket, string comment, long magic, string symbol, long type, double volume,
           long time_ms) {
  if (sought.magic != 0 && (ulong)magic != sought.magic) return;
  if (IsAnothers(ticket, comment, sought.entry)) return;
  if (sought.by_comment) {
    if (CommentNames(comment, sought.id)) AddFound(ticket);
    return;
  }
  const int at = sought.entry;
  if (symbol != TextOf(g_journal[at].order.symbol) || SideOf(type) != (int)g_journal[at].order.side ||
      TypeOfOrder(type) != (int)g_journal[at].order.type || MathAbs(volume - g_journal[at].order.volume_lots) > 1e-8 ||
      time_ms < g_journal[at].order.broker_ms - FIND_SLACK_MS)
    return;
  AddFound(ticket);
}

void WeighActive(const Sought &sought) {
  for (int i = OrdersTotal() - 1; i >= 0; i--) {
    const ulong ticket = OrderGetTicket(i);
    if (ticket == 0) continue;
    Weigh(sought, ticket, OrderGetString(ORDER_COMMENT), OrderGetInteger(ORDER_MAGIC), OrderGetString(ORDER_SYMBOL),
          OrderGetInteger(ORDER_TYPE), OrderGetDouble(ORDER_VOLUME_INITIAL), OrderGetInteger(ORDER_TIME_SETUP_MSC));
  }
}

void WeighHistory(const Sought &sought) {
  const long since_ms = sought.entry < 0 ? 0 : g_journal[sought.entry].order.broker_ms - FIND_SLACK_MS;
  const long from = since_ms > 0 ? since_ms / 1000 : 0;
  if (!HistorySelect((datetime)from, (datetime)((long)TimeTradeServer() + 86400))) return;
  for (int i = HistoryOrdersTotal() - 1; i >= 0; i--) {
    const ulong ticket = HistoryOrderGetTicket(i);
    if (ticket == 0) continue;
    Weigh(sought, ticket, HistoryOrderGetString(ticket, ORDER_COMMENT), HistoryOrderGetInteger(ticket, ORDER_MAGIC),
          HistoryOrderGetString(ticket, ORDER_SYMBOL), HistoryOrderGetInteger(ticket, ORDER_TYPE),
          HistoryOrderGetDouble(ticket, ORDER_VOLUME_INITIAL), HistoryOrderGetInteger(ticket, ORDER_TIME_SETUP_MSC));
  }
  // A deal can be visible before its order is. It does not tell the order's type and whole volume.
  if (!sought.by_comment) return;
  for (int i = HistoryDealsTotal() - 1; i >= 0; i--) {
    const ulong deal = HistoryDealGetTicket(i);
    if (deal == 0) continue;
    Weigh(sought, (ulong)HistoryDealGetInteger(deal, DEAL_ORDER), HistoryDealGetString(deal, DEAL_COMMENT),
          HistoryDealGetInteger(deal, DEAL_MAGIC), "", 0, 0, 0);
  }
}

// A position is visible at once, when history may still be late. Its identifier is the ticket of the order that opened
// it; an order that added to one is found by its deals.
void WeighPositions(const Sought &sought) {
  if (!sought.by_comment) return;
  for (int i = PositionsTotal() - 1; i >= 0; i--) {
    if (PositionGetTicket(i) == 0) continue;
    Weigh(sought, (ulong)PositionGetInteger(POSITION_IDENTIFIER), PositionGetString(POSITION_COMMENT),
          PositionGetInteger(POSITION_MAGIC), "", 0, 0, 0);
  }
}

void Search(Sought &sought) {
  g_found_count = 0;
  sought.by_comment = true;
  WeighActive(sought);
  WeighHistory(sought);
  WeighPositions(sought);
  if (g_found_count > 0 || sought.entry < 0) return;
  // No comment names it: the broker may have rewritten it.
  sought.by_comment = false;
  WeighActive(sought);
  WeighHistory(sought);
}

// The deals of one order. By the position, which is a small selection; by time where that is not known.
void CollectDeals(Answer &answer, ulong ticket, ulong position_id, int entry) {
  answer.deals = 0;
  const long since_ms = entry < 0 ? 0 : g_journal[entry].order.broker_ms - FIND_SLACK_MS;
  const bool selected =
      position_id != 0 ? HistorySelectByPosition((long)position_id)
                       : HistorySelect((datetime)(since_ms > 0 ? since_ms / 1000 : 0),
                                       (datetime)((long)TimeTradeServer() + 86400));
  if (!selected) return;
  const int count = HistoryDealsTotal();
  for (int i = 0; i < count && answer.deals < ANSWER_DEALS; i++) {
    const ulong deal = HistoryDealGetTicket(i);
    if (deal == 0 || (ulong)HistoryDealGetInteger(deal, DEAL_ORDER) != ticket) continue;
    EncodeDeal(deal, answer.deal[answer.deals]);
    answer.deals++;
  }
}

// What the journal knows of an order that the terminal does not show yet.
void EncodeEntry(int at, WireOrder &to) {
  ZeroMemory(to);
  to.ticket = g_journal[at].order.ticket;
  to.order_id = g_journal[at].order.order_id;
  to.symbol = g_journal[at].order.symbol;
  to.side = g_journal[at].order.side;
  to.type = g_journal[at].order.type;
  to.state = STATE_WORKING;
  to.retcode = RETCODE_PLACED;
  to.volume_lots = g_journal[at].order.volume_lots;
  to.magic = g_journal[at].order.magic;
  to.position_id = g_journal[at].order.position_id;
  to.time_ms = g_journal[at].order.broker_ms;
}

// The order as the terminal shows it, with its deals. False when it does not (yet).
bool AnswerFromTicket(Answer &answer, ulong ticket, int entry) {
  WireOrder order;
  const bool visible = EncodeOrder(ticket, order);
  CollectDeals(answer, ticket, visible ? order.position_id : 0, entry);
  if (!visible) {
    if (answer.deals == 0 || entry < 0) return false;
    EncodeEntry(entry, order);
    order.ticket = ticket;
    for (int i = 0; i < answer.deals; i++) order.filled_lots += answer.deal[i].volume_lots;
    order.state = (uchar)(order.filled_lots > order.volume_lots - 1e-8 ? STATE_FILLED : STATE_PARTIAL);
    order.retcode = RetcodeOfState(order.state);
    order.position_id = answer.deal[0].position_id;
  }
  answer.has_order = true;
  answer.order = order;
  answer.retcode = order.retcode;
  answer.message = "";
  const bool traded = order.filled_lots > 0 || answer.deals > 0;
  answer.outcome = traded ? OUTCOME_DONE : IsFinal(order.state) ? OUTCOME_REJECTED : OUTCOME_ACCEPTED;
  return true;
}

// Another order of the journal that nobody has seen yet and that cannot be told from this one without its comment:
// then a single trace may be either's.
bool HasRival(int at) {
  for (int i = 0; i < g_journal_count; i++) {
    if (i == at || g_journal[i].refused || g_journal[i].order.ticket != 0) continue;
    if (g_journal[i].order.magic != g_journal[at].order.magic || g_journal[i].order.side != g_journal[at].order.side ||
        g_journal[i].order.type != g_journal[at].order.type ||
        !SameText(g_journal[i].order.symbol, g_journal[at].order.symbol) ||
        MathAbs(g_journal[i].order.volume_lots - g_journal[at].order.volume_lots) > 1e-8)
      continue;
    const long apart_ms = g_journal[i].order.broker_ms - g_journal[at].order.broker_ms;
    if (apart_ms < RIVAL_MS && apart_ms > -RIVAL_MS) return true;
  }
  return false;
}

string FoundTickets() {
  string all = "";
  for (int i = 0; i < g_found_count && i < 4; i++) all = StringFormat("%s #%I64u", all, g_found[i]);
  return all;
}

// No trace of an order. One that was never sent by this expert was not executed by it; one that stands in the journal
// may still come into sight.
void AnswerNothingFound(Answer &answer, int entry) {
  if (entry < 0) {
    AnswerWith(answer, OUTCOME_NOT_FOUND, 0, "no order, deal or position has this id");
    return;
  }
  const long now_us = MonotonicUs();
  long since_us = g_connected_since_us;
  if (g_journal[entry].sent_us > since_us) since_us = g_journal[entry].sent_us;
  if (g_connected_since_us < 0 || now_us - since_us < g_not_found_after_us) {
    AnswerWith(answer, OUTCOME_UNKNOWN, RETCODE_LOCKED, "it was sent, and may still become visible");
  } else {
    AnswerWith(answer, OUTCOME_NOT_FOUND, 0, "it was noted, but the terminal shows no trace of it");
  }
}

// Answers kFind, and a kPlace that is repeated.
void FindOrder(Answer &answer, const Text32 &id, ulong magic) {
  Sought sought;
  sought.id = TextOf(id);
  sought.id_text = id;
  sought.magic = magic;
  sought.entry = JournalFind(id);
  sought.by_comment = true;
  if (sought.entry >= 0 && g_journal[sought.entry].refused) {
    AnswerWith(answer, OUTCOME_REJECTED, g_journal[sought.entry].order.retcode, "it was refused when it was sent");
    return;
  }
  if (sought.entry >= 0 && g_journal[sought.entry].order.ticket != 0) {
    AnswerWith(answer, OUTCOME_ACCEPTED, RETCODE_PLACED, "");
    if (AnswerFromTicket(answer, g_journal[sought.entry].order.ticket, sought.entry)) return;
    // The server has given it a ticket: it exists, whatever the terminal shows at the moment.
    AnswerWith(answer, OUTCOME_UNKNOWN, RETCODE_LOCKED, "its ticket is known, but not visible yet");
    return;
  }
  if (!IsConnected()) {
    AnswerWith(answer, OUTCOME_UNKNOWN, RETCODE_CONNECTION, "the terminal has no connection and cannot look");
    return;
  }
  Search(sought);
  if (g_found_count > 1) {
    AnswerWith(answer, OUTCOME_UNKNOWN, 0, StringFormat("%d orders may be it:%s", g_found_count, FoundTickets()));
    return;
  }
  if (g_found_count == 0) {
    AnswerNothingFound(answer, sought.entry);
    return;
  }
  const ulong ticket = g_found[0];
  if (!sought.by_comment && HasRival(sought.entry)) {
    AnswerWith(answer, OUTCOME_UNKNOWN, 0, StringFormat("it or another order of ours may be%s", FoundTickets()));
    return;
  }
  if (sought.entry >= 0) JournalTicket(sought.entry, ticket);
  AnswerWith(answer, OUTCOME_ACCEPTED, RETCODE_PLACED, "");
  if (!AnswerFromTicket(answer, ticket, sought.entry)) {
    AnswerWith(answer, OUTCOME_UNKNOWN, RETCODE_LOCKED, "a trace of it is there, the order is not visible yet");
  }
}

#endif
