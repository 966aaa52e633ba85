// The machine's time, for a terminal that runs in it.
#pragma once

#include "session/clock.h"
#include "terminal/mql5/clock.h"

namespace troupe::terminal {

class MachineClock : public TerminalClock {
 public:
  int64_t nowUs() const override { return monotonicUs(); }
  int64_t wallUs() const override { return static_cast<int64_t>(terminal::wallUs()); }
  void sleepUs(int64_t us) override {
    if (us <= 0) return;
    const timespec time{static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000) * 1000};
    ::nanosleep(&time, nullptr);
  }
};

}  // namespace troupe::terminal
