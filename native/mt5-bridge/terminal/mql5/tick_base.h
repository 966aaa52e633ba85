// The terminal's base of ticks of one symbol: by time, equal times in the order of their arrival, late ones inserted
// where their time puts them. Bounded: the oldest are forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "terminal/shim/structs.h"

namespace troupe::terminal {

struct BaseTick {
  int64_t time_ms;
  double bid, ask;
  uint32_t flags;
};

class TickBase {
 public:
  explicit TickBase(size_t capacity) : capacity_(capacity) {}

  void add(const BaseTick& tick);
  // While the terminal has no connection it sees nothing new; afterwards it has everything that it missed.
  void freeze() {
    hidden_ = 0;
    frozen_ = true;
  }
  void thaw() {
    frozen_ = false;
    hidden_ = 0;
  }

  size_t size() const { return ticks_.size() - hidden_; }
  const BaseTick& at(size_t index) const { return ticks_[index]; }
  const BaseTick* last() const { return size() == 0 ? nullptr : &ticks_[size() - 1]; }
  // Index of the first tick not before that time.
  size_t lowerBound(int64_t time_ms) const;
  // Ticks behind the last that a program has read.
  uint64_t unread() const { return added_ - read_; }
  void markRead(size_t end);

 private:
  size_t capacity_;
  std::deque<BaseTick> ticks_;
  size_t hidden_ = 0;
  bool frozen_ = false;
  uint64_t added_ = 0, read_ = 0;
};

MqlTick toMql(const BaseTick& tick);

}  // namespace troupe::terminal
