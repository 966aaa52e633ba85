// Which ticks the bridge still wants of those that have been played: after a link, the bridge or the terminal itself
// was lost, the bridge says how many ticks of each symbol are kept, and everything behind that is sent again, in the
// order and with the numbers it had. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "player/player.h"

namespace troupe::terminal {

class Resend {
 public:
  // Counts the ticks of each symbol that `player` has played already. `symbols`: how many the config has.
  Resend(const Player& player, size_t symbols);

  // Ticks that the player has just given out.
  void played(const link::Tick* ticks, size_t count) {
    for (size_t i = 0; i < count; ++i) ++played_[ticks[i].symbol];
  }

  // The bridge keeps `kept[s]` ticks of each symbol. False if it keeps one that has not been played: then this terminal
  // has forgotten something, and its numbers cannot be trusted.
  bool begin(const Player& player, const std::vector<uint64_t>& kept);
  bool pending() const { return pending_ > 0; }
  uint64_t pendingTicks() const { return pending_; }
  // Copies the next ones, at most `most`.
  size_t take(const Player& player, link::Tick* to, size_t most);

 private:
  std::vector<uint64_t> played_;  // per symbol
  std::vector<uint64_t> kept_, at_;
  uint64_t next_ = 0;     // number of the next tick to look at
  uint64_t pending_ = 0;  // still to be sent again
};

}  // namespace troupe::terminal
