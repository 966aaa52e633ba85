// What must reach the bridge in order: execution events, answers, snapshots. Kept here while the link is full. Bounded:
// events that find no room are counted and made good by a snapshot that nobody has asked for (snapshot.mqh), never by
// silence; anything else that finds none ends the session, after which the bridge asks for one.
#ifndef TROUPE_OUTBOX_MQH
#define TROUPE_OUTBOX_MQH

#include "link.mqh"
#include "report.mqh"

#define OUTBOX_BYTES 1048576
#define OUTBOX_EVENT_BYTES 1024
// Room that events leave to answers, which cannot be made good by a snapshot.
#define OUTBOX_ANSWER_BYTES 131072

struct Outbox {
  bool up;        // a session stands
  ulong events;   // of this session, numbered from 1
  ulong dropped;  // of those, since the last snapshot was begun
  int begin;
  int used;
  uchar data[OUTBOX_BYTES];
};

Outbox g_outbox;
Message g_outbox_message;

void OutboxReset(bool up) {
  g_outbox.up = up;
  g_outbox.events = 0;
  g_outbox.dropped = 0;
  g_outbox.begin = 0;
  g_outbox.used = 0;
}

int OutboxRoom() { return OUTBOX_BYTES - g_outbox.used; }

void OutboxPut(uchar value) {
  g_outbox.data[(g_outbox.begin + g_outbox.used) % OUTBOX_BYTES] = value;
  g_outbox.used++;
}

// Ends the session. The link client begins another one by itself.
void OutboxRelink(string why) {
  Report("warn", "E_EXPERT_RELINK", why);
  OutboxReset(false);
  BeginMessage(g_outbox_message, LOCAL_RELINK);
  LinkSend(g_outbox_message);
}

// Sends what waits, as far as the link takes it.
void OutboxFlush() {
  while (g_outbox.up && g_outbox.used > 0) {
    int length = 0;
    for (int i = 3; i >= 0; i--) length = length * 256 + (int)g_outbox.data[(g_outbox.begin + i) % OUTBOX_BYTES];
    for (int i = 0; i < length; i++)
      g_outbox_message.data[i] = g_outbox.data[(g_outbox.begin + 4 + i) % OUTBOX_BYTES];
    g_outbox_message.length = length;
    if (LinkSend(g_outbox_message) != 1) return;
    g_outbox.begin = (g_outbox.begin + 4 + length) % OUTBOX_BYTES;
    g_outbox.used -= 4 + length;
  }
}

// Nothing is said without a session: the bridge asks for everything when there is one.
void OutboxPush(Message &m) {
  if (!g_outbox.up) return;
  if (g_outbox.used == 0) {
    if (LinkSend(m) == 1) return;
  }
  if (OutboxRoom() < m.length + 4) {
    OutboxRelink("more is waiting for the bridge than can be kept");
    return;
  }
  int rest = m.length;
  for (int i = 0; i < 4; i++) {
    OutboxPut((uchar)(rest & 0xFF));
    rest = rest >> 8;
  }
  for (int i = 0; i < m.length; i++) OutboxPut(m.data[i]);
}

// Every event from the first that was dropped on, until the snapshot: one that came after a hole would be refused.
bool MustDrop() {
  return g_outbox.dropped > 0 || (g_outbox.used > 0 && OutboxRoom() < OUTBOX_EVENT_BYTES + OUTBOX_ANSWER_BYTES);
}

// An execution event.
template <typename T>
void EmitEvent(int type, long time_ms, const T &body) {
  if (!g_outbox.up) return;
  if (MustDrop()) {
    if (g_outbox.dropped == 0) Report("warn", "E_EXPERT_DROPPED", "the link takes nothing: a snapshot follows when it does");
    g_outbox.events++;
    g_outbox.dropped++;
    return;
  }
  WireEventHeader head;
  head.sequence = g_outbox.events + 1;
  head.time_ms = time_ms;
  g_outbox.events++;
  BeginMessage(g_out, type);
  Append(g_out, head);
  Append(g_out, body);
  OutboxPush(g_out);
}

#endif
