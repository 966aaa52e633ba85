// How fast the terminal plays into a socket that is drained, and how long an order takes meanwhile. Not part of the
// suite (it measures the machine): terminal_test --gtest_also_run_disabled_tests --gtest_filter='Rate.*'
#include <algorithm>
#include <cstdio>

#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;
using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Plays `rounds` of a tape of two million ticks; before that, trades so that every tick has stops to look at if asked.
double rate(int rounds, bool with_position) {
  TempFolder folder;
  FakeBridge bridge;
  writeTape(folder.file("tape"), {"EURUSD"}, triangle(2'000'000));
  const std::string config = writeText(folder.file("config.json"),
                                       configJson(bridge.port(), folder.file("tape"),
                                                  ",\"stopOutLevelPercent\":20,\"rounds\":" + std::to_string(rounds)));
  Process terminal(config, true);
  bridge.accept();
  terminal.tell("play");
  bridge.untilTicks(1);
  if (with_position) {
    link::Place place = bridge.place("held", Side::kBuy, 0.1);
    place.stop_loss = 1.0;
    place.take_profit = 1.2;
    EXPECT_EQ(bridge.send(place).retcode, kDone);
  }
  const auto start = Clock::now();
  const uint64_t before = bridge.ticks, total = 2'000'000ull * static_cast<uint64_t>(rounds);
  bridge.untilTicks(total);
  return static_cast<double>(total - before) / secondsSince(start);
}

TEST(Rate, DISABLED_TicksPerSecond) {
  for (int round = 0; round < 3; ++round) {
    printf("ticks/s idle %.0f, with a position and stops %.0f\n", rate(20, false), rate(20, true));
  }
}

TEST(Rate, DISABLED_OrderWhileTicksFlow) {
  for (const char* speed : {"0", "1000"}) {  // flat out; and 100,000 ticks/s
    TempFolder folder;
    FakeBridge bridge;
    writeTape(folder.file("tape"), {"EURUSD"}, triangle(2'000'000));
    const std::string config =
        writeText(folder.file("config.json"),
                  configJson(bridge.port(), folder.file("tape"), std::string(",\"rounds\":1000,\"speed\":") + speed));
    Process terminal(config, false);
    bridge.accept();
    bridge.untilTicks(1);
    std::vector<double> took_ms;
    const uint64_t before = bridge.ticks;
    const auto begin = Clock::now();
    for (int i = 0; i < 2000; ++i) {
      const auto start = Clock::now();
      const link::Result result =
          bridge.send(bridge.place("o" + std::to_string(i), i % 2 ? Side::kSell : Side::kBuy, 0.01));
      ASSERT_EQ(result.retcode, kDone);
      took_ms.push_back(secondsSince(start) * 1000);
      bridge.untilTicks(bridge.ticks + 100);
    }
    const double ticks_per_s = static_cast<double>(bridge.ticks - before) / secondsSince(begin);
    std::sort(took_ms.begin(), took_ms.end());
    printf("speed %s: %.0f ticks/s, order to result ms: p50 %.3f p99 %.3f max %.3f\n", speed, ticks_per_s,
           took_ms[took_ms.size() / 2], took_ms[took_ms.size() * 99 / 100], took_ms.back());
  }
}

}  // namespace
}  // namespace troupe::terminal
