// Symbols, ticks, bars and the depth of market.
#pragma once

#include "terminal/shim/constants.h"
#include "terminal/shim/structs.h"

int SymbolsTotal(bool selected);
string SymbolName(int at, bool selected);
bool SymbolSelect(const string& name, bool select);
bool SymbolExist(const string& name, bool& is_custom);
bool SymbolIsSynchronized(const string& name);
long SymbolInfoInteger(const string& name, ENUM_SYMBOL_INFO_INTEGER property);
bool SymbolInfoInteger(const string& name, ENUM_SYMBOL_INFO_INTEGER property, long& value);
double SymbolInfoDouble(const string& name, ENUM_SYMBOL_INFO_DOUBLE property);
bool SymbolInfoDouble(const string& name, ENUM_SYMBOL_INFO_DOUBLE property, double& value);
string SymbolInfoString(const string& name, ENUM_SYMBOL_INFO_STRING property);
bool SymbolInfoString(const string& name, ENUM_SYMBOL_INFO_STRING property, string& value);
bool SymbolInfoTick(const string& name, MqlTick& tick);
bool SymbolInfoMarginRate(const string& name, ENUM_ORDER_TYPE type, double& initial, double& maintenance);
bool SymbolInfoSessionTrade(const string& name, ENUM_DAY_OF_WEEK day, uint at, datetime& from, datetime& to);
bool SymbolInfoSessionQuote(const string& name, ENUM_DAY_OF_WEEK day, uint at, datetime& from, datetime& to);

bool MarketBookAdd(const string& name);
bool MarketBookRelease(const string& name);

namespace mql5 {
int copyTicks(const string& name, MqlTick* to, size_t room, uint flags, ulong from_ms, uint count);
int copyTicksRange(const string& name, MqlTick* to, size_t room, uint flags, ulong from_ms, ulong to_ms);
int copyRates(const string& name, ENUM_TIMEFRAMES timeframe, int start, int count, MqlRates* to, size_t room);
int marketBook(const string& name, MqlBookInfo* to, size_t room);
}  // namespace mql5

template <size_t N>
int CopyTicks(const string& name, MqlTick (&to)[N], uint flags = static_cast<uint>(COPY_TICKS_ALL), ulong from_ms = 0,
              uint count = 0) {
  return mql5::copyTicks(name, to, N, flags, from_ms, count);
}
template <size_t N>
int CopyTicksRange(const string& name, MqlTick (&to)[N], uint flags = static_cast<uint>(COPY_TICKS_ALL),
                   ulong from_ms = 0, ulong to_ms = 0) {
  return mql5::copyTicksRange(name, to, N, flags, from_ms, to_ms);
}
template <size_t N>
int CopyRates(const string& name, ENUM_TIMEFRAMES timeframe, int start, int count, MqlRates (&to)[N]) {
  return mql5::copyRates(name, timeframe, start, count, to, N);
}
// True when all levels have found room.
template <size_t N>
bool MarketBookGet(const string& name, MqlBookInfo (&to)[N]) {
  return mql5::marketBook(name, to, N) >= 0;
}
