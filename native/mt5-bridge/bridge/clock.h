// The one place where the bridge reads the time; tests bring their own.
#pragma once

#include <chrono>
#include <cstdint>

namespace troupe::bridge {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never falls; for lingers, deadlines and silence.
  virtual int64_t steadyUs() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  // Microseconds since 1970-01-01 UTC; only for what others read.
  virtual int64_t wallUs() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace troupe::bridge
