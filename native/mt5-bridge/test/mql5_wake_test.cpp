// The service that wakes the expert, in the simulated terminal: what comes is taken at once, not at the next timer.
#include "test/mql5_expert.h"

// The service stands for itself: it has its own copy of what both know.
#undef TROUPE_WAKE_MQH

namespace {

namespace mql5_wake {
#include "expert/TroupeWake.mq5"
}  // namespace mql5_wake

}  // namespace

// Waits in the DLL, on the clock of the terminal.
int32_t troupe_wait(int32_t, int32_t timeout_ms) {
  if (fakeLink().incoming.empty()) Sleep(timeout_ms);
  return fakeLink().incoming.empty() ? 0 : 1;
}

namespace mql5_test {
namespace {

class Wake : public ExpertTest {
 protected:
  // The expert looks by itself once a second only.
  void begin(bool with_service) {
    mql5_expert::InpTimerMs = 1000;
    start();
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
    if (with_service) {
      Program service;
      service.name = "TroupeWake";
      service.on_start = mql5_wake::OnStart;
      service_ = terminal->attach(service, "");
    }
    expert_ = terminal->attach(expertProgram(), "EURUSD");
    ASSERT_GE(expert_, 0);
    for (int i = 0; i < 100 && !fakeLink().running; ++i) pass(100'000);
    bridge.begin();
    fakeLink().up();
    for (int i = 0; i < 4; ++i) {
      pass(1'000'000);
      ASSERT_TRUE(bridge.hear());
    }
  }
  // Milliseconds until it is so, at most 3,000.
  int until(const std::function<bool()>& so) {
    for (int ms = 0; ms < 3000; ++ms) {
      if (so()) return ms;
      pass(1'000);
    }
    return 3000;
  }
  int untilExecuted(const char* id) {
    wire::Place place{};
    place.command = 1;
    std::strcpy(place.order_id, id);
    std::strcpy(place.symbol, "EURUSD");
    place.side = 1;
    place.type = 1;
    place.volume_lots = 0.1;
    place.magic = 7;
    const size_t before = engine->deals().size();
    fakeLink().say(static_cast<uint16_t>(wire::FrameType::kPlace), place);
    return until([&] { return engine->deals().size() > before; });
  }
  int untilTold() {
    const size_t before = fakeLink().count(wire::FrameType::kTicks);
    tick("GBPUSD", 1.31);  // not the chart's symbol
    return until([&] { return fakeLink().count(wire::FrameType::kTicks) > before; });
  }
  int service_ = -1, expert_ = -1;
};

TEST_F(Wake, ACommandAndATickAreTakenWithinMilliseconds) {
  begin(true);
  for (int i = 0; i < 20; ++i) {
    pass(137'000);
    EXPECT_LE(untilExecuted(("order-" + std::to_string(i)).c_str()), 3);
    pass(61'000);
    EXPECT_LE(untilTold(), 3);
  }
}

TEST_F(Wake, WithoutTheServiceTheTimerIsWaitedFor) {
  begin(false);
  int longest_ms = 0;
  for (int i = 0; i < 10; ++i) {
    pass(137'000);
    longest_ms = std::max(longest_ms, untilExecuted(("order-" + std::to_string(i)).c_str()));
  }
  EXPECT_GT(longest_ms, 300);
  EXPECT_LE(longest_ms, 1001);
}

TEST_F(Wake, TheServiceEndsWhenItIsToldTo) {
  begin(true);
  printed.clear();
  terminal->detach(service_, REASON_REMOVE);
  EXPECT_TRUE(printed.empty()) << printed.front();
  EXPECT_GT(untilExecuted("order-1"), 3);
}

// Without an expert it has nobody to wake, and waits for one.
TEST_F(Wake, TheServiceOutlivesTheExpert) {
  begin(true);
  terminal->detach(expert_, REASON_REMOVE);
  pass(1'000'000);
  fakeLink().incoming.clear();
  fakeLink().running = false;
  ASSERT_GT(terminal->attach(expertProgram(), "EURUSD"), expert_);
  for (int i = 0; i < 100 && !fakeLink().running; ++i) pass(100'000);
  bridge.begin();
  fakeLink().up();
  for (int i = 0; i < 4; ++i) {
    pass(1'000'000);
    ASSERT_TRUE(bridge.hear());
  }
  EXPECT_LE(untilExecuted("order-1"), 3);
}

TEST_F(MqlTest, AServiceThatDoesNotListenIsEnded) {
  start();
  Program service;
  service.name = "deaf";
  service.on_start = [] {
    for (;;) Sleep(10);
  };
  const int number = terminal->attach(service, "");
  pass(100'000);
  terminal->detach(number, REASON_REMOVE);
  EXPECT_EQ(printed, std::vector<std::string>{"deaf: abnormal termination"});
}

}  // namespace
}  // namespace mql5_test
