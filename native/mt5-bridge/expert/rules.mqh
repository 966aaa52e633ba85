// What symbol and account allow, asked before anything is sent: a refusal here has the code that the server would give,
// and a text that names the limit.
#ifndef TROUPE_RULES_MQH
#define TROUPE_RULES_MQH

#include "account.mqh"

// Prices and volumes are doubles of decimal numbers: a thousandth of a step forgives their rounding, nothing else.
#define STEP_SLACK 0.001

bool OnGrid(double value, double step) {
  if (step <= 0) return true;
  const double steps = value / step;
  return MathAbs(steps - MathRound(steps)) < STEP_SLACK;
}

double ToGrid(string symbol, double price) {
  const double step = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
  const int digits = (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS);
  if (price <= 0 || step <= 0) return price;
  return NormalizeDouble(MathRound(price / step) * step, digits);
}

// The ticket of the position with this identifier: the two differ after a reversal. Selects it.
bool SelectPosition(ulong position_id, ulong &ticket) {
  ticket = position_id;
  if (PositionSelectByTicket(position_id) && (ulong)PositionGetInteger(POSITION_IDENTIFIER) == position_id) return true;
  for (int i = PositionsTotal() - 1; i >= 0; i--) {
    ticket = PositionGetTicket(i);
    if (ticket != 0 && (ulong)PositionGetInteger(POSITION_IDENTIFIER) == position_id) return true;
  }
  return false;
}

// A symbol without any session in the week is taken to be open: there the server decides.
bool InSession(string symbol) {
  MqlDateTime parts = {};
  TimeToStruct(TimeTradeServer(), parts);
  const long second = parts.hour * 3600 + parts.min * 60 + parts.sec;
  bool any = false;
  for (int day = 0; day < 7; day++) {
    datetime from = 0;
    datetime to = 0;
    for (int i = 0; SymbolInfoSessionTrade(symbol, (ENUM_DAY_OF_WEEK)day, (uint)i, from, to); i++) {
      any = true;
      const long ends = (long)to > (long)from ? (long)to : 86400;
      if (day == parts.day_of_week && second >= (long)from && second < ends) return true;
    }
  }
  return !any;
}

// Market orders: all or nothing where it is allowed, so that one order has one deal; then the rest cancelled, then the
// rest left standing. Pending orders stand, whatever is filled.
bool ChooseFilling(string symbol, int type, ENUM_ORDER_TYPE_FILLING &filling) {
  filling = ORDER_FILLING_RETURN;
  if (type != TYPE_MARKET) return true;
  const long mask = SymbolInfoInteger(symbol, SYMBOL_FILLING_MODE);
  const ENUM_SYMBOL_TRADE_EXECUTION execution =
      (ENUM_SYMBOL_TRADE_EXECUTION)SymbolInfoInteger(symbol, SYMBOL_TRADE_EXEMODE);
  if ((mask & SYMBOL_FILLING_FOK) != 0) {
    filling = ORDER_FILLING_FOK;
    return true;
  }
  if ((mask & SYMBOL_FILLING_IOC) != 0) {
    filling = ORDER_FILLING_IOC;
    return true;
  }
  // With market execution an order must not rest, so without a bit there is no mode left.
  return execution != SYMBOL_TRADE_EXECUTION_MARKET;
}

void CheckSymbol(const WirePlace &place, string symbol, Verdict &verdict) {
  const bool buy = place.side == SIDE_BUY;
  switch ((ENUM_SYMBOL_TRADE_MODE)SymbolInfoInteger(symbol, SYMBOL_TRADE_MODE)) {
    case SYMBOL_TRADE_MODE_DISABLED:
      Deny(verdict, RETCODE_TRADE_DISABLED, "trading in this symbol is disabled");
      return;
    case SYMBOL_TRADE_MODE_LONGONLY:
      if (!buy && place.position_id == 0) Deny(verdict, RETCODE_LONG_ONLY, "the symbol may only be bought");
      break;
    case SYMBOL_TRADE_MODE_SHORTONLY:
      if (buy && place.position_id == 0) Deny(verdict, RETCODE_SHORT_ONLY, "the symbol may only be sold");
      break;
    case SYMBOL_TRADE_MODE_CLOSEONLY:
      if (place.position_id == 0) Deny(verdict, RETCODE_CLOSE_ONLY, "positions in the symbol may only be closed");
      break;
    default:
      break;
  }
  if (verdict.retcode != 0) return;
  if (!InSession(symbol)) {
    Deny(verdict, RETCODE_MARKET_CLOSED, "outside of the symbol's trade sessions");
    return;
  }
  // One bit for each of market, limit, stop, stop limit, in this order.
  const long modes = SymbolInfoInteger(symbol, SYMBOL_ORDER_MODE);
  const long bit = (long)1 << (place.type - 1);
  if (modes != 0 && (modes & bit) == 0) Deny(verdict, RETCODE_INVALID_ORDER, "the symbol takes no orders of this type");
}

void CheckVolume(const WirePlace &place, string symbol, Verdict &verdict) {
  const double least = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN);
  const double most = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX);
  const double step = SymbolInfoDouble(symbol, SYMBOL_VOLUME_STEP);
  if (!(place.volume_lots > 0) || !OnGrid(place.volume_lots, step)) {
    Deny(verdict, RETCODE_INVALID_VOLUME,
         StringFormat("volume %g is no positive multiple of the step %g", place.volume_lots, step));
  } else if (place.volume_lots > most + step * STEP_SLACK) {
    Deny(verdict, RETCODE_INVALID_VOLUME, StringFormat("volume %g is above the maximum %g", place.volume_lots, most));
  } else if (place.position_id == 0 && place.volume_lots < least - step * STEP_SLACK) {
    // What is left of a position may be less than the minimum, and must be closable.
    Deny(verdict, RETCODE_INVALID_VOLUME, StringFormat("volume %g is below the minimum %g", place.volume_lots, least));
  }
}

void CheckClose(const WirePlace &place, string symbol, Verdict &verdict) {
  ulong ticket = 0;
  if (place.type != TYPE_MARKET) {
    Deny(verdict, RETCODE_INVALID, "only a market order can close a position");
  } else if (!SelectPosition(place.position_id, ticket)) {
    Deny(verdict, RETCODE_POSITION_CLOSED, "the position does not exist or is closed");
  } else if (PositionGetString(POSITION_SYMBOL) != symbol) {
    Deny(verdict, RETCODE_INVALID, StringFormat("the position is in %s", PositionGetString(POSITION_SYMBOL)));
  } else if ((PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY) == (place.side == SIDE_BUY)) {
    Deny(verdict, RETCODE_INVALID, "an order that closes must be opposite to the position");
  } else if (place.volume_lots > PositionGetDouble(POSITION_VOLUME) + 1e-9) {
    Deny(verdict, RETCODE_INVALID_CLOSE_VOLUME,
         StringFormat("volume exceeds the position's %g", PositionGetDouble(POSITION_VOLUME)));
  }
}

// Points by which `nearer` is better than `further` for this side; with the slack of a rounding.
bool IsApart(double distance, double point, long least_points) {
  return distance / point >= (least_points > 0 ? (double)least_points - STEP_SLACK : STEP_SLACK);
}

// Stop loss and take profit, measured from the price `from`.
void CheckStops(string symbol, int side, double from, double stop_loss, double take_profit, Verdict &verdict) {
  const double sign = side == SIDE_BUY ? 1.0 : -1.0;
  const double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
  const double step = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
  const long least = SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL);
  if (stop_loss < 0 || take_profit < 0) {
    Deny(verdict, RETCODE_INVALID_STOPS, "stop loss or take profit is below 0");
  } else if ((stop_loss > 0 && !OnGrid(stop_loss, step)) || (take_profit > 0 && !OnGrid(take_profit, step))) {
    Deny(verdict, RETCODE_INVALID_STOPS, StringFormat("stop loss or take profit is not on the price step %g", step));
  } else if (stop_loss > 0 && !IsApart(sign * (from - stop_loss), point, least)) {
    Deny(verdict, RETCODE_INVALID_STOPS,
         StringFormat("stop loss is on the wrong side or closer than %d points", (int)least));
  } else if (take_profit > 0 && !IsApart(sign * (take_profit - from), point, least)) {
    Deny(verdict, RETCODE_INVALID_STOPS,
         StringFormat("take profit is on the wrong side or closer than %d points", (int)least));
  }
}

// A pending order stands outside of the market, at least the stops level away: buys from ask, sells from bid.
void CheckPending(string symbol, int side, int type, double price, double limit_price, Verdict &verdict) {
  MqlTick quote = {};
  if (!SymbolInfoTick(symbol, quote) || quote.bid <= 0 || quote.ask <= 0) {
    Deny(verdict, RETCODE_PRICE_OFF, "the symbol has no price");
    return;
  }
  const double step = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
  const double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
  const long least = SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL);
  const double sign = side == SIDE_BUY ? 1.0 : -1.0;
  const double market = side == SIDE_BUY ? quote.ask : quote.bid;
  const double waits_for = type == TYPE_LIMIT ? 1.0 : -1.0;  // a better price than the market's, or a worse one
  if (!(price > 0) || !OnGrid(price, step)) {
    Deny(verdict, RETCODE_INVALID_PRICE, StringFormat("price is missing or not on the price step %g", step));
  } else if (!IsApart(waits_for * sign * (market - price), point, least)) {
    Deny(verdict, RETCODE_INVALID_PRICE,
         StringFormat("price is on the wrong side of the market or closer than %d points", (int)least));
  } else if (type == TYPE_STOP_LIMIT && (!(limit_price > 0) || !OnGrid(limit_price, step))) {
    Deny(verdict, RETCODE_INVALID_PRICE, StringFormat("limit price is missing or not on the price step %g", step));
  } else if (type == TYPE_STOP_LIMIT && sign * (price - limit_price) / point < -STEP_SLACK) {
    Deny(verdict, RETCODE_INVALID_PRICE, "limit price is beyond the price that triggers it");
  }
}

void CheckExpiration(const WirePlace &place, string symbol, Verdict &verdict) {
  const long modes = SymbolInfoInteger(symbol, SYMBOL_EXPIRATION_MODE);
  const int force = place.time_in_force == 0 ? FORCE_GTC : (int)place.time_in_force;
  const long bit = (long)1 << (force - 1);  // of GTC, DAY, SPECIFIED, in this order
  if (modes != 0 && (modes & bit) == 0) {
    Deny(verdict, RETCODE_INVALID_EXPIRATION, "the symbol takes no orders that live as long as this");
  } else if (force == FORCE_SPECIFIED && place.expiration_ms / 1000 <= (long)TimeCurrent()) {
    Deny(verdict, RETCODE_INVALID_EXPIRATION, "expiration is not in the future");
  }
}

void CheckMarketOrder(const WirePlace &place, string symbol, Verdict &verdict) {
  MqlTick quote = {};
  if (!SymbolInfoTick(symbol, quote) || quote.bid <= 0 || quote.ask <= 0) {
    Deny(verdict, RETCODE_PRICE_OFF, "the symbol has no price");
    return;
  }
  const bool buy = place.side == SIDE_BUY;
  const double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
  const double worse = buy ? quote.ask - place.price : place.price - quote.bid;
  // Market execution looks at neither price nor deviation: whoever gave both relies on this one look.
  if (place.price > 0 && place.deviation_points > 0 && worse / point > (double)place.deviation_points + STEP_SLACK) {
    Deny(verdict, RETCODE_REQUOTE, "the price has moved beyond the deviation");
  } else if (place.position_id == 0) {
    CheckStops(symbol, place.side, buy ? quote.bid : quote.ask, place.stop_loss, place.take_profit, verdict);
  }
}

// The whole order, before it is sent.
void CheckPlace(const WirePlace &place, string symbol, Verdict &verdict) {
  CheckPermissions(verdict);
  if (verdict.retcode != 0) return;
  if (place.type < TYPE_MARKET || place.type > TYPE_STOP_LIMIT || (place.side != SIDE_BUY && place.side != SIDE_SELL)) {
    Deny(verdict, RETCODE_INVALID, "side or type is missing");
    return;
  }
  if (SymbolInfoDouble(symbol, SYMBOL_POINT) <= 0) {
    Deny(verdict, RETCODE_INVALID, StringFormat("the terminal has no symbol %s", symbol));
    return;
  }
  CheckSymbol(place, symbol, verdict);
  if (verdict.retcode == 0) CheckVolume(place, symbol, verdict);
  if (verdict.retcode == 0 && place.position_id != 0) CheckClose(place, symbol, verdict);
  if (verdict.retcode != 0) return;
  if (place.type == TYPE_MARKET) {
    CheckMarketOrder(place, symbol, verdict);
    return;
  }
  const long orders_limit = AccountInfoInteger(ACCOUNT_LIMIT_ORDERS);
  if (orders_limit > 0 && OrdersTotal() >= (int)orders_limit) {
    Deny(verdict, RETCODE_LIMIT_ORDERS, StringFormat("the account may have %d orders and has them", (int)orders_limit));
    return;
  }
  CheckPending(symbol, place.side, place.type, place.price, place.stop_limit_price, verdict);
  if (verdict.retcode == 0) CheckExpiration(place, symbol, verdict);
  if (verdict.retcode != 0) return;
  const double from = place.type == TYPE_STOP_LIMIT ? place.stop_limit_price : place.price;
  CheckStops(symbol, place.side, from, place.stop_loss, place.take_profit, verdict);
}

// Nothing that stands within the freeze level may be changed.
bool IsFrozen(string symbol, double market, double standing) {
  const long level = SymbolInfoInteger(symbol, SYMBOL_TRADE_FREEZE_LEVEL);
  const double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
  return level > 0 && standing > 0 && MathAbs(market - standing) / point <= (double)level + STEP_SLACK;
}

#endif
