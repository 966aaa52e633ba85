// Ticks from the terminal's tick base to the bridge: none lost, none doubled, each with its number for good, whatever
// stalls, breaks and is killed.
#include <random>

#include "test/expert_bridge.h"
#include "test/expert_harness.h"

namespace {

using expert_test::Bridge;
using expert_test::Payload;

class Ticks : public ExpertTest {
 protected:
  void SetUp() override {
    ExpertTest::SetUp();
    bridge_ = Bridge();
    expected_.clear();
    for (auto& [name, symbol] : world().symbols)
      for (const MqlTick& t : symbol.ticks) expected_[name].insert({t.time_msc, t.bid, t.ask, t.flags});
  }
  void add(const std::string& symbol, long time_ms, double bid, double ask, uint flags = 6) {
    world().tick(symbol, time_ms, bid, ask, flags);
    expected_[symbol].insert({time_ms, bid, ask, flags});
  }
  // Linked and agreed: from the ticks that stand now on, all count.
  void begin() {
    connect();
    for (int i = 0; i < 3; ++i) step();
  }
  void connect() {
    for (int i = 0; i < 20 && !fakeLink().running; ++i) pass();
    bridge_.begin();
    fakeLink().up();
  }
  void step(long us = 10'000) {
    g_log.segment_records = segment_records_;
    pass(us);
    ASSERT_TRUE(bridge_.hear()) << "a tick has another's number";
    // A new feed has begun: the expert links anew.
    if (g_session.phase == PHASE_WAITING) connect();
  }
  // Everything is read, also what came late, and told.
  void settle() {
    fakeLink().room = -1;
    if (!fakeLink().running) connect();
    for (int i = 0; i < 35; ++i) step(1'000'000);
  }
  void expectAll() {
    for (const auto& [symbol, ticks] : expected_) {
      const std::multiset<Payload> told = bridge_.all(symbol);
      std::vector<Payload> lost, doubled;
      std::set_difference(ticks.begin(), ticks.end(), told.begin(), told.end(), std::back_inserter(lost));
      std::set_difference(told.begin(), told.end(), ticks.begin(), ticks.end(), std::back_inserter(doubled));
      EXPECT_EQ(lost, std::vector<Payload>())
          << symbol << ", of " << ticks.size() << ", in feeds " << bridge_.kept.size();
      EXPECT_EQ(doubled, std::vector<Payload>()) << symbol << ", of " << ticks.size();
    }
  }
  Bridge bridge_;
  std::map<std::string, std::multiset<Payload>> expected_;
  long segment_records_ = 1'000'000;
};

TEST_F(Ticks, EqualTicksOfOneMillisecondAreAllTold) {
  const long t = world().broker_ms + 1000;
  begin();
  for (int i = 0; i < 3; ++i) add("EURUSD", t, 1.2, 1.3);
  step();
  add("EURUSD", t, 1.2, 1.3);
  settle();
  expectAll();
}

TEST_F(Ticks, TicksThatAreInsertedLateAreTold) {
  const long t = world().broker_ms + 1000;
  begin();
  add("EURUSD", t, 1.2, 1.3);
  add("EURUSD", t + LATE_WINDOW_MS, 1.4, 1.5);
  settle();
  add("EURUSD", t + 1, 1.25, 1.35, 4);
  add("EURUSD", t + LATE_WINDOW_MS, 1.4, 1.5);
  settle();
  expectAll();
}

TEST_F(Ticks, HoweverManyCameSinceALateTickIsTold) {
  const long t = world().broker_ms + 1000;
  begin();
  for (int i = 0; i < 100'000; ++i) {
    add("EURUSD", t + i / 4, 1.2 + i % 9 * 0.01, 1.3);
    if (i % 1000 == 0) step();
  }
  settle();
  for (int i = 0; i < 100'000; i += 997) add("EURUSD", t + i / 4, 1.2 + i % 9 * 0.01, 1.3);
  settle();
  expectAll();
}

// A long sweep is many readings, with what is new read between them: none may begin at the newest tick.
TEST_F(Ticks, ASweepGoesOnFromWhereItWasWhenNewTicksCame) {
  constexpr long kFirst = 1'000'000, kTicks = 60'000, kRead = 1'000;
  const auto tickAt = [](long time_ms) {
    WireTick tick = {};
    tick.time_ms = time_ms;
    tick.bid = tick.ask = 1;
    return tick;
  };
  KnownReset();
  TickCursor cursor = {};
  CursorBegin(cursor, kFirst);
  CursorLook(cursor, kFirst);
  for (long i = 0; i < kTicks; ++i) ASSERT_TRUE(CursorTake(cursor, tickAt(kFirst + i)));

  ASSERT_TRUE(CursorSweep(cursor, 1));
  CursorLook(cursor, cursor.sweep_ms);
  for (long i = 0; i < kRead; ++i) ASSERT_FALSE(CursorTake(cursor, tickAt(cursor.from_ms + i)));
  CursorSweepRead(cursor);
  cursor.sweep_ms += kRead;
  CursorLook(cursor, CursorFrom(cursor));
  ASSERT_TRUE(CursorTake(cursor, tickAt(kFirst + kTicks)));

  ASSERT_TRUE(CursorSweep(cursor, 2));
  ASSERT_GE(cursor.place.block, 0);
  EXPECT_NEAR(g_known[cursor.place.block].tick[0].time_ms, cursor.sweep_ms, KNOWN_BLOCK);
}

// What the quick look does not see is found soon when it is not very late.
TEST_F(Ticks, WhatIsALittleLateIsToldWithinASecond) {
  const long t = world().broker_ms + 1000;
  begin();
  add("EURUSD", t, 1.2, 1.3);
  add("EURUSD", t + 3000, 1.4, 1.5);
  for (int i = 0; i < 30; ++i) step();
  add("EURUSD", t + 2600, 1.25, 1.35);
  for (int i = 0; i < 30; ++i) step();
  expectAll();
}

// After a weekend, or an hour without connection: the gap is filled when the first tick behind it has been read.
TEST_F(Ticks, AGapThatIsFilledAfterwardsIsTold) {
  const long t = world().broker_ms + 1000;
  begin();
  add("EURUSD", t, 1.2, 1.3);
  settle();
  add("EURUSD", t + 3'600'000, 1.4, 1.5);
  for (int i = 0; i < 20; ++i) step(1'000'000);
  for (int i = 1; i < 3000; ++i) add("EURUSD", t + i * 1000, 1.21, 1.31);
  settle();
  expectAll();
}

// More ticks than there is room for: the oldest are forgotten, and none of those that stay is told twice.
TEST_F(Ticks, WithoutRoomTheWindowGetsShorterAndThatIsSaid) {
  const long t = world().broker_ms + 1000;
  const int many = KNOWN_BLOCKS * KNOWN_BLOCK + 50'000;
  begin();
  uint64_t told = 0;
  for (int i = 0; i < many; ++i) {
    world().symbols["EURUSD"].ticks.push_back({0, 1.2, 1.3, 0, 0, t + i / 100, 6, 0});
    if (i % 10'000 != 0) continue;
    pass();
    for (const auto& head : fakeLink().all<wire::TickBatchHeader>(wire::FrameType::kTicks)) told += head.count;
    fakeLink().sent.clear();
  }
  world().tick("EURUSD", t + many / 100 - 1000, 1.25, 1.35);
  for (int i = 0; i < 400; ++i) pass(100'000);
  for (const auto& head : fakeLink().all<wire::TickBatchHeader>(wire::FrameType::kTicks)) told += head.count;
  EXPECT_EQ(told, static_cast<uint64_t>(many) + 3);  // and the first of both symbols
  EXPECT_TRUE(std::any_of(world().printed.begin(), world().printed.end(),
                          [](const string& line) { return line.find("E_EXPERT_TICK_WINDOW") != string::npos; }));
}

// The numbers of readings come round; one is not taken for another.
TEST_F(Ticks, NumbersOfReadingsComeRound) {
  const long t = world().broker_ms + 1000;
  g_tick_reading = UINT32_MAX - 40;
  begin();
  for (int i = 0; i < 60; ++i) {
    add("EURUSD", t + i / 3, 1.2, 1.3);
    step();
  }
  settle();
  expectAll();
  EXPECT_LT(g_tick_reading, 10'000u);
}

// A kill while the log takes a new file: what stands in the others is whole.
TEST_F(Ticks, KilledAtEveryWriteOfARotation) {
  long t = world().broker_ms + 1000;
  for (int at = 0; at < 12; ++at) {
    segment_records_ = 500;
    connect();
    for (int i = 0; i < 3; ++i) step();
    for (int i = 0; i < 490; ++i) add("EURUSD", ++t, 1.2, 1.3 + i % 5);
    step();
    for (int i = 0; i < 30; ++i) add("EURUSD", ++t, 1.2, 1.3 + i % 5);
    world().writes_left = at;
    step();
    world().writes_left = -1;
    kill();
    for (int i = 0; i < 20; ++i) add("EURUSD", t - 400 + i, 1.2, 1.3);
  }
  connect();
  settle();
  expectAll();
}

TEST_F(Ticks, WhatHappensWhileTheTerminalIsDownIsReadAfterwards) {
  begin();
  kill();
  for (int i = 0; i < 5000; ++i) add("USDJPY", world().broker_ms + i % 3, 150 + i * 0.001, 150.01 + i * 0.001);
  connect();
  settle();
  expectAll();
}

TEST_F(Ticks, AMissingPriceIsTheOneBefore) {
  const long t = world().broker_ms + 1000;
  begin();
  world().tick("EURUSD", t, 0, 1.3, 4);
  settle();
  const auto told = bridge_.kept[bridge_.feed]["EURUSD"];
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1], (Payload{t, 1.1, 1.3, 4}));
  // Known again after a restart, though it stands otherwise in the log than in the tick base.
  kill();
  connect();
  settle();
  EXPECT_EQ(bridge_.kept[bridge_.feed]["EURUSD"].size(), 2u);
}

TEST_F(Ticks, TicksThatTheLogHasLostBeginAnotherFeed) {
  segment_records_ = 100;
  begin();
  long t = world().broker_ms;
  for (int i = 0; i < 50; ++i) {
    for (int k = 0; k < 20; ++k) add("EURUSD", ++t, 1 + i * 0.001 + k * 0.00001, 2);
    step();
  }
  settle();
  expectAll();
  // JetStream was wiped: all of the feed is wanted again.
  const std::string before = bridge_.feed;
  bridge_.kept.clear();
  bridge_.heard.clear();
  fakeLink().lost();
  step();
  connect();
  settle();
  EXPECT_NE(bridge_.feed, before);
  EXPECT_EQ(bridge_.kept[bridge_.feed].size(), 2u);
  const auto& again = bridge_.kept[bridge_.feed]["EURUSD"];
  EXPECT_GE(again.size(), 100u);
  EXPECT_LT(again.size(), 1000u);
  EXPECT_EQ(std::get<0>(again.back()), t);
}

TEST_F(Ticks, ADiskThatRefusesStopsReadingAndLosesNothing) {
  begin();
  const long t = world().broker_ms + 1000;
  for (int i = 0; i < 3000; ++i) add("EURUSD", t + i, 1.2, 1.3 + i * 0.0001);
  world().writes_left = 0;
  step();
  step();
  EXPECT_TRUE(g_disk_failed);
  world().writes_left = -1;
  settle();
  expectAll();
}

TEST_F(Ticks, MoreWithinAMillisecondThanCanBeKeptIsSaidAndReadingGoesOn) {
  begin();
  const long t = world().broker_ms + 1000;
  for (int i = 0; i < 6000; ++i) world().tick("EURUSD", t, 1 + i * 0.0001, 2);
  settle();
  add("EURUSD", t + 1, 1.5, 1.6);
  settle();
  const auto& told = bridge_.kept[bridge_.feed]["EURUSD"];
  EXPECT_GT(told.size(), 4000u);
  EXPECT_EQ(told.back(), (Payload{t + 1, 1.5, 1.6, 6}));
  EXPECT_TRUE(std::any_of(world().printed.begin(), world().printed.end(),
                          [](const string& line) { return line.find("E_EXPERT_TICKS_PER_MS") != string::npos; }));
  EXPECT_EQ(std::set<Payload>(told.begin(), told.end()).size(), told.size()) << "none twice";
}

// The tick base is append-only but for late inserts within the window, and the order within a millisecond is nobody's
// promise: it is shuffled between readings.
class TickSeeds : public Ticks {
 protected:
  void run(uint32_t seed) {
    std::mt19937 random(seed);
    const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); };
    // Small logs, which take many files, or such as hold what comes while one late tick is looked for.
    small_ = seed % 2 == 0;
    segment_records_ = small_ ? 1000 + draw(700) : 2000 + draw(2000);
    long now_ms = world().broker_ms;
    begin();
    for (int turn = 0; turn < 60; ++turn) {
      const int ticks = draw(4) == 0 ? draw(400) : draw(12);
      for (int i = 0; i < ticks; ++i) {
        if (draw(3) == 0) now_ms += draw(40);
        if (draw(300) == 0) now_ms += draw(60'000);
        const bool late = draw(12) == 0;
        const std::string symbol = draw(3) == 0 ? "USDJPY" : "EURUSD";
        // Few different prices, so that many ticks are equal.
        add(symbol, late ? now_ms - draw(static_cast<int>(lateBy(symbol, now_ms))) : now_ms, 1 + draw(3) * 0.01,
            2 + draw(2) * 0.01, draw(5) == 0 ? 2 : 6);
      }
      shuffleEqualTimes(random);
      switch (draw(9)) {
        case 0:
          fakeLink().room = draw(3);  // a stall
          break;
        case 1:
          breakLink(random);
          break;
        case 2:
          kill();
          loseTail(random);
          connect();
          break;
        default:
          fakeLink().room = -1;
      }
      step(5'000 + draw(300'000));
      if (HasFatalFailure()) return;
    }
    settle();
    expectAll();
  }

 private:
  // How late a tick may be: the window, and after a restart not further back than the log reaches.
  long lateBy(const std::string& symbol, long now_ms) {
    const auto& ticks = world().symbols[symbol].ticks;
    const size_t back = small_ ? std::min<size_t>(ticks.size(), 60) : ticks.size();
    return std::clamp<long>(now_ms - ticks[ticks.size() - back].time_msc, 1, small_ ? 400 : LATE_WINDOW_MS);
  }
  bool small_ = false;
  void shuffleEqualTimes(std::mt19937& random) {
    for (auto& [name, symbol] : world().symbols) {
      auto& ticks = symbol.ticks;
      for (size_t i = 0; i < ticks.size();) {
        size_t end = i;
        while (end < ticks.size() && ticks[end].time_msc == ticks[i].time_msc) ++end;
        std::shuffle(ticks.begin() + static_cast<long>(i), ticks.begin() + static_cast<long>(end), random);
        i = end;
      }
    }
  }
  void breakLink(std::mt19937& random) {
    fakeLink().incoming.clear();
    fakeLink().lost();
    pass();
    ASSERT_TRUE(bridge_.hear());
    loseTail(random);
    bridge_.begin();
    fakeLink().up();
  }
  // What was on its way to JetStream is lost with the bridge: of each symbol up to 100 of what it has ever heard.
  void loseTail(std::mt19937& random) {
    for (auto& [symbol, ticks] : bridge_.kept[bridge_.feed]) {
      const size_t heard = bridge_.heard[bridge_.feed][symbol].size();
      ticks.resize(std::min(ticks.size(), heard - std::min<size_t>(heard, random() % 100)));
    }
  }
};

TEST_F(TickSeeds, NoneIsLostAndNoneDoubledOverAThousandSeeds) {
  for (uint32_t seed = 1; seed <= 1000; ++seed) {
    SetUp();
    SCOPED_TRACE("seed " + std::to_string(seed));
    run(seed);
    if (HasFailure()) return;
  }
}

}  // namespace
