// Which symbols are subscribed, and what the terminal knows of them.
#ifndef TROUPE_SYMBOLS_MQH
#define TROUPE_SYMBOLS_MQH

#include "report.mqh"
#include "text.mqh"
#include "tick-log.mqh"

struct Subscription {
  string name;
  bool ready;   // its properties have come from the server
  bool primed;  // its tick base has been asked for once, which may take 45 s the first time
};

Subscription g_subscribed[MAX_SYMBOLS];
int g_subscribed_count = 0;

void Subscribe(string name) {
  StringTrimLeft(name);
  StringTrimRight(name);
  if (StringLen(name) == 0) return;
  for (int i = 0; i < g_subscribed_count; i++)
    if (g_subscribed[i].name == name) return;
  Text32 fits;
  if (!SetText(fits, name)) {
    Report("error", "E_EXPERT_SYMBOL", StringFormat("symbol %s: longer than 31 bytes, left out", name));
  } else if (g_subscribed_count >= MAX_SYMBOLS) {
    Report("error", "E_EXPERT_SYMBOLS", StringFormat("more than %d symbols: %s is left out", MAX_SYMBOLS, name));
  } else if (!SymbolSelect(name, true)) {
    Report("error", "E_EXPERT_SYMBOL", StringFormat("symbol %s: the broker has none of this name, left out", name));
  } else {
    g_subscribed[g_subscribed_count].name = name;
    g_subscribed[g_subscribed_count].ready = false;
    g_subscribed[g_subscribed_count].primed = false;
    g_subscribed_count++;
  }
}

// `list`: names with commas between; empty: all of the Market Watch.
void SubscribeAll(string list) {
  g_subscribed_count = 0;
  if (StringLen(list) == 0) {
    const int count = SymbolsTotal(true);
    for (int i = 0; i < count; i++) Subscribe(SymbolName(i, true));
    return;
  }
  int from = 0;
  while (from <= StringLen(list)) {
    int comma = StringFind(list, ",", from);
    if (comma < 0) comma = StringLen(list);
    if (comma > from) Subscribe(StringSubstr(list, from, comma - from));
    from = comma + 1;
  }
}

// Before the server has answered, properties are 0.
bool HasProperties(string name) {
  return SymbolInfoDouble(name, SYMBOL_POINT) > 0 && SymbolInfoDouble(name, SYMBOL_VOLUME_STEP) > 0 &&
         SymbolInfoDouble(name, SYMBOL_TRADE_TICK_SIZE) > 0;
}

int ReadySymbols() {
  int ready = 0;
  for (int i = 0; i < g_subscribed_count; i++) {
    if (!g_subscribed[i].ready) g_subscribed[i].ready = HasProperties(g_subscribed[i].name);
    if (g_subscribed[i].ready) ready++;
  }
  return ready;
}

string CalcModeName(int mode) {
  switch (mode) {
    case 0:
      return "forex";
    case 1:
      return "futures";
    case 2:
      return "cfd";
    case 3:
      return "cfd_index";
    case 4:
      return "cfd_leverage";
    case 5:
      return "forex_unlevered";
    case 32:
      return "exch_stocks";
    case 33:
      return "exch_futures";
    case 34:
      return "exch_forts";
    case 37:
      return "exch_bonds";
    case 38:
      return "exch_stocks_mx";
    case 39:
      return "exch_bonds_mx";
    case 64:
      return "collateral";
    default:
      return StringFormat("mode_%d", mode);
  }
}

void EncodeSpec(string name, WireSpec &to) {
  ZeroMemory(to);
  SetText(to.name, name);
  to.digits = (uint)SymbolInfoInteger(name, SYMBOL_DIGITS);
  to.point = SymbolInfoDouble(name, SYMBOL_POINT);
  to.tick_size = SymbolInfoDouble(name, SYMBOL_TRADE_TICK_SIZE);
  to.contract_size = SymbolInfoDouble(name, SYMBOL_TRADE_CONTRACT_SIZE);
  to.volume_min = SymbolInfoDouble(name, SYMBOL_VOLUME_MIN);
  to.volume_max = SymbolInfoDouble(name, SYMBOL_VOLUME_MAX);
  to.volume_step = SymbolInfoDouble(name, SYMBOL_VOLUME_STEP);
  to.stops_level_points = (uint)SymbolInfoInteger(name, SYMBOL_TRADE_STOPS_LEVEL);
  to.freeze_level_points = (uint)SymbolInfoInteger(name, SYMBOL_TRADE_FREEZE_LEVEL);
  SetText(to.currency_base, SymbolInfoString(name, SYMBOL_CURRENCY_BASE));
  SetText(to.currency_profit, SymbolInfoString(name, SYMBOL_CURRENCY_PROFIT));
  SetText(to.currency_margin, SymbolInfoString(name, SYMBOL_CURRENCY_MARGIN));
  SetText(to.calc_mode, CalcModeName((int)SymbolInfoInteger(name, SYMBOL_TRADE_CALC_MODE)));
}

#endif
