#include "player/player.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace troupe::terminal {

namespace {

constexpr int64_t kSkipGapMs = 60'000;

}  // namespace

Player::Player(const TapeView& tape, const PlayerConfig& config, uint64_t position)
    : tape_(tape), config_(config), total_(tape.count * std::max<uint64_t>(1, config.rounds)) {
  position_ = std::min(position, total_);
  const int64_t span = tape_.ticks[tape_.count - 1].time_ms - tape_.ticks[0].time_ms + 1000;
  round_shift_ms_ = (span + 999) / 1000 * 1000;
  same_symbols_ = true;
  for (uint32_t i = 0; i < tape_.symbol_of.size(); ++i) same_symbols_ &= tape_.symbol_of[i] == i;
  if (position_ > 0) market_ms_ = timeMs(position_ - 1);
}

int64_t Player::timeMs(uint64_t number) const {
  return tape_.ticks[number % tape_.count].time_ms + static_cast<int64_t>(number / tape_.count) * round_shift_ms_;
}

link::Tick Player::tick(uint64_t number) const {
  link::Tick tick = tape_.ticks[number % tape_.count];
  tick.time_ms = timeMs(number);
  tick.symbol = tape_.symbol_of[tick.symbol];
  return tick;
}

void Player::play() {
  if (playing_) return;
  playing_ = true;
  anchored_ = false;
}

void Player::resume() { anchored_ = false; }

void Player::applied(uint64_t n) { applied_ = std::max(applied_, std::min(n, position_)); }

double Player::dueUs(int64_t time_ms) const {
  return anchor_us_ + static_cast<double>(time_ms - anchor_ms_) * 1000.0 / config_.speed;
}

size_t Player::allowed(int64_t now_us, size_t most) {
  most = static_cast<size_t>(std::min<uint64_t>(most, total_ - position_));
  if (config_.lead_limit_ms > 0) most = withinLead(most);
  if (config_.speed > 0) most = due(now_us, most);
  return most;
}

size_t Player::due(int64_t now_us, size_t most) {
  int64_t last = market_ms_;
  for (size_t n = 0; n < most; ++n) {
    const int64_t time = timeMs(position_ + n);
    if (!anchored_) {
      anchored_ = true;
      anchor_us_ = static_cast<double>(now_us);
      anchor_ms_ = time;
    } else if (time - last > kSkipGapMs) {
      anchor_us_ = dueUs(last);
      anchor_ms_ = time;
    }
    if (dueUs(time) > static_cast<double>(now_us)) return n;
    last = time;
  }
  return most;
}

size_t Player::withinLead(size_t most) const {
  if (applied_ == 0) return position_ == 0 ? 1 : 0;
  const int64_t limit = timeMs(applied_ - 1) + config_.lead_limit_ms;
  size_t n = 0;
  while (n < most && timeMs(position_ + n) <= limit) ++n;
  return n == 0 && applied_ == position_ ? std::min<size_t>(most, 1) : n;
}

size_t Player::take(int64_t now_us, link::Tick* to, size_t most) {
  if (!playing_ || ended()) return 0;
  const size_t n = allowed(now_us, most);
  if (n == 0) return 0;
  size_t done = 0;
  while (done < n) {
    // Record by record only where a record must be changed.
    const uint64_t in_tape = position_ % tape_.count;
    const auto run = static_cast<size_t>(std::min<uint64_t>(n - done, tape_.count - in_tape));
    std::memcpy(to + done, tape_.ticks + in_tape, run * sizeof(link::Tick));
    const int64_t shift = static_cast<int64_t>(position_ / tape_.count) * round_shift_ms_;
    if (shift != 0) {
      for (size_t i = done; i < done + run; ++i) to[i].time_ms += shift;
    }
    if (!same_symbols_) {
      for (size_t i = done; i < done + run; ++i) to[i].symbol = tape_.symbol_of[to[i].symbol];
    }
    done += run;
    position_ += run;
  }
  market_ms_ = to[n - 1].time_ms;
  return n;
}

int64_t Player::waitUs(int64_t now_us) const {
  if (!playing_ || ended()) return -1;
  const int64_t next = timeMs(position_);
  if (config_.lead_limit_ms > 0 && applied_ < position_) {
    if (applied_ == 0 || next > timeMs(applied_ - 1) + config_.lead_limit_ms) return -1;
  }
  if (config_.speed <= 0 || !anchored_ || next - market_ms_ > kSkipGapMs) return 0;
  return std::max<int64_t>(0, static_cast<int64_t>(std::ceil(dueUs(next) - static_cast<double>(now_us))));
}

}  // namespace troupe::terminal
