// The self-test's steps, one after the other, driven by timer and transactions.
#ifndef TROUPE_SELFTEST_MQH
#define TROUPE_SELFTEST_MQH

#include "clock.mqh"
#include "local.mqh"
#include "rules.mqh"
#include "sockets/handshake.mqh"

input bool InpTrade = true;      // Trade: also test orders, with the least volume, on a demo account
input int InpWakeRounds = 200;   // Wake-ups: how many to measure
input int InpTimerRounds = 200;  // Timers: how many to measure

#define TEST_EVENT 7732
#define STEP_TIMER 0
#define STEP_WAKE 1
#define STEP_PENDING 2
#define STEP_REMOVE 3
#define STEP_OPEN 4
#define STEP_CLOSE 5
#define STEP_DONE 6
#define STEP_WITHIN_US 15000000
// A doorbell that nobody has heard by then is rung again.
#define RING_AGAIN_US 1000000
#define SAMPLES_MAX 1000
// The longest comment and the largest magic that a request may carry.
#define TEST_COMMENT "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TEST_MAGIC 9223372036854775807

struct SelfTest {
  int step;
  long step_us;
  int failures;
  int file;
  int samples;
  long last_us;
  long rung_us;  // 0: the doorbell has been heard
  uint request_id;
  long sent_us;
  int transactions;
  ulong order;
  ulong deal;
  ulong position;
  bool answered;
};

SelfTest g_test;
long g_sample[SAMPLES_MAX];

void Say(string line) {
  Print(line);
  if (g_test.file != INVALID_HANDLE) FileWriteString(g_test.file, line + "\r\n");
}

void Compare(string what, long is, long expected) {
  const bool same = is == expected;
  if (!same) g_test.failures++;
  Say(StringFormat("%s %s: %I64d (expected %I64d)", same ? "ok  " : "FAIL", what, is, expected));
}

void ReportSizes() {
  Compare("sizeof(MqlTick)", (long)sizeof(MqlTick), 60);
  Compare("sizeof(MqlRates)", (long)sizeof(MqlRates), 60);
  Compare("sizeof(MqlBookInfo)", (long)sizeof(MqlBookInfo), 28);
  Compare("sizeof(MqlDateTime)", (long)sizeof(MqlDateTime), 32);
  Compare("sizeof(WireSpec)", (long)sizeof(WireSpec), 132);
  Compare("sizeof(WireTick)", (long)sizeof(WireTick), 32);
  Compare("sizeof(WireOrder)", (long)sizeof(WireOrder), 152);
  Compare("sizeof(WireDeal)", (long)sizeof(WireDeal), 192);
  Compare("sizeof(WirePosition)", (long)sizeof(WirePosition), 144);
  Compare("sizeof(WireAccount)", (long)sizeof(WireAccount), 104);
  Compare("sizeof(WirePlace)", (long)sizeof(WirePlace), 144);
  Compare("sizeof(WireResult)", (long)sizeof(WireResult), 248);
  Compare("sizeof(WireHello)", (long)sizeof(WireHello), 188);
  Compare("sizeof(LinkConfig)", (long)sizeof(LinkConfig), 656);
}

void ReportEnums() {
  Compare("TRADE_ACTION_DEAL", (long)TRADE_ACTION_DEAL, 1);
  Compare("TRADE_ACTION_PENDING", (long)TRADE_ACTION_PENDING, 5);
  Compare("TRADE_ACTION_SLTP", (long)TRADE_ACTION_SLTP, 6);
  Compare("TRADE_ACTION_MODIFY", (long)TRADE_ACTION_MODIFY, 7);
  Compare("TRADE_ACTION_REMOVE", (long)TRADE_ACTION_REMOVE, 8);
  Compare("ORDER_TYPE_SELL_STOP_LIMIT", (long)ORDER_TYPE_SELL_STOP_LIMIT, 7);
  Compare("ORDER_FILLING_RETURN", (long)ORDER_FILLING_RETURN, 2);
  Compare("SYMBOL_FILLING_IOC", (long)SYMBOL_FILLING_IOC, 2);
  Compare("ORDER_STATE_EXPIRED", (long)ORDER_STATE_EXPIRED, 6);
  Compare("DEAL_ENTRY_INOUT", (long)DEAL_ENTRY_INOUT, 2);
  Compare("DEAL_REASON_SO", (long)DEAL_REASON_SO, 6);
  Compare("TRADE_TRANSACTION_REQUEST", (long)TRADE_TRANSACTION_REQUEST, 10);
  Compare("ACCOUNT_MARGIN_MODE_RETAIL_HEDGING", (long)ACCOUNT_MARGIN_MODE_RETAIL_HEDGING, 2);
  Compare("SYMBOL_TRADE_EXECUTION_EXCHANGE", (long)SYMBOL_TRADE_EXECUTION_EXCHANGE, 3);
  Compare("COPY_TICKS_ALL", (long)COPY_TICKS_ALL, -1);
  Compare("CHARTEVENT_CUSTOM", (long)CHARTEVENT_CUSTOM, 1000);
}

void ReportTerminal() {
  const string symbol = Symbol();
  Say(StringFormat("terminal build %d, connected %d, ping %d us, DLLs allowed %d, trade allowed %d / program %d",
                   (int)TerminalInfoInteger(TERMINAL_BUILD), (int)TerminalInfoInteger(TERMINAL_CONNECTED),
                   (int)TerminalInfoInteger(TERMINAL_PING_LAST), (int)TerminalInfoInteger(TERMINAL_DLLS_ALLOWED),
                   (int)TerminalInfoInteger(TERMINAL_TRADE_ALLOWED), (int)MQLInfoInteger(MQL_TRADE_ALLOWED)));
  Say(StringFormat("account: %s, trade allowed %d, experts allowed %d, server minus UTC %d s", MarginModeName(),
                   (int)AccountInfoInteger(ACCOUNT_TRADE_ALLOWED), (int)AccountInfoInteger(ACCOUNT_TRADE_EXPERT),
                   MeasuredUtcOffsetS()));
  Say(StringFormat("%s: execution %d, filling mask %d, order modes %d, stops level %d, freeze level %d", symbol,
                   (int)SymbolInfoInteger(symbol, SYMBOL_TRADE_EXEMODE),
                   (int)SymbolInfoInteger(symbol, SYMBOL_FILLING_MODE),
                   (int)SymbolInfoInteger(symbol, SYMBOL_ORDER_MODE),
                   (int)SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL),
                   (int)SymbolInfoInteger(symbol, SYMBOL_TRADE_FREEZE_LEVEL)));
}

// Sorted in place; few enough for the simplest way.
void ReportSamples(string what) {
  const int n = g_test.samples;
  for (int i = 1; i < n; i++) {
    const long value = g_sample[i];
    int at = i;
    for (; at > 0 && g_sample[at - 1] > value; at--) g_sample[at] = g_sample[at - 1];
    g_sample[at] = value;
  }
  if (n > 0)
    Say(StringFormat("%s: %d samples, median %I64d us, p99 %I64d us, most %I64d us", what, n, g_sample[n / 2],
                     g_sample[(n * 99) / 100], g_sample[n - 1]));
}

void EnterStep(int step) {
  g_test.step = step;
  g_test.step_us = MonotonicUs();
  g_test.samples = 0;
  g_test.last_us = 0;
  g_test.rung_us = 0;
  g_test.request_id = 0;
  g_test.transactions = 0;
  g_test.answered = false;
}

void Ring() {
  g_test.rung_us = MonotonicUs();
  EventChartCustom(ChartID(), (ushort)TEST_EVENT, 0, 0.0, "");
}

void Finish() {
  Say(StringFormat("self-test done: %d failures. The report is in MQL5/Files/troupe-selftest.txt", g_test.failures));
  if (g_test.file != INVALID_HANDLE) FileClose(g_test.file);
  g_test.file = INVALID_HANDLE;
  EnterStep(STEP_DONE);
  EventKillTimer();
}

void SendTest(string what, const MqlTradeRequest &request) {
  MqlTradeResult result = {};
  g_test.sent_us = MonotonicUs();
  if (OrderSendAsync(request, result)) {
    g_test.request_id = result.request_id;
    Say(StringFormat("%s: request %u", what, result.request_id));
    return;
  }
  g_test.failures++;
  Say(StringFormat("FAIL %s: not sent, return code %u, error %d", what, result.retcode, GetLastError()));
  Finish();
}

// A buy limit far below the market, with the longest comment and the largest magic.
void BeginPending() {
  const string symbol = Symbol();
  MqlTick quote = {};
  MqlTradeRequest request = {};
  EnterStep(STEP_PENDING);
  if (!SymbolInfoTick(symbol, quote)) {
    Say("no price: orders are not tested");
    Finish();
    return;
  }
  request.action = TRADE_ACTION_PENDING;
  request.symbol = symbol;
  request.volume = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN);
  request.type = ORDER_TYPE_BUY_LIMIT;
  request.type_filling = ORDER_FILLING_RETURN;
  request.type_time = ORDER_TIME_GTC;
  request.price = ToGrid(symbol, quote.bid * 0.9);
  request.magic = TEST_MAGIC;
  request.comment = TEST_COMMENT;
  SendTest("pending order", request);
}

void ReportLimits() {
  if (!OrderSelect(g_test.order)) {
    Say("the pending order is not visible after its answer");
    return;
  }
  const string comment = OrderGetString(ORDER_COMMENT);
  Say(StringFormat("comment: %d characters of %d are kept: '%s'", StringLen(comment), StringLen(TEST_COMMENT),
                   comment));
  Say(StringFormat("magic: %I64d kept of %I64d", OrderGetInteger(ORDER_MAGIC), (long)TEST_MAGIC));
}

void BeginRemove() {
  MqlTradeRequest request = {};
  EnterStep(STEP_REMOVE);
  request.action = TRADE_ACTION_REMOVE;
  request.order = g_test.order;
  SendTest("remove", request);
}

void BeginDeal(int step, ENUM_ORDER_TYPE type) {
  const string symbol = Symbol();
  MqlTick quote = {};
  MqlTradeRequest request = {};
  ENUM_ORDER_TYPE_FILLING filling = ORDER_FILLING_FOK;
  EnterStep(step);
  SymbolInfoTick(symbol, quote);
  ChooseFilling(symbol, TYPE_MARKET, filling);
  request.action = TRADE_ACTION_DEAL;
  request.symbol = symbol;
  request.volume = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN);
  request.type = type;
  request.type_filling = filling;
  request.price = type == ORDER_TYPE_BUY ? quote.ask : quote.bid;
  request.deviation = 100;
  request.magic = 7732;
  request.comment = "troupe self-test";
  if (step == STEP_CLOSE) request.position = g_test.position;
  SendTest(step == STEP_OPEN ? "open" : "close", request);
}

void NextTradeStep() {
  switch (g_test.step) {
    case STEP_PENDING:
      ReportLimits();
      BeginRemove();
      break;
    case STEP_REMOVE:
      BeginDeal(STEP_OPEN, ORDER_TYPE_BUY);
      break;
    case STEP_OPEN:
      g_test.position = g_test.order;
      BeginDeal(STEP_CLOSE, ORDER_TYPE_SELL);
      break;
    case STEP_CLOSE:
      Finish();
      break;
    default:
      break;
  }
}

int OnInit() {
  ZeroMemory(g_test);
  g_test.file = FileOpen("troupe-selftest.txt", FILE_WRITE | FILE_TXT | FILE_ANSI);
  ReportSizes();
  ReportEnums();
  ReportTerminal();
  EnterStep(STEP_TIMER);
  return EventSetMillisecondTimer(1) ? INIT_SUCCEEDED : INIT_FAILED;
}

void OnDeinit(const int reason) {
  EventKillTimer();
  if (g_test.file != INVALID_HANDLE) FileClose(g_test.file);
  g_test.file = INVALID_HANDLE;
}

void TimerStep() {
  const long now_us = MonotonicUs();
  if (g_test.last_us > 0 && g_test.samples < SAMPLES_MAX) g_sample[g_test.samples++] = now_us - g_test.last_us;
  g_test.last_us = now_us;
  if (g_test.samples < InpTimerRounds && g_test.samples < SAMPLES_MAX) return;
  ReportSamples("timer of 1 ms, distance");
  EnterStep(STEP_WAKE);
}

void OnTimer() {
  if (g_test.step == STEP_TIMER) {
    TimerStep();
    return;
  }
  // From here, not from OnChartEvent: a chart event that is sent while one is being handled is dropped.
  if (g_test.step == STEP_WAKE && (g_test.rung_us == 0 || MonotonicUs() - g_test.rung_us > RING_AGAIN_US)) Ring();
  if (g_test.step == STEP_DONE || MonotonicUs() - g_test.step_us < STEP_WITHIN_US) return;
  g_test.failures++;
  Say(StringFormat("FAIL step %d has not come to its end within %d s", g_test.step, STEP_WITHIN_US / 1000000));
  Finish();
}

void OnTick() {}

void OnChartEvent(const int id, const long &lparam, const double &dparam, const string &sparam) {
  if (id != CHARTEVENT_CUSTOM + TEST_EVENT || g_test.step != STEP_WAKE || g_test.rung_us == 0) return;
  if (g_test.samples < SAMPLES_MAX) g_sample[g_test.samples++] = MonotonicUs() - g_test.rung_us;
  g_test.rung_us = 0;
  if (g_test.samples < InpWakeRounds && g_test.samples < SAMPLES_MAX) return;
  ReportSamples("wake-up by EventChartCustom");
  const bool demo = (ENUM_ACCOUNT_TRADE_MODE)AccountInfoInteger(ACCOUNT_TRADE_MODE) == ACCOUNT_TRADE_MODE_DEMO;
  if (InpTrade && demo) {
    BeginPending();
  } else {
    Say(demo ? "orders are not tested (Trade=false)" : "orders are not tested: this is no demo account");
    Finish();
  }
}

void OnTradeTransaction(const MqlTradeTransaction &trans, const MqlTradeRequest &request,
                        const MqlTradeResult &result) {
  if (g_test.step < STEP_PENDING || g_test.step == STEP_DONE) return;
  const int number = g_test.transactions++;
  const long age_us = MonotonicUs() - g_test.sent_us;
  if (trans.type != TRADE_TRANSACTION_REQUEST) {
    Say(StringFormat("  %d. +%I64d us %s order %I64u deal %I64u position %I64u state %d", number + 1, age_us,
                     EnumToString(trans.type), trans.order, trans.deal, trans.position, (int)trans.order_state));
    return;
  }
  Say(StringFormat("  %d. +%I64d us REQUEST id %u return code %u order %I64u deal %I64u '%s'", number + 1, age_us,
                   result.request_id, result.retcode, result.order, result.deal, result.comment));
  if (result.request_id != g_test.request_id) return;
  if (result.retcode != RETCODE_DONE && result.retcode != RETCODE_PLACED) {
    g_test.failures++;
    Say("FAIL the server refused it");
    Finish();
    return;
  }
  g_test.order = result.order;
  NextTradeStep();
}

#endif
