// The ticks of all subscribed symbols, from the terminal's tick base to the bridge: read by cursor, numbered by the
// log, sent from the place that the bridge names. Nothing here rests on OnTick: its content is not looked at.
//
// While the bridge takes nothing, reading stops before the log would overwrite what was not sent: the tick base of the
// terminal holds the rest.
#ifndef TROUPE_TICKS_MQH
#define TROUPE_TICKS_MQH

#include "clock.mqh"
#include "link.mqh"
#include "report.mqh"
#include "tick-log.mqh"

// Of one pass, after which commands have their turn.
#define PASS_US 20000
// Of that for reading once more what was read before: this part of the time since the pass before, within bounds.
#define SWEEP_SHARE 4
#define SWEEP_LEAST_US 250
#define SWEEP_MOST_US 2000

struct SymbolFeed {
  string name;
  bool active;
  int wire;      // index in the list of FRAME_SYMBOLS
  long count;    // ticks of the feed so far
  double bid;    // of the last tick that had one
  double ask;
  bool behind;   // reading has not come to the end
  MqlTick last;  // as SymbolInfoTick gave it
  TickCursor cursor;
};

// Where the next tick to send stands, and of each symbol the number of the last one before it.
struct TickSender {
  bool agreed;  // this session knows where the feed goes on
  LogPlace place;
  LongColumn at;
  LongColumn kept;
};

SymbolFeed g_symbols[MAX_SYMBOLS];  // in the order of the log
int g_symbol_count = 0;
int g_symbol_turn = 0;
int g_sweep_turn = 0;
long g_ticks_passed_us = 0;  // when the last pass began
TickSender g_sender;
TickBatch g_batch;   // read, not on the disk yet
TickBatch g_resend;  // from the disk
MqlTick g_ticks[READ_MAX];
bool g_disk_failed = false;
bool g_restoring = false;
ulong g_ticks_delivered = 0;

// The record of a tick. A price that the tick does not have is that of the tick before it.
void ToRecord(const MqlTick &tick, int symbol, WireTick &record) {
  record.time_ms = tick.time_msc;
  record.bid = tick.bid;
  record.ask = tick.ask;
  record.symbol = (uint)symbol;
  record.flags = tick.flags & TICK_FLAGS;
}

void FillPrices(SymbolFeed &feed, WireTick &record) {
  if (record.bid > 0) {
    feed.bid = record.bid;
  } else if (feed.bid > 0) {
    record.bid = feed.bid;
    record.flags |= TICK_BID_FILLED;
  }
  if (record.ask > 0) {
    feed.ask = record.ask;
  } else if (feed.ask > 0) {
    record.ask = feed.ask;
    record.flags |= TICK_ASK_FILLED;
  }
}

// As the tick base gave it, for the cursor.
void UnfillPrices(WireTick &record) {
  if ((record.flags & TICK_BID_FILLED) != 0) record.bid = 0;
  if ((record.flags & TICK_ASK_FILLED) != 0) record.ask = 0;
  record.flags &= TICK_FLAGS;
}

void FeedBegin(SymbolFeed &feed, string name, long floor_ms) {
  feed.name = name;
  feed.active = false;
  feed.wire = -1;
  feed.count = 0;
  feed.bid = 0;
  feed.ask = 0;
  feed.behind = true;
  ZeroMemory(feed.last);
  CursorBegin(feed.cursor, floor_ms);
}

// Room for what one reading may bring: of all symbols the oldest goes. The window for late ticks is shorter then.
void MakeRoom(int ticks) {
  if (KnownRoom() >= ticks) return;
  bool shorter = false;
  for (int i = 0; i < g_symbol_count; i++)
    if (CursorShorten(g_symbols[i].cursor)) shorter = true;
  if (shorter && !g_restoring)
    Report("warn", "E_EXPERT_TICK_WINDOW",
           StringFormat("more than %d ticks within %d s: some that come late may be missing",
                        (KNOWN_BLOCKS - READ_MAX) * KNOWN_BLOCK, LATE_WINDOW_MS / 1000));
}

void RestoreTick(int at, const WireTick &from) {
  WireTick record = from;
  if ((record.flags & TICK_BID_FILLED) == 0 && record.bid > 0) g_symbols[at].bid = record.bid;
  if ((record.flags & TICK_ASK_FILLED) == 0 && record.ask > 0) g_symbols[at].ask = record.ask;
  UnfillPrices(record);
  MakeRoom(1);
  CursorRestore(g_symbols[at].cursor, record);
}

// Brings cursors and counts back from the log.
void TicksRestore() {
  g_symbol_count = (int)g_log.newer.header.symbols;
  g_symbol_turn = 0;
  g_sweep_turn = 0;
  g_batch.count = 0;
  g_sender.agreed = false;
  g_disk_failed = false;
  g_restoring = true;
  KnownReset();
  for (int i = 0; i < g_symbol_count; i++) {
    // Without the segment before, what stands in it is not known.
    long floor_ms = g_log.newer.header.symbol[i].floor_ms;
    const long newest_ms = g_log.newer.header.symbol[i].newest_ms;
    if (!g_log.older.is_open && newest_ms >= floor_ms) floor_ms = newest_ms + 1;
    FeedBegin(g_symbols[i], TextOf(g_log.newer.header.symbol[i].name), floor_ms);
    g_symbols[i].count = g_log.newer.header.symbol[i].base;
    g_symbols[i].bid = g_log.newer.header.symbol[i].bid;
    g_symbols[i].ask = g_log.newer.header.symbol[i].ask;
  }
  LogPlace place = LogStart();
  for (int n = LogReadAt(place); n > 0; n = LogReadAt(place)) {
    for (int i = 0; i < n; i++) {
      const int at = (int)g_log_chunk[i].symbol;
      if (at >= g_symbol_count) continue;
      if (place.segment == 1) g_symbols[at].count++;
      RestoreTick(at, g_log_chunk[i]);
    }
    place.record += n;
  }
  g_restoring = false;
  LogDropForeign();
}

// A symbol that is subscribed from now on. False when the log takes no more.
bool TicksSubscribe(string name, int wire) {
  int at = LogFindSymbol(name);
  if (at < 0) {
    MqlTick tick = {};
    // Begins with the tick that stands now. Without one: with the first that comes.
    long floor_ms = SymbolInfoTick(name, tick) ? tick.time_msc : 0;
    if (floor_ms <= 0) floor_ms = BrokerMs();
    if (floor_ms <= 0) floor_ms = 1;
    at = LogAddSymbol(name, floor_ms);
    if (at < 0) return false;
    FeedBegin(g_symbols[at], name, floor_ms);
    g_symbol_count = at + 1;
  }
  g_symbols[at].active = true;
  g_symbols[at].wire = wire;
  return true;
}

void TicksUnsubscribeAll() {
  for (int i = 0; i < g_symbol_count; i++) {
    g_symbols[i].active = false;
    g_symbols[i].wire = -1;
  }
}

// The next segment takes the place of the older one, all of which has been sent.
bool TicksRotate() {
  g_log.next.header = g_log.newer.header;
  for (int i = 0; i < g_symbol_count; i++) {
    const long before_ms = g_log.newer.header.symbol[i].newest_ms;
    long floor_ms = g_symbols[i].cursor.floor_ms;
    if (before_ms >= floor_ms) floor_ms = before_ms + 1;
    g_log.next.header.symbol[i].base = g_symbols[i].count;
    g_log.next.header.symbol[i].floor_ms = floor_ms;
    const long newest_ms = CursorNewest(g_symbols[i].cursor);
    g_log.next.header.symbol[i].newest_ms = newest_ms > before_ms ? newest_ms : before_ms;
    g_log.next.header.symbol[i].bid = g_symbols[i].bid;
    g_log.next.header.symbol[i].ask = g_symbols[i].ask;
  }
  if (!LogBegin(g_log.next, g_log.newer.header.segment + 1) || !LogCommit(g_log.next)) {
    LogCloseSegment(g_log.next);
    g_disk_failed = true;
    return false;
  }
  LogCloseSegment(g_log.older);
  g_log.older = g_log.newer;
  g_log.newer = g_log.next;
  g_log.next.is_open = false;
  g_sender.place.segment = 0;
  g_sender.place.record = g_log.older.records;
  return true;
}

// Whether the sender has passed everything.
bool SenderAtEnd() {
  if (g_sender.place.segment == 0 && g_sender.place.record < g_log.older.records) return false;
  if (g_sender.place.segment == 1) return g_sender.place.record >= g_log.newer.records;
  return g_log.newer.records == 0;
}

// Sends `count` ticks of `records` that are not kept. 1 when they have left (or there were none to send), 0 when the
// link is full; then nothing has changed.
int SendRecords(TickBatch &batch) {
  BeginMessage(g_out, FRAME_TICKS);
  WireTickHeader head;
  head.count = 0;
  head.reserved = 0;
  head.sent_us = WallUs();
  Append(g_out, head);
  for (int i = 0; i < batch.count; i++) {
    WireTick tick = batch.tick[i];
    const int at = (int)tick.symbol;
    if (at >= g_symbol_count) continue;
    g_sender.at.of[at]++;
    if (g_sender.at.of[at] <= g_sender.kept.of[at] || g_symbols[at].wire < 0) continue;
    tick.symbol = (uint)g_symbols[at].wire;
    tick.flags &= TICK_FLAGS;
    Append(g_out, tick);
    head.count++;
  }
  if (head.count == 0) return 1;
  StructToCharArray(head, g_out.data, 4);
  const int taken = LinkSend(g_out);
  if (taken == 1) return 1;
  for (int i = 0; i < batch.count; i++) {
    const int at = (int)batch.tick[i].symbol;
    if (at < g_symbol_count) g_sender.at.of[at]--;
  }
  return 0;
}

// What the log holds and the bridge has not had yet.
void SendBacklog(long until_us) {
  while (g_sender.agreed && !SenderAtEnd() && MonotonicUs() < until_us) {
    g_resend.count = LogReadAt(g_sender.place);
    if (g_resend.count == 0) return;
    for (int i = 0; i < g_resend.count; i++) g_resend.tick[i] = g_log_chunk[i];
    if (SendRecords(g_resend) != 1) return;
    g_sender.place.record += g_resend.count;
  }
}

// Onto the disk, then to the bridge.
bool DeliverBatch() {
  if (g_batch.count == 0) return true;
  const bool direct = g_sender.agreed && SenderAtEnd();
  if (!LogAppend(g_batch)) {
    g_disk_failed = true;
    return false;
  }
  g_disk_failed = false;
  g_ticks_delivered += (ulong)g_batch.count;
  if (direct) {
    // The end may have been in the segment before.
    if (g_sender.place.segment == 0) {
      g_sender.place.segment = 1;
      g_sender.place.record = g_log.newer.records - g_batch.count;
    }
    if (SendRecords(g_batch) == 1) g_sender.place.record += g_batch.count;
  }
  g_batch.count = 0;
  return true;
}

bool SameQuote(const MqlTick &a, const MqlTick &b) {
  return a.time_msc == b.time_msc && a.bid == b.bid && a.ask == b.ask && a.last == b.last && a.volume == b.volume &&
         a.flags == b.flags;
}

// One reading of a symbol from `from_ms`: how many ticks came, of which the new ones are on their way. -1: none could be
// read, or the disk refuses.
int ReadFrom(int at, long from_ms) {
  MakeRoom(READ_MAX);
  const int n = CopyTicks(g_symbols[at].name, g_ticks, COPY_TICKS_ALL, (ulong)from_ms, READ_MAX);
  if (n <= 0) return n;
  CursorLook(g_symbols[at].cursor, from_ms);
  for (int i = 0; i < n; i++) {
    WireTick record;
    ToRecord(g_ticks[i], at, record);
    if (!CursorTake(g_symbols[at].cursor, record)) continue;
    FillPrices(g_symbols[at], record);
    g_symbols[at].count++;
    g_batch.tick[g_batch.count++] = record;
    if (g_batch.count >= LOG_CHUNK && !DeliverBatch()) return -1;
  }
  return n;
}

// Where to go on after a reading that was full: with the last that was read, its millisecond included. One that fills a
// whole reading has no end to be seen.
long NextFrom(int at, long from_ms) {
  const long last_ms = g_ticks[READ_MAX - 1].time_msc;
  if (last_ms > from_ms) return last_ms;
  Report("warn", "E_EXPERT_TICKS_PER_MS",
         StringFormat("%s: more than %d ticks within one millisecond; some may be missing", g_symbols[at].name,
                      READ_MAX - 1));
  return from_ms + 1;
}

// Room in the log. A full one makes way only when all of it has been sent, so that a whole segment behind what was sent
// last can always be sent again: what the bridge has, but has not stored, may be lost with it. Without a session nobody
// can say what is kept: then a full log stays as it is.
bool MayRead() {
  if (g_disk_failed) return false;
  if (!LogFull()) return true;
  if (!g_sender.agreed || !DeliverBatch()) return false;
  return SenderAtEnd() && TicksRotate();
}

// What is new. False when it did not come to the end.
bool ReadNew(int at, long until_us) {
  long from_ms = CursorFrom(g_symbols[at].cursor);
  for (int n = ReadFrom(at, from_ms); n != 0; n = ReadFrom(at, from_ms)) {
    if (n < 0) return false;
    if (n < READ_MAX) return true;
    from_ms = NextFrom(at, from_ms);
    if (MonotonicUs() > until_us || !MayRead()) return false;
  }
  return true;
}

// Goes on with a sweep by one reading. False when none is due.
bool Sweep(int at, long now_us) {
  if (!g_symbols[at].active || !MayRead() || !CursorSweep(g_symbols[at].cursor, now_us)) return false;
  const int n = ReadFrom(at, g_symbols[at].cursor.sweep_ms);
  if (n < 0) return false;
  CursorSweepRead(g_symbols[at].cursor);
  if (n == READ_MAX) g_symbols[at].cursor.sweep_ms = NextFrom(at, g_symbols[at].cursor.sweep_ms);
  if (n < READ_MAX || g_symbols[at].cursor.sweep_ms > g_symbols[at].cursor.sweep_end_ms)
    CursorSwept(g_symbols[at].cursor, now_us);
  return true;
}

// The symbols in turn, by one reading each, until the time is over or nothing is due. At 100,000 ticks/s the sweeps of a
// pass would take tens of milliseconds together, for which a command would have to wait.
void SweepPass(long now_us, long budget_us) {
  const long until_us = MonotonicUs() + budget_us;
  int idle = 0;
  while (idle < g_symbol_count) {
    g_sweep_turn = (g_sweep_turn + 1) % g_symbol_count;
    idle = Sweep(g_sweep_turn, now_us) ? 0 : idle + 1;
    if (idle == 0 && MonotonicUs() >= until_us) return;
  }
}

long SweepBudgetUs(long since_us) {
  const long share_us = since_us / SWEEP_SHARE;
  if (share_us > SWEEP_MOST_US) return SWEEP_MOST_US;
  return share_us < SWEEP_LEAST_US ? SWEEP_LEAST_US : share_us;
}

void ReadSymbol(int at, long until_us) {
  MqlTick latest = {};
  if (SymbolInfoTick(g_symbols[at].name, latest) && !SameQuote(latest, g_symbols[at].last)) {
    g_symbols[at].last = latest;
    g_symbols[at].behind = true;
  }
  if (g_symbols[at].behind) g_symbols[at].behind = !ReadNew(at, until_us);
}

void DeliverOrReport() {
  if (DeliverBatch() && !g_disk_failed) return;
  g_disk_failed = g_batch.count > 0;
  Report("error", "E_EXPERT_DISK", StringFormat("the log of ticks cannot be written (error %d)", GetLastError()));
}

void TicksPass() {
  const long now_us = MonotonicUs();
  const long until_us = now_us + PASS_US;
  const long since_us = now_us - g_ticks_passed_us;
  g_ticks_passed_us = now_us;
  SendBacklog(until_us);
  if (g_symbol_count == 0) return;
  for (int i = 0; i < g_symbol_count && MonotonicUs() < until_us; i++) {
    if (!MayRead()) break;
    g_symbol_turn = (g_symbol_turn + 1) % g_symbol_count;
    if (g_symbols[g_symbol_turn].active) ReadSymbol(g_symbol_turn, until_us);
  }
  // What is new does not wait for what may have come late.
  DeliverOrReport();
  SweepPass(now_us, SweepBudgetUs(since_us));
  DeliverOrReport();
  SendBacklog(until_us);
}

// The bridge keeps `kept` ticks of each symbol of FRAME_SYMBOLS. False when the log cannot go on from there: the feed
// has been given another name, and the link must begin anew with it.
bool TicksResume(const LongColumn &kept_by_wire, string next_feed) {
  long pending = 0;
  bool forgotten = false;
  for (int i = 0; i < g_symbol_count; i++) {
    const int wire = g_symbols[i].wire;
    g_sender.kept.of[i] = wire >= 0 ? kept_by_wire.of[wire] : g_symbols[i].count;
    g_sender.at.of[i] = g_symbols[i].count;
    if (g_sender.kept.of[i] > g_symbols[i].count) forgotten = true;
    if (g_sender.kept.of[i] < g_symbols[i].count) pending += g_symbols[i].count - g_sender.kept.of[i];
  }
  // Backwards to the first that is not kept: what is on its way at one time is little beside the log.
  g_sender.place = LogEnd();
  while (pending > 0) {
    const int n = LogReadBefore(g_sender.place);
    if (n == 0) break;
    for (int i = n - 1; i >= 0; i--) {
      const int at = (int)g_log_chunk[i].symbol;
      if (at >= g_symbol_count) continue;
      if (g_sender.at.of[at] > g_sender.kept.of[at]) pending--;
      g_sender.at.of[at]--;
    }
  }
  g_sender.agreed = pending == 0 && !forgotten;
  if (g_sender.agreed) return true;
  // Each symbol goes on behind what is kept, or with the oldest tick that the log still has.
  LongColumn skip;
  for (int i = 0; i < g_symbol_count; i++) {
    skip.of[i] = g_sender.kept.of[i] > g_sender.at.of[i] ? g_sender.kept.of[i] : g_sender.at.of[i];
    if (skip.of[i] > g_symbols[i].count) skip.of[i] = g_symbols[i].count;
    g_symbols[i].count -= skip.of[i];
  }
  if (!LogRenumber(next_feed, skip)) g_disk_failed = true;
  return false;
}

void TicksLinkLost() { g_sender.agreed = false; }

#endif
