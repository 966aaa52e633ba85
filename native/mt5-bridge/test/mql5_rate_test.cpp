// What a tick costs the expert: processor time from the tick base through cursor and log to the link client. Not part
// of the suite (it measures the machine): mql5_test --gtest_also_run_disabled_tests --gtest_filter='ExpertRate.*'
#include <ctime>

#include "test/mql5_expert.h"

namespace mql5_test {
namespace {

double processorS() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class ExpertRate : public ExpertTest {
 protected:
  // Nanoseconds of each of `seconds` * `ticks_per_s` ticks, all of which are told.
  double costNs(int symbols, int ticks_per_s, int seconds) {
    config.symbols.clear();
    for (int i = 0; i < symbols; ++i) {
      char name[16];
      std::snprintf(name, sizeof name, "SYM%03d", i);
      Spec spec = forex(name, 0.00001, 5);
      spec.currency_base = spec.currency_profit = spec.currency_margin = "USD";
      config.symbols.push_back(spec);
    }
    std::filesystem::remove_all(folder_);
    profile.real_timers = false;
    base_ticks = 1 << 21;
    fakeLink() = expert_test::FakeLink();
    mql5_expert::InpLogMb = 64;
    start();
    const auto all = static_cast<uint32_t>(symbols);
    for (uint32_t i = 0; i < all; ++i) terminal->quote(i, ++now_ms, 1.1, 1.2, 6);
    EXPECT_GE(terminal->attach(expertProgram(), config.symbols[0].name), 0);
    for (int i = 0; i < 600 && !fakeLink().running; ++i) pass(100'000);
    fakeLink().up();
    pass(20'000);
    fakeLink().say(static_cast<uint16_t>(wire::FrameType::kResume), std::vector<uint64_t>(all, 0));
    pass(20'000);
    uint64_t told = 0;
    const auto drain = [&] {
      for (const auto& head : fakeLink().all<wire::TickBatchHeader>(wire::FrameType::kTicks)) told += head.count;
      fakeLink().sent.clear();
    };
    drain();
    const uint64_t before = told;
    const int64_t start_ms = now_ms;
    const int each_step = ticks_per_s / 100, steps = 100 * seconds;
    double spent_s = 0;
    for (int i = 0; i < steps; ++i) {
      for (int k = 0; k < each_step; ++k) {
        const double bid = 1.1 + (k % 7) * 0.00001;
        terminal->quote(static_cast<uint32_t>(k) % all, start_ms + i * 10 + k * 10 / each_step, bid, bid + 0.0001, 6);
      }
      clock.sleepUs(10'000);
      const double from_s = processorS();
      terminal->step();
      spent_s += processorS() - from_s;
      drain();
    }
    EXPECT_EQ(told - before, static_cast<uint64_t>(each_step) * static_cast<uint64_t>(steps));
    terminal.reset();
    engine.reset();
    return spent_s * 1e9 / (static_cast<double>(each_step) * steps);
  }
};

TEST_F(ExpertRate, DISABLED_NanosecondsPerTick) {
  for (const auto& [symbols, rate, seconds] : {std::tuple{1, 1'000'000, 4}, std::tuple{100, 1'000'000, 4},
                                               std::tuple{1, 10'000, 90}, std::tuple{100, 10'000, 90}}) {
    const double ns = costNs(symbols, rate, seconds);
    std::printf("%3d symbols, %7d ticks/s: %4.0f ns of processor time a tick\n", symbols, rate, ns);
  }
}

}  // namespace
}  // namespace mql5_test
