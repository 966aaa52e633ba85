// The feed of ticks from the terminal's tick base through the expert to the bridge: equal times, late inserts, stalls,
// lost links and connections, kills. None is lost, none is doubled, and each keeps its number.
#include <algorithm>
#include <random>

#include "test/mql5_expert.h"

namespace mql5_test {
namespace {

using expert_test::Payload;

class Feed : public ExpertTest {
 protected:
  using Draw = std::mt19937;
  static int draw(Draw& random, int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); }

  // What the broker has: told at once, or put into the base later.
  void add(const std::string& name, int64_t time_ms, double bid, uint32_t flags, int64_t late_by_us) {
    const BaseTick tick{time_ms, bid, bid + 0.0001, flags};
    all_[name].push_back(tick);
    if (late_by_us > 0) {
      late_.push_back({clock.nowUs() + late_by_us, name, tick});
    } else {
      terminal->quote(engine->symbolIndex(name), time_ms, tick.bid, tick.ask, flags);
    }
  }
  void addLate(bool whatever) {
    std::erase_if(late_, [&](const Late& late) {
      if (!whatever && late.at_us > clock.nowUs()) return false;
      terminal->restoreTick(engine->symbolIndex(late.symbol), late.tick);
      return true;
    });
  }
  // A new terminal has all in its base that the broker has.
  void restart() {
    kill();
    late_.clear();
    start();
    for (auto& [name, ticks] : all_) {
      std::vector<BaseTick> sorted = ticks;
      std::stable_sort(sorted.begin(), sorted.end(),
                       [](const BaseTick& a, const BaseTick& b) { return a.time_ms < b.time_ms; });
      for (const BaseTick& tick : sorted) terminal->restoreTick(engine->symbolIndex(name), tick);
    }
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
  }
  // What was on its way to JetStream is lost with the bridge.
  void breakLink(Draw& random) {
    fakeLink().incoming.clear();
    fakeLink().lost();
    pass(20'000);
    ASSERT_TRUE(bridge.hear());
    for (auto& [symbol, ticks] : bridge.kept[bridge.feed]) {
      const size_t heard = bridge.heard[bridge.feed][symbol].size();
      ticks.resize(std::min(ticks.size(), heard - std::min<size_t>(heard, random() % 100)));
    }
    bridge.begin();
    fakeLink().up();
  }
  void expectAll() {
    for (const auto& [name, ticks] : all_) {
      std::multiset<Payload> expected;
      for (const BaseTick& t : ticks) expected.insert({t.time_ms, t.bid, t.ask, t.flags});
      const std::multiset<Payload> told = bridge.all(name);
      std::vector<Payload> lost, doubled;
      std::set_difference(expected.begin(), expected.end(), told.begin(), told.end(), std::back_inserter(lost));
      std::set_difference(told.begin(), told.end(), expected.begin(), expected.end(), std::back_inserter(doubled));
      EXPECT_EQ(lost, std::vector<Payload>()) << name << ", of " << expected.size();
      EXPECT_EQ(doubled, std::vector<Payload>()) << name << ", of " << expected.size();
    }
  }
  void run(uint32_t seed) {
    Draw random(seed);
    profile.seed = seed;
    profile.late_tick = 0;  // they are as late as they can be here, not as the profile says
    mql5_expert::InpTimerMs = 100;
    start();
    add("EURUSD", ++now_ms, 1.1, 6, 0);
    add("GBPUSD", ++now_ms, 1.3, 6, 0);
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
    const int64_t begun_ms = now_ms;
    for (int turn = 0; turn < 40 && !HasFatalFailure(); ++turn) {
      for (int i = draw(random, 4) == 0 ? draw(random, 400) : draw(random, 12); i > 0; --i) {
        if (draw(random, 3) == 0) now_ms += draw(random, 40);
        if (draw(random, 200) == 0) now_ms += draw(random, 20'000);
        // Few different prices, so that many are equal. Late by the bridge's window at most, in time and in ticks.
        const int64_t most_ms = std::min<int64_t>(LATE_WINDOW_MS, now_ms - begun_ms);
        const bool late = draw(random, 12) == 0 && most_ms > 0;
        add(draw(random, 3) == 0 ? "GBPUSD" : "EURUSD",
            late ? now_ms - draw(random, static_cast<int>(most_ms)) : now_ms, 1.1 + draw(random, 3) * 0.01,
            draw(random, 5) == 0 ? 2 : 6, late ? 1 + draw(random, 500'000) : 0);
      }
      const int fault = draw(random, 9);
      fakeLink().room = fault == 0 ? draw(random, 3) : -1;
      if (fault == 1) breakLink(random);
      if (fault == 2) restart();
      if (fault == 3) terminal->disconnect(draw(random, 2'000'000));
      pass(5'000 + draw(random, 300'000));
      addLate(false);
      ASSERT_TRUE(bridge.hear()) << "a tick has another's number";
    }
    fakeLink().room = -1;
    addLate(true);
    for (int i = 0; i < 45; ++i) {
      pass(1'000'000);
      ASSERT_TRUE(bridge.hear()) << "a tick has another's number";
    }
    expectAll();
  }

 private:
  struct Late {
    int64_t at_us;
    std::string symbol;
    BaseTick tick;
  };
  std::map<std::string, std::vector<BaseTick>> all_;
  std::vector<Late> late_;
};

// A terminal takes longer to read what is not in its fast cache. A command waits for one such reading, not for all.
TEST_F(Feed, CommandsHaveTheirTurnBetweenTwoReadingsOfASweep) {
  profile.slow_ticks_us = 2000;
  start();
  tick("EURUSD", 1.1);
  tick("GBPUSD", 1.3);
  ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
  link();
  const int64_t begun_ms = now_ms;
  for (int i = 0; i < 40'000; ++i) {
    add(i % 2 ? "EURUSD" : "GBPUSD", ++now_ms, 1.1 + i % 7 * 0.01, 6, 0);
    if (i % 1000 == 0) pass(10'000);
  }
  add("EURUSD", begun_ms + 100, 1.5, 6, 10'000'000);
  addLate(true);
  int64_t longest_us = 0;
  for (int i = 0; i < 10'000; ++i) {
    clock.sleepUs(10'000);
    const int64_t begun_us = clock.nowUs();
    terminal->step();
    longest_us = std::max(longest_us, clock.nowUs() - begun_us);
    ASSERT_TRUE(bridge.hear()) << "a tick has another's number";
  }
  EXPECT_GE(longest_us, 2000) << "nothing was read again";
  EXPECT_LE(longest_us, SWEEP_MOST_US + 2000);
  bridge.hear();
  const auto& told = bridge.kept[bridge.feed]["EURUSD"];
  EXPECT_EQ(std::count(told.begin(), told.end(), Payload{begun_ms + 100, 1.5, 1.5001, 6}), 1);
}

class FeedSeeds : public Feed, public ::testing::WithParamInterface<int> {};

TEST_P(FeedSeeds, NoneIsLostAndNoneDoubled) {
  use("hostile.json");
  run(static_cast<uint32_t>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(AThousand, FeedSeeds, ::testing::Range(1, 1001));

}  // namespace
}  // namespace mql5_test
