// Which ticks of one symbol have been delivered already, and which of those that CopyTicks gives are new. Pure.
//
// The terminal's tick base has no numbers: several ticks share a millisecond, their order may differ from one reading
// to the next, and ticks may be inserted late, before others that were read earlier. So what was delivered lately is
// kept as a multiset of payloads, and reading again from its beginning gives as new exactly what it does not hold. The
// payload is all that leaves here (time, bid, ask, flags); a tick that is equal in all of it is a second one when the
// base holds one more of them than was delivered.
//
// Late ticks are found by sweeps, which read once more what was read before: what is young often, what is old seldom.
// Each goes back from the tick that was the newest when the last sweep of its kind began, because a tick that came since
// then was late by no more than the span when it was no older than that. So a tick that is late by up to
// LATE_WINDOW_MS is found, however many came before it, and the later it is the longer that may take. The longest sweep
// goes back from the one before the last: after a gap (a connection that was lost, a weekend) ticks of the time before
// are found for as long as it takes until the next, however long the gap.
//
// One reading: CursorFrom or a sweep's place, CursorLook, CursorTake for each tick.
#ifndef TROUPE_TICK_CURSOR_MQH
#define TROUPE_TICK_CURSOR_MQH

#include "tick-known.mqh"

// Most ticks of one reading, so one millisecond must have less: those that the terminal has at hand.
#define READ_MAX 4096
#define LATE_WINDOW_MS 60000
#define SWEEPS 3
#define SWEEP_LONGEST 2

struct TickCursor {
  long floor_ms;  // nothing older is read any more
  KnownTicks known;
  // Of this reading:
  long from_ms;
  long look_ms;      // the millisecond of the tick that was looked at last
  KnownPlace look;   // its first known tick
  KnownPlace place;  // the known tick that is expected next
  bool in_order;     // all known ticks of the millisecond that stand before it have been met
  // Of the sweeps, by their length:
  long swept_ms[SWEEPS];  // the newest tick when the last one began
  long swept_before_ms;   // and the one before that, of the longest
  long due_us[SWEEPS];
  int sweep;       // that is under way, -1: none
  long sweep_ms;   // where it goes on
  long sweep_end_ms;
  KnownPlace sweep_place;  // about there: the reading of what is new has moved `place` to the other end meanwhile
};

uint g_tick_reading = 0;

long SweepSpanMs(int sweep) { return sweep == 0 ? 500 : sweep == 1 ? 4000 : LATE_WINDOW_MS; }
long SweepEveryUs(int sweep) { return sweep == 0 ? 250000 : sweep == 1 ? 2000000 : 30000000; }

// From `floor_ms` on everything is new.
void CursorBegin(TickCursor &cursor, long floor_ms) {
  cursor.floor_ms = floor_ms;
  KnownClear(cursor.known);
  cursor.from_ms = floor_ms;
  cursor.look_ms = floor_ms - 1;
  cursor.look.block = -1;
  cursor.place.block = -1;
  cursor.in_order = true;
  for (int i = 0; i < SWEEPS; i++) {
    cursor.swept_ms[i] = floor_ms;
    cursor.due_us[i] = 0;
  }
  cursor.swept_before_ms = floor_ms;
  cursor.sweep = -1;
  cursor.sweep_ms = floor_ms;
  cursor.sweep_end_ms = floor_ms;
  cursor.sweep_place.block = -1;
}

// Blocks have been given back that a place may have stood in.
void CursorNowhere(TickCursor &cursor) {
  cursor.place.block = -1;
  cursor.sweep_place.block = -1;
}

// Nothing older than this is read any more, and so need not be known.
void CursorRaise(TickCursor &cursor, long floor_ms) {
  if (floor_ms <= cursor.floor_ms) return;
  cursor.floor_ms = floor_ms;
  KnownForget(cursor.known, floor_ms);
  CursorNowhere(cursor);
}

// Makes room for other symbols. True when the window is shorter for it.
bool CursorShorten(TickCursor &cursor) {
  const long floor_ms = KnownForgetSome(cursor.known, cursor.floor_ms);
  CursorNowhere(cursor);
  if (floor_ms == cursor.floor_ms) return false;
  cursor.floor_ms = floor_ms;
  return true;
}

long CursorNewest(const TickCursor &cursor) { return KnownNewest(cursor.known, cursor.floor_ms); }

// Where to read what is new: from the millisecond of the newest tick, which may have got more.
long CursorFrom(const TickCursor &cursor) {
  const long newest_ms = CursorNewest(cursor);
  return newest_ms > cursor.floor_ms ? newest_ms : cursor.floor_ms;
}

// Begins the longest sweep that is due; false when none is.
bool CursorSweepBegin(TickCursor &cursor, long now_us) {
  for (int i = SWEEPS - 1; i >= 0 && cursor.sweep < 0; i--)
    if (now_us >= cursor.due_us[i]) cursor.sweep = i;
  if (cursor.sweep < 0) return false;
  const long from_ms = cursor.sweep == SWEEP_LONGEST ? cursor.swept_before_ms : cursor.swept_ms[cursor.sweep];
  cursor.sweep_ms = from_ms - SweepSpanMs(cursor.sweep);
  if (cursor.sweep_ms < cursor.floor_ms) cursor.sweep_ms = cursor.floor_ms;
  cursor.sweep_end_ms = CursorFrom(cursor);
  cursor.sweep_place.block = -1;
  return true;
}

// Before a reading from `sweep_ms`, of the sweep that is under way or begins. False when none is due.
bool CursorSweep(TickCursor &cursor, long now_us) {
  if (cursor.sweep < 0 && !CursorSweepBegin(cursor, now_us)) return false;
  cursor.place = cursor.sweep_place;
  return true;
}

// After it: the next one goes on from there.
void CursorSweepRead(TickCursor &cursor) { cursor.sweep_place = cursor.place; }

// It has come to its end: the shorter ones are done with it.
void CursorSwept(TickCursor &cursor, long now_us) {
  const bool longest = cursor.sweep == SWEEP_LONGEST;
  if (longest) cursor.swept_before_ms = cursor.swept_ms[SWEEP_LONGEST];
  for (int i = 0; i <= cursor.sweep; i++) {
    cursor.swept_ms[i] = cursor.sweep_end_ms;
    cursor.due_us[i] = now_us + SweepEveryUs(i);
  }
  cursor.sweep = -1;
  if (longest) CursorRaise(cursor, cursor.swept_before_ms - LATE_WINDOW_MS);
}

// Before the ticks of a reading from `from_ms`.
void CursorLook(TickCursor &cursor, long from_ms) {
  g_tick_reading++;
  if (g_tick_reading == 0) {
    // Numbers begin again: none may be left from the round before.
    for (int i = 0; i < g_known_fresh; i++)
      for (int k = 0; k < KNOWN_BLOCK; k++) g_known[i].tick[k].symbol = 0;
    g_tick_reading = 1;
  }
  cursor.from_ms = from_ms > cursor.floor_ms ? from_ms : cursor.floor_ms;
  cursor.look_ms = cursor.from_ms - 1;
  KnownSeek(cursor.known, cursor.place, cursor.from_ms);
}

bool SameTick(const WireTick &a, const WireTick &b) {
  return a.time_ms == b.time_ms && a.bid == b.bid && a.ask == b.ask && a.flags == b.flags;
}

// Whether the known tick at a place is this one and was not met in this reading. Then it is met.
bool CursorMeets(const KnownPlace &place, const WireTick &tick) {
  if (g_known[place.block].tick[place.index].symbol == g_tick_reading ||
      !SameTick(g_known[place.block].tick[place.index], tick))
    return false;
  g_known[place.block].tick[place.index].symbol = g_tick_reading;
  return true;
}

// Whether this tick of the reading is new; then it counts as delivered. There must be room for it.
bool CursorTake(TickCursor &cursor, const WireTick &tick) {
  if (tick.time_ms < cursor.from_ms) return false;
  if (tick.time_ms < cursor.look_ms) KnownSeek(cursor.known, cursor.place, tick.time_ms);
  if (tick.time_ms != cursor.look_ms) {
    while (!KnownAtEnd(cursor.place) && g_known[cursor.place.block].tick[cursor.place.index].time_ms < tick.time_ms)
      KnownAdvance(cursor.place);
    cursor.look = cursor.place;
    cursor.look_ms = tick.time_ms;
    cursor.in_order = true;
  }
  // In most cases they come in the order in which they came before.
  if (!KnownAtEnd(cursor.place) && CursorMeets(cursor.place, tick)) {
    KnownAdvance(cursor.place);
    return false;
  }
  const bool behind_all =
      KnownAtEnd(cursor.place) || g_known[cursor.place.block].tick[cursor.place.index].time_ms != tick.time_ms;
  // Where all have been met there is nothing to look through, however many ticks the millisecond has.
  KnownPlace at = cursor.look;
  if (cursor.in_order && behind_all) at = cursor.place;
  KnownSettle(at);
  while (!KnownAtEnd(at) && g_known[at.block].tick[at.index].time_ms == tick.time_ms) {
    if (CursorMeets(at, tick)) {
      cursor.in_order = false;
      return false;
    }
    KnownAdvance(at);
  }
  const int blocks = cursor.known.blocks;
  KnownInsert(cursor.known, at, tick);
  g_known[at.block].tick[at.index].symbol = g_tick_reading;  // the next one like it is another one
  if (cursor.known.blocks != blocks || cursor.look.block < 0) {
    cursor.look = at;
    KnownSeek(cursor.known, cursor.look, tick.time_ms);
  }
  if (!behind_all) cursor.in_order = false;
  cursor.place = at;
  KnownAdvance(cursor.place);
  return true;
}

// One that was delivered before the program was started, in the order of delivery.
void CursorRestore(TickCursor &cursor, const WireTick &tick) {
  if (tick.time_ms < cursor.floor_ms) return;
  KnownPlace at;
  at.block = cursor.known.last;
  at.index = at.block < 0 ? 0 : g_known[at.block].count;
  if (at.block >= 0 && KnownBlockEnd(at.block) > tick.time_ms) KnownSeek(cursor.known, at, tick.time_ms + 1);
  KnownInsert(cursor.known, at, tick);
  g_known[at.block].tick[at.index].symbol = 0;
}

#endif
