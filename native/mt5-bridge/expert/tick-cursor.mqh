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
// Beside that, what one quick reading and one step of a sweep may add.
#define CURSOR_ROOM 1536
#define LATE_WINDOW_MS 5000

struct TickCursor {
  long floor_ms;  // nothing older is read any more
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
  cursor.from_ms = floor_ms;
  cursor.end = 0;
  cursor.look = 0;
  cursor.overrun = false;
}

// Forgets the oldest beyond CURSOR_KEEP, whole milliseconds at a time, and only those before `swept_ms`. What is
// forgotten must never be read again, so the floor rises above it.
void CursorTrim(TickCursor &cursor, long swept_ms) {
  if (cursor.end <= CURSOR_KEEP) return;
  long floor_ms = cursor.delivered[cursor.end - CURSOR_KEEP - 1].time_ms + 1;
  if (floor_ms > swept_ms) floor_ms = swept_ms;
  if (floor_ms <= cursor.floor_ms) return;
  int first = 0;
  while (first < cursor.end && cursor.delivered[first].time_ms < floor_ms) first++;
  for (int i = first; i < cursor.end; i++) cursor.delivered[i - first] = cursor.delivered[i];
  cursor.end -= first;
  cursor.floor_ms = floor_ms;
}

// After a whole sweep: the newest millisecond stays, because it will be read again. One that has more ticks than can be
// kept is closed: to read it again would give ticks twice.
void CursorSwept(TickCursor &cursor) {
  if (cursor.end == 0) return;
  const long newest = cursor.delivered[cursor.end - 1].time_ms;
  CursorTrim(cursor, newest);
  if (cursor.end <= CURSOR_SWEEP) return;
  cursor.overrun = true;
  cursor.end = 0;
  cursor.floor_ms = newest + 1;
}

// Where to read from: the millisecond of the newest tick, or (for `late` ones) all that is kept.
long CursorFrom(const TickCursor &cursor, bool late) {
  if (cursor.end == 0) return cursor.floor_ms;
  const long newest = cursor.delivered[cursor.end - 1].time_ms;
  const long from = late ? newest - LATE_WINDOW_MS : newest;
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

// One that was delivered before the program was started, in the order of delivery.
void CursorRestore(TickCursor &cursor, const WireTick &tick) {
  if (cursor.end >= CURSOR_ROOM / 2) CursorSwept(cursor);
  if (tick.time_ms < cursor.floor_ms) return;
  int at = cursor.end;
  while (at > 0 && cursor.delivered[at - 1].time_ms > tick.time_ms) at--;
  CursorInsert(cursor, at, tick);
}

#endif
