// One terminal on one link, from its hello until the link is lost. Everything here runs on the link's thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "bridge/clock.h"
#include "bridge/command_desk.h"
#include "bridge/execution_feed.h"
#include "bridge/framer.h"
#include "bridge/status.h"
#include "bridge/tick_sink.h"
#include "link/connection.h"

namespace troupe::bridge {

// What all sessions of one bridge share.
struct Room {
  const Clock& clock;
  Publisher& ticks;
  TickSink& sink;
  Framer& framer;
  ExecutionFeed& feed;
  CommandDesk& desk;
  Status& status;
  std::string source, account;
  std::atomic<uint64_t> ticks_received{0};
  std::unordered_set<std::string> sessions;  // names seen by this run of the bridge
};

class Session {
 public:
  Session(Room& room, std::shared_ptr<link::Connection> connection)
      : room_(room), connection_(std::move(connection)), link_(*connection_) {}

  // Runs until the link is lost or `stopping`. `idle` is called about 20 times a second. Open frames are handed to the
  // publisher before it returns, as far as it takes them within 1.5 s when stopping.
  link::LinkError run(const std::atomic<bool>& stopping, const std::function<void(Session&)>& idle);

  link::Connection& connection() { return link_; }

  static constexpr int64_t kHeartbeatUs = 1'000'000;
  static constexpr int64_t kDeadUs = 5'000'000;

 private:
  enum class Stage : uint8_t { kHello, kSymbols, kReady };

  link::LinkError onFrame(const link::FrameView& frame, int64_t now_us);
  link::LinkError onHello(const link::FrameView& frame);
  link::LinkError onSymbols(const link::FrameView& frame);
  link::LinkError onTicks(const link::FrameView& frame, int64_t now_us);
  link::LinkError onTapeEnd(const link::FrameView& frame);
  link::LinkError takeTicks(int64_t now_us);
  link::LinkError beat(int64_t now_us);
  link::LinkError await(int64_t now_us);
  void finishTape();
  bool holding() const { return ticks_left_ > 0 || room_.feed.full(); }

  Room& room_;
  std::shared_ptr<link::Connection> connection_;
  link::Connection& link_;
  Stage stage_ = Stage::kHello;
  link::Hello hello_{};
  std::string frame_session_;
  // Ticks of the current frame that the framer has not taken yet; they stay in the decoder's buffer, so nothing may be
  // read until they are gone.
  const link::Tick* ticks_at_ = nullptr;
  size_t ticks_left_ = 0;
  uint64_t sent_us_ = 0;
  uint64_t session_ticks_ = 0;
  uint64_t acked_before_ = 0;
  bool tape_ended_ = false;
  uint64_t heard_bytes_ = 0;
  int64_t heard_us_ = 0, beat_us_ = 0, idle_us_ = 0;
};

}  // namespace troupe::bridge
