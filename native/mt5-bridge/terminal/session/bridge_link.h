// The terminal's end of the link: connects to the bridge, again and again with backoff, proves the key and has it
// proved, keeps the heartbeat.
// Each connection is a new session: execution events that were on the way when the last one broke are lost, and the new
// session's name tells the bridge to take a snapshot. Ticks are sent again, see Resend.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "link/connection.h"
#include "link/handshake.h"

namespace troupe::terminal {

class BridgeLink {
 public:
  struct Identity {
    std::string host;
    uint16_t port = 0;
    std::string login, margin_mode;
    int32_t utc_offset_s = 0;
    std::string run;   // unique per start of the terminal, at most 16 bytes
    std::string feed;  // see link::Hello
    link::Key key{};
    std::shared_ptr<const link::SecureClient> secure;  // null: no TLS
  };
  struct Loss {
    link::LinkError error = link::LinkError::kNone;
    std::string reason;
    bool final = false;  // the bridge will not have us before somebody has changed something
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
  // Why the last connection ended, once; nothing if it has been asked for or nothing was lost.
  std::optional<Loss> takeLoss();

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
  void onGreeting(const link::FrameView& frame, const std::function<void()>& onUp);
  void onRefused(const link::Refused& refusal);

  Identity identity_;
  State state_ = State::kDown;
  std::unique_ptr<link::Connection> connection_;
  std::optional<link::Candidate> candidate_;
  uint64_t number_ = 0;
  int64_t retry_at_us_ = 0, backoff_us_ = 0;
  int64_t heard_us_ = 0, beat_us_ = 0;
  std::optional<Loss> loss_;
};

}  // namespace troupe::terminal
