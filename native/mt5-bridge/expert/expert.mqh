// Inputs and event handlers of the expert; the main files differ in how they reach the bridge.
#ifndef TROUPE_EXPERT_MQH
#define TROUPE_EXPERT_MQH

#include "session.mqh"
#include "wake.mqh"

input string InpHost = "127.0.0.1";  // Host: where the bridge listens
input int InpPort = 7080;            // Port: of the bridge
input string InpKey = "";            // Key: 64 hex digits, the key of the bridge
input string InpTlsFingerprint = "";  // TLS fingerprint: SHA-256 of the bridge's certificate; empty: no TLS, or by CA
input string InpTlsCa = "";  // TLS CA: PEM file of who signed it, or system for those whom Windows trusts
input string InpSymbols = "";        // Symbols: with commas between; empty: all of the Market Watch
input int InpLogMb = 64;             // Log size: MB of ticks that can be sent again
input int InpNotFoundAfterS = 10;    // Not found after: seconds until an order without a trace counts as not sent
input int InpTimerMs = 10;           // Timer: milliseconds between two looks without a wake-up

int g_announced_handle = -1;

void Announce() {
  if (LinkHandle() == g_announced_handle) return;
  g_announced_handle = LinkHandle();
  WakeAnnounce(ChartID(), g_announced_handle);
}

void Wake() {
  Pass();
  Announce();
}

int OnInit() {
  g_settings.host = InpHost;
  g_settings.port = InpPort;
  g_settings.key = InpKey;
  g_settings.tls_fingerprint = InpTlsFingerprint;
  g_settings.tls_ca = InpTlsCa;
  g_settings.symbols = InpSymbols;
  g_settings.log_mb = InpLogMb;
  g_settings.not_found_after_s = InpNotFoundAfterS;
  const string bad = BadSetting();
  if (StringLen(bad) > 0) {
    Report("error", "E_EXPERT_INPUT", bad);
    return INIT_PARAMETERS_INCORRECT;
  }
  SessionBegin();
  g_announced_handle = -1;
  if (!EventSetMillisecondTimer(InpTimerMs)) {
    Report("error", "E_EXPERT_TIMER", StringFormat("no timer (error %d)", GetLastError()));
    return INIT_FAILED;
  }
  return INIT_SUCCEEDED;
}

void OnDeinit(const int reason) {
  EventKillTimer();
  WakeWithdraw();
  SessionEnd();
  Inform(StringFormat("stopped (reason %d)", reason));
}

void OnTimer() {
  DisplacedNoteTimer();
  Wake();
}

// What a tick says is read from the tick base.
void OnTick() { Wake(); }

void OnChartEvent(const int id, const long &lparam, const double &dparam, const string &sparam) {
  if (id == CHARTEVENT_CUSTOM + WAKE_EVENT) Wake();
}

void OnTradeTransaction(const MqlTradeTransaction &trans, const MqlTradeRequest &request,
                        const MqlTradeResult &result) {
  DisplacedNoteTransaction();
  if (trans.type == TRADE_TRANSACTION_REQUEST) {
    OnRequestAnswered(request, result);
  } else {
    NoteTransaction(trans);
  }
  EventsPass();
}

#endif
