#include "bridge/lobby.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "link/text.h"

namespace troupe::bridge {

using link::FrameType;
using link::LinkError;

namespace {

constexpr const char* kName = "troupe-bridge 1";
constexpr int64_t kGreetingUs = int64_t{1000} * link::kGreetingMs;
// Whoever does not know the key waits this long for the answer: guessing is slow.
constexpr int64_t kGuessUs = 500'000;
// How long a refused terminal has to read why.
constexpr int64_t kLeaveUs = 1'000'000;
constexpr int64_t kTellUs = 1'000'000;
// How often a terminal asks for a seat that is just being left.
constexpr int kSoonMs = 5;

// These are told why; who does not even speak the protocol is not spoken to.
bool isAnswered(LinkError error) {
  switch (error) {
    case LinkError::kBadVersion:
    case LinkError::kBadProof:
    case LinkError::kWrongAccount:
    case LinkError::kWrongMarginMode:
    case LinkError::kAccountTaken:
    case LinkError::kTlsMissing:
    case LinkError::kTlsUnexpected:
      return true;
    default:
      return false;
  }
}

// In the terminal's words: what a person there has to change. Both sides have the same errors.
const char* adviceFor(LinkError error) {
  if (error == LinkError::kTlsMissing)
    return "this bridge is reached by TLS only: give the terminal its fingerprint or CA";
  if (error == LinkError::kTlsUnexpected) return "this bridge speaks no TLS: take fingerprint and CA from the terminal";
  return "";
}

}  // namespace

Lobby::Lobby(link::Listener& listener, const link::Key& key, std::vector<Door> doors, const Clock& clock,
             Refusal refused, std::shared_ptr<const link::SecureServer> secure)
    : listener_(listener),
      key_(key),
      doors_(std::move(doors)),
      clock_(clock),
      refused_(std::move(refused)),
      secure_(std::move(secure)) {
  for (const Door& door : doors_) policies_.push_back(door.policy);
}

void Lobby::pass(int wait_ms) {
  const int64_t now_us = clock_.steadyUs();
  accept(now_us);
  std::vector<pollfd> fds{{listener_.fd(), POLLIN, 0}};
  for (const auto& visitor : visitors_) {
    // Whoever came later for the same seat may have taken its place a moment ago.
    if (visitor->connection) hear(*visitor, now_us);
    if (visitor->connection && visitor->stage == Stage::kProven) seat(*visitor, now_us);
    if (!visitor->connection) continue;
    if (visitor->stage == Stage::kProven) {
      // Waits for its seat, which makes no noise; what it says meanwhile is not heard.
      wait_ms = std::min(wait_ms, kSoonMs);
    } else {
      fds.push_back({visitor->connection->fd(), POLLIN, 0});
    }
  }
  std::erase_if(visitors_, [](const auto& visitor) { return visitor->connection == nullptr; });
  ::poll(fds.data(), fds.size(), wait_ms);
}

std::map<std::string, uint64_t> Lobby::refusals(std::optional<size_t> account) const {
  std::lock_guard lock(refusals_mutex_);
  const auto found = refusals_.find(account);
  return found == refusals_.end() ? std::map<std::string, uint64_t>{} : found->second;
}

void Lobby::accept(int64_t now_us) {
  const auto strange = [](const auto& v) { return v->stage != Stage::kProven; };
  for (size_t i = 0; i < mostStrangers(); ++i) {
    const int fd = listener_.accept();
    if (fd < 0) return;
    // Who has stood there longest without a proof makes room: nobody keeps the door shut by standing in it.
    if (static_cast<size_t>(std::count_if(visitors_.begin(), visitors_.end(), strange)) >= mostStrangers())
      visitors_.erase(std::find_if(visitors_.begin(), visitors_.end(), strange));
    visitors_.push_back(std::make_unique<Visitor>(fd, channel(), key_, policies_, now_us));
  }
}

std::unique_ptr<link::SecureChannel> Lobby::channel() {
  std::lock_guard lock(secure_mutex_);
  return secure_ ? secure_->channel() : nullptr;
}

void Lobby::setSecure(std::shared_ptr<const link::SecureServer> secure) {
  std::lock_guard lock(secure_mutex_);
  secure_ = std::move(secure);
}

void Lobby::hear(Visitor& visitor, int64_t now_us) {
  // What a proven terminal says is for its session, and stays in the socket until then.
  const bool proven = visitor.stage == Stage::kProven;
  const LinkError failed =
      proven && visitor.connection->peerClosed() ? LinkError::kClosed : visitor.connection->wait(0, !proven);
  link::FrameView frame;
  link::Next next = link::Next::kNeedMore;
  while (visitor.connection && visitor.stage != Stage::kProven &&
         (next = visitor.connection->next(frame)) == link::Next::kFrame)
    onFrame(visitor, frame, now_us);
  if (!visitor.connection) return;
  const int64_t age_us = now_us - visitor.since_us;
  if (visitor.stage == Stage::kLeaving) {
    if (failed != LinkError::kNone || next == link::Next::kError || age_us > kLeaveUs) visitor.connection.reset();
    return;
  }
  if (next == link::Next::kError) return refuse(visitor, visitor.connection->error(), "", now_us);
  if (failed != LinkError::kNone && isAnswered(failed)) return refuse(visitor, failed, adviceFor(failed), now_us);
  if (failed != LinkError::kNone) return drop(visitor, failed, now_us);
  if (visitor.stage == Stage::kGuessed) {
    if (age_us > kGuessUs) refuse(visitor, LinkError::kBadProof, "", now_us);
  } else if (visitor.stage != Stage::kProven && age_us > kGreetingUs) {
    drop(visitor, LinkError::kSilent, now_us);
  }
}

void Lobby::onFrame(Visitor& visitor, const link::FrameView& frame, int64_t now_us) {
  LinkError error = LinkError::kNone;
  switch (visitor.stage) {
    case Stage::kHello: {
      link::Challenge challenge;
      error = visitor.greeter.onHello(frame, challenge);
      if (error == LinkError::kNone) error = visitor.connection->send(FrameType::kChallenge, challenge);
      if (error != LinkError::kNone) return refuse(visitor, error, "", now_us);
      visitor.stage = Stage::kProof;
      return;
    }
    case Stage::kProof: {
      std::string detail;
      error = visitor.greeter.onProof(frame, detail);
      if (error != LinkError::kNone && error != LinkError::kBadProof) return refuse(visitor, error, detail, now_us);
      if (error == LinkError::kNone) expectNobodyElse(visitor);
      visitor.stage = error == LinkError::kNone ? Stage::kProven : Stage::kGuessed;
      visitor.since_us = now_us;
      return;
    }
    case Stage::kGuessed:
    case Stage::kLeaving:
    case Stage::kProven:
      return;  // nothing that it says counts any more
  }
}

void Lobby::expectNobodyElse(const Visitor& latest) {
  for (const auto& visitor : visitors_)
    if (visitor->connection && visitor->stage == Stage::kProven &&
        visitor->greeter.account() == latest.greeter.account())
      visitor->connection.reset();
}

void Lobby::seat(Visitor& visitor, int64_t now_us) {
  Seat& seat = doors_[*visitor.greeter.account()].seat;
  std::string holder;
  switch (seat.ask(visitor.greeter.hello(), now_us, holder)) {
    case Seat::Answer::kSoon:
      return;
    case Seat::Answer::kTaken:
      return refuse(visitor, LinkError::kAccountTaken, "the account is taken by " + holder, now_us);
    case Seat::Answer::kFree:
      visitor.connection->allowPayload(link::kMaxPayloadBytes);
      seat.give({std::move(visitor.connection), visitor.greeter.hello(),
                 visitor.greeter.welcome(kName, static_cast<uint64_t>(clock_.wallUs()))},
                now_us);
  }
}

void Lobby::refuse(Visitor& visitor, LinkError error, const std::string& detail, int64_t now_us) {
  if (!isAnswered(error)) return drop(visitor, error, now_us);
  tell(visitor.greeter.account(), error, detail.empty() ? link::messageOf(error) : detail, now_us);
  if (visitor.connection->send(FrameType::kRefused, link::refusedFor(error, detail)) != LinkError::kNone)
    return visitor.connection.reset();
  visitor.stage = Stage::kLeaving;
  visitor.since_us = now_us;
}

void Lobby::drop(Visitor& visitor, LinkError error, int64_t now_us) {
  const std::string& detail = visitor.connection->detail();
  const std::string reason = link::messageOf(error) + (detail.empty() ? "" : " (" + detail + ")");
  if (error != LinkError::kClosed) tell(visitor.greeter.account(), error, reason, now_us);
  visitor.connection.reset();
}

void Lobby::tell(std::optional<size_t> account, LinkError error, const std::string& reason, int64_t now_us) {
  if (doors_.size() == 1) account = 0;  // who else's could it be
  {
    std::lock_guard lock(refusals_mutex_);
    ++refusals_[account][link::codeOf(error)];
  }
  const auto [told, first] = told_.try_emplace({account, error}, Told{now_us, 0});
  if (!first && now_us - told->second.at_us < kTellUs) {
    ++told->second.untold;
    return;
  }
  const uint64_t untold = told->second.untold;
  told->second = {now_us, 0};
  refused_(account, error, untold == 0 ? reason : reason + " (and " + std::to_string(untold) + " more)");
}

}  // namespace troupe::bridge
