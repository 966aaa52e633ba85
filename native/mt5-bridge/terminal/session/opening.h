// What a run of the terminal begins with, whichever program trades in it: tape, engine and history, as an earlier run
// has left them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "engine/engine.h"
#include "history/history.h"
#include "player/player.h"
#include "tape/tape.h"

namespace troupe::terminal {

// A name that no other run has.
std::string runName();

struct Opening {
  // Opens tape and history, and begins the engine; its first events still wait in it. Throws Fault. `client_ids`: as in
  // EngineConfig.
  Opening(const Config& config, bool client_ids);

  Tape tape;
  std::optional<History> history;
  Engine engine;
  Player player;
  std::string feed;      // fresh, or that of the earlier run
  bool new_feed = true;  // no earlier run has played this tape

  // Whether an earlier run was told to play already.
  bool begun() const { return history && history->begun(); }

 private:
  void prime();
};

// The lines of stdout that tell how far the tape is. The parent reads them, see README.md.
class Reporter {
 public:
  static constexpr int64_t kEveryUs = 200'000;
  explicit Reporter(const Player& player) : player_(player) {}
  void resumed() const;
  // At most five times a second, and only news.
  void progress(int64_t now_us);
  int64_t waitUs(int64_t now_us) const;
  // Once.
  void tapeEnd();
  bool endSaid() const { return end_said_; }
  static void account(const Account& account);

 private:
  std::string place() const;
  const Player& player_;
  int64_t at_us_ = 0;
  uint64_t told_ = 0;
  bool end_said_ = false;
};

}  // namespace troupe::terminal
