// Transactions that the terminal has pushed out of its queue: it holds 1,024 of them, tells nobody, and while the
// expert is held up a person's or another program's trades may be among the lost. So a long run of transactions is
// taken for a queue that was full, and everything is told anew by a snapshot, as if events had been dropped here.
//
// How it is seen: of the timer one event waits at a time, and a new one stands behind everything that waits already. So
// the transactions of a full queue are handled with at most one look of the timer among them: 512 or more in one run.
// As many within one timer period come of nothing else; trading as fast as a terminal can makes some tens.
#ifndef TROUPE_DISPLACED_MQH
#define TROUPE_DISPLACED_MQH

#include "report.mqh"
#include "snapshot.mqh"

#define DISPLACED_RUN 512
// History comes late, and what is displaced is not looked up again: so once more after this long.
#define DISPLACED_AGAIN_US 10000000

int g_run = 0;  // transactions since the timer was seen last
bool g_displaced = false;
long g_displaced_again_us = 0;  // 0: not

void DisplacedReset() {
  g_run = 0;
  g_displaced = false;
  g_displaced_again_us = 0;
}

void DisplacedNoteTransaction() { g_run++; }

// At every event of the timer, before the pass that takes the snapshot.
void DisplacedNoteTimer() {
  const bool full = g_run >= DISPLACED_RUN;
  g_run = 0;
  if (full) {
    // It may be filled still: the snapshot waits until it has been worked off.
    g_displaced = true;
    return;
  }
  if (!g_outbox.up) return;
  if (g_displaced) {
    Report("warn", "E_EXPERT_DISPLACED",
           "more transactions at once than the terminal keeps, some may be lost: the bridge gets a snapshot");
    g_displaced_again_us = MonotonicUs() + DISPLACED_AGAIN_US;
  } else if (g_displaced_again_us == 0 || MonotonicUs() < g_displaced_again_us) {
    return;
  } else {
    g_displaced_again_us = 0;
  }
  g_displaced = false;
  g_snapshot_due = true;
}

#endif
