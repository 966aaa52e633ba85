// Requests and what comes of them: the observed sequences of transactions, and what brokers refuse.
#include "test/mql5_support.h"

namespace mql5_test {
namespace {

using Types = std::vector<ENUM_TRADE_TRANSACTION_TYPE>;

TEST_F(MqlTest, SequenceOfAMarketOrder) {
  start();
  quotes();
  const auto all = send(market(ORDER_TYPE_BUY, 0.1));
  EXPECT_EQ(sent_result.retcode, TRADE_RETCODE_PLACED);
  ASSERT_EQ(types(all), (Types{TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_DEAL_ADD, TRADE_TRANSACTION_ORDER_DELETE,
                               TRADE_TRANSACTION_HISTORY_ADD, TRADE_TRANSACTION_REQUEST}));
  EXPECT_EQ(all[0].trans.order_state, ORDER_STATE_STARTED);
  EXPECT_EQ(all[1].trans.position, all[0].trans.order);
  EXPECT_EQ(all[2].trans.order_state, ORDER_STATE_FILLED);
  EXPECT_EQ(all[3].trans.order_state, ORDER_STATE_FILLED);
  const MqlTradeResult& result = all[4].result;
  EXPECT_EQ(result.retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(result.deal, all[1].trans.deal);
  EXPECT_EQ(result.order, all[0].trans.order);
  EXPECT_EQ(result.request_id, sent_result.request_id);
  EXPECT_EQ(result.volume, 0.1);
  EXPECT_NEAR(result.price, 1.1001, 1e-9);
  EXPECT_NEAR(result.bid, 1.1, 1e-9);
}

TEST_F(MqlTest, SequenceOfAClose) {
  start();
  quotes();
  const ulong position = answer(send(market(ORDER_TYPE_BUY, 0.1))).order;
  const auto all = send(market(ORDER_TYPE_SELL, 0.1, position));
  ASSERT_EQ(types(all), (Types{TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_ORDER_DELETE,
                               TRADE_TRANSACTION_HISTORY_ADD, TRADE_TRANSACTION_DEAL_ADD, TRADE_TRANSACTION_REQUEST}));
  EXPECT_EQ(all[0].trans.position, position);
  EXPECT_EQ(PositionsTotal(), 0);
}

MqlTradeRequest closeBy(ulong position, ulong position_by) {
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_CLOSE_BY;
  request.position = position;
  request.position_by = position_by;
  request.magic = 9;
  return request;
}

TEST_F(MqlTest, SequenceOfACloseBy) {
  start();
  quotes();
  EXPECT_NE(SymbolInfoInteger("EURUSD", SYMBOL_ORDER_MODE) & SYMBOL_ORDER_CLOSEBY, 0);
  const ulong buy = answer(send(market(ORDER_TYPE_BUY, 0.3))).order;
  const ulong sell = answer(send(market(ORDER_TYPE_SELL, 0.1))).order;
  const auto all = send(closeBy(buy, sell));
  ASSERT_EQ(types(all), (Types{TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_DEAL_ADD, TRADE_TRANSACTION_POSITION,
                               TRADE_TRANSACTION_DEAL_ADD, TRADE_TRANSACTION_ORDER_DELETE,
                               TRADE_TRANSACTION_HISTORY_ADD, TRADE_TRANSACTION_REQUEST}));
  EXPECT_EQ(all[0].trans.order_type, ORDER_TYPE_CLOSE_BY);
  EXPECT_EQ(all[0].trans.position, buy);
  EXPECT_EQ(all[0].trans.position_by, sell);
  EXPECT_EQ(all[1].trans.deal_type, DEAL_TYPE_SELL);
  EXPECT_EQ(all[1].trans.position, buy);
  EXPECT_EQ(all[2].trans.position, buy);
  EXPECT_NEAR(all[2].trans.volume, 0.2, 1e-9);
  EXPECT_EQ(all[3].trans.deal_type, DEAL_TYPE_BUY);
  EXPECT_EQ(all[3].trans.position, sell);
  const MqlTradeResult& result = all[6].result;
  EXPECT_EQ(result.retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(result.deal, all[1].trans.deal);
  const ulong order = all[0].trans.order;
  EXPECT_EQ(result.order, order);
  ASSERT_TRUE(HistoryOrderSelect(order));
  EXPECT_EQ(HistoryOrderGetInteger(order, ORDER_TYPE), ORDER_TYPE_CLOSE_BY);
  EXPECT_EQ(HistoryOrderGetInteger(order, ORDER_POSITION_ID), static_cast<long>(buy));
  EXPECT_EQ(HistoryOrderGetInteger(order, ORDER_POSITION_BY_ID), static_cast<long>(sell));
  EXPECT_EQ(HistoryOrderGetString(order, ORDER_COMMENT),
            ::string("#" + std::to_string(buy) + " by #" + std::to_string(sell)));
  for (const size_t at : {1, 3}) {
    ASSERT_TRUE(HistoryDealSelect(all[at].trans.deal));
    EXPECT_EQ(HistoryDealGetInteger(all[at].trans.deal, DEAL_ENTRY), DEAL_ENTRY_OUT_BY);
    EXPECT_EQ(HistoryDealGetInteger(all[at].trans.deal, DEAL_MAGIC), 9);
  }
  // Each position's history has its own deal; the order is the first one's (facts sheet, section 9).
  ASSERT_TRUE(HistorySelectByPosition(static_cast<long>(sell)));
  EXPECT_EQ(HistoryDealsTotal(), 2);
  EXPECT_EQ(HistoryOrdersTotal(), 1);
  ASSERT_EQ(PositionsTotal(), 1);
  EXPECT_EQ(PositionGetTicket(0), buy);
}

TEST_F(MqlTest, ACloseByIsRefusedOnANettingAccountAndInAClosedMarket) {
  start();
  quotes();
  const ulong buy = answer(send(market(ORDER_TYPE_BUY, 0.1))).order;
  const ulong sell = answer(send(market(ORDER_TYPE_SELL, 0.1))).order;
  EXPECT_EQ(answer(send(closeBy(buy, 0))).retcode, TRADE_RETCODE_INVALID);
  EXPECT_EQ(answer(send(closeBy(buy, sell + 100))).retcode, TRADE_RETCODE_POSITION_CLOSED);
  profile.sessions = {{.day = 0, .from_s = 0, .to_s = 60}};
  start();
  quotes();
  EXPECT_EQ(answer(send(closeBy(buy, sell))).retcode, TRADE_RETCODE_MARKET_CLOSED);
  EXPECT_EQ(PositionsTotal(), 2);
  profile = Profile();
  profile.margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  engine.reset();
  start();
  quotes();
  EXPECT_EQ(SymbolInfoInteger("EURUSD", SYMBOL_ORDER_MODE) & SYMBOL_ORDER_CLOSEBY, 0);
  const ulong only = answer(send(market(ORDER_TYPE_BUY, 0.1))).order;
  EXPECT_EQ(answer(send(closeBy(only, only))).retcode, TRADE_RETCODE_INVALID_ORDER);
  EXPECT_EQ(PositionsTotal(), 1);
}

TEST_F(MqlTest, SequenceOfChangedStops) {
  start();
  quotes();
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_SLTP;
  request.symbol = "EURUSD";
  request.position = answer(send(market(ORDER_TYPE_BUY, 0.1))).order;
  request.sl = 1.09;
  const auto all = send(request);
  ASSERT_EQ(types(all), (Types{TRADE_TRANSACTION_POSITION, TRADE_TRANSACTION_REQUEST}));
  EXPECT_EQ(all[0].trans.price_sl, 1.09);
  EXPECT_EQ(all[0].trans.volume, 0.1);
  EXPECT_EQ(all[1].result.retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(all[1].result.order, 0u);
  EXPECT_EQ(all[1].result.deal, 0u);
}

TEST_F(MqlTest, SequenceOfAPendingOrder) {
  start();
  quotes();
  const auto all = send(limit(1.05));
  ASSERT_EQ(types(all),
            (Types{TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_ORDER_UPDATE, TRADE_TRANSACTION_REQUEST}));
  EXPECT_EQ(all[2].result.retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(all[2].result.comment, "Order placed");
  EXPECT_NE(all[2].result.order, 0u);
  EXPECT_EQ(all[2].result.deal, 0u);
  EXPECT_EQ(OrdersTotal(), 1);
  watch().transactions.clear();
  tick("EURUSD", 1.04);
  terminal->step();
  EXPECT_EQ(types(watch().transactions),
            (Types{TRADE_TRANSACTION_DEAL_ADD, TRADE_TRANSACTION_ORDER_DELETE, TRADE_TRANSACTION_HISTORY_ADD}));
}

TEST_F(MqlTest, CancellingAndItsTimeInTheHistory) {
  start();
  quotes();
  const ulong order = answer(send(limit(1.05))).order;
  tick("EURUSD", 1.1, 3'600'000);
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_REMOVE;
  request.order = order;
  EXPECT_EQ(answer(send(request)).retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(answer(send(request)).retcode, TRADE_RETCODE_INVALID);
  // By when it was done, not by when it was placed.
  EXPECT_TRUE(HistorySelect(now_ms / 1000 - 60, now_ms / 1000 + 60));
  ASSERT_EQ(HistoryOrdersTotal(), 1);
  EXPECT_EQ(HistoryOrderGetInteger(order, ORDER_STATE), ORDER_STATE_CANCELED);
  EXPECT_EQ(HistoryOrderGetInteger(order, ORDER_TIME_DONE_MSC), now_ms);
}

TEST_F(MqlTest, PartsOfAnOrderAreSeveralDeals) {
  config.execution.partial_fill_probability = 1;
  start();
  quotes();
  MqlTradeRequest request = market(ORDER_TYPE_BUY, 1);
  const auto ioc = send(request);
  EXPECT_EQ(answer(ioc).retcode, TRADE_RETCODE_DONE_PARTIAL);
  EXPECT_LT(answer(ioc).volume, 1);
  EXPECT_EQ(find(ioc, TRADE_TRANSACTION_HISTORY_ADD)->trans.order_state, ORDER_STATE_CANCELED);
  tick("EURUSD", 1.1);
  EXPECT_EQ(engine->deals().size(), 2u);
  request.type_filling = ORDER_FILLING_FOK;
  EXPECT_EQ(answer(send(request)).volume, 1);
}

TEST_F(MqlTest, OnAnExchangeTheRestLivesOn) {
  config.execution.partial_fill_probability = 1;
  profile.margin_mode = ACCOUNT_MARGIN_MODE_EXCHANGE;
  profile.execution = SYMBOL_TRADE_EXECUTION_EXCHANGE;
  start();
  quotes();
  MqlTradeRequest request = market(ORDER_TYPE_BUY, 1);
  request.type_filling = ORDER_FILLING_RETURN;
  EXPECT_EQ(answer(send(request)).retcode, TRADE_RETCODE_DONE_PARTIAL);
  ASSERT_EQ(OrdersTotal(), 1);
  OrderGetTicket(0);
  EXPECT_EQ(OrderGetInteger(ORDER_STATE), ORDER_STATE_PARTIAL);
  tick("EURUSD", 1.1);
  terminal->step();
  EXPECT_EQ(OrdersTotal(), 0);
  ASSERT_TRUE(PositionSelect("EURUSD"));
  EXPECT_EQ(PositionGetDouble(POSITION_VOLUME), 1);
}

struct Filling {
  ENUM_SYMBOL_TRADE_EXECUTION execution;
  uint32_t mask;
  ENUM_ORDER_TYPE_FILLING filling;
  bool allowed;
};
class FillingTest : public MqlTest, public ::testing::WithParamInterface<Filling> {};
TEST_P(FillingTest, IsAllowedOrNot) {
  profile.execution = GetParam().execution;
  profile.filling = GetParam().mask;
  start();
  quotes();
  MqlTradeRequest request = market(ORDER_TYPE_BUY, 0.1);
  request.type_filling = GetParam().filling;
  request.price = 1.1001;
  EXPECT_EQ(answer(send(request)).retcode,
            static_cast<uint>(GetParam().allowed ? TRADE_RETCODE_DONE : TRADE_RETCODE_INVALID_FILL));
}
INSTANTIATE_TEST_SUITE_P(All, FillingTest,
                         ::testing::Values(Filling{SYMBOL_TRADE_EXECUTION_REQUEST, 0, ORDER_FILLING_FOK, true},
                                           Filling{SYMBOL_TRADE_EXECUTION_INSTANT, 0, ORDER_FILLING_RETURN, true},
                                           Filling{SYMBOL_TRADE_EXECUTION_MARKET, 3, ORDER_FILLING_RETURN, false},
                                           Filling{SYMBOL_TRADE_EXECUTION_MARKET, 1, ORDER_FILLING_FOK, true},
                                           Filling{SYMBOL_TRADE_EXECUTION_MARKET, 1, ORDER_FILLING_IOC, false},
                                           Filling{SYMBOL_TRADE_EXECUTION_MARKET, 2, ORDER_FILLING_IOC, true},
                                           Filling{SYMBOL_TRADE_EXECUTION_MARKET, 2, ORDER_FILLING_FOK, false},
                                           Filling{SYMBOL_TRADE_EXECUTION_EXCHANGE, 0, ORDER_FILLING_RETURN, true},
                                           Filling{SYMBOL_TRADE_EXECUTION_EXCHANGE, 2, ORDER_FILLING_FOK, false},
                                           Filling{SYMBOL_TRADE_EXECUTION_MARKET, 3, ORDER_FILLING_BOC, false}));

TEST_F(MqlTest, InstantExecutionRequotesAndMarketDoesNot) {
  profile.execution = SYMBOL_TRADE_EXECUTION_INSTANT;
  start();
  quotes();
  MqlTradeRequest request = market(ORDER_TYPE_BUY, 0.1);
  request.price = 1.1;
  request.deviation = 5;  // the ask is 10 points higher
  const MqlTradeResult requote = answer(send(request));
  EXPECT_EQ(requote.retcode, TRADE_RETCODE_REQUOTE);
  EXPECT_NEAR(requote.ask, 1.1001, 1e-9);
  request.deviation = 10;
  EXPECT_EQ(answer(send(request)).retcode, TRADE_RETCODE_DONE);
  request.price = 0;
  EXPECT_EQ(answer(send(request)).retcode, TRADE_RETCODE_INVALID_PRICE);
  profile.execution = SYMBOL_TRADE_EXECUTION_MARKET;
  start();
  EXPECT_EQ(answer(send(request)).retcode, TRADE_RETCODE_DONE);
}

TEST_F(MqlTest, TheMarketClosesAndOpens) {
  profile.sessions = {{3, 0, 10 * 3600 + 1800}};  // Wednesday until 10:30
  start();
  quotes();
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.1))).retcode, TRADE_RETCODE_DONE);
  clock.sleepUs(int64_t{1800} * 1'000'000);
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.1))).retcode, TRADE_RETCODE_MARKET_CLOSED);
  datetime from = 0, to = 0;
  EXPECT_TRUE(SymbolInfoSessionTrade("EURUSD", WEDNESDAY, 0, from, to));
  EXPECT_EQ(to, 37800);
  EXPECT_FALSE(SymbolInfoSessionTrade("EURUSD", WEDNESDAY, 1, from, to));
  EXPECT_FALSE(SymbolInfoSessionTrade("EURUSD", MONDAY, 0, from, to));
}

TEST_F(MqlTest, ATapesSessionsGoByItsTicksAndNoProgramIsToldOfThem) {
  profile.sessions = {{3, 0, 10 * 3600 + 1800}};  // Wednesday until 10:30
  market_time = true;
  start();
  quotes();
  // By the clock it is long over.
  clock.sleepUs(int64_t{7200} * 1'000'000);
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.1))).retcode, TRADE_RETCODE_DONE);
  datetime from = 0, to = 0;
  for (int day = 0; day < 7; ++day)
    EXPECT_FALSE(SymbolInfoSessionTrade("EURUSD", static_cast<ENUM_DAY_OF_WEEK>(day), 0, from, to));
  EXPECT_EQ(answer(send(limit(1.08))).retcode, TRADE_RETCODE_DONE);
  // A tick at 10:30 ends it, for what waits too, and one of the next Wednesday begins it again.
  terminal->quote(0, kStartMs + 1'800'000, 1.07, 1.0701, 6);
  pass(1'000'000);
  EXPECT_EQ(OrdersTotal(), 1);
  terminal->quote(0, kStartMs + 1'800'000, 1.1, 1.1001, 6);
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.1))).retcode, TRADE_RETCODE_MARKET_CLOSED);
  EXPECT_EQ(answer(send(limit(1.05))).retcode, TRADE_RETCODE_MARKET_CLOSED);
  terminal->quote(0, kStartMs + 7 * 86'400'000, 1.1, 1.1001, 6);
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.1))).retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(OrdersTotal(), 1);
  terminal->quote(0, kStartMs + 7 * 86'400'000, 1.07, 1.0701, 6);
  EXPECT_EQ(OrdersTotal(), 0);
}

TEST_F(MqlTest, WhatIsRefused) {
  profile.limit_orders = 1;
  start();
  quotes();
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 49))).retcode, TRADE_RETCODE_NO_MONEY);
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.015))).retcode, TRADE_RETCODE_INVALID_VOLUME);
  EXPECT_EQ(answer(send(market(ORDER_TYPE_SELL, 0.1, 99))).retcode, TRADE_RETCODE_POSITION_CLOSED);
  EXPECT_EQ(answer(send(limit(1.2))).retcode, TRADE_RETCODE_INVALID_PRICE);
  send(limit(1.05));
  EXPECT_EQ(answer(send(limit(1.06))).retcode, TRADE_RETCODE_LIMIT_ORDERS);
  // A refused request leaves nothing behind.
  EXPECT_EQ(engine->deals().size(), 1u);
  EXPECT_EQ(engine->orders().size(), 1u);
}

TEST_F(MqlTest, WhatTheTerminalDoesNotSend) {
  start();
  quotes();
  terminal->allowTrade(false);
  EXPECT_TRUE(send(market(ORDER_TYPE_BUY, 0.1)).empty());
  EXPECT_FALSE(sent);
  EXPECT_EQ(sent_result.retcode, TRADE_RETCODE_CLIENT_DISABLES_AT);
  EXPECT_EQ(GetLastError(), ERR_TRADE_DISABLED);
  terminal->allowTrade(true);
  MqlTradeRequest unknown = market(ORDER_TYPE_BUY, 0.1);
  unknown.symbol = "XXXYYY";
  EXPECT_TRUE(send(unknown).empty());
  EXPECT_EQ(sent_result.retcode, TRADE_RETCODE_INVALID);
  EXPECT_EQ(sent_result.request_id, 0u);
}

TEST_F(MqlTest, RequestIdsBeginAnewWithTheTerminal) {
  start();
  quotes();
  send(market(ORDER_TYPE_BUY, 0.1));
  send(market(ORDER_TYPE_BUY, 0.1));
  EXPECT_EQ(sent_result.request_id, 2u);
  const size_t deals = engine->deals().size();
  start();
  send(market(ORDER_TYPE_BUY, 0.1));
  EXPECT_EQ(sent_result.request_id, 1u);
  EXPECT_EQ(engine->deals().size(), deals + 1);
}

TEST_F(MqlTest, TheSameCommentTwiceIsTwoOrders) {
  start();
  quotes();
  const ulong first = answer(send(market(ORDER_TYPE_BUY, 0.1))).order;
  EXPECT_NE(answer(send(market(ORDER_TYPE_BUY, 0.1))).order, first);
  EXPECT_EQ(PositionsTotal(), 2);
}

TEST_F(MqlTest, BrokersChangeComments) {
  profile.comment_max_bytes = 4;
  start();
  quotes();
  MqlTradeRequest request = market(ORDER_TYPE_BUY, 0.1);
  request.comment = "abc\xC3\xA4";
  send(request);
  PositionGetTicket(0);
  EXPECT_EQ(PositionGetString(POSITION_COMMENT), "abc");
  profile.comment_max_bytes = 31;
  profile.comment = "replaced";
  start();
  send(request);
  PositionGetTicket(1);
  EXPECT_EQ(PositionGetString(POSITION_COMMENT), "broker");
}

TEST_F(MqlTest, AReversalKeepsTheIdentifierAndReplacesTheTicket) {
  profile.margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  start();
  quotes();
  const ulong first = answer(send(market(ORDER_TYPE_BUY, 0.1))).order;
  const ulong second = answer(send(market(ORDER_TYPE_SELL, 0.3))).order;
  ASSERT_TRUE(PositionSelect("EURUSD"));
  EXPECT_EQ(static_cast<ulong>(PositionGetInteger(POSITION_IDENTIFIER)), first);
  EXPECT_EQ(static_cast<ulong>(PositionGetInteger(POSITION_TICKET)), second);
  EXPECT_FALSE(PositionSelectByTicket(first));
  EXPECT_EQ(GetLastError(), ERR_TRADE_POSITION_NOT_FOUND);
  ASSERT_TRUE(HistorySelectByPosition(static_cast<long>(first)));
  ASSERT_EQ(HistoryDealsTotal(), 2);
  EXPECT_EQ(HistoryDealGetInteger(HistoryDealGetTicket(1), DEAL_ENTRY), DEAL_ENTRY_INOUT);
  // After a restart of the terminal too.
  start();
  EXPECT_TRUE(PositionSelectByTicket(second));
  EXPECT_EQ(answer(send(market(ORDER_TYPE_BUY, 0.2, second))).retcode, TRADE_RETCODE_DONE);
  EXPECT_EQ(PositionsTotal(), 0);
}

TEST_F(MqlTest, OrderSendWaitsAndEventsComeAfterTheHandler) {
  profile.latency_us = 50'000;
  start();
  quotes();
  watch().during = [&](const std::string& what) {
    if (what != "tick") return;
    watch().during = nullptr;
    const int64_t before = clock.nowUs();
    MqlTradeResult result = {};
    EXPECT_TRUE(OrderSend(market(ORDER_TYPE_BUY, 0.1), result));
    EXPECT_EQ(result.retcode, TRADE_RETCODE_DONE);
    EXPECT_EQ(clock.nowUs() - before, 50'000);
    EXPECT_TRUE(watch().transactions.empty());
    EXPECT_EQ(PositionsTotal(), 1);
  };
  tick("EURUSD", 1.1);
  terminal->step();
  EXPECT_EQ(watch().transactions.size(), 5u);
}

}  // namespace
}  // namespace mql5_test
