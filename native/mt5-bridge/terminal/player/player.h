// When which tick of the tape may leave. Pure: the caller brings the time (monotonic microseconds).
//
// Speed 0 plays as fast as it is asked to. With a lead limit, at any speed, the market is no further ahead in its own
// time than what the company has applied: tick i may go iff time(i) <= time(applied - 1) + lead, or everything sent is
// applied. Speed s > 0 runs market time s times as fast as wall time; gaps of more than a minute without any tick are
// skipped. Rounds: the tape is played again with its times shifted on, so that time never falls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tape/tape.h"

namespace troupe::terminal {

struct PlayerConfig {
  double speed = 0;
  int64_t lead_limit_ms = 0;
  uint64_t rounds = 1;
};

class Player {
 public:
  // `position`: ticks that an earlier run has played already.
  Player(const TapeView& tape, const PlayerConfig& config, uint64_t position = 0);

  void play();
  bool playing() const { return playing_; }
  // The link stands again: market time goes on from the next unsent tick.
  void resume();
  // The company has applied n ticks of this feed, over all restarts of the terminal.
  void applied(uint64_t n);

  // Copies the ticks that may go now, at most `most`, with times of their round and symbols of the config.
  size_t take(int64_t now_us, link::Tick* to, size_t most);
  // Microseconds until take() gives something; 0 now, -1 if no time will help (paused, ended, waiting for applied()).
  int64_t waitUs(int64_t now_us) const;

  uint64_t position() const { return position_; }
  uint64_t total() const { return total_; }
  uint64_t ticksPerRound() const { return tape_.count; }
  bool ended() const { return position_ == total_; }
  int64_t marketMs() const { return market_ms_; }
  // Tick by number over all rounds.
  link::Tick tick(uint64_t number) const;

 private:
  int64_t timeMs(uint64_t number) const;
  size_t allowed(int64_t now_us, size_t most);
  size_t due(int64_t now_us, size_t most);
  size_t withinLead(size_t most) const;
  double dueUs(int64_t time_ms) const;

  TapeView tape_;
  PlayerConfig config_;
  uint64_t total_;
  uint64_t position_;
  int64_t round_shift_ms_;
  bool same_symbols_;
  bool playing_ = false;
  int64_t market_ms_ = 0;
  // Speed > 0: wall time anchor_us_ is market time anchor_ms_.
  bool anchored_ = false;
  double anchor_us_ = 0;
  int64_t anchor_ms_ = 0;
  // Lead limit. Every tick is applied at last: what died with a link or a process is sent again.
  uint64_t applied_ = 0;
};

}  // namespace troupe::terminal
