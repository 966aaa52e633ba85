// What becomes of requests: the server's answer, or its absence.
#ifndef TROUPE_RESULTS_MQH
#define TROUPE_RESULTS_MQH

#include "changes.mqh"

// The journal's entry of a request to place: by our own note of the request, or by the comment that it was sent with
// (a request of this expert before it was loaded anew).
int EntryOfRequest(int at, const MqlTradeRequest &request) {
  if (at >= 0) return JournalFind(g_requests[at].order_id);
  Text32 id;
  if (request.action != TRADE_ACTION_DEAL && request.action != TRADE_ACTION_PENDING) return -1;
  if (!SetText(id, request.comment) || IsEmpty(id)) return -1;
  return JournalFind(id);
}

// The ticket of the order; a server that executes elsewhere may name only the deal.
ulong TicketOfResult(const MqlTradeResult &result) {
  if (result.order != 0) return result.order;
  if (result.deal == 0 || !HistoryDealSelect(result.deal)) return 0;
  return (ulong)HistoryDealGetInteger(result.deal, DEAL_ORDER);
}

// The answer to a placed order that the server has taken or executed.
void AnswerPlaced(Answer &answer, int entry, ulong ticket, uint retcode, string message) {
  const bool visible = ticket != 0 && AnswerFromTicket(answer, ticket, entry);
  if (!visible) {
    // The bridge hears the rest by events.
    AnswerWith(answer, OUTCOME_ACCEPTED, retcode, message);
    if (entry >= 0 && ticket != 0) {
      EncodeEntry(entry, answer.order);
      answer.order.ticket = ticket;
      answer.order.retcode = retcode;
      answer.has_order = true;
    }
  }
  answer.outcome = OutcomeOf(retcode);
  answer.retcode = retcode;
  answer.message = message;
}

void PlaceAnswered(int at, const MqlTradeRequest &request, const MqlTradeResult &result) {
  const int entry = EntryOfRequest(at, request);
  const int outcome = OutcomeOf(result.retcode);
  const ulong ticket = TicketOfResult(result);
  if (entry >= 0 && (outcome == OUTCOME_DONE || outcome == OUTCOME_ACCEPTED)) JournalTicket(entry, ticket);
  // A refused order that was given a ticket all the same is told by its own record.
  if (entry >= 0 && outcome == OUTCOME_REJECTED && g_journal[entry].order.ticket == 0)
    JournalRefused(entry, result.retcode);
  if (at < 0) return;
  AnswerWith(g_answer, outcome, result.retcode, result.comment);
  if (outcome == OUTCOME_DONE || outcome == OUTCOME_ACCEPTED)
    AnswerPlaced(g_answer, entry, ticket, result.retcode, result.comment);
  Answered(at, g_answer);
}

// The server has refused a change. It may have made it before, for the same command of whose answer nothing was heard.
void LookAtRefused(Answer &answer, int at) {
  const ulong ticket = g_requests[at].ticket;
  bool stands = false;
  if (g_requests[at].kind == REQUEST_PROTECT) {
    stands = PositionSelectByTicket(ticket) && PositionStands(g_requests[at].change);
  } else if (!OrderSelect(ticket)) {
    AnswerOfGone(answer, ticket, g_requests[at].kind == REQUEST_CANCEL);
    return;
  } else if (g_requests[at].kind == REQUEST_MODIFY) {
    stands = OrderStands(g_requests[at].change);
  }
  if (!stands) {
    if (!MeansBusy(answer.retcode)) {
      UnheardDecided(g_requests[at].kind, ticket);
    } else if (MayArrive(g_requests[at].kind, ticket, g_requests[at].change)) {
      answer.outcome = OUTCOME_UNKNOWN;
    }
    return;
  }
  answer.outcome = OUTCOME_DONE;
  answer.retcode = RETCODE_NO_CHANGES;
  answer.message = "it is so already";
}

void ChangeAnswered(int at, const MqlTradeResult &result) {
  const uint id = g_requests[at].id;
  const ulong ticket = g_requests[at].ticket;
  AnswerWith(g_answer, OutcomeOf(result.retcode), result.retcode, result.comment);
  // The order as it is now, with the code of this answer.
  if (g_requests[at].kind != REQUEST_PROTECT && EncodeOrder(ticket, g_answer.order)) g_answer.has_order = true;
  if (g_answer.outcome == OUTCOME_REJECTED) LookAtRefused(g_answer, at);
  // The server's own time was up, say: it may still be made.
  if (OutcomeOf(result.retcode) == OUTCOME_UNKNOWN) UnheardNote(at);
  // Everybody who has joined it.
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (g_requests[i].open && g_requests[i].id == id && g_requests[i].ticket == ticket) Answered(i, g_answer);
  }
}

// TRADE_TRANSACTION_REQUEST: of any program of the terminal.
void OnRequestAnswered(const MqlTradeRequest &request, const MqlTradeResult &result) {
  int at = -1;
  for (int i = 0; i < REQUESTS_MAX && result.request_id != 0; i++) {
    if (g_requests[i].open && g_requests[i].id == result.request_id) at = i;
  }
  if (at < 0 && OutcomeOf(result.retcode) != OUTCOME_UNKNOWN) UnheardHeard(result.request_id);
  if (at < 0 || g_requests[at].kind == REQUEST_PLACE) {
    PlaceAnswered(at, request, result);
  } else {
    ChangeAnswered(at, result);
  }
}

// A placed order whose answer does not come: by its own traces.
void LookFor(int at, long now_us) {
  if (now_us - g_requests[at].looked_us < LOOK_AFTER_US / 2) return;
  g_requests[at].looked_us = now_us;
  FindOrder(g_answer, g_requests[at].order_id, 0);
  if (g_answer.has_order || g_answer.outcome == OUTCOME_REJECTED) Answered(at, g_answer);
}

void RequestsPass() {
  if (g_requests_open == 0) return;
  const long now_us = MonotonicUs();
  for (int i = 0; i < REQUESTS_MAX; i++) {
    if (!g_requests[i].open) continue;
    const long age_us = now_us - g_requests[i].sent_us;
    if (g_requests[i].kind == REQUEST_PLACE && age_us > LOOK_AFTER_US) LookFor(i, now_us);
    if (!g_requests[i].open || age_us < ANSWER_WITHIN_US) continue;
    AnswerWith(g_answer, OUTCOME_UNKNOWN, RETCODE_TIMEOUT, "the trade server has not answered");
    UnheardNote(i);
    Answered(i, g_answer);
  }
}

#endif
