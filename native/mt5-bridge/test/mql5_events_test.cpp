// Event queues, timers and the life of a program, as section 4 of MetaTrader's rules has them.
#include "test/mql5_support.h"

namespace mql5_test {
namespace {

using Calls = std::vector<std::string>;

TEST_F(MqlTest, OnlyTicksOfTheChartAreTold) {
  start();
  watch().calls.clear();
  tick("GBPUSD", 1.3);
  terminal->step();
  EXPECT_EQ(watch().calls, Calls{});
  tick("EURUSD", 1.1);
  terminal->step();
  EXPECT_EQ(watch().calls, Calls{"tick"});
}

TEST_F(MqlTest, SeveralTicksMakeOneEvent) {
  start();
  watch().calls.clear();
  for (int i = 0; i < 5; ++i) tick("EURUSD", 1.1 + i * 0.0001);
  terminal->step();
  EXPECT_EQ(watch().calls, Calls{"tick"});
}

TEST_F(MqlTest, ATickDuringOnTickIsIgnored) {
  start();
  watch().calls.clear();
  watch().during = [this](const std::string&) {
    watch().during = nullptr;
    tick("EURUSD", 1.2);
  };
  tick("EURUSD", 1.1);
  terminal->step();
  EXPECT_EQ(watch().calls, Calls{"tick"});
  tick("EURUSD", 1.3);
  terminal->step();
  EXPECT_EQ(watch().calls.size(), 2u);
}

TEST_F(MqlTest, ChartEventsAreMergedWhileOneWaits) {
  start();
  watch().calls.clear();
  terminal->wake(1);
  terminal->wake(2);
  terminal->step();
  EXPECT_EQ(watch().calls, Calls{"chart 1001"});
  EXPECT_TRUE(EventChartCustom(terminal->program(0)->chart_id, 3, 0, 0, "x"));
  EXPECT_FALSE(EventChartCustom(99, 3, 0, 0, "x"));
  terminal->step();
  EXPECT_EQ(watch().calls, (Calls{"chart 1001", "chart 1003"}));
}

TEST_F(MqlTest, TimersComeNoMoreOftenThanEveryTenToSixteenMilliseconds) {
  watch().during = [](const std::string& what) {
    if (what == "init") EventSetMillisecondTimer(1);
  };
  start();
  watch().calls.clear();
  pass(1'000'000);
  EXPECT_GE(watch().calls.size(), 1000u / 16);
  EXPECT_LE(watch().calls.size(), 1000u / 10 + 1);
}

TEST_F(MqlTest, TimersAsAskedForWhereTheProfileSaysSo) {
  profile.real_timers = false;
  watch().during = [](const std::string& what) {
    if (what == "init") EventSetMillisecondTimer(1);
  };
  start();
  watch().calls.clear();
  pass(100'000);
  EXPECT_EQ(watch().calls.size(), 100u);
}

TEST_F(MqlTest, WhatComesBeforeOnInitHasReturnedIsNotSeen) {
  watch().during = [this](const std::string& what) {
    if (what == "init") terminal->wake(1);
  };
  start();
  terminal->step();
  EXPECT_EQ(watch().calls, Calls{"init"});
}

TEST_F(MqlTest, AFailedInitIsDeinitialisedAndNeverCalledAgain) {
  watch().init_result = INIT_FAILED;
  EXPECT_EQ(start(), -1);
  tick("EURUSD", 1.1);
  terminal->step();
  EXPECT_EQ(watch().calls, (Calls{"init", "deinit 8"}));
  ASSERT_EQ(printed.size(), 1u);
}

TEST_F(MqlTest, OnDeinitIsEndedAfterTwoAndAHalfSeconds) {
  start();
  bool survived = false;
  watch().during = [&](const std::string& what) {
    if (what != "deinit 1") return;
    EXPECT_TRUE(IsStopped());
    Sleep(2400);
    Sleep(200);
    survived = true;
  };
  terminal->detach(0, REASON_REMOVE);
  EXPECT_FALSE(survived);
  EXPECT_EQ(printed, (std::vector<std::string>{"watch: abnormal termination"}));
}

TEST_F(MqlTest, AShortOnDeinitEndsQuietly) {
  start();
  watch().during = [](const std::string& what) {
    if (what == "deinit 1") Sleep(2400);
  };
  terminal->detach(0, REASON_REMOVE);
  EXPECT_EQ(printed, std::vector<std::string>{});
}

TEST_F(MqlTest, ExpertRemoveEndsTheProgramAfterItsHandler) {
  start();
  watch().during = [](const std::string& what) {
    if (what == "tick") ExpertRemove();
  };
  tick("EURUSD", 1.1);
  terminal->step();
  tick("EURUSD", 1.2);
  terminal->step();
  EXPECT_EQ(watch().calls, (Calls{"init", "tick", "deinit 0"}));
}

TEST_F(MqlTest, ReloadingKeepsTheProgram) {
  start();
  EXPECT_TRUE(terminal->reload(0, REASON_PARAMETERS));
  EXPECT_EQ(watch().calls, (Calls{"init", "deinit 5", "init"}));
}

TEST_F(MqlTest, BookEventsComeForSubscribedSymbolsOfBrokersWithDepth) {
  profile.book_depth = 3;
  start();
  quotes();
  watch().during = [](const std::string& what) {
    if (what == "tick") {
      EXPECT_TRUE(MarketBookAdd("GBPUSD"));
    }
  };
  tick("EURUSD", 1.1);
  terminal->step();
  watch().calls.clear();
  tick("GBPUSD", 1.3);
  tick("GBPUSD", 1.4);
  terminal->step();
  EXPECT_EQ(watch().calls, (Calls{"book GBPUSD", "book GBPUSD"}));
}

TEST_F(MqlTest, NoDepthNoBook) {
  start();
  EXPECT_FALSE(MarketBookAdd("EURUSD"));
  EXPECT_EQ(GetLastError(), ERR_BOOKS_CANNOT_ADD);
}

TEST(EventQueueTest, TheOldestTransactionsAreDisplaced) {
  EventQueue queue;
  for (size_t i = 0; i < EventQueue::kTransactions + 10; ++i) {
    ProgramEvent event{.kind = ProgramEvent::Kind::kTransaction};
    event.transaction.trans.order = i;
    EXPECT_EQ(queue.push(event), i < EventQueue::kTransactions);
  }
  EXPECT_EQ(queue.displaced(), 10u);
  EXPECT_EQ(queue.begin()->transaction.trans.order, 10u);
}

}  // namespace
}  // namespace mql5_test
