#include "terminal/mql5/tick_base.h"

#include <algorithm>

namespace troupe::terminal {

namespace {
bool before(const BaseTick& tick, int64_t time_ms) { return tick.time_ms < time_ms; }
}  // namespace

void TickBase::add(const BaseTick& tick) {
  if (ticks_.empty() || tick.time_ms >= ticks_.back().time_ms) {
    ticks_.push_back(tick);
  } else {
    ticks_.insert(std::lower_bound(ticks_.begin(), ticks_.end(), tick.time_ms + 1, before), tick);
  }
  ++added_;
  if (frozen_) ++hidden_;
  if (ticks_.size() > capacity_) ticks_.pop_front();
  hidden_ = std::min(hidden_, ticks_.size());
  read_ = std::max(read_, added_ - std::min<uint64_t>(added_, ticks_.size()));
}

// Mostly asked for what is new: from the end in growing steps, then between the last two.
size_t TickBase::lowerBound(int64_t time_ms) const {
  size_t end = size(), step = 1;
  while (step <= end && !before(ticks_[end - step], time_ms)) {
    end -= step;
    step *= 2;
  }
  const auto begin = ticks_.begin();
  const auto from = begin + static_cast<std::ptrdiff_t>(end - std::min(step, end));
  return static_cast<size_t>(std::lower_bound(from, begin + static_cast<std::ptrdiff_t>(end), time_ms, before) - begin);
}

void TickBase::markRead(size_t end) { read_ = std::max<uint64_t>(read_, added_ - ticks_.size() + end); }

MqlTick toMql(const BaseTick& tick) {
  MqlTick to = {};
  to.time = tick.time_ms / 1000;
  to.bid = tick.bid;
  to.ask = tick.ask;
  to.time_msc = tick.time_ms;
  to.flags = tick.flags;
  return to;
}

}  // namespace troupe::terminal
