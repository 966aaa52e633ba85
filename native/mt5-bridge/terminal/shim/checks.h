// What the expert relies on when it packs messages: sizes and places as MetaTrader has them.
#pragma once

#include <cstddef>

#include "terminal/shim/constants.h"
#include "terminal/shim/structs.h"

static_assert(sizeof(MqlTick) == 60 && sizeof(MqlRates) == 60 && sizeof(MqlBookInfo) == 28 &&
              sizeof(MqlDateTime) == 32);
static_assert(offsetof(MqlTick, volume) == 32 && offsetof(MqlTick, time_msc) == 40 && offsetof(MqlTick, flags) == 48 &&
              offsetof(MqlTick, volume_real) == 52);
static_assert(offsetof(MqlRates, tick_volume) == 40 && offsetof(MqlRates, spread) == 48 &&
              offsetof(MqlRates, real_volume) == 52);
static_assert(offsetof(MqlBookInfo, price) == 4 && offsetof(MqlBookInfo, volume) == 12 &&
              offsetof(MqlBookInfo, volume_real) == 20);
// An enumeration always has 4 bytes.
static_assert(sizeof(ENUM_ORDER_TYPE) == 4 && sizeof(ENUM_TRADE_REQUEST_ACTIONS) == 4 && sizeof(ENUM_BOOK_TYPE) == 4 &&
              sizeof(ENUM_DAY_OF_WEEK) == 4 && sizeof(ENUM_TIMEFRAMES) == 4 && sizeof(ENUM_ACCOUNT_MARGIN_MODE) == 4);

// A number that moved would change what is traded; those that follow from counting are named at their ends.
static_assert(TRADE_ACTION_DEAL == 1 && TRADE_ACTION_PENDING == 5 && TRADE_ACTION_SLTP == 6 &&
              TRADE_ACTION_MODIFY == 7 && TRADE_ACTION_REMOVE == 8 && TRADE_ACTION_CLOSE_BY == 10);
static_assert(ORDER_TYPE_BUY == 0 && ORDER_TYPE_SELL_STOP_LIMIT == 7 && ORDER_TYPE_CLOSE_BY == 8);
static_assert(ORDER_FILLING_FOK == 0 && ORDER_FILLING_BOC == 3);
static_assert(SYMBOL_FILLING_FOK == 1 && SYMBOL_FILLING_IOC == 2 && SYMBOL_FILLING_BOC == 4);
static_assert(SYMBOL_EXPIRATION_GTC == 1 << ORDER_TIME_GTC && SYMBOL_EXPIRATION_DAY == 1 << ORDER_TIME_DAY &&
              SYMBOL_EXPIRATION_SPECIFIED == 1 << ORDER_TIME_SPECIFIED &&
              SYMBOL_EXPIRATION_SPECIFIED_DAY == 1 << ORDER_TIME_SPECIFIED_DAY);
static_assert(SYMBOL_ORDER_MARKET == 1 << (ORDER_TYPE_BUY / 2) &&
              SYMBOL_ORDER_LIMIT == 1 << (ORDER_TYPE_BUY_LIMIT / 2) &&
              SYMBOL_ORDER_STOP == 1 << (ORDER_TYPE_BUY_STOP / 2) &&
              SYMBOL_ORDER_STOP_LIMIT == 1 << (ORDER_TYPE_BUY_STOP_LIMIT / 2));
static_assert(ORDER_STATE_STARTED == 0 && ORDER_STATE_REQUEST_CANCEL == 9);
static_assert(DEAL_TYPE_INTEREST == 12 && DEAL_TAX == 17 && DEAL_ENTRY_OUT_BY == 3 && DEAL_REASON_SPLIT == 9);
static_assert(TRADE_TRANSACTION_DEAL_ADD == 6 && TRADE_TRANSACTION_POSITION == 9 && TRADE_TRANSACTION_REQUEST == 10);
static_assert(BOOK_TYPE_SELL == 1 && BOOK_TYPE_BUY_MARKET == 4);
static_assert(ACCOUNT_MARGIN_MODE_EXCHANGE == 1 && ACCOUNT_MARGIN_MODE_RETAIL_HEDGING == 2);
static_assert(SYMBOL_TRADE_EXECUTION_EXCHANGE == 3 && SYMBOL_TRADE_MODE_FULL == 4);
static_assert(TICK_FLAG_BID == 2 && TICK_FLAG_SELL == 64 && COPY_TICKS_ALL == -1);
static_assert(INIT_FAILED == 1 && REASON_CLOSE == 9 && CHARTEVENT_CUSTOM == 1000);
static_assert(PERIOD_H1 == (0x4000 | 1) && PERIOD_H12 == (0x4000 | 12) && PERIOD_D1 == (0x4000 | 24));
