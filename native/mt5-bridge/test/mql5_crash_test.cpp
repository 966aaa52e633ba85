// The expert and its terminal are killed at every point between "command received" and "result handed over", started
// again, and the command is repeated: at most one execution, and what is said of it is true.
//
// The points are not listed anywhere. A first run writes down every call of the expert that leaves a trace outside of
// it (files, requests, messages on the link) and every handler that begins and ends, before and after each; every one
// of them is a point. A second run dies at each in turn, and must come by there.
#include <algorithm>
#include <set>

#include "test/mql5_expert.h"

namespace mql5_test {
namespace {

struct Died {};

struct Case {
  const char* name;
  const char* profile;
  bool pending;
  bool requests_arrive;  // those that were on their way to the broker
};

class ExpertCrash : public ExpertTest, public ::testing::WithParamInterface<Case> {
 protected:
  using Answers = std::vector<wire::Result>;

  wire::Place order(const char* id, uint64_t command) {
    wire::Place place{};
    place.command = command;
    std::strcpy(place.order_id, id);
    std::strcpy(place.symbol, "EURUSD");
    place.side = 1;
    place.type = GetParam().pending ? 2 : 1;
    place.price = GetParam().pending ? 1.05 : 0;
    place.volume_lots = 0.1;
    place.deviation_points = 50;
    place.magic = 7;
    return place;
  }
  Answers answers() { return fakeLink().all<wire::Result>(wire::FrameType::kResult); }
  // A world as it was before the command: the same each time.
  void world() {
    terminal.reset();
    engine.reset();
    std::filesystem::remove_all(folder_);
    clock = VirtualClock(kStartMs * 1000);
    now_ms = kStartMs;
    fakeLink() = expert_test::FakeLink();
    bridge = expert_test::Bridge();
    passed = nullptr;
    use(GetParam().profile);
    profile.requote = profile.reject = profile.late_tick = 0;
    mql5_expert::InpNotFoundAfterS = 2;
    started();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
    pass(2'000'000);
  }
  void started() {
    start();
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
  }
  // Sets what happens at each point, from now on; start() takes it over for the terminal.
  void watchPoints(std::function<void(const char*, bool)> at) {
    fakeLink().passed = at;
    passed = std::move(at);
  }
  void command(const wire::Place& place) { fakeLink().say(static_cast<uint16_t>(wire::FrameType::kPlace), place); }
  // Repeats the command, as the bridge would, until somebody knows.
  wire::Result repeated(const wire::Place& place) {
    wire::Result last{};
    for (int i = 0; i < 20; ++i) {
      const size_t before = answers().size();
      command(place);
      for (int k = 0; k < 100 && answers().size() == before; ++k) pass(100'000);
      if (answers().size() == before) break;
      last = answers().back();
      if (last.outcome != OUTCOME_UNKNOWN && last.outcome != OUTCOME_REFUSED) break;
      pass(500'000);
    }
    return last;
  }
  size_t executed() { return GetParam().pending ? engine->activeOrders().size() : engine->deals().size() - at_first_; }
  // What may be said of an order of which the broker has `times`. Of one that waits for its price the server says that
  // the request is done, and a search that the order was accepted.
  static bool isTrue(int outcome, size_t times) {
    if (times == 0) return outcome == OUTCOME_NOT_FOUND;
    return outcome == OUTCOME_DONE || (GetParam().pending && outcome == OUTCOME_ACCEPTED);
  }
  size_t at_first_ = 0;
};

TEST_P(ExpertCrash, KilledAtEveryPointItExecutesAtMostOnceAndTellsTheTruth) {
  // Which points there are.
  std::vector<std::string> points;
  bool watching = false;
  passed = [&](const char* call, bool done) {
    if (watching) points.push_back(std::string(call) + (done ? " done" : ""));
  };
  const auto whole = passed;
  world();
  // The hook of the terminal is set when it is started.
  const auto begin = [&](const std::function<void(const char*, bool)>& at) {
    kill();
    watchPoints(at);
    started();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
    pass(2'000'000);
    at_first_ = engine->deals().size();
  };
  begin(whole);
  watching = true;
  command(order("order-1", 1));
  for (int i = 0; i < 1000 && answers().empty(); ++i) pass(1'000);
  watching = false;
  ASSERT_EQ(answers().size(), 1u);
  ASSERT_TRUE(isTrue(answers()[0].outcome, 1)) << int{answers()[0].outcome};
  for (const char* call :
       {"troupe_receive", "FileWrite", "FileFlush", "OrderSendAsync", "OnTradeTransaction", "OnTimer", "troupe_send"}) {
    EXPECT_NE(std::find(points.begin(), points.end(), std::string(call) + " done"), points.end()) << call;
  }

  int never = 0, once = 0;
  for (size_t n = 0; n < points.size(); ++n) {
    SCOPED_TRACE("killed at point " + std::to_string(n) + " of " + std::to_string(points.size()) + ", " + points[n]);
    size_t passed_points = 0;
    std::string last;
    bool armed = false;
    world();
    begin([&](const char* call, bool done) {
      if (!armed) return;
      last = std::string(call) + (done ? " done" : "");
      if (passed_points++ == n) throw Died{};
    });
    if (HasFatalFailure()) return;
    armed = true;
    bool died = false;
    try {
      command(order("order-1", 1));
      for (int i = 0; i < 1000 && answers().empty(); ++i) pass(1'000);
    } catch (const Died&) {
      died = true;
    }
    armed = false;
    ASSERT_TRUE(died) << "the point is never reached";
    ASSERT_EQ(last, points[n]) << "another run has other points";
    const Answers before = answers();
    kill(GetParam().requests_arrive);
    watchPoints(nullptr);
    started();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();  // forgets what was sent
    const wire::Result again = repeated(order("order-1", 2));
    const size_t times = executed();
    ASSERT_LE(times, 1u) << "executed more than once";
    (times == 1 ? once : never)++;
    EXPECT_TRUE(isTrue(again.outcome, times)) << int{again.outcome} << " " << again.message;
    EXPECT_EQ(again.command, 2u);
    if (!before.empty() && before[0].outcome != OUTCOME_UNKNOWN) {
      EXPECT_TRUE(isTrue(before[0].outcome, times)) << "what was said before the kill";
    }
    // The next order is none the worse for it.
    EXPECT_TRUE(isTrue(repeated(order("order-2", 3)).outcome, 1));
    EXPECT_EQ(executed(), times + 1);
    if (HasFailure()) return;
  }
  std::printf("%zu points: executed once %d, not at all %d\n", points.size(), once, never);
  // Before the order was noted the repeated command is the first one; after that nothing is sent again.
  EXPECT_GT(once, 0);
  if (!GetParam().requests_arrive) {
    EXPECT_GT(never, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Accounts, ExpertCrash,
                         ::testing::Values(Case{"HedgingMarketArrives", "retail-hedging.json", false, true},
                                           Case{"HedgingMarketLost", "retail-hedging.json", false, false},
                                           Case{"HedgingPendingArrives", "retail-hedging.json", true, true},
                                           Case{"HedgingPendingLost", "retail-hedging.json", true, false},
                                           Case{"NettingMarketArrives", "instant-netting.json", false, true},
                                           Case{"NettingMarketLost", "instant-netting.json", false, false},
                                           Case{"NettingPendingArrives", "instant-netting.json", true, true},
                                           Case{"NettingPendingLost", "instant-netting.json", true, false}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mql5_test
