// Which ticks of one symbol have been delivered already, and which of those that CopyTicks gives are new. Pure.
//
// The terminal's tick base has no numbers: several ticks share a millisecond, their order may differ from one reading
// to the next, and ticks may be inserted late, before others that were read earlier. So what was delivered lately is
// kept as a multiset of payloads, and reading again from its beginning gives as new exactly what it does not hold. The
// payload is all that leaves here (time, bid, ask, flags); a tick that is equal in all of it is a second one when the
// base holds one more of them than was delivered.
//
// Late ticks are found as long as they are not older than the multiset reaches back: LATE_WINDOW_MS, and no fewer than
// the last CURSOR_KEEP ticks. What is forgotten has been looked at once more before (a sweep), so that a tick cannot
// slip in between. One reading: CursorFrom, CursorLook, CursorTake for each tick; CursorTrim after a sweep.
#ifndef TROUPE_TICK_CURSOR_MQH
#define TROUPE_TICK_CURSOR_MQH

#include "messages.mqh"

// Most ticks of one reading.
#define READ_MAX 512
#define CURSOR_KEEP 256
// More than this and a sweep is due. Also the most that one millisecond may have.
#define CURSOR_SWEEP 512
// The most that is kept before a sweep: beside that, what one quick reading adds.
#define CURSOR_MOST 1280
// And what one step of the sweep adds.
#define CURSOR_ROOM 1792
#define LATE_WINDOW_MS 5000

struct TickCursor {
  long floor_ms;  // nothing older is read any more
  long swept_ms;  // the newest tick when all was looked at last
  long from_ms;   // of this reading
  int end;        // delivered[0..end), by time
  int look;       // the first of them that is not older than the tick that was looked at last
  bool overrun;   // a millisecond had more ticks than can be kept
  WireTick delivered[CURSOR_ROOM];
  bool matched[CURSOR_ROOM];  // in this reading
};

// From `floor_ms` on everything is new.
void CursorBegin(TickCursor &cursor, long floor_ms) {
  cursor.floor_ms = floor_ms;
  cursor.swept_ms = floor_ms;
  cursor.from_ms = floor_ms;
  cursor.end = 0;
  cursor.look = 0;
  cursor.overrun = false;
}

// Nothing older than this is read any more, and so need not be known.
void CursorRaise(TickCursor &cursor, long floor_ms) {
  if (floor_ms <= cursor.floor_ms) return;
  int first = 0;
  while (first < cursor.end && cursor.delivered[first].time_ms < floor_ms) first++;
  for (int i = first; i < cursor.end; i++) cursor.delivered[i - first] = cursor.delivered[i];
  cursor.end -= first;
  cursor.floor_ms = floor_ms;
}

// Forgets the oldest beyond `keep`, whole milliseconds at a time, and only those before `swept_ms`.
void CursorTrim(TickCursor &cursor, int keep, long swept_ms) {
  if (cursor.end <= keep) return;
  const long floor_ms = cursor.delivered[cursor.end - keep - 1].time_ms + 1;
  CursorRaise(cursor, floor_ms < swept_ms ? floor_ms : swept_ms);
}

// A millisecond with more ticks than one reading gives or than can be kept: to read it again would give ticks twice, so
// what it has beyond them is lost.
void CursorClose(TickCursor &cursor, long ms) {
  cursor.overrun = true;
  CursorRaise(cursor, ms + 1);
}

// After a sweep to the end of the tick base. The newest millisecond stays, because it will be read again.
void CursorSwept(TickCursor &cursor) {
  if (cursor.end == 0) return;
  cursor.swept_ms = cursor.delivered[cursor.end - 1].time_ms;
  CursorTrim(cursor, CURSOR_KEEP, cursor.swept_ms);
  if (cursor.end > CURSOR_SWEEP) CursorClose(cursor, cursor.swept_ms);
}

// Where to read from: the millisecond of the newest tick; for a sweep, the window before what was the newest at the last
// one, because a tick that came late since then was not older than that, however far the market has gone on.
long CursorFrom(const TickCursor &cursor, bool sweep) {
  long from = cursor.swept_ms - LATE_WINDOW_MS;
  if (!sweep) from = cursor.end > 0 ? cursor.delivered[cursor.end - 1].time_ms : cursor.floor_ms;
  return from > cursor.floor_ms ? from : cursor.floor_ms;
}

// Before the ticks of a reading from `from_ms`.
void CursorLook(TickCursor &cursor, long from_ms) {
  cursor.from_ms = from_ms;
  cursor.look = cursor.end;
  while (cursor.look > 0 && cursor.delivered[cursor.look - 1].time_ms >= from_ms) {
    cursor.look--;
    cursor.matched[cursor.look] = false;
  }
}

bool SameTick(const WireTick &a, const WireTick &b) {
  return a.time_ms == b.time_ms && a.bid == b.bid && a.ask == b.ask && a.flags == b.flags;
}

void CursorInsert(TickCursor &cursor, int at, const WireTick &tick) {
  for (int i = cursor.end; i > at; i--) {
    cursor.delivered[i] = cursor.delivered[i - 1];
    cursor.matched[i] = cursor.matched[i - 1];
  }
  cursor.delivered[at] = tick;
  cursor.matched[at] = true;  // the next one like it is another one
  cursor.end++;
}

// Whether this tick of the reading is new; then it counts as delivered.
bool CursorTake(TickCursor &cursor, const WireTick &tick) {
  if (tick.time_ms < cursor.from_ms || cursor.end >= CURSOR_ROOM) return false;
  while (cursor.look > 0 && cursor.delivered[cursor.look - 1].time_ms >= tick.time_ms) cursor.look--;
  while (cursor.look < cursor.end && cursor.delivered[cursor.look].time_ms < tick.time_ms) cursor.look++;
  int at = cursor.look;
  for (; at < cursor.end && cursor.delivered[at].time_ms == tick.time_ms; at++) {
    if (cursor.matched[at] || !SameTick(cursor.delivered[at], tick)) continue;
    cursor.matched[at] = true;
    return false;
  }
  CursorInsert(cursor, at, tick);
  return true;
}

// After the last of those.
void CursorRestored(TickCursor &cursor) {
  if (cursor.end > 0) CursorTrim(cursor, CURSOR_MOST, cursor.delivered[cursor.end - 1].time_ms);
}

// One that was delivered before the program was started, in the order of delivery. Nobody knows how far the last sweep
// went, so as much is kept as was ever kept before one.
void CursorRestore(TickCursor &cursor, const WireTick &tick) {
  if (cursor.end >= CURSOR_ROOM) CursorRestored(cursor);
  if (cursor.end >= CURSOR_ROOM || tick.time_ms < cursor.floor_ms) return;
  int at = cursor.end;
  while (at > 0 && cursor.delivered[at - 1].time_ms > tick.time_ms) at--;
  CursorInsert(cursor, at, tick);
}

#endif
