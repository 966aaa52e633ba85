// What goes wrong between terminal and trade server: lost and late answers, unordered transactions, lost connections.
#include <algorithm>
#include <set>

#include "test/mql5_support.h"

namespace mql5_test {
namespace {

TEST_F(MqlTest, AReplyIsLostAndTheOrderIsDone) {
  profile.lost_reply = 1;
  start();
  quotes();
  const auto all = send(market(ORDER_TYPE_BUY, 0.1));
  EXPECT_EQ(find(all, TRADE_TRANSACTION_REQUEST), nullptr);
  EXPECT_EQ(PositionsTotal(), 1);
}

TEST_F(MqlTest, ATimeoutSaysNothingAboutTheOrder) {
  profile.timeout_reply = 1;
  start();
  quotes();
  const MqlTradeResult result = answer(send(market(ORDER_TYPE_BUY, 0.1)));
  EXPECT_EQ(result.retcode, TRADE_RETCODE_TIMEOUT);
  EXPECT_EQ(result.order, 0u);
  EXPECT_EQ(PositionsTotal(), 1);
}

TEST_F(MqlTest, ARejectedRequestMayBeTakenTheNextTime) {
  profile.reject = 0.5;
  start();
  quotes();
  std::set<uint> codes;
  for (int i = 0; i < 40; ++i) codes.insert(answer(send(market(ORDER_TYPE_BUY, 0.01))).retcode);
  EXPECT_EQ(codes, (std::set<uint>{TRADE_RETCODE_REJECT, TRADE_RETCODE_DONE}));
}

TEST_F(MqlTest, TransactionsComeInEveryOrderAndNoneIsLost) {
  profile.transactions = "shuffled";
  start();
  quotes();
  std::set<ENUM_TRADE_TRANSACTION_TYPE> first;
  const std::vector<ENUM_TRADE_TRANSACTION_TYPE> whole = {TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_ORDER_DELETE,
                                                          TRADE_TRANSACTION_HISTORY_ADD, TRADE_TRANSACTION_DEAL_ADD,
                                                          TRADE_TRANSACTION_REQUEST};
  for (int i = 0; i < 60; ++i) {
    auto seen = types(send(market(ORDER_TYPE_BUY, 0.01)));
    first.insert(seen.front());
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, whole);
  }
  EXPECT_EQ(first.size(), whole.size());
}

TEST_F(MqlTest, TheSameSeedGivesTheSameOrder) {
  profile.transactions = "shuffled";
  profile.seed = 5;
  std::vector<ENUM_TRADE_TRANSACTION_TYPE> runs[2];
  for (auto& run : runs) {
    engine.reset();
    start();
    quotes();
    for (int i = 0; i < 5; ++i)
      for (const auto type : types(send(market(ORDER_TYPE_BUY, 0.01)))) run.push_back(type);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

// Everything that a hostile broker does: lost and late answers, refusals, late ticks, broken connections, shuffled
// transactions, latency. One seed, one story; another seed, another.
TEST_F(MqlTest, AllFaultsComeFromTheSeed) {
  std::vector<std::string> faults;
  const Profile hostile = loadProfile(std::string(TROUPE_PROFILES) + "/hostile.json", faults);
  ASSERT_TRUE(faults.empty());
  const auto story = [&](uint64_t seed) {
    std::string told;
    profile = hostile;
    profile.seed = seed;
    engine.reset();
    now_ms = kStartMs;
    clock = VirtualClock{kStartMs * 1000};
    watch() = Watch();
    start();
    pass(6'000'000);
    for (int i = 0; i < 600; ++i) {
      for (int k = 0; k < 5; ++k) tick("EURUSD", 1.1 + (i * 5 + k) * 0.00001, 20);
      MqlTradeResult result = {};
      OrderSendAsync(market(i % 2 ? ORDER_TYPE_SELL : ORDER_TYPE_BUY, 0.01), result);
      pass(700'000);
      told += terminal->connected() ? "+" : "-";
      told += std::to_string(terminal->unread(0)) + " ";
    }
    for (const Transaction& t : watch().transactions)
      told += std::to_string(t.trans.type) + ":" + std::to_string(t.trans.order) + ":" +
              std::to_string(t.result.retcode) + " ";
    return told;
  };
  const std::string first = story(1), again = story(1), other = story(2);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  // It is a story of faults, each kind of which has happened.
  EXPECT_NE(first.find('-'), std::string::npos) << "no connection was lost";
  for (const char* code : {":10006 ", ":10012 ", ":10009 "}) EXPECT_NE(first.find(code), std::string::npos) << code;
  const auto answers = [](const std::string& told) {
    size_t n = 0;
    for (size_t at = 0; (at = told.find("10:0:", at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_LT(answers(first), 600u) << "no answer was lost";
}

TEST_F(MqlTest, TheHistoryIsLate) {
  profile.late_history_us = 5'000'000;
  start();
  quotes();
  const MqlTradeResult result = answer(send(market(ORDER_TYPE_BUY, 0.1)));
  EXPECT_EQ(PositionsTotal(), 1);
  EXPECT_FALSE(HistoryDealSelect(result.deal));
  EXPECT_EQ(GetLastError(), ERR_TRADE_DEAL_NOT_FOUND);
  EXPECT_FALSE(HistoryOrderSelect(result.order));
  pass(5'000'000);
  EXPECT_TRUE(HistoryDealSelect(result.deal));
  EXPECT_EQ(HistoryDealGetInteger(result.deal, DEAL_ORDER), static_cast<long>(result.order));
  EXPECT_TRUE(HistoryOrderSelect(result.order));
}

TEST_F(MqlTest, WithoutConnectionTheTerminalShowsWhatItLastSaw) {
  start();
  quotes();
  const ulong order = answer(send(limit(1.05))).order;
  terminal->disconnect(10'000'000);
  EXPECT_FALSE(TerminalInfoInteger(TERMINAL_CONNECTED));
  EXPECT_FALSE(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED));
  watch().transactions.clear();
  watch().calls.clear();
  tick("EURUSD", 1.04);  // fills the order at the broker
  terminal->step();
  EXPECT_TRUE(watch().calls.empty());
  EXPECT_TRUE(OrderSelect(order));
  EXPECT_EQ(PositionsTotal(), 0);
  EXPECT_FALSE(HistoryOrderSelect(order));
  MqlTick last = {};
  ASSERT_TRUE(SymbolInfoTick("EURUSD", last));
  EXPECT_NEAR(last.bid, 1.1, 1e-9);
  EXPECT_TRUE(send(market(ORDER_TYPE_BUY, 0.1)).empty());
  EXPECT_EQ(sent_result.retcode, TRADE_RETCODE_CONNECTION);
  pass(10'000'000);
  EXPECT_TRUE(TerminalInfoInteger(TERMINAL_CONNECTED));
  // Nobody tells what happened meanwhile, but it can be seen.
  EXPECT_TRUE(watch().transactions.empty());
  EXPECT_FALSE(OrderSelect(order));
  EXPECT_EQ(PositionsTotal(), 1);
  EXPECT_TRUE(HistoryOrderSelect(order));
  ASSERT_TRUE(SymbolInfoTick("EURUSD", last));
  EXPECT_NEAR(last.bid, 1.04, 1e-9);
}

TEST_F(MqlTest, ARequestUnderWayWhenTheConnectionBreaksArrivesOrNot) {
  profile.latency_us = 100'000;
  start();
  quotes();
  std::set<size_t> executed;
  for (int i = 0; i < 30; ++i) {
    const size_t before = engine->deals().size();
    watch().transactions.clear();
    MqlTradeResult result = {};
    ASSERT_TRUE(OrderSendAsync(market(ORDER_TYPE_BUY, 0.01), result));
    terminal->disconnect(1'000'000);
    pass(2'000'000);
    EXPECT_TRUE(watch().transactions.empty());
    executed.insert(engine->deals().size() - before);
  }
  EXPECT_EQ(executed, (std::set<size_t>{0, 1}));
}

TEST_F(MqlTest, ConnectionsBreakByTheSeed) {
  profile.disconnect_every_us = 10'000'000;
  profile.disconnect_for_us = 1'000'000;
  start();
  int broken = 0;
  bool before = true;
  for (int i = 0; i < 10'000; ++i) {
    pass(100'000);
    if (before && !terminal->connected()) ++broken;
    before = terminal->connected();
  }
  // A thousand seconds, of which one in eleven without.
  EXPECT_GT(broken, 50);
  EXPECT_LT(broken, 150);
}

TEST_F(MqlTest, PropertiesAreZeroUntilTheServerHasBeenHeard) {
  profile.connect_us = 1'000'000;
  profile.synchronise_us = 500'000;
  start();
  tick("EURUSD", 1.1);
  EXPECT_FALSE(TerminalInfoInteger(TERMINAL_CONNECTED));
  EXPECT_EQ(SymbolInfoDouble("EURUSD", SYMBOL_POINT), 0);
  MqlTick last = {};
  EXPECT_FALSE(SymbolInfoTick("EURUSD", last));
  pass(1'000'000);
  EXPECT_TRUE(TerminalInfoInteger(TERMINAL_CONNECTED));
  EXPECT_EQ(SymbolInfoDouble("EURUSD", SYMBOL_VOLUME_STEP), 0);
  EXPECT_FALSE(SymbolIsSynchronized("EURUSD"));
  EXPECT_TRUE(SymbolInfoTick("EURUSD", last));
  pass(500'000);
  EXPECT_EQ(SymbolInfoDouble("EURUSD", SYMBOL_VOLUME_STEP), 0.01);
  EXPECT_EQ(SymbolInfoInteger("EURUSD", SYMBOL_DIGITS), 5);
  // And stay known when the connection is lost later.
  terminal->disconnect(1'000'000);
  EXPECT_EQ(SymbolInfoInteger("EURUSD", SYMBOL_DIGITS), 5);
}

}  // namespace
}  // namespace mql5_test
