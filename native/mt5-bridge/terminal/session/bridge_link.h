// The terminal's end of the link: connects to the bridge, again and again with backoff, greets, keeps the heartbeat.
// Each connection is a new session: execution events that were on the way when the last one broke are lost, and the new
// session's name tells the bridge to take a snapshot. Ticks are sent again, see Resend.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "link/connection.h"

namespace troupe::terminal {

class BridgeLink {
 public:
  struct Identity {
    std::string host;
    uint16_t port = 0;
    std::string login;
    int32_t utc_offset_s = 0;
    std::string run;   // unique per start of the terminal, at most 16 bytes
    std::string feed;  // see link::Hello
  };
  explicit BridgeLink(Identity identity) : identity_(std::move(identity)) {}

  // Connects when it is time to, beats, notices silence. Call it every turn.
  void step(int64_t now_us);
  // Microseconds until step() has something to do.
  int64_t waitUs(int64_t now_us) const;

  // Reads what has come. `onUp` after the bridge's welcome, `onFrame` for every frame that is a command.
  void receive(int64_t now_us, const std::function<void()>& onUp,
               const std::function<void(const link::FrameView&)>& onFrame);

  bool up() const { return state_ == State::kUp; }
  bool connected() const { return state_ != State::kDown; }
  void setFeed(const std::string& feed) { identity_.feed = feed; }
  int fd() const { return connection_->fd(); }
  size_t pendingBytes() const { return connected() ? connection_->pendingBytes() : 0; }
  uint64_t number() const { return number_; }  // counts connections, from 1
  // Why the last connection ended, once; empty if it has been asked for or nothing was lost.
  std::string takeLoss();

  template <typename... A>
  void send(link::FrameType type, const A&... parts) {
    if (!connected()) return;
    if (const link::LinkError e = connection_->send(type, parts...); e != link::LinkError::kNone) drop(e);
  }
  template <typename T>
  void sendArray(link::FrameType type, const T* items, size_t count) {
    if (!connected()) return;
    if (const link::LinkError e = connection_->sendArray(type, items, count); e != link::LinkError::kNone) drop(e);
  }
  void drop(link::LinkError reason);

 private:
  enum class State : uint8_t { kDown, kGreeting, kUp };
  void connect(int64_t now_us);

  Identity identity_;
  State state_ = State::kDown;
  std::unique_ptr<link::Connection> connection_;
  uint64_t number_ = 0;
  int64_t retry_at_us_ = 0, backoff_us_ = 0;
  int64_t heard_us_ = 0, beat_us_ = 0;
  std::string loss_;
};

}  // namespace troupe::terminal
