#include "player/resend.h"

namespace troupe::terminal {

Resend::Resend(const Player& player, size_t symbols) : played_(symbols, 0) {
  const uint64_t round = player.ticksPerRound();
  const uint64_t rounds = player.position() / round, rest = player.position() % round;
  // A tape is the same in every round, so it is read once.
  for (uint64_t i = 0; i < (rounds > 0 ? round : rest); ++i) {
    played_[player.tick(i).symbol] += rounds + (i < rest ? 1 : 0);
  }
}

bool Resend::begin(const Player& player, const std::vector<uint64_t>& kept) {
  pending_ = 0;
  kept_ = kept;
  at_ = played_;
  if (kept.size() != played_.size()) return false;
  for (size_t s = 0; s < kept.size(); ++s) {
    if (kept[s] > played_[s]) return false;
    pending_ += played_[s] - kept[s];
  }
  // Backwards to the first one that is missing: what is on its way at one time is little beside a tape.
  next_ = player.position();
  for (uint64_t found = 0; found < pending_;) {
    const uint32_t symbol = player.tick(--next_).symbol;
    if (at_[symbol]-- > kept_[symbol]) ++found;
  }
  return true;
}

size_t Resend::take(const Player& player, link::Tick* to, size_t most) {
  size_t n = 0;
  for (; n < most && pending_ > 0; ++next_) {
    const link::Tick tick = player.tick(next_);
    if (++at_[tick.symbol] <= kept_[tick.symbol]) continue;
    to[n++] = tick;
    --pending_;
  }
  return n;
}

}  // namespace troupe::terminal
