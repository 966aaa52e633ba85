// The terminal's only clocks.
#pragma once

#include <cstdint>
#include <ctime>

namespace troupe::terminal {

inline int64_t clockUs(clockid_t id) {
  timespec at;
  clock_gettime(id, &at);
  return static_cast<int64_t>(at.tv_sec) * 1'000'000 + at.tv_nsec / 1000;
}
inline int64_t monotonicUs() { return clockUs(CLOCK_MONOTONIC); }
inline uint64_t wallUs() { return static_cast<uint64_t>(clockUs(CLOCK_REALTIME)); }

}  // namespace troupe::terminal
