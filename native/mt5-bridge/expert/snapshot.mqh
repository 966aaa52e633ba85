// The whole state on request: account, active orders, positions, and the deals since a watermark. Collected in one go,
// so that nothing can change in between, and handed to the outbox in parts as there is room. Execution events that
// happen meanwhile go between the parts, with numbers above the one that the snapshot names.
#ifndef TROUPE_SNAPSHOT_MQH
#define TROUPE_SNAPSHOT_MQH

#include "encode.mqh"
#include "outbox.mqh"

#define SNAPSHOT_ORDERS 1024
#define SNAPSHOT_POSITIONS 1024
#define SNAPSHOT_DEALS 32768
#define SNAPSHOT_PART 64
// Room that is left to events.
#define SNAPSHOT_ROOM 262144

struct Snapshot {
  bool open;
  WireSnapshotBegin begin;
  int orders;
  int positions;
  int deals;
  int sent_orders;
  int sent_positions;
  int sent_deals;
};

// Something may have been missed: a snapshot is told that nobody has asked for.
bool g_snapshot_due = false;
// Since when the bridge wants deals, as it asked last in this session.
long g_deals_since_ms = 0;

Snapshot g_snapshot;
WireOrder g_snapshot_order[SNAPSHOT_ORDERS];
WirePosition g_snapshot_position[SNAPSHOT_POSITIONS];
WireDeal g_snapshot_deal[SNAPSHOT_DEALS];

void SnapshotReset() {
  g_snapshot.open = false;
  g_snapshot_due = false;
  g_deals_since_ms = 0;
}

// False when there is more than can be told: then nothing is told, rather than a part that looks like the whole.
bool CollectSnapshot(long deals_since_ms) {
  for (int i = OrdersTotal() - 1; i >= 0; i--) {
    if (OrderGetTicket(i) == 0) continue;
    if (g_snapshot.orders >= SNAPSHOT_ORDERS) return false;
    EncodeSelectedOrder(g_snapshot_order[g_snapshot.orders]);
    g_snapshot.orders++;
  }
  for (int i = PositionsTotal() - 1; i >= 0; i--) {
    if (PositionGetTicket(i) == 0) continue;
    if (g_snapshot.positions >= SNAPSHOT_POSITIONS) return false;
    EncodeSelectedPosition(g_snapshot_position[g_snapshot.positions]);
    g_snapshot.positions++;
  }
  const long from = deals_since_ms > 0 ? deals_since_ms / 1000 : 0;
  if (!HistorySelect((datetime)from, (datetime)((long)TimeTradeServer() + 86400))) return false;
  const int count = HistoryDealsTotal();
  for (int i = 0; i < count; i++) {
    const ulong ticket = HistoryDealGetTicket(i);
    if (ticket == 0 || HistoryDealGetInteger(ticket, DEAL_TIME_MSC) < deals_since_ms) continue;
    if (g_snapshot.deals >= SNAPSHOT_DEALS) return false;
    EncodeDeal(ticket, g_snapshot_deal[g_snapshot.deals]);
    g_snapshot.deals++;
  }
  return true;
}

// `command` 0: nobody has asked for it. Whatever was dropped is in it.
void BeginSnapshot(ulong command, long deals_since_ms) {
  ZeroMemory(g_snapshot);
  const bool hole = g_outbox.dropped > 0;
  g_outbox.dropped = 0;
  g_snapshot_due = false;
  // Whatever happens from here on is told as an event with a higher number.
  g_snapshot.begin.command = command;
  g_snapshot.begin.deals_since_ms = deals_since_ms > 0 ? deals_since_ms : 0;
  g_snapshot.begin.event_sequence = g_outbox.events;
  g_snapshot.begin.time_ms = BrokerMs();
  EncodeAccount(g_snapshot.begin.account);
  if (!CollectSnapshot(deals_since_ms)) {
    Report("error", "E_EXPERT_SNAPSHOT",
           StringFormat("no snapshot: history not available, or more than %d orders, %d positions or %d deals",
                        SNAPSHOT_ORDERS, SNAPSHOT_POSITIONS, SNAPSHOT_DEALS));
    // The hole in the events cannot be filled: a new session has none.
    if (command == 0 && hole) OutboxRelink("events were dropped, and no snapshot can be taken");
    return;
  }
  g_snapshot.open = true;
  BeginMessage(g_out, FRAME_SNAPSHOT_BEGIN);
  Append(g_out, g_snapshot.begin);
  OutboxPush(g_out);
}

void HandleSnapshot(const WireTakeSnapshot &ask) {
  g_deals_since_ms = ask.deals_since_ms;
  BeginSnapshot(ask.command, ask.deals_since_ms);
}

int BeginPart(int type, int left) {
  WireSnapshotPart part;
  part.command = g_snapshot.begin.command;
  part.count = (uint)(left < SNAPSHOT_PART ? left : SNAPSHOT_PART);
  part.reserved = 0;
  BeginMessage(g_out, type);
  Append(g_out, part);
  return (int)part.count;
}

void SnapshotPass() {
  while (g_snapshot.open && g_outbox.up && OutboxRoom() > SNAPSHOT_ROOM) {
    if (g_snapshot.sent_orders < g_snapshot.orders) {
      const int count = BeginPart(FRAME_SNAPSHOT_ORDERS, g_snapshot.orders - g_snapshot.sent_orders);
      for (int i = 0; i < count; i++) Append(g_out, g_snapshot_order[g_snapshot.sent_orders + i]);
      g_snapshot.sent_orders += count;
    } else if (g_snapshot.sent_positions < g_snapshot.positions) {
      const int count = BeginPart(FRAME_SNAPSHOT_POSITIONS, g_snapshot.positions - g_snapshot.sent_positions);
      for (int i = 0; i < count; i++) Append(g_out, g_snapshot_position[g_snapshot.sent_positions + i]);
      g_snapshot.sent_positions += count;
    } else if (g_snapshot.sent_deals < g_snapshot.deals) {
      const int count = BeginPart(FRAME_SNAPSHOT_DEALS, g_snapshot.deals - g_snapshot.sent_deals);
      for (int i = 0; i < count; i++) Append(g_out, g_snapshot_deal[g_snapshot.sent_deals + i]);
      g_snapshot.sent_deals += count;
    } else {
      BeginMessage(g_out, FRAME_SNAPSHOT_END);
      Append(g_out, g_snapshot.begin);
      g_snapshot.open = false;
    }
    OutboxPush(g_out);
  }
  if (g_outbox.dropped == 0 && !g_snapshot_due) return;
  if (g_snapshot.open || !g_outbox.up || OutboxRoom() <= SNAPSHOT_ROOM) return;
  if (g_outbox.dropped > 0)
    Report("info", "E_EXPERT_DROPPED", StringFormat("%I64u events were dropped: the bridge gets a snapshot", g_outbox.dropped));
  BeginSnapshot(0, g_deals_since_ms);
}

#endif
