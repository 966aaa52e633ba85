// The ticks of a feed in the order in which they were delivered, on the disk before they leave: what gives a tick its
// number for good.
//
// The tick base of the terminal cannot do that: read again after a restart, ticks that were inserted late stand between
// others that had been delivered before them. So number n of a symbol is the n-th record of that symbol in this log,
// counted from `base` in the header of the segment. The bridge names how many it keeps, and the records behind that
// are sent again, byte for byte.
//
// Three files take turns, each {LogHeader, WireTick[]}. Two of them count: those that bring the cursors back and can be
// sent again. The third is where the next one is made, so that at every moment two are whole. Ticks that the bridge
// still wants and both have lost cannot be sent any more: then the feed ends and another one begins behind them
// (LogRenumber), which readers see as a gap.
#ifndef TROUPE_TICK_LOG_MQH
#define TROUPE_TICK_LOG_MQH

#include "tick-cursor.mqh"
#include "text.mqh"

#define MAX_SYMBOLS 512
#define LOG_CHUNK 1024
#define LOG_MARK 0x5452544C
#define LOG_FILES 3
#define LOG_VERSION 2

// In WireTick::flags of a record, never on the wire:
#define TICK_FLAGS 0x0FFFFFFF
#define TICK_BID_FILLED 0x20000000  // the tick had no bid; the one before it stands here
#define TICK_ASK_FILLED 0x40000000

#ifndef __MQL5__
#pragma pack(push, 1)
#endif
struct LogSymbol {
  Text32 name;
  long base;       // ticks of the feed before this segment; below 0 for some that an earlier feed had
  long floor_ms;   // all that is not older and was delivered stands in this segment or in the one before
  long newest_ms;  // when the segment began
  double bid;      // the last prices at that time
  double ask;
};
struct LogHeader {
  uint mark;
  uint version;
  uint symbols;
  uint reserved;
  ulong segment;
  Text32 feed;
  LogSymbol symbol[MAX_SYMBOLS];
};
#ifndef __MQL5__
#pragma pack(pop)
#endif

// One number for each symbol of the log.
struct LongColumn {
  long of[MAX_SYMBOLS];
};

struct LogSegment {
  bool is_open;
  int file;
  long records;
  LogHeader header;
};

struct TickBatch {
  int count;
  WireTick tick[LOG_CHUNK];
};

// A place between two records: of the older (0) or the newer (1) segment.
struct LogPlace {
  int segment;
  long record;
};

struct TickLog {
  string prefix;
  long segment_records;  // ticks of its own after which the next one begins
  LogSegment older;      // not open: there is none
  LogSegment newer;
  LogSegment next;  // open while it is being made
};

TickLog g_log;
WireTick g_log_chunk[LOG_CHUNK];

string LogFile(ulong segment) { return StringFormat("%s-ticks-%d.bin", g_log.prefix, (int)(segment % LOG_FILES)); }

ulong LogOffset(long record) { return sizeof(LogHeader) + (ulong)record * sizeof(WireTick); }

// What is there is kept. No other program of the terminal can open it meanwhile.
int LogOpenFile(string name) { return FileOpen(name, FILE_READ | FILE_WRITE | FILE_BIN); }

bool LogReadSegment(LogSegment &segment, string name) {
  segment.is_open = false;
  segment.records = 0;
  if (!FileIsExist(name)) return false;
  segment.file = LogOpenFile(name);
  if (segment.file == INVALID_HANDLE) return false;
  const ulong size = FileSize(segment.file);
  FileSeek(segment.file, 0, SEEK_SET);
  segment.is_open = size >= sizeof(LogHeader) &&
                    FileReadStruct(segment.file, segment.header) == sizeof(LogHeader) &&
                    segment.header.mark == LOG_MARK && segment.header.version == LOG_VERSION &&
                    segment.header.symbols <= MAX_SYMBOLS;
  if (!segment.is_open) {
    FileClose(segment.file);
    return false;
  }
  // A record that was cut in two is none.
  segment.records = (long)((size - sizeof(LogHeader)) / sizeof(WireTick));
  return true;
}

void LogCloseSegment(LogSegment &segment) {
  if (segment.is_open) FileClose(segment.file);
  segment.is_open = false;
  segment.records = 0;
}

void LogClose() {
  LogCloseSegment(g_log.older);
  LogCloseSegment(g_log.newer);
  LogCloseSegment(g_log.next);
}

bool LogWriteHeader(LogSegment &segment) {
  FileSeek(segment.file, 0, SEEK_SET);
  if (FileWriteStruct(segment.file, segment.header) != sizeof(LogHeader)) return false;
  FileFlush(segment.file);
  return true;
}

// Reads up to LOG_CHUNK records into g_log_chunk; how many.
int LogRead(const LogSegment &segment, long record, int count) {
  if (!segment.is_open || record >= segment.records) return 0;
  if (count > LOG_CHUNK) count = LOG_CHUNK;
  if ((long)count > segment.records - record) count = (int)(segment.records - record);
  FileSeek(segment.file, (long)LogOffset(record), SEEK_SET);
  return (int)FileReadArray(segment.file, g_log_chunk, 0, count);
}

// Zeros that a crash of the machine has left at the end are cut off.
void LogTrimEnd(LogSegment &segment) {
  while (segment.records > 0) {
    const int n = LogRead(segment, segment.records - 1, 1);
    if (n == 1 && g_log_chunk[0].time_ms != 0 && g_log_chunk[0].symbol < segment.header.symbols) return;
    segment.records--;
  }
}

// False: there is none, or none that can be used; then LogCreate. The one before the newest may be of another feed.
bool LogOpen(string prefix, long segment_records) {
  LogClose();
  g_log.prefix = prefix;
  g_log.segment_records = segment_records;
  for (int i = 0; i < LOG_FILES; i++) {
    if (!LogReadSegment(g_log.next, LogFile((ulong)i))) continue;
    if (!g_log.newer.is_open || g_log.next.header.segment > g_log.newer.header.segment) {
      LogCloseSegment(g_log.older);
      g_log.older = g_log.newer;
      g_log.newer = g_log.next;
    } else if (!g_log.older.is_open || g_log.next.header.segment > g_log.older.header.segment) {
      LogCloseSegment(g_log.older);
      g_log.older = g_log.next;
    } else {
      LogCloseSegment(g_log.next);
    }
    g_log.next.is_open = false;
  }
  if (!g_log.newer.is_open) return false;
  LogTrimEnd(g_log.newer);
  if (g_log.older.header.segment + 1 != g_log.newer.header.segment) LogCloseSegment(g_log.older);
  return true;
}

// A new, empty segment; its header names the symbols. It counts for nothing before LogCommit.
bool LogBegin(LogSegment &segment, ulong number) {
  segment.header.mark = 0;
  segment.header.version = LOG_VERSION;
  segment.header.segment = number;
  segment.records = 0;
  segment.is_open = false;
  const string name = LogFile(number);
  const int emptied = FileOpen(name, FILE_WRITE | FILE_BIN);
  if (emptied == INVALID_HANDLE) return false;
  FileClose(emptied);
  segment.file = LogOpenFile(name);
  segment.is_open = segment.file != INVALID_HANDLE;
  return segment.is_open && LogWriteHeader(segment);
}

bool LogCommit(LogSegment &segment) {
  segment.header.mark = LOG_MARK;
  return LogWriteHeader(segment);
}

bool LogCreate(string prefix, long segment_records, string feed) {
  LogClose();
  g_log.prefix = prefix;
  g_log.segment_records = segment_records;
  ZeroMemory(g_log.newer.header);
  SetText(g_log.newer.header.feed, feed);
  for (int i = 0; i < LOG_FILES; i++) FileDelete(LogFile((ulong)i));
  return LogBegin(g_log.newer, 1) && LogCommit(g_log.newer);
}

// On the disk when it returns true.
bool LogAppend(TickBatch &batch) {
  FileSeek(g_log.newer.file, (long)LogOffset(g_log.newer.records), SEEK_SET);
  if ((int)FileWriteArray(g_log.newer.file, batch.tick, 0, batch.count) != batch.count) return false;
  FileFlush(g_log.newer.file);
  g_log.newer.records += batch.count;
  return true;
}

string LogFeed() { return TextOf(g_log.newer.header.feed); }

int LogFindSymbol(string name) {
  for (int i = 0; i < (int)g_log.newer.header.symbols; i++)
    if (TextOf(g_log.newer.header.symbol[i].name) == name) return i;
  return -1;
}

// A symbol that joins the feed; its index, -1 when there is no room or the disk refuses.
int LogAddSymbol(string name, long floor_ms) {
  const int at = (int)g_log.newer.header.symbols;
  if (at >= MAX_SYMBOLS || !SetText(g_log.newer.header.symbol[at].name, name)) return -1;
  g_log.newer.header.symbol[at].base = 0;
  g_log.newer.header.symbol[at].floor_ms = floor_ms;
  g_log.newer.header.symbol[at].newest_ms = floor_ms - 1;
  g_log.newer.header.symbol[at].bid = 0;
  g_log.newer.header.symbol[at].ask = 0;
  g_log.newer.header.symbols++;
  return LogWriteHeader(g_log.newer) ? at : -1;
}

LogPlace LogEnd() {
  LogPlace place;
  place.segment = 1;
  place.record = g_log.newer.records;
  return place;
}

LogPlace LogStart() {
  LogPlace place;
  place.segment = !g_log.older.is_open ? 1 : 0;
  place.record = 0;
  return place;
}

bool LogFull() { return g_log.newer.records >= g_log.segment_records; }

// The records at a place, up to LOG_CHUNK, never across segments; 0 at the end.
int LogReadAt(LogPlace &place) {
  if (place.segment == 0 && place.record >= g_log.older.records) {
    place.segment = 1;
    place.record = 0;
  }
  return place.segment == 0 ? LogRead(g_log.older, place.record, LOG_CHUNK)
                            : LogRead(g_log.newer, place.record, LOG_CHUNK);
}

// The records before a place, which moves back to the first of them.
int LogReadBefore(LogPlace &place) {
  if (place.segment == 1 && place.record == 0 && g_log.older.is_open) {
    place.segment = 0;
    place.record = g_log.older.records;
  }
  const int count = place.record < LOG_CHUNK ? (int)place.record : LOG_CHUNK;
  place.record -= count;
  return place.segment == 0 ? LogRead(g_log.older, place.record, count) : LogRead(g_log.newer, place.record, count);
}

// After the cursors: what is sent again is of one feed.
void LogDropForeign() {
  if (g_log.older.is_open && !SameText(g_log.older.header.feed, g_log.newer.header.feed))
    LogCloseSegment(g_log.older);
}

// Another feed that goes on where this one stands: of each symbol, `skip` ticks no longer count.
bool LogRenumber(string feed, const LongColumn &skip) {
  for (int i = 0; i < (int)g_log.newer.header.symbols; i++) {
    g_log.newer.header.symbol[i].base -= skip.of[i];
    g_log.older.header.symbol[i].base -= skip.of[i];
  }
  SetText(g_log.newer.header.feed, feed);
  SetText(g_log.older.header.feed, feed);
  // The newer first: when the older one is not reached any more, it is no part of the feed, and its ticks were kept or
  // are lost, but none is counted twice.
  if (!LogWriteHeader(g_log.newer)) return false;
  return !g_log.older.is_open || LogWriteHeader(g_log.older);
}

#endif
