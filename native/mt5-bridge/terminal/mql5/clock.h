// Time of the simulated terminal. Tests bring a clock that stands still until they move it; the program brings the
// machine's. Sleeping is the clock's business, so that the same code waits in one and jumps in the other.
#pragma once

#include <cstdint>

namespace troupe::terminal {

class TerminalClock {
 public:
  virtual ~TerminalClock() = default;
  virtual int64_t nowUs() const = 0;   // monotonic
  virtual int64_t wallUs() const = 0;  // UTC
  virtual void sleepUs(int64_t us) = 0;
};

class VirtualClock : public TerminalClock {
 public:
  explicit VirtualClock(int64_t wall_us) : start_wall_us_(wall_us) {}
  int64_t nowUs() const override { return now_us_; }
  int64_t wallUs() const override { return start_wall_us_ + now_us_; }
  void sleepUs(int64_t us) override { now_us_ += us > 0 ? us : 0; }

 private:
  int64_t start_wall_us_;
  int64_t now_us_ = 1'000'000;
};

}  // namespace troupe::terminal
