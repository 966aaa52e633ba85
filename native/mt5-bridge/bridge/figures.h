// What the bridge knows of its link and of its own work, for whoever asks: metrics, status, doctor. Written by the
// threads that do the work, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace troupe::bridge {

// How long something took, counted in buckets.
class LatencyHistogram {
 public:
  static constexpr std::array<int64_t, 14> kBoundsUs = {10,  20,   50,   100,  150,    200,     300,
                                                        500, 1000, 2000, 5000, 10'000, 100'000, 1'000'000};
  struct Reading {
    std::array<uint64_t, kBoundsUs.size() + 1> buckets{};  // the last one: longer than all bounds
    uint64_t count = 0, sum_us = 0;
  };

  void add(int64_t us) {
    if (us < 0) us = 0;
    size_t i = 0;
    while (i < kBoundsUs.size() && us > kBoundsUs[i]) ++i;
    buckets_[i].fetch_add(1, std::memory_order_relaxed);
    sum_us_.fetch_add(static_cast<uint64_t>(us), std::memory_order_relaxed);
  }
  // Its count is that of its buckets, whatever is added meanwhile.
  Reading read() const {
    Reading out;
    for (size_t i = 0; i < buckets_.size(); ++i)
      out.count += out.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    out.sum_us = sum_us_.load(std::memory_order_relaxed);
    return out;
  }

 private:
  std::array<std::atomic<uint64_t>, kBoundsUs.size() + 1> buckets_{};
  std::atomic<uint64_t> sum_us_{0};
};

// Of the terminal that is linked, or was last.
struct LinkFigures {
  std::atomic<uint64_t> links{0};
  std::atomic<int64_t> last_tick_us{0};     // wall clock when the last batch came; 0: none yet
  std::atomic<int64_t> tick_lag_us{0};      // from its sending, by the terminal's clock, to its coming, by ours
  std::atomic<int64_t> clock_offset_us{0};  // terminal's clock minus ours, less what a heartbeat was on its way
  std::atomic<bool> clock_known{false};
  std::atomic<int64_t> rtt_us{0};          // of the TCP connection
  std::atomic<int64_t> heard_us{0};        // wall clock
  std::atomic<int32_t> utc_offset_s{0};    // of the broker, as the terminal measured it
  std::atomic<int32_t> trade_allowed{-1};  // -1: not told yet, like all of these
  std::atomic<int32_t> connected{-1};      // to the trade server
  std::atomic<int32_t> terminal_allows{-1}, expert_allows{-1}, account_allows{-1}, server_allows{-1};
  std::atomic<int64_t> ping_us{-1};  // of the terminal to the trade server
  std::atomic<int32_t> build{-1};
};

}  // namespace troupe::bridge
