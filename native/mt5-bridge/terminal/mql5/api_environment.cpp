// Time, program, terminal, account, chart, events, global variables.
#include <ctime>

#include "terminal/mql5/api.h"

using troupe::terminal::Loaded;
using troupe::terminal::MqlApi;
using troupe::terminal::ProgramEvent;
using troupe::terminal::toMoney;

int GetLastError() { return MqlApi::running().last_error; }
void ResetLastError() { MqlApi::running().last_error = 0; }
bool IsStopped() { return MqlApi::running().stopping; }
void ExpertRemove() { MqlApi::running().remove = true; }
void Sleep(int milliseconds) { MqlApi::sleepUs(int64_t{1000} * milliseconds); }

ulong GetTickCount64() { return static_cast<ulong>(MqlApi::clock().nowUs() / 1000); }
uint GetTickCount() { return static_cast<uint>(GetTickCount64()); }
ulong GetMicrosecondCount() { return static_cast<ulong>(MqlApi::clock().nowUs()); }
datetime TimeCurrent() { return MqlApi::serverMs() / 1000; }
datetime TimeTradeServer() { return MqlApi::serverS(); }
datetime TimeGMT() { return MqlApi::clock().wallUs() / 1'000'000; }
datetime TimeLocal() { return TimeGMT(); }
int TimeGMTOffset() { return 0; }

bool TimeToStruct(datetime time, MqlDateTime& parts) {
  const time_t seconds = time;
  std::tm tm{};
  if (!gmtime_r(&seconds, &tm)) return MqlApi::fail(ERR_INVALID_PARAMETER);
  parts = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_wday, tm.tm_yday};
  return true;
}
datetime StructToTime(const MqlDateTime& parts) {
  std::tm tm{};
  tm.tm_year = parts.year - 1900;
  tm.tm_mon = parts.mon - 1;
  tm.tm_mday = parts.day;
  tm.tm_hour = parts.hour;
  tm.tm_min = parts.min;
  tm.tm_sec = parts.sec;
  return timegm(&tm);
}
namespace {
datetime split(datetime time, MqlDateTime& parts) {
  TimeToStruct(time, parts);
  return time;
}
}  // namespace
datetime TimeCurrent(MqlDateTime& parts) { return split(TimeCurrent(), parts); }
datetime TimeTradeServer(MqlDateTime& parts) { return split(TimeTradeServer(), parts); }
datetime TimeGMT(MqlDateTime& parts) { return split(TimeGMT(), parts); }
datetime TimeLocal(MqlDateTime& parts) { return split(TimeLocal(), parts); }

long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER property) {
  switch (property) {
    case TERMINAL_BUILD:
      return 5000;
    case TERMINAL_CONNECTED:
      return MqlApi::terminal().connected();
    case TERMINAL_TRADE_ALLOWED:
      return MqlApi::terminal().tradeAllowed();
    case TERMINAL_PING_LAST:
      return MqlApi::profile().latency_us;
    case TERMINAL_DLLS_ALLOWED:
    case TERMINAL_CPU_CORES:
    case TERMINAL_X64:
      return 1;
    case TERMINAL_MEMORY_USED:
      break;
  }
  return 0;
}
double TerminalInfoDouble(ENUM_TERMINAL_INFO_DOUBLE) { return 0; }
string TerminalInfoString(ENUM_TERMINAL_INFO_STRING property) {
  switch (property) {
    case TERMINAL_NAME:
      return "Troupe simulated terminal";
    case TERMINAL_COMPANY:
      return MqlApi::profile().company;
    case TERMINAL_LANGUAGE:
      return "English";
    case TERMINAL_PATH:
    case TERMINAL_DATA_PATH:
    case TERMINAL_COMMONDATA_PATH:
      return MqlApi::options().data_folder;
  }
  return "";
}
long MQLInfoInteger(ENUM_MQL_INFO_INTEGER property) {
  if (property == MQL_PROGRAM_TYPE) return PROGRAM_EXPERT;
  return property == MQL_TRADE_ALLOWED || property == MQL_DLLS_ALLOWED;
}
string MQLInfoString(ENUM_MQL_INFO_STRING) { return MqlApi::running().program.name; }

long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER property) {
  const auto& terminal = MqlApi::terminal();
  switch (property) {
    case ACCOUNT_LOGIN:
      return MqlApi::options().login;
    case ACCOUNT_LEVERAGE:
      return MqlApi::engine().config().leverage;
    case ACCOUNT_LIMIT_ORDERS:
      return MqlApi::profile().limit_orders;
    case ACCOUNT_TRADE_ALLOWED:
      return terminal.connected();
    case ACCOUNT_MARGIN_MODE:
      return MqlApi::profile().margin_mode;
    case ACCOUNT_CURRENCY_DIGITS:
      return 2;
    case ACCOUNT_TRADE_EXPERT:
    case ACCOUNT_HEDGE_ALLOWED:
      return 1;
    case ACCOUNT_TRADE_MODE:
      return MqlApi::options().trade_mode;
    case ACCOUNT_MARGIN_SO_MODE:
    case ACCOUNT_FIFO_CLOSE:
      break;
  }
  return 0;
}
double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE property) {
  const auto account = MqlApi::account();
  switch (property) {
    case ACCOUNT_BALANCE:
      return toMoney(account.balance);
    case ACCOUNT_PROFIT:
      return toMoney(account.equity - account.balance);
    case ACCOUNT_EQUITY:
      return toMoney(account.equity);
    case ACCOUNT_MARGIN:
      return toMoney(account.margin);
    case ACCOUNT_MARGIN_FREE:
      return toMoney(account.free_margin);
    case ACCOUNT_MARGIN_LEVEL:
      return account.margin == 0 ? 0 : 100.0 * toMoney(account.equity) / toMoney(account.margin);
    case ACCOUNT_MARGIN_SO_SO:
      return MqlApi::engine().config().stop_out_level_percent;
    case ACCOUNT_MARGIN_SO_CALL:
    case ACCOUNT_CREDIT:
      break;
  }
  return 0;
}
string AccountInfoString(ENUM_ACCOUNT_INFO_STRING property) {
  switch (property) {
    case ACCOUNT_SERVER:
      return MqlApi::profile().server;
    case ACCOUNT_CURRENCY:
      return MqlApi::engine().config().currency;
    case ACCOUNT_COMPANY:
      return MqlApi::profile().company;
    case ACCOUNT_NAME:
      break;
  }
  return "Simulated";
}

bool EventSetMillisecondTimer(int milliseconds) {
  if (milliseconds <= 0) return MqlApi::fail(ERR_INVALID_PARAMETER);
  Loaded& loaded = MqlApi::running();
  loaded.timer_period_us = int64_t{1000} * milliseconds;
  loaded.timer_at_us = MqlApi::clock().nowUs() + loaded.timer_period_us;
  return true;
}
bool EventSetTimer(int seconds) {
  return seconds > 0 && seconds < 2'000'000 && EventSetMillisecondTimer(1000 * seconds);
}
void EventKillTimer() { MqlApi::running().timer_period_us = 0; }
bool EventChartCustom(long chart_id, ushort event_id, long lparam, double dparam, const string& sparam) {
  if (chart_id == 0) chart_id = ChartID();
  ProgramEvent event{.kind = ProgramEvent::Kind::kChart, .id = CHARTEVENT_CUSTOM + event_id};
  event.lparam = lparam;
  event.dparam = dparam;
  event.text = StringSubstr(sparam, 0, 63);
  return MqlApi::chartEvent(chart_id, event);
}
long ChartID() { return MqlApi::running().chart_id; }
// There are no windows here.
long ChartGetInteger(long, ENUM_CHART_PROPERTY_INTEGER, int) { return 0; }
string Symbol() { return MqlApi::running().chart_symbol; }
ENUM_TIMEFRAMES Period() { return PERIOD_M1; }

datetime GlobalVariableSet(const string& name, double value) {
  MqlApi::globals()[name.utf8()] = value;
  return TimeLocal();
}
bool GlobalVariableCheck(const string& name) { return MqlApi::globals().count(name.utf8()) > 0; }
bool GlobalVariableGet(const string& name, double& value) {
  const auto found = MqlApi::globals().find(name.utf8());
  if (found == MqlApi::globals().end()) return MqlApi::fail(ERR_GLOBALVARIABLE_NOT_FOUND);
  value = found->second;
  return true;
}
double GlobalVariableGet(const string& name) {
  double value = 0;
  GlobalVariableGet(name, value);
  return value;
}
bool GlobalVariableDel(const string& name) { return MqlApi::globals().erase(name.utf8()) > 0; }
bool GlobalVariableTemp(const string& name) { return MqlApi::globals().emplace(name.utf8(), 0).second; }
bool GlobalVariableSetOnCondition(const string& name, double value, double check) {
  const auto found = MqlApi::globals().find(name.utf8());
  if (found == MqlApi::globals().end()) return MqlApi::fail(ERR_GLOBALVARIABLE_NOT_FOUND);
  if (found->second != check) return false;
  found->second = value;
  return true;
}
void GlobalVariablesFlush() {}
