// The terminal as MetaTrader is one: the expert's sources run in it, in real time, over the real link client or
// their own sockets. One thread around tape, engine and MqlTerminal; the link client has its own.
//
// A tick is seen by the engine, then remembered by the history, then it stands in the tick base, from which the expert
// reads it. What waits in the base is bounded: the tape stands still while the expert does not come after it, or has no
// session in which the bridge has said where the feed goes on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "session/console.h"
#include "session/opening.h"
#include "shell/data_folder.h"
#include "shell/expert.h"
#include "shell/machine_clock.h"
#include "terminal/mql5/mql_terminal.h"

namespace troupe::terminal {

class Shell {
 public:
  // Opens tape and history and attaches the expert. Throws Fault. `hold`: do not play before the parent says so, unless
  // an earlier run of this history was told to already.
  Shell(const Config& config, bool hold);

  // Returns when the parent closes stdin or says quit, or on a signal (`signal_fd`, see signalfd(2)). Throws Fault.
  void run(int stdin_fd, int signal_fd);

 private:
  MqlTerminalOptions options();
  void restoreTicks();
  void wait(int stdin_fd, int signal_fd);
  int64_t waitUs(int64_t now_us) const;
  void onInput();
  bool play(int64_t now_us);
  void settle();
  void followLink();
  void endTape(int64_t now_us);
  void finish();
  bool mayPlay() const;

  Config config_;
  Opening opening_;
  Engine& engine_;
  Player& player_;
  DataFolder folder_;
  MachineClock clock_;
  Reporter reporter_;
  std::unique_ptr<MqlTerminal> mql_;
  Expert& expert_;
  int program_ = -1, service_ = -1;  // of the expert; no service: this does its work
  std::unique_ptr<LineReader> input_;
  std::vector<link::Tick> batch_;
  bool hold_;
  bool quit_ = false;
  bool rung_ = false;           // the bridge has said something
  uint64_t received_ = 0;       // messages of the bridge, when the expert was last rung
  uint64_t seen_;               // ticks that the engine has seen
  uint64_t unread_ = 0;         // of them, what the expert has not read
  uint64_t session_ = 0;        // of the link that stands; 0: none does
  uint64_t ended_session_ = 0;  // in which the end of the tape was told
  int64_t play_at_us_ = 0;      // not before
  int64_t all_read_us_ = 0;     // since when the expert has read the whole tape; 0: it has not
};

}  // namespace troupe::terminal
