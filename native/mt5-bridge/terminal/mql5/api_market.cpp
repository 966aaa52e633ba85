// Symbols, ticks and the depth of market.
#include <algorithm>
#include <cmath>

#include "terminal/mql5/api.h"

using troupe::terminal::BaseTick;
using troupe::terminal::kNoSymbol;
using troupe::terminal::MqlApi;
using troupe::terminal::MqlTerminal;
using troupe::terminal::Spec;
using troupe::terminal::TickBase;
using troupe::terminal::toLots;

namespace {

constexpr uint kDefaultTicks = 2000;

const Spec& specOf(uint32_t symbol) { return MqlApi::engine().config().symbols[symbol]; }
bool known() { return MqlApi::terminal().propertiesKnown(); }

int refuse(int error) {
  MqlApi::fail(error);
  return -1;
}

// Ticks of the base from `from` to `to`, as many as fit and are wanted.
int copy(const string& name, uint32_t symbol, size_t from, size_t to, MqlTick* out, size_t room, uint flags) {
  TickBase& base = MqlApi::base(symbol);
  const size_t fast =
      MqlApi::running().books.count(name.utf8()) ? MqlTerminal::kFastTicksWithBook : MqlTerminal::kFastTicks;
  if (MqlApi::firstTicks(symbol)) MqlApi::sleepUs(MqlApi::profile().first_ticks_us);
  if (base.size() - from > fast) MqlApi::sleepUs(MqlApi::profile().slow_ticks_us);
  // Quotes only: nothing is traded at a last price here.
  if (flags == COPY_TICKS_TRADE) return 0;
  size_t n = 0;
  size_t at = from;
  for (; at < to && n < room; ++at) out[n++] = toMql(base.at(at));
  base.markRead(at);
  if (at < to) MqlApi::fail(ERR_HISTORY_SMALL_BUFFER);
  return static_cast<int>(n);
}

}  // namespace

int SymbolsTotal(bool selected) {
  int n = 0;
  for (uint32_t i = 0; i < MqlApi::engine().config().symbols.size(); ++i) n += !selected || MqlApi::selected(i);
  return n;
}
string SymbolName(int at, bool selected) {
  for (uint32_t i = 0; i < MqlApi::engine().config().symbols.size(); ++i) {
    if ((!selected || MqlApi::selected(i)) && at-- == 0) return specOf(i).name;
  }
  return "";
}
bool SymbolSelect(const string& name, bool select) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return false;
  MqlApi::select(symbol, select);
  return true;
}
bool SymbolExist(const string& name, bool& is_custom) {
  is_custom = false;
  return MqlApi::engine().symbolIndex(name.utf8()) != kNoSymbol;
}
bool SymbolIsSynchronized(const string& name) {
  return MqlApi::symbol(name) != kNoSymbol && MqlApi::terminal().synchronised();
}

bool SymbolInfoInteger(const string& name, ENUM_SYMBOL_INFO_INTEGER property, long& value) {
  value = 0;
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return false;
  if (property == SYMBOL_SELECT || property == SYMBOL_VISIBLE) {
    value = MqlApi::selected(symbol);
    return true;
  }
  // Until the server has been heard, everything is 0.
  if (!known()) return true;
  const Spec& spec = specOf(symbol);
  const BaseTick* last = MqlApi::base(symbol).last();
  const auto& profile = MqlApi::profile();
  switch (property) {
    case SYMBOL_EXIST:
    case SYMBOL_SPREAD_FLOAT:
      value = 1;
      break;
    case SYMBOL_TIME:
      value = last ? last->time_ms / 1000 : 0;
      break;
    case SYMBOL_TIME_MSC:
      value = last ? last->time_ms : 0;
      break;
    case SYMBOL_DIGITS:
      value = spec.digits;
      break;
    case SYMBOL_SPREAD:
      value = last ? std::lround((last->ask - last->bid) / spec.point) : 0;
      break;
    case SYMBOL_TICKS_BOOKDEPTH:
      value = profile.book_depth;
      break;
    case SYMBOL_TRADE_CALC_MODE:
      value = toMql(spec.calc_mode);
      break;
    case SYMBOL_TRADE_MODE:
      value = SYMBOL_TRADE_MODE_FULL;
      break;
    case SYMBOL_TRADE_STOPS_LEVEL:
      value = spec.stops_level_points;
      break;
    case SYMBOL_TRADE_FREEZE_LEVEL:
      value = spec.freeze_level_points;
      break;
    case SYMBOL_TRADE_EXEMODE:
      value = profile.execution;
      break;
    case SYMBOL_SWAP_ROLLOVER3DAYS:
      value = WEDNESDAY;
      break;
    case SYMBOL_EXPIRATION_MODE:
      value = SYMBOL_EXPIRATION_GTC | SYMBOL_EXPIRATION_DAY | SYMBOL_EXPIRATION_SPECIFIED;
      break;
    case SYMBOL_FILLING_MODE:
      value = profile.filling;
      break;
    case SYMBOL_ORDER_MODE:
      value = SYMBOL_ORDER_MARKET | SYMBOL_ORDER_LIMIT | SYMBOL_ORDER_STOP | SYMBOL_ORDER_STOP_LIMIT | SYMBOL_ORDER_SL |
              SYMBOL_ORDER_TP;
      if (profile.margin_mode == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING) value |= SYMBOL_ORDER_CLOSEBY;
      break;
    default:
      break;
  }
  return true;
}
long SymbolInfoInteger(const string& name, ENUM_SYMBOL_INFO_INTEGER property) {
  long value = 0;
  SymbolInfoInteger(name, property, value);
  return value;
}

bool SymbolInfoDouble(const string& name, ENUM_SYMBOL_INFO_DOUBLE property, double& value) {
  value = 0;
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return false;
  if (!known()) return true;
  const Spec& spec = specOf(symbol);
  const BaseTick* last = MqlApi::base(symbol).last();
  switch (property) {
    case SYMBOL_BID:
      value = last ? last->bid : 0;
      break;
    case SYMBOL_ASK:
      value = last ? last->ask : 0;
      break;
    case SYMBOL_POINT:
      value = spec.point;
      break;
    case SYMBOL_TRADE_TICK_VALUE:
    case SYMBOL_TRADE_TICK_VALUE_PROFIT:
    case SYMBOL_TRADE_TICK_VALUE_LOSS:
      // Of a hundred lots, because money is whole cents.
      value = troupe::terminal::toMoney(MqlApi::engine()
                                            .market()
                                            .profit(symbol, troupe::terminal::Side::kBuy,
                                                    troupe::terminal::toVolume(100), 1, 1 + spec.tick_size)
                                            .value_or(0)) /
              100;
      break;
    case SYMBOL_TRADE_TICK_SIZE:
      value = spec.tick_size;
      break;
    case SYMBOL_TRADE_CONTRACT_SIZE:
      value = spec.contract_size;
      break;
    case SYMBOL_VOLUME_MIN:
      value = toLots(spec.volume_min);
      break;
    case SYMBOL_VOLUME_MAX:
      value = toLots(spec.volume_max);
      break;
    case SYMBOL_VOLUME_STEP:
      value = toLots(spec.volume_step);
      break;
    default:
      break;
  }
  return true;
}
double SymbolInfoDouble(const string& name, ENUM_SYMBOL_INFO_DOUBLE property) {
  double value = 0;
  SymbolInfoDouble(name, property, value);
  return value;
}
bool SymbolInfoString(const string& name, ENUM_SYMBOL_INFO_STRING property, string& value) {
  value = "";
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return false;
  if (!known()) return true;
  if (property == SYMBOL_CURRENCY_BASE) value = specOf(symbol).currency_base;
  if (property == SYMBOL_CURRENCY_PROFIT) value = specOf(symbol).currency_profit;
  if (property == SYMBOL_CURRENCY_MARGIN) value = specOf(symbol).currency_margin;
  if (property == SYMBOL_PATH || property == SYMBOL_DESCRIPTION) value = specOf(symbol).name;
  return true;
}
string SymbolInfoString(const string& name, ENUM_SYMBOL_INFO_STRING property) {
  string value;
  SymbolInfoString(name, property, value);
  return value;
}
bool SymbolInfoTick(const string& name, MqlTick& tick) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return false;
  const BaseTick* last = MqlApi::base(symbol).last();
  if (!last) return MqlApi::fail(ERR_MARKET_NOT_SELECTED);
  tick = toMql(*last);
  return true;
}
bool SymbolInfoMarginRate(const string& name, ENUM_ORDER_TYPE, double& initial, double& maintenance) {
  initial = maintenance = 1;
  return MqlApi::symbol(name) != kNoSymbol;
}
bool SymbolInfoSessionTrade(const string& name, ENUM_DAY_OF_WEEK day, uint at, datetime& from, datetime& to) {
  if (MqlApi::symbol(name) == kNoSymbol) return false;
  const auto& sessions = MqlApi::profile().sessions;
  if (!sessions.empty() && MqlApi::options().market_time) return false;
  if (sessions.empty()) {
    from = 0;
    to = 86400;
    return at == 0;
  }
  for (const auto& session : sessions) {
    if (session.day != static_cast<int>(day) || at-- != 0) continue;
    from = session.from_s;
    to = session.to_s;
    return true;
  }
  return false;
}
bool SymbolInfoSessionQuote(const string& name, ENUM_DAY_OF_WEEK day, uint at, datetime& from, datetime& to) {
  return SymbolInfoSessionTrade(name, day, at, from, to);
}

bool MarketBookAdd(const string& name) {
  if (MqlApi::symbol(name) == kNoSymbol) return false;
  if (MqlApi::profile().book_depth == 0) return MqlApi::fail(ERR_BOOKS_CANNOT_ADD);
  ++MqlApi::running().books[name.utf8()];
  return true;
}
bool MarketBookRelease(const string& name) {
  auto& books = MqlApi::running().books;
  const auto found = books.find(name.utf8());
  if (found == books.end()) return MqlApi::fail(ERR_BOOKS_CANNOT_DELETE);
  if (--found->second == 0) books.erase(found);
  return true;
}

namespace mql5 {

int copyTicks(const string& name, MqlTick* to, size_t room, uint flags, ulong from_ms, uint count) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return -1;
  if (!MqlApi::selected(symbol)) return refuse(ERR_MARKET_NOT_SELECTED);
  const TickBase& base = MqlApi::base(symbol);
  const size_t wanted = count == 0 ? kDefaultTicks : count;
  const size_t from =
      from_ms == 0 ? base.size() - std::min(base.size(), wanted) : base.lowerBound(static_cast<int64_t>(from_ms));
  return copy(name, symbol, from, std::min(base.size(), from + wanted), to, room, flags);
}

int copyTicksRange(const string& name, MqlTick* to, size_t room, uint flags, ulong from_ms, ulong to_ms) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol) return -1;
  if (!MqlApi::selected(symbol)) return refuse(ERR_MARKET_NOT_SELECTED);
  const TickBase& base = MqlApi::base(symbol);
  const size_t end = to_ms == 0 ? base.size() : base.lowerBound(static_cast<int64_t>(to_ms) + 1);
  const size_t from = std::min(end, base.lowerBound(static_cast<int64_t>(from_ms)));
  return copy(name, symbol, from, end, to, room, flags);
}

// No bars are kept here.
int copyRates(const string&, ENUM_TIMEFRAMES, int, int, MqlRates*, size_t) {
  MqlApi::fail(ERR_HISTORY_NOT_FOUND);
  return -1;
}

// Levels around the last quote, one point apart.
int marketBook(const string& name, MqlBookInfo* to, size_t room) {
  const uint32_t symbol = MqlApi::symbol(name);
  if (symbol == kNoSymbol || !MqlApi::running().books.count(name.utf8())) return -1;
  const BaseTick* last = MqlApi::base(symbol).last();
  if (!last) return -1;
  const int depth = static_cast<int>(MqlApi::profile().book_depth);
  size_t n = 0;
  for (int i = depth - 1; i >= -depth && n < room; --i) {
    const bool sell = i >= 0;
    const double price = sell ? last->ask + i * specOf(symbol).point : last->bid + (i + 1) * specOf(symbol).point;
    to[n++] = {sell ? BOOK_TYPE_SELL : BOOK_TYPE_BUY, price, 1, 1.0};
  }
  return static_cast<int>(n);
}

}  // namespace mql5
