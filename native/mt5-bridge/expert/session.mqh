// The expert's life: waiting for terminal and symbols, linking, and then one pass after the other. Which event of the
// terminal causes a pass (timer, tick, wake-up, transaction) makes no difference.
#ifndef TROUPE_SESSION_MQH
#define TROUPE_SESSION_MQH

#include "displaced.mqh"
#include "results.mqh"
#include "snapshot.mqh"
#include "status.mqh"
#include "symbols.mqh"
#include "ticks.mqh"

#define PHASE_WAITING 0  // terminal not connected, or symbols without properties
#define PHASE_LINKING 1  // the link client works on it
#define PHASE_LINKED 2   // a session stands
// How long one slow symbol may hold up the others.
#define SYMBOLS_WITHIN_US 20000000
#define CHECK_EVERY_US 1000000
#define LINK_RETRY_US 5000000
// Commands of one pass, after which ticks have their turn.
#define COMMANDS_PER_PASS 256

struct Settings {
  string host;
  int port;
  string key;
  string tls_fingerprint;
  string tls_ca;
  string symbols;
  int log_mb;
  int not_found_after_s;
};

struct Session {
  int phase;
  long since_us;    // in this phase
  long checked_us;  // permissions and clock
  long retry_us;    // not before this is a link begun
  bool may_trade;
  int offset_s;  // as told to the bridge
  int offset_seen_s;
  long login;
  int told_symbols;
};

Settings g_settings;
Session g_session;
LinkConfig g_config;
LongColumn g_kept;

void Enter(int phase) {
  g_session.phase = phase;
  g_session.since_us = MonotonicUs();
}

// Names of files: one set for each account at each server.
string FilePrefix() {
  Text64 server;
  SetText(server, AccountInfoString(ACCOUNT_SERVER));
  uint h = 2166136261;
  for (int i = 0; i < 64 && server.c[i] != 0; i++) h = (h ^ (uint)server.c[i]) * 16777619;
  return StringFormat("troupe-%s-%u", LoginText(), h);
}

// The wall clock is known to the second only when the program begins; the counter tells two beginnings apart.
string NextFeed() { return StringFormat("%s-%I64u", LoginText(), WallUs() + (ulong)(MonotonicUs() % 1000000)); }

// One symbol a pass: the first question may take the terminal long, and commands must not wait for all of them.
void PrimeOne() {
  for (int i = 0; i < g_subscribed_count; i++) {
    if (g_subscribed[i].primed || !g_subscribed[i].ready) continue;
    CopyTicks(g_subscribed[i].name, g_ticks, COPY_TICKS_ALL, 0, 1);
    g_subscribed[i].primed = true;
    return;
  }
}

bool AllPrimed() {
  for (int i = 0; i < g_subscribed_count; i++)
    if (g_subscribed[i].ready && !g_subscribed[i].primed) return false;
  return true;
}

bool OpenFiles() {
  const string prefix = FilePrefix();
  if (!JournalOpen(StringFormat("%s-journal.bin", prefix))) {
    Report("error", "E_EXPERT_JOURNAL",
           StringFormat("%s-journal.bin cannot be opened (error %d): does another chart run Troupe for this account?",
                        prefix, GetLastError()));
    return false;
  }
  const long records = (long)g_settings.log_mb * 1048576 / LOG_FILES / (long)sizeof(WireTick);
  if (!LogOpen(prefix, records) && !LogCreate(prefix, records, NextFeed())) {
    Report("error", "E_EXPERT_DISK",
           StringFormat("%s-ticks-0.bin cannot be written (error %d): does another chart run Troupe for this account?",
                        prefix, GetLastError()));
    JournalClose();
    return false;
  }
  TicksRestore();
  return true;
}

void CloseFiles() {
  LogClose();
  JournalClose();
}

void StartLink() {
  ZeroMemory(g_config);
  g_config.size = (uint)sizeof(LinkConfig);
  g_config.version = LINK_CONFIG_VERSION;
  g_config.port = (ushort)g_settings.port;
  SetText(g_config.host, g_settings.host);
  SetText(g_config.key, g_settings.key);
  SetText(g_config.tls_fingerprint, g_settings.tls_fingerprint);
  SetText(g_config.tls_ca_file, g_settings.tls_ca);
  SetText(g_config.instance, StringFormat("%s-%I64d", LoginText(), ChartID()));
  SetText(g_config.feed, LogFeed());
  SetText(g_config.login, LoginText());
  SetText(g_config.terminal, StringFormat("MT5 build %d", (int)TerminalInfoInteger(TERMINAL_BUILD)));
  SetText(g_config.margin_mode, MarginModeName());
  g_session.offset_s = MeasuredUtcOffsetS();
  g_session.offset_seen_s = g_session.offset_s;
  g_config.utc_offset_s = g_session.offset_s;
  const int handle = LinkStart(g_config);
  if (handle <= 0) {
    Report("error", "E_EXPERT_LINK", LinkErrorText(handle));
    g_session.retry_us = MonotonicUs() + LINK_RETRY_US;
    Enter(PHASE_WAITING);
    return;
  }
  Enter(PHASE_LINKING);
}

void EndSession() {
  OutboxReset(false);
  TicksLinkLost();
  OrdersLinkLost();
  EventsReset();
  SnapshotReset();
  DisplacedReset();
  StatusReset();
}

// Ends the link and everything that hangs on it; the next pass begins anew.
void Relink(string why) {
  Inform(why);
  EndSession();
  LinkStop();
  Enter(PHASE_WAITING);
}

// Not before the terminal can answer: properties are 0 until the server has been heard.
void WaitForTerminal() {
  if (!IsConnected() || AccountInfoInteger(ACCOUNT_LOGIN) == 0) {
    Enter(PHASE_WAITING);
    return;
  }
  if (g_session.login != AccountInfoInteger(ACCOUNT_LOGIN)) {
    CloseFiles();
    g_session.login = AccountInfoInteger(ACCOUNT_LOGIN);
    if (!OpenFiles()) {
      g_session.login = 0;
      return;
    }
  }
  if (g_subscribed_count == 0) SubscribeAll(g_settings.symbols);
  const int ready = ReadySymbols();
  const bool late = MonotonicUs() - g_session.since_us > SYMBOLS_WITHIN_US;
  PrimeOne();
  if (ready == 0 || (ready < g_subscribed_count && !late) || !AllPrimed()) return;
  if (MonotonicUs() < g_session.retry_us) return;
  if (ready < g_subscribed_count)
    Report("warn", "E_EXPERT_SYMBOL",
           StringFormat("%d symbols have no properties yet and join later", g_subscribed_count - ready));
  StartLink();
}

// The list that numbers of symbols on the link refer to.
void SendSymbols() {
  TicksUnsubscribeAll();
  BeginMessage(g_out, FRAME_SYMBOLS);
  int wire = 0;
  for (int i = 0; i < g_subscribed_count; i++) {
    if (!g_subscribed[i].ready) continue;
    if (!TicksSubscribe(g_subscribed[i].name, wire)) {
      Report("error", "E_EXPERT_SYMBOLS", StringFormat("%s: the log of ticks has no room", g_subscribed[i].name));
      continue;
    }
    WireSpec spec;
    EncodeSpec(g_subscribed[i].name, spec);
    Append(g_out, spec);
    wire++;
  }
  g_session.told_symbols = wire;
  OutboxPush(g_out);
}

void OnLinkUp() {
  LinkUp up;
  if (!ReadOne(g_in, up)) return;
  EndSession();
  OutboxReset(true);
  Enter(PHASE_LINKED);
  Inform(StringFormat("linked to %s, session %s, feed %s", TextOf(up.bridge), TextOf(up.session), LogFeed()));
  g_session.may_trade = MayTrade();
  SendSymbols();
  StatusPass();
}

void OnLinkLost() {
  LinkLost lost;
  if (!ReadOne(g_in, lost)) return;
  Report("warn", TextOf(lost.code), TextOf(lost.message));
  EndSession();
  if (g_session.phase == PHASE_LINKED) Enter(PHASE_LINKING);
}

void OnRefused() {
  LinkRefused refused;
  if (!ReadOne(g_in, refused)) return;
  Report("error", TextOf(refused.code), TextOf(refused.message));
}

void OnResume() {
  const int count = (g_in.length - 4) / 8;
  if (count != g_session.told_symbols) {
    Report("error", "E_EXPERT_RESUME",
           StringFormat("the bridge names %d symbols, it was told %d", count, g_session.told_symbols));
    OutboxRelink("the bridge and the expert do not agree on the symbols");
    return;
  }
  for (int i = 0; i < count; i++) {
    ulong kept = 0;
    for (int k = 7; k >= 0; k--) kept = kept * 256 + (ulong)g_in.data[4 + i * 8 + k];
    g_kept.of[i] = (long)kept;
  }
  if (TicksResume(g_kept, NextFeed())) return;
  Relink(StringFormat("the bridge asks for ticks that are not kept here any more: feed %s begins", LogFeed()));
}

void Dispatch() {
  switch (TypeOf(g_in)) {
    case LOCAL_LINK_UP:
      OnLinkUp();
      break;
    case LOCAL_LINK_LOST:
      OnLinkLost();
      break;
    case LOCAL_REFUSED:
      OnRefused();
      break;
    case FRAME_RESUME:
      OnResume();
      break;
    case FRAME_PLACE: {
      WirePlace place;
      if (ReadOne(g_in, place)) HandlePlace(place);
      break;
    }
    case FRAME_CANCEL: {
      WireCancel cancel;
      if (ReadOne(g_in, cancel)) HandleCancel(cancel);
      break;
    }
    case FRAME_MODIFY: {
      WireModify modify;
      if (ReadOne(g_in, modify)) HandleModify(modify);
      break;
    }
    case FRAME_PROTECT: {
      WireProtect protect;
      if (ReadOne(g_in, protect)) HandleProtect(protect);
      break;
    }
    case FRAME_FIND: {
      WireFind find;
      if (ReadOne(g_in, find)) HandleFind(find);
      break;
    }
    case FRAME_SNAPSHOT: {
      WireTakeSnapshot ask;
      if (ReadOne(g_in, ask)) HandleSnapshot(ask);
      break;
    }
    default:
      // LOCAL_DROPPED among them: whatever the link did not take was kept and is sent again.
      break;
  }
}

// While as many requests are under way as can be followed, commands wait in the link.
void ReceiveAll() {
  for (int i = 0; i < COMMANDS_PER_PASS && g_session.phase != PHASE_WAITING && !OrdersFull(); i++) {
    const int got = LinkReceive(g_in);
    if (got == 0) return;
    if (got < 0) {
      Relink(StringFormat("the link has ended: %s", LinkErrorText(got)));
      g_session.retry_us = MonotonicUs() + LINK_RETRY_US;
      return;
    }
    Dispatch();
  }
}

// Once a second: permissions, connection, and the broker's clock.
void Check() {
  const long now_us = MonotonicUs();
  if (now_us - g_session.checked_us < CHECK_EVERY_US) return;
  g_session.checked_us = now_us;
  const bool connected = IsConnected();
  if (!connected) g_connected_since_us = -1;
  if (connected && g_connected_since_us < 0) g_connected_since_us = now_us;
  if (g_session.phase == PHASE_WAITING) return;
  if (g_session.login != AccountInfoInteger(ACCOUNT_LOGIN)) {
    Relink("the terminal has changed to another account");
    return;
  }
  const bool may_trade = MayTrade();
  if (may_trade != g_session.may_trade) {
    g_session.may_trade = may_trade;
    g_account_dirty = true;
  }
  if (g_session.phase == PHASE_LINKED) StatusPass();
  if (!connected) return;
  // Seen twice: the two clocks are not read in the same moment.
  const int offset_s = MeasuredUtcOffsetS();
  if (offset_s != g_session.offset_s && offset_s == g_session.offset_seen_s) {
    Relink(StringFormat("the broker's clock is %d s from UTC now", offset_s));
    return;
  }
  g_session.offset_seen_s = offset_s;
  if (g_session.phase == PHASE_LINKED && ReadySymbols() > g_session.told_symbols) {
    if (AllPrimed()) {
      Relink("more symbols have come");
    } else {
      PrimeOne();
    }
  }
}

void Pass() {
  Check();
  if (g_session.phase == PHASE_WAITING) {
    WaitForTerminal();
    return;
  }
  OutboxFlush();
  ReceiveAll();
  if (g_session.phase != PHASE_LINKED) return;
  RequestsPass();
  EventsPass();
  SnapshotPass();
  TicksPass();
}

// What a person may have typed wrong; empty: nothing.
string BadSetting() {
  if (g_settings.port < 1 || g_settings.port > 65535) return "Port: must be 1 to 65535";
  if (StringLen(g_settings.host) == 0) return "Host: empty";
  if (StringLen(g_settings.key) != 64) return "Key: must be 64 hex digits, the key of the bridge";
  const int fingerprint = StringLen(g_settings.tls_fingerprint);
  if (fingerprint != 0 && fingerprint != 64 && fingerprint != 95)
    return "TLS fingerprint: must be 64 hex digits, with or without colons, or empty";
  if (StringLen(g_settings.tls_ca) > 200) return "TLS CA: must have at most 200 characters";
  if (fingerprint != 0 && StringLen(g_settings.tls_ca) > 0) return "TLS CA: must be empty when there is a TLS fingerprint";
  if (g_settings.log_mb < 4 || g_settings.log_mb > 4096) return "Log size: must be 4 to 4096 MB";
  if (g_settings.not_found_after_s < 1 || g_settings.not_found_after_s > 600)
    return "Not found after: must be 1 to 600 s";
  return "";
}

// Everything begins anew: after a change of the chart's symbol OnInit runs again with all variables as they were.
void SessionBegin() {
  g_reported_count = 0;
  EndSession();
  OrdersReset();
  UnheardReset();
  CloseFiles();
  g_subscribed_count = 0;
  g_symbol_count = 0;
  g_session.login = 0;
  g_session.checked_us = MonotonicUs() - CHECK_EVERY_US;
  g_session.retry_us = 0;
  g_session.may_trade = false;
  g_session.told_symbols = 0;
  g_connected_since_us = -1;
  g_not_found_after_us = (long)g_settings.not_found_after_s * 1000000;
  Enter(PHASE_WAITING);
}

void SessionEnd() {
  EndSession();
  LinkStop();
  CloseFiles();
}

#endif
