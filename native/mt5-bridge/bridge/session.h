// One terminal on one link, from its welcome until the link is lost. Everything here runs on the link's thread.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bridge/clock.h"
#include "bridge/command_desk.h"
#include "bridge/execution_feed.h"
#include "bridge/figures.h"
#include "bridge/framer.h"
#include "bridge/seat.h"
#include "bridge/status.h"
#include "bridge/tick_sink.h"
#include "bridge/tick_store.h"
#include "link/connection.h"

namespace troupe::bridge {

// What all sessions of one account share.
struct Room {
  const Clock& clock;
  Publisher& ticks;
  TickSink& sink;
  TickStore& store;
  Framer& framer;
  ExecutionFeed& feed;
  CommandDesk& desk;
  Status& status;
  std::string source, account;
  DaylightRule daylight = DaylightRule::kFixed;
  LinkFigures& figures;
  std::atomic<uint64_t> ticks_received{0};
};

class Session {
 public:
  Session(Room& room, const Guest& guest)
      : room_(room), connection_(guest.connection), link_(*connection_), hello_(guest.hello), welcome_(guest.welcome) {}

  // Runs until the link is lost or `stopping`. Open frames are handed to the publisher before it returns, as far as it
  // takes them within 1.5 s when stopping.
  link::LinkError run(const std::atomic<bool>& stopping);

  static constexpr int64_t kHeartbeatUs = 1'000'000;
  static constexpr int64_t kDeadUs = 5'000'000;

 private:
  enum class Stage : uint8_t { kSymbols, kReady };

  link::LinkError onFrame(const link::FrameView& frame, int64_t now_us);
  link::LinkError welcome();
  link::LinkError onSymbols(const link::FrameView& frame);
  // How many ticks of each symbol of this feed are kept, or will be without the terminal's doing.
  bool keptTicks(const std::vector<std::string>& symbols, std::vector<uint64_t>& kept);
  link::LinkError onTicks(const link::FrameView& frame, int64_t now_us);
  link::LinkError onTapeEnd(const link::FrameView& frame);
  link::LinkError takeTicks(int64_t now_us);
  link::LinkError beat(int64_t now_us);
  void onHeartbeat(const link::FrameView& frame);
  link::LinkError onStatus(const link::FrameView& frame);
  void onTradeAllowed(bool allowed) { room_.figures.trade_allowed = allowed ? 1 : 0; }
  link::LinkError await(int64_t now_us);
  void finishTape();
  bool holding() const { return ticks_left_ > 0 || room_.feed.full(); }

  Room& room_;
  std::shared_ptr<link::Connection> connection_;
  link::Connection& link_;
  Stage stage_ = Stage::kSymbols;
  const link::Hello hello_;
  const link::Welcome welcome_;
  // Ticks of the current frame that the framer has not taken yet; they stay in the decoder's buffer, so nothing may be
  // read until they are gone.
  const link::Tick* ticks_at_ = nullptr;
  size_t ticks_left_ = 0;
  uint64_t sent_us_ = 0;
  uint64_t feed_ticks_ = 0;  // of the whole feed, over all links
  bool tape_ended_ = false;
  uint64_t heard_bytes_ = 0;
  // Of the last heartbeats: the one that was least on its way says most about the clocks.
  std::array<int64_t, 16> clock_offsets_us_{};
  size_t heartbeats_ = 0;
  uint64_t taken_bytes_ = 0;  // of what was sent to the terminal
  int64_t heard_us_ = 0, beat_us_ = 0, desk_us_ = 0, taken_us_ = 0;
};

}  // namespace troupe::bridge
