// Changes of which the server's answer has not come in time, and which it may still make: a copy that is asked for
// later must not be called rejected because it fails a check now. Remembered as long as the order or position is there,
// or until the terminal hears what became of them; a new life of the expert knows none.
#ifndef TROUPE_UNHEARD_MQH
#define TROUPE_UNHEARD_MQH

#include "orders.mqh"

#define UNHEARD_MAX 256

// One change of one ticket, however often it was sent.
struct Unheard {
  int kind;
  ulong ticket;
  Change change;
  uint id;     // of the copy that was sent last
  int copies;  // without an answer
};

Unheard g_unheard[UNHEARD_MAX];
int g_unheard_count = 0;
// One had to be forgotten while its order was active: from then on any change may be one that was sent before.
bool g_unheard_displaced = false;

void UnheardReset() {
  g_unheard_count = 0;
  g_unheard_displaced = false;
}

bool SameChange(const Change &a, const Change &b) {
  return a.price == b.price && a.limit == b.limit && a.stop_loss == b.stop_loss && a.take_profit == b.take_profit;
}

void UnheardRemove(int at) {
  g_unheard_count--;
  g_unheard[at] = g_unheard[g_unheard_count];
}

int UnheardFind(int kind, ulong ticket, const Change &change) {
  for (int i = 0; i < g_unheard_count; i++) {
    if (g_unheard[i].kind == kind && g_unheard[i].ticket == ticket && SameChange(g_unheard[i].change, change)) return i;
  }
  return -1;
}

// Whether a copy of this change may still be made.
bool MayArrive(int kind, ulong ticket, const Change &change) {
  return g_unheard_displaced || UnheardFind(kind, ticket, change) >= 0;
}

// What is gone cannot be changed any more.
void UnheardPrune() {
  for (int i = g_unheard_count - 1; i >= 0; i--) {
    const ulong ticket = g_unheard[i].ticket;
    const bool there = g_unheard[i].kind == REQUEST_PROTECT ? PositionSelectByTicket(ticket) : OrderSelect(ticket);
    if (!there) UnheardRemove(i);
  }
}

// The request is given up. Those that joined it were not sent themselves.
void UnheardNote(int request) {
  if (g_requests[request].kind == REQUEST_PLACE) return;
  int at = UnheardFind(g_requests[request].kind, g_requests[request].ticket, g_requests[request].change);
  if (at >= 0) {
    if (g_unheard[at].id == g_requests[request].id && g_unheard[at].id != 0) return;
  } else {
    if (g_unheard_count == UNHEARD_MAX) UnheardPrune();
    if (g_unheard_count == UNHEARD_MAX) {
      UnheardRemove(0);
      g_unheard_displaced = true;
    }
    at = g_unheard_count;
    g_unheard_count++;
    g_unheard[at].kind = g_requests[request].kind;
    g_unheard[at].ticket = g_requests[request].ticket;
    g_unheard[at].change = g_requests[request].change;
    g_unheard[at].copies = 0;
  }
  g_unheard[at].id = g_requests[request].id;
  g_unheard[at].copies++;
}

// The answer has come after all.
void UnheardHeard(uint id) {
  for (int i = g_unheard_count - 1; i >= 0 && id != 0; i--) {
    if (g_unheard[i].id != id) continue;
    g_unheard[i].id = 0;
    g_unheard[i].copies--;
    if (g_unheard[i].copies == 0) UnheardRemove(i);
  }
}

// The server has refused a later change of the same. It makes them one after the other, so whatever was sent before has
// been decided; only these codes may mean that an earlier one is still under way.
bool MeansBusy(uint retcode) {
  return retcode == RETCODE_INVALID || retcode == RETCODE_LOCKED || retcode == RETCODE_TOO_MANY_REQUESTS;
}

void UnheardDecided(int kind, ulong ticket) {
  for (int i = g_unheard_count - 1; i >= 0; i--) {
    const bool of_position = g_unheard[i].kind == REQUEST_PROTECT;
    if (g_unheard[i].ticket == ticket && of_position == (kind == REQUEST_PROTECT)) UnheardRemove(i);
  }
}

#endif
