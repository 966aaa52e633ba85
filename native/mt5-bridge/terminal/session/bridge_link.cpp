#include "session/bridge_link.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "link/text.h"
#include "session/clock.h"

namespace troupe::terminal {

using link::FrameType;
using link::LinkError;

namespace {

constexpr int64_t kFirstBackoffUs = 20'000, kMaxBackoffUs = 1'000'000;
constexpr int64_t kMaxRetryUs = 60'000'000;  // whatever a bridge asks for
constexpr int64_t kBeatUs = 500'000;
constexpr int64_t kSilenceUs = 5'000'000;
constexpr int kConnectTimeoutMs = 250;
// Answers to commands queue behind ticks that the kernel already holds: this is how much that may be.
constexpr int kSendBufferBytes = 128 << 10;

}  // namespace

void BridgeLink::connect(int64_t now_us) {
  std::string error;
  connection_ = link::Connection::connect(identity_.host, identity_.port, link::Peer::kBridge, kConnectTimeoutMs, error,
                                          identity_.secure.get());
  if (!connection_) {
    // Said once: while a bridge is started again nobody answers for a while.
    if (backoff_us_ == 0) loss_ = Loss{LinkError::kIo, "nobody answers: " + error, false};
    backoff_us_ = std::clamp(backoff_us_ * 2, kFirstBackoffUs, kMaxBackoffUs);
    retry_at_us_ = now_us + backoff_us_;
    return;
  }
  setsockopt(connection_->fd(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  ++number_;
  state_ = State::kGreeting;
  heard_us_ = beat_us_ = now_us;
  link::Hello hello{};
  link::setTextCut(hello.session, identity_.run + "-" + std::to_string(number_));
  link::setTextCut(hello.feed, identity_.feed);
  link::setTextCut(hello.login, identity_.login);
  link::setTextCut(hello.terminal, "Troupe simulated terminal");
  link::setTextCut(hello.margin_mode, identity_.margin_mode);
  hello.utc_offset_s = identity_.utc_offset_s;
  hello.wall_us = wallUs();
  if (!link::prepare(hello)) return drop(LinkError::kIo);
  connection_->allowPayload(link::kMaxGreetingBytes);
  candidate_.emplace(identity_.key, hello);
  send(FrameType::kHello, hello);
}

void BridgeLink::step(int64_t now_us) {
  if (state_ == State::kDown) {
    if (now_us >= retry_at_us_) connect(now_us);
    return;
  }
  if (now_us - heard_us_ > kSilenceUs) return drop(LinkError::kSilent);
  if (state_ == State::kUp && now_us - beat_us_ >= kBeatUs) {
    beat_us_ = now_us;
    send(FrameType::kHeartbeat, link::Heartbeat{wallUs()});
  }
}

int64_t BridgeLink::waitUs(int64_t now_us) const {
  const int64_t at = state_ == State::kDown ? retry_at_us_ : std::min(beat_us_ + kBeatUs, heard_us_ + kSilenceUs);
  return std::max<int64_t>(0, at - now_us);
}

void BridgeLink::drop(LinkError reason) {
  if (state_ == State::kDown) return;
  state_ = State::kDown;
  loss_ = Loss{reason, link::messageOf(reason), false};
  connection_->shutdown();  // destroyed by the next connect: a frame of it may still be in somebody's hands
  backoff_us_ = backoff_us_ == 0 ? kFirstBackoffUs : std::min(backoff_us_ * 2, kMaxBackoffUs);
  retry_at_us_ = monotonicUs() + backoff_us_;
}

std::optional<BridgeLink::Loss> BridgeLink::takeLoss() { return std::exchange(loss_, std::nullopt); }

void BridgeLink::onGreeting(const link::FrameView& frame, const std::function<void()>& onUp) {
  std::optional<link::Proof> proof;
  const LinkError failed = candidate_->onFrame(frame, proof);
  if (failed == LinkError::kRefused) return onRefused(candidate_->refusal());
  if (failed != LinkError::kNone) return drop(failed);
  if (proof) send(FrameType::kProof, *proof);
  if (!candidate_->welcomed()) return;
  connection_->allowPayload(link::kMaxPayloadBytes);
  state_ = State::kUp;
  backoff_us_ = 0;
  onUp();
}

void BridgeLink::onRefused(const link::Refused& refusal) {
  const int64_t retry_us = int64_t{1000} * refusal.retry_after_ms;
  drop(LinkError::kRefused);
  loss_->reason = std::string(link::textOf(refusal.code)) + ": " + std::string(link::textOf(refusal.message));
  loss_->final = retry_us == 0;
  retry_at_us_ = monotonicUs() + std::clamp(retry_us, kMaxBackoffUs, kMaxRetryUs);
}

void BridgeLink::receive(int64_t now_us, const std::function<void()>& onUp,
                         const std::function<void(const link::FrameView&)>& onFrame) {
  const LinkError failed = connection_->wait(0);
  link::FrameView frame;
  while (connected()) {
    const link::Next next = connection_->next(frame);
    if (next == link::Next::kError) return drop(connection_->error());
    if (next == link::Next::kNeedMore) break;
    heard_us_ = now_us;
    if (state_ == State::kGreeting) {
      onGreeting(frame, onUp);
    } else if (frame.type != FrameType::kHeartbeat) {
      onFrame(frame);
    }
  }
  if (failed != LinkError::kNone && connected()) {
    drop(failed);
    if (!connection_->detail().empty()) loss_->reason += " (" + connection_->detail() + ")";
  }
}

}  // namespace troupe::terminal
