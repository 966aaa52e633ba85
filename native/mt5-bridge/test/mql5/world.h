// A small terminal for tests of the expert alone: what a test sets is what the MQL5 functions return, and what the
// expert does is written down. It trades nothing by itself; the simulated terminal does that.
#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "test/mql5/types.h"

namespace mql5 {

struct Order {
  ulong ticket = 0;
  string symbol, comment;
  long type = 0, state = 0, magic = 0, position_id = 0, setup_ms = 0, done_ms = 0;
  double initial = 0, current = 0, price = 0, stop_limit = 0, sl = 0, tp = 0;
};
struct Deal {
  ulong ticket = 0;
  string symbol, comment;
  long order = 0, time_ms = 0, type = 0, entry = 0, magic = 0, reason = 3, position_id = 0;
  double volume = 0, price = 0, profit = 0;
};
struct Position {
  ulong ticket = 0, identifier = 0;
  string symbol, comment;
  long type = 0, magic = 0, time_ms = 0;
  double volume = 0, price = 0, sl = 0, tp = 0;
};
struct Symbol {
  std::map<int, long> integers;
  std::map<int, double> doubles;
  std::vector<MqlTick> ticks;  // by time; equal times in any order
};

struct World {
  long now_us = 1'000'000;
  long gmt_s = 1'700'000'000, offset_s = 7200;
  long broker_ms = 1'700'007'200'000;
  std::map<int, long> terminal{
      {TERMINAL_CONNECTED, 1}, {TERMINAL_TRADE_ALLOWED, 1}, {TERMINAL_BUILD, 4000}, {TERMINAL_PING_LAST, 12'300}};
  long mql_trade_allowed = 1;
  std::map<int, long> account{{ACCOUNT_LOGIN, 4711},      {ACCOUNT_LEVERAGE, 100},
                              {ACCOUNT_LIMIT_ORDERS, 0},  {ACCOUNT_MARGIN_MODE, ACCOUNT_MARGIN_MODE_RETAIL_HEDGING},
                              {ACCOUNT_TRADE_ALLOWED, 1}, {ACCOUNT_TRADE_EXPERT, 1}};
  std::map<string, Symbol> symbols;
  std::vector<string> watch;
  std::vector<std::pair<int, std::pair<long, long>>> sessions;  // day, from, to
  std::vector<Order> orders, history;
  std::vector<Deal> deals;
  std::vector<Position> positions;
  int last_error = 0;

  // What the expert has sent, and how the terminal answers.
  std::vector<MqlTradeRequest> sent;
  std::function<void()> on_send;  // in OrderSendAsync
  bool send_succeeds = true;
  uint send_retcode = 10008;
  uint next_request = 1;

  // Files live as long as the world: a new expert finds what the one before has flushed. What was written and not
  // flushed is lost by crash().
  struct File {
    std::vector<uchar> bytes, flushed;
    size_t dirty_from = SIZE_MAX;
    bool open = false;
  };
  struct Handle {
    string name;
    size_t at = 0;
    bool used = false;
  };
  std::map<string, File> files;
  std::vector<Handle> handles;
  long writes_left = -1;  // then the disk refuses; below 0: never

  void crash() {
    for (auto& [name, file] : files) {
      file.bytes = file.flushed;
      file.dirty_from = SIZE_MAX;
      file.open = false;
    }
    handles.clear();
  }

  std::map<string, double> globals;
  std::vector<string> printed;

  // Selections of the history and of one order or position.
  std::vector<Order> selected_orders;
  std::vector<Deal> selected_deals;
  Order order;
  Position position;

  void addSymbol(const string& name) {
    Symbol& s = symbols[name];
    s.integers = {{SYMBOL_DIGITS, 5},
                  {SYMBOL_TRADE_MODE, SYMBOL_TRADE_MODE_FULL},
                  {SYMBOL_TRADE_EXEMODE, SYMBOL_TRADE_EXECUTION_MARKET},
                  {SYMBOL_FILLING_MODE, 3},
                  {SYMBOL_ORDER_MODE, 127},
                  {SYMBOL_EXPIRATION_MODE, 15}};
    s.doubles = {{SYMBOL_POINT, 0.00001},   {SYMBOL_TRADE_TICK_SIZE, 0.00001}, {SYMBOL_TRADE_CONTRACT_SIZE, 100000},
                 {SYMBOL_VOLUME_MIN, 0.01}, {SYMBOL_VOLUME_MAX, 50},           {SYMBOL_VOLUME_STEP, 0.01}};
    watch.push_back(name);
  }
  void tick(const string& name, long time_ms, double bid, double ask, uint flags = 6) {
    MqlTick t{};
    t.time = time_ms / 1000;
    t.time_msc = time_ms;
    t.bid = bid;
    t.ask = ask;
    t.flags = flags;
    auto& ticks = symbols[name].ticks;
    ticks.insert(std::upper_bound(ticks.begin(), ticks.end(), time_ms,
                                  [](long at, const MqlTick& other) { return at < other.time_msc; }),
                 t);
    broker_ms = std::max(broker_ms, time_ms);
  }
};

inline World& world() {
  static std::unique_ptr<World> it = std::make_unique<World>();
  return *it;
}

// One argument of a format string.
struct Argument {
  char kind;  // i, d, s
  long long i = 0;
  double d = 0;
  string s;
};
template <typename T>
Argument argument(const T& value) {
  if constexpr (std::is_floating_point_v<T>) {
    return {'d', 0, value, {}};
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return {'i', static_cast<long long>(value), 0, {}};
  } else {
    return {'s', 0, 0, string(value)};
  }
}

inline string formatted(const string& format, const std::vector<Argument>& arguments) {
  string out;
  size_t next = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    string spec = "%";
    while (++i < format.size() && !std::isalpha(static_cast<unsigned char>(format[i]))) spec += format[i];
    if (format.compare(i, 3, "I64") == 0) i += 3;
    const char kind = format[i];
    const Argument& a = arguments.at(next++);
    char text[512];
    if (kind == 's') {
      snprintf(text, sizeof text, (spec + "s").c_str(), a.s.c_str());
    } else if (kind == 'd' || kind == 'u') {
      snprintf(text, sizeof text, (spec + "ll" + kind).c_str(), a.i);
    } else {
      snprintf(text, sizeof text, (spec + kind).c_str(), a.d);
    }
    out += text;
  }
  return out;
}

}  // namespace mql5

template <typename... A>
string StringFormat(const string& format, const A&... arguments) {
  return mql5::formatted(format, {mql5::argument(arguments)...});
}
template <typename... A>
void PrintFormat(const string& format, const A&... arguments) {
  mql5::world().printed.push_back(StringFormat(format, arguments...));
}

// Text
inline int StringLen(const string& s) { return static_cast<int>(s.size()); }
inline string StringSubstr(const string& s, int from, int count = -1) {
  return s.substr(static_cast<size_t>(from), count < 0 ? string::npos : static_cast<size_t>(count));
}
inline int StringFind(const string& s, const string& what, int from = 0) {
  const size_t at = s.find(what, static_cast<size_t>(from));
  return at == string::npos ? -1 : static_cast<int>(at);
}
inline int StringTrimLeft(string& s) {
  s.erase(0, s.find_first_not_of(' ') == string::npos ? s.size() : s.find_first_not_of(' '));
  return 0;
}
inline int StringTrimRight(string& s) {
  s.erase(s.find_last_not_of(' ') + 1);
  return 0;
}
inline ushort StringGetCharacter(const string& s, int at) { return static_cast<uchar>(s[static_cast<size_t>(at)]); }
inline string IntegerToString(long v) { return std::to_string(v); }
template <size_t N>
int StringToCharArray(const string& s, uchar (&to)[N], int start = 0, int = -1, uint = 0) {
  const size_t n = std::min(N - static_cast<size_t>(start), s.size() + 1);
  std::memcpy(to + start, s.c_str(), n);
  return static_cast<int>(n);
}
template <size_t N>
string CharArrayToString(const uchar (&from)[N], int start = 0, int count = -1, uint = 0) {
  const char* at = reinterpret_cast<const char*>(from) + start;
  return string(at, count < 0 ? strnlen(at, N) : static_cast<size_t>(count));
}

// Memory
template <typename T>
void ZeroMemory(T& value) {
  std::memset(static_cast<void*>(&value), 0, sizeof(T));
}
template <typename T, size_t N>
bool StructToCharArray(const T& value, uchar (&to)[N], uint start = 0) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (start + sizeof(T) > N) return false;
  std::memcpy(to + start, &value, sizeof(T));
  return true;
}
template <typename T, size_t N>
bool CharArrayToStruct(T& value, const uchar (&from)[N], uint start = 0) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (start + sizeof(T) > N) return false;
  std::memcpy(&value, from + start, sizeof(T));
  return true;
}
template <typename T, size_t N>
void ArrayInitialize(T (&array)[N], T value) {
  std::fill(array, array + N, value);
}
inline double MathAbs(double v) { return std::fabs(v); }
inline double MathRound(double v) { return std::round(v); }
inline double NormalizeDouble(double v, int digits) {
  const double scale = std::pow(10.0, digits);
  return std::round(v * scale) / scale;
}

// Time
inline ulong GetMicrosecondCount() { return static_cast<ulong>(mql5::world().now_us); }
inline ulong GetTickCount64() { return static_cast<ulong>(mql5::world().now_us / 1000); }
inline datetime TimeGMT() { return mql5::world().gmt_s + mql5::world().now_us / 1'000'000; }
inline datetime TimeLocal() { return TimeGMT(); }
inline datetime TimeTradeServer() { return TimeGMT() + mql5::world().offset_s; }
inline datetime TimeCurrent() { return mql5::world().broker_ms / 1000; }
inline void TimeToStruct(datetime time, MqlDateTime& to) {
  to.hour = static_cast<int>(time / 3600 % 24);
  to.min = static_cast<int>(time / 60 % 60);
  to.sec = static_cast<int>(time % 60);
  to.day_of_week = static_cast<int>((time / 86400 + 4) % 7);
}

// Terminal and account
inline int GetLastError() { return mql5::world().last_error; }
inline void ResetLastError() { mql5::world().last_error = 0; }
inline long ChartID() { return 131'000'000'000'000'001; }
inline long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER p) { return mql5::world().terminal[p]; }
inline long MQLInfoInteger(ENUM_MQL_INFO_INTEGER) { return mql5::world().mql_trade_allowed; }
inline long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER p) { return mql5::world().account[p]; }
inline double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE) { return 10'000; }
inline string AccountInfoString(ENUM_ACCOUNT_INFO_STRING p) { return p == ACCOUNT_SERVER ? "Test-Server" : "EUR"; }

// Symbols and ticks
inline int SymbolsTotal(bool) { return static_cast<int>(mql5::world().watch.size()); }
inline string SymbolName(int at, bool) { return mql5::world().watch[static_cast<size_t>(at)]; }
inline bool SymbolSelect(const string& name, bool) { return mql5::world().symbols.count(name) > 0; }
inline long SymbolInfoInteger(const string& name, ENUM_SYMBOL_INFO_INTEGER p) {
  const auto at = mql5::world().symbols.find(name);
  return at == mql5::world().symbols.end() ? 0 : at->second.integers[p];
}
inline double SymbolInfoDouble(const string& name, ENUM_SYMBOL_INFO_DOUBLE p) {
  const auto at = mql5::world().symbols.find(name);
  return at == mql5::world().symbols.end() ? 0 : at->second.doubles[p];
}
inline string SymbolInfoString(const string&, ENUM_SYMBOL_INFO_STRING) { return "EUR"; }
inline bool SymbolInfoTick(const string& name, MqlTick& to) {
  const auto at = mql5::world().symbols.find(name);
  if (at == mql5::world().symbols.end() || at->second.ticks.empty()) return false;
  to = at->second.ticks.back();
  return true;
}
inline bool SymbolInfoSessionTrade(const string&, ENUM_DAY_OF_WEEK day, uint at, datetime& from, datetime& to) {
  for (const auto& [on, span] : mql5::world().sessions) {
    if (on != static_cast<int>(day) || at-- > 0) continue;
    from = span.first;
    to = span.second;
    return true;
  }
  return false;
}
template <size_t N>
int CopyTicks(const string& name, MqlTick (&to)[N], uint, ulong from_ms, uint count) {
  const auto& ticks = mql5::world().symbols.at(name).ticks;
  auto at = std::lower_bound(ticks.begin(), ticks.end(), static_cast<long>(from_ms),
                             [](const MqlTick& tick, long from) { return tick.time_msc < from; });
  size_t n = 0;
  for (; at != ticks.end() && n < std::min<size_t>(count, N); ++at) to[n++] = *at;
  return static_cast<int>(n);
}
