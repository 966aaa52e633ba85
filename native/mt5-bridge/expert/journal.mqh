// Every order that this expert has ever been about to send, by client order id: written and flushed before
// OrderSendAsync, so that the same id is never sent twice, whatever was killed in between. What became of it is added
// when it is known: its ticket, or the code with which it was refused.
//
// File: JournalRecord after JournalRecord, each with its checksum; one that was cut by a crash can only be the last and
// is dropped. When the table is full its older half is forgotten and the file written anew: the bridge's own journal,
// which forgets no id, stands before this one.
#ifndef TROUPE_JOURNAL_MQH
#define TROUPE_JOURNAL_MQH

#include "crc32.mqh"
#include "report.mqh"
#include "text.mqh"

#define JOURNAL_ENTRIES 16384
#define JOURNAL_SLOTS 65536
#define RECORD_SENDING 1
#define RECORD_TICKET 2
#define RECORD_REFUSED 3

#ifndef __MQL5__
#pragma pack(push, 1)
#endif
struct JournalRecord {
  uint crc;  // of the rest
  uint kind;
  Text32 order_id;
  Text32 symbol;
  ulong magic;
  ulong position_id;  // that it was to close, 0: none
  ulong ticket;
  double volume_lots;
  long broker_ms;
  uint retcode;
  uchar side;
  uchar type;
  ushort reserved;
};
#ifndef __MQL5__
#pragma pack(pop)
#endif

struct JournalEntry {
  JournalRecord order;
  bool refused;
  long sent_us;  // by the counter of this run; below 0: in an earlier one
};

JournalEntry g_journal[JOURNAL_ENTRIES];
int g_journal_count = 0;
int g_journal_by_id[JOURNAL_SLOTS];  // entry + 1, 0: free
int g_journal_by_ticket[JOURNAL_SLOTS];
int g_journal_file = INVALID_HANDLE;
long g_journal_records = 0;
string g_journal_name = "";
uchar g_journal_bytes[256];

uint RecordCrc(const JournalRecord &record) {
  CrcPrepare();
  StructToCharArray(record, g_journal_bytes, 0);
  uint c = CrcBegin();
  for (int i = 4; i < (int)sizeof(JournalRecord); i++) c = CrcAdd(c, g_journal_bytes[i]);
  return CrcEnd(c);
}

uint TicketSlot(ulong ticket) {
  const ulong mixed = (ticket ^ (ticket >> 29)) * 0x9E3779B1;
  return (uint)(mixed >> 8) % JOURNAL_SLOTS;
}

int JournalFind(const Text32 &order_id) {
  for (uint slot = HashOf(order_id) % JOURNAL_SLOTS; g_journal_by_id[slot] != 0; slot = (slot + 1) % JOURNAL_SLOTS) {
    const int at = g_journal_by_id[slot] - 1;
    if (SameText(g_journal[at].order.order_id, order_id)) return at;
  }
  return -1;
}

int JournalFindTicket(ulong ticket) {
  if (ticket == 0) return -1;
  for (uint slot = TicketSlot(ticket); g_journal_by_ticket[slot] != 0; slot = (slot + 1) % JOURNAL_SLOTS) {
    const int at = g_journal_by_ticket[slot] - 1;
    if (g_journal[at].order.ticket == ticket) return at;
  }
  return -1;
}

void JournalIndexTicket(int at) {
  uint slot = TicketSlot(g_journal[at].order.ticket);
  while (g_journal_by_ticket[slot] != 0) slot = (slot + 1) % JOURNAL_SLOTS;
  g_journal_by_ticket[slot] = at + 1;
}

void JournalIndex(int at) {
  uint slot = HashOf(g_journal[at].order.order_id) % JOURNAL_SLOTS;
  while (g_journal_by_id[slot] != 0) slot = (slot + 1) % JOURNAL_SLOTS;
  g_journal_by_id[slot] = at + 1;
  if (g_journal[at].order.ticket != 0) JournalIndexTicket(at);
}

bool JournalWrite(int file, JournalRecord &record) {
  record.crc = RecordCrc(record);
  return FileWriteStruct(file, record) == sizeof(JournalRecord);
}

bool JournalReopen() {
  g_journal_file = FileOpen(g_journal_name, FILE_READ | FILE_WRITE | FILE_BIN);
  if (g_journal_file == INVALID_HANDLE) return false;
  g_journal_records = (long)(FileSize(g_journal_file) / sizeof(JournalRecord));
  return true;
}

// Onto the disk. A record that was written in part is overwritten by the next.
bool JournalAppend(JournalRecord &record) {
  if (g_journal_file == INVALID_HANDLE && !JournalReopen()) return false;
  FileSeek(g_journal_file, g_journal_records * (long)sizeof(JournalRecord), SEEK_SET);
  if (!JournalWrite(g_journal_file, record)) return false;
  FileFlush(g_journal_file);
  g_journal_records++;
  return true;
}

// Forgets the older half of the entries.
void JournalForgetHalf() {
  const int kept = JOURNAL_ENTRIES / 2;
  const int first = g_journal_count - kept;
  for (int i = 0; i < kept; i++) g_journal[i] = g_journal[first + i];
  g_journal_count = kept;
  ArrayInitialize(g_journal_by_id, 0);
  ArrayInitialize(g_journal_by_ticket, 0);
  for (int i = 0; i < kept; i++) JournalIndex(i);
}

// The file with what is in the table, beside the old one and then in its place.
bool JournalRewrite() {
  const string name = StringFormat("%s.new", g_journal_name);
  const int file = FileOpen(name, FILE_WRITE | FILE_BIN);
  if (file == INVALID_HANDLE) return false;
  bool written = true;
  for (int i = 0; i < g_journal_count && written; i++) {
    JournalRecord record = g_journal[i].order;
    record.kind = g_journal[i].refused ? RECORD_REFUSED : record.ticket != 0 ? RECORD_TICKET : RECORD_SENDING;
    written = JournalWrite(file, record);
  }
  FileFlush(file);
  FileClose(file);
  if (!written) return false;
  FileClose(g_journal_file);
  g_journal_file = INVALID_HANDLE;
  const bool moved = FileMove(name, 0, g_journal_name, FILE_REWRITE);
  return JournalReopen() && moved;
}

void JournalApply(const JournalRecord &record) {
  int at = JournalFind(record.order_id);
  if (at < 0) {
    if (g_journal_count >= JOURNAL_ENTRIES) JournalForgetHalf();
    at = g_journal_count++;
    g_journal[at].order = record;
    g_journal[at].refused = false;
    g_journal[at].sent_us = -1;
    JournalIndex(at);
  } else if (record.kind == RECORD_TICKET && g_journal[at].order.ticket == 0) {
    g_journal[at].order.ticket = record.ticket;
    JournalIndexTicket(at);
  }
  if (record.kind == RECORD_REFUSED) {
    g_journal[at].refused = true;
    g_journal[at].order.retcode = record.retcode;
  }
}

void JournalClose() {
  if (g_journal_file != INVALID_HANDLE) FileClose(g_journal_file);
  g_journal_file = INVALID_HANDLE;
}

// False: the file cannot be opened (another expert has it), or holds something else.
bool JournalOpen(string name) {
  JournalClose();
  g_journal_name = name;
  g_journal_count = 0;
  ArrayInitialize(g_journal_by_id, 0);
  ArrayInitialize(g_journal_by_ticket, 0);
  if (!JournalReopen()) return false;
  const long all = g_journal_records;
  FileSeek(g_journal_file, 0, SEEK_SET);
  for (long i = 0; i < all; i++) {
    JournalRecord record;
    ZeroMemory(record);
    if (FileReadStruct(g_journal_file, record) == sizeof(JournalRecord) && record.crc == RecordCrc(record)) {
      JournalApply(record);
      continue;
    }
    g_journal_records = i;
    if (i == all - 1) break;  // cut by a crash
    Report("error", "E_EXPERT_JOURNAL", StringFormat("%s: record %I64d of %I64d is damaged", name, i, all));
    return false;
  }
  return true;
}

// Notes an order that is about to be sent; its entry, -1 when that cannot be made durable (then it must not be sent).
int JournalSending(JournalRecord &record, long now_us) {
  if (g_journal_count >= JOURNAL_ENTRIES) {
    JournalForgetHalf();
    if (!JournalRewrite()) return -1;
  }
  record.kind = RECORD_SENDING;
  if (!JournalAppend(record)) return -1;
  JournalApply(record);
  const int at = JournalFind(record.order_id);
  g_journal[at].sent_us = now_us;
  return at;
}

// The order's ticket is known. False: it has another one already, or the ticket is another order's.
bool JournalTicket(int at, ulong ticket) {
  if (ticket == 0 || g_journal[at].order.ticket == ticket) return true;
  if (g_journal[at].order.ticket != 0 || JournalFindTicket(ticket) >= 0) return false;
  g_journal[at].order.ticket = ticket;
  JournalIndexTicket(at);
  JournalRecord record = g_journal[at].order;
  record.kind = RECORD_TICKET;
  JournalAppend(record);
  return true;
}

// Nothing was executed and nothing will be.
void JournalRefused(int at, uint retcode) {
  g_journal[at].refused = true;
  g_journal[at].order.retcode = retcode;
  JournalRecord record = g_journal[at].order;
  record.kind = RECORD_REFUSED;
  JournalAppend(record);
}

#endif
