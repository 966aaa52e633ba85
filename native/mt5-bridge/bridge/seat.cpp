#include "bridge/seat.h"

#include <chrono>

#include "link/text.h"

namespace troupe::bridge {

Seat::Answer Seat::ask(const link::Hello& hello, int64_t now_us, std::string& holder) {
  std::lock_guard lock(mutex_);
  if (!holder_) return Answer::kFree;
  if (holder_->peerClosed()) {
    // Who has gone before the account could take him leaves nothing behind.
    if (!waiting_) return Answer::kSoon;
    waiting_.reset();
    holder_.reset();
    return Answer::kFree;
  }
  if (link::textOf(hello_.feed) == link::textOf(hello.feed)) {
    holder_->shutdown();
    return Answer::kSoon;
  }
  holder = std::string(link::textOf(hello_.terminal)) + ", login " + std::string(link::textOf(hello_.login)) +
           ", linked for " + std::to_string((now_us - since_us_) / 1'000'000) + " s";
  return Answer::kTaken;
}

void Seat::give(Guest guest, int64_t now_us) {
  {
    std::lock_guard lock(mutex_);
    holder_ = guest.connection;
    hello_ = guest.hello;
    since_us_ = now_us;
    waiting_ = std::move(guest);
  }
  given_.notify_one();
}

std::optional<Guest> Seat::take(int wait_ms) {
  std::unique_lock lock(mutex_);
  given_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return waiting_.has_value(); });
  if (!waiting_) return std::nullopt;
  std::optional<Guest> guest = std::move(waiting_);
  waiting_.reset();
  return guest;
}

void Seat::leave() {
  std::lock_guard lock(mutex_);
  holder_.reset();
}

}  // namespace troupe::bridge
