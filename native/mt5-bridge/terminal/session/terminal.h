// The running terminal: one thread and one poll loop around engine, player, desk, history and link. The bytes on the
// link leave in the order of the events: ticks up to the one that fills an order, the order's events, the answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "engine/engine.h"
#include "player/resend.h"
#include "session/bridge_link.h"
#include "session/console.h"
#include "session/desk.h"
#include "session/opening.h"

namespace troupe::terminal {

class Terminal {
 public:
  // Opens tape and history. Throws Fault. `hold`: do not play before the parent says so, unless an earlier run of this
  // history was told to already.
  Terminal(const Config& config, bool hold);

  // Returns when the parent closes stdin or says quit, or on a signal (`signal_fd`, see signalfd(2)). Throws Fault.
  void run(int stdin_fd, int signal_fd);

 private:
  void wait(int stdin_fd, int signal_fd);
  void onInput();
  void onLoss(const BridgeLink::Loss& loss);
  void onLinkUp();
  void onResume(const link::FrameView& frame);
  void onFrame(const link::FrameView& frame);
  template <typename T>
  void onCommand(const link::FrameView& frame);
  void onSnapshot(const link::TakeSnapshot& request);
  void runDue(int64_t now_us);
  void publish();
  std::vector<Event> remember();
  void tell(const std::vector<Event>& events);
  void sendEvent(const Event& event);
  void play(int64_t now_us);
  void sendAgain();
  void sendTicks(size_t from, size_t to);
  void endTape();
  void finish();
  bool mayPlay() const;

  Config config_;
  Opening opening_;
  std::optional<History>& history_;
  Engine& engine_;
  Player& player_;
  std::optional<Resend> resend_;
  Desk desk_;
  BridgeLink link_;
  Reporter reporter_;
  bool hold_;
  bool quit_ = false;
  bool readable_ = false;
  std::unique_ptr<LineReader> input_;
  std::vector<link::Tick> batch_;
  uint64_t seen_ = 0;         // ticks that the engine has seen
  uint64_t events_sent_ = 0;  // of this session
  bool agreed_ = false;       // this session knows where the feed goes on
  bool end_sent_ = false;     // to this session
};

}  // namespace troupe::terminal
