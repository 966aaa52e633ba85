// What the bridge is told about the terminal itself: who lets it trade, and how far the trade server is.
#ifndef TROUPE_STATUS_MQH
#define TROUPE_STATUS_MQH

#include "account.mqh"
#include "outbox.mqh"

// The ping is never the same twice: it is told so often and no oftener.
#define PING_EVERY_US 5000000

struct StatusTold {
  bool told;  // in this session
  long at_us;
  WireStatus status;
};

StatusTold g_status;

void EncodeStatus(WireStatus &to) {
  ZeroMemory(to);
  const long ping_us = TerminalInfoInteger(TERMINAL_PING_LAST);
  to.build = (uint)TerminalInfoInteger(TERMINAL_BUILD);
  to.ping_us = ping_us > 0 ? (uint)ping_us : 0;
  to.connected = (uchar)(IsConnected() ? 1 : 0);
  to.terminal_allows = (uchar)(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) != 0 ? 1 : 0);
  to.expert_allows = (uchar)(MQLInfoInteger(MQL_TRADE_ALLOWED) != 0 ? 1 : 0);
  to.account_allows = (uchar)(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) != 0 ? 1 : 0);
  to.server_allows = (uchar)(AccountInfoInteger(ACCOUNT_TRADE_EXPERT) != 0 ? 1 : 0);
}

bool SamePermissions(const WireStatus &a, const WireStatus &b) {
  return a.build == b.build && a.connected == b.connected && a.terminal_allows == b.terminal_allows &&
         a.expert_allows == b.expert_allows && a.account_allows == b.account_allows &&
         a.server_allows == b.server_allows;
}

void StatusReset() { g_status.told = false; }

// Tells it when it is new to the bridge.
void StatusPass() {
  WireStatus now;
  EncodeStatus(now);
  const long now_us = MonotonicUs();
  const bool same = g_status.told && SamePermissions(now, g_status.status);
  const bool same_ping = now.ping_us == g_status.status.ping_us || now_us - g_status.at_us < PING_EVERY_US;
  if (same && same_ping) return;
  g_status.told = true;
  g_status.at_us = now_us;
  g_status.status = now;
  BeginMessage(g_out, FRAME_STATUS);
  Append(g_out, now);
  OutboxPush(g_out);
}

#endif
