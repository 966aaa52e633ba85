// The expert's side of LinkClient.
#include "dll/client.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <system_error>

#include "link/crash_point.h"

namespace troupe::dll {

using link::FrameType;
using link::LinkError;

namespace {

constexpr size_t kOthersBytes = 4u << 20;
// A message of ticks at least so long is worth waking the thread.
constexpr int32_t kWideBytes = 4096;

// 0, or why an expert may not send this.
int32_t checkMessage(uint16_t type, uint32_t payload_bytes) {
  const auto frame = static_cast<FrameType>(type);
  if (frame == FrameType::kHello || frame == FrameType::kProof || frame == FrameType::kHeartbeat)
    return TROUPE_E_MESSAGE_TYPE;
  switch (link::checkHeader(link::Peer::kTerminal, type, link::kVersion, payload_bytes)) {
    case LinkError::kNone:
      return 0;
    case LinkError::kUnknownType:
    case LinkError::kWrongSide:
      return TROUPE_E_MESSAGE_TYPE;
    default:
      return TROUPE_E_MESSAGE_SIZE;
  }
}

}  // namespace

LinkClient::LinkClient(const Settings& settings)
    : settings_(settings),
      ticks_(settings.send_ring_bytes),
      others_(kOthersBytes),
      in_(settings.receive_ring_bytes),
      resolver_(settings.resolve) {}

bool LinkClient::start() {
  uint8_t random[4];
  if (!socket_.usable() || !link::randomBytes(random, sizeof random)) return false;
  for (const uint8_t byte : random) {
    run_ += "0123456789abcdef"[byte >> 4];
    run_ += "0123456789abcdef"[byte & 15];
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

int32_t LinkClient::send(const uint8_t* message, int32_t length) {
  calls_.store(calls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (message == nullptr || length < 0) return TROUPE_E_ARGUMENT;
  TroupeMessage head;
  if (length < static_cast<int32_t>(sizeof head) || length > TROUPE_MAX_MESSAGE_BYTES) return TROUPE_E_MESSAGE_SIZE;
  std::memcpy(&head, message, sizeof head);
  if (head.reserved != 0) return TROUPE_E_MESSAGE_RESERVED;
  if (head.type == TROUPE_RELINK) {
    if (length != sizeof head) return TROUPE_E_MESSAGE_SIZE;
    if (seen_ == 0) return TROUPE_E_NOT_LINKED;
    relink_.store(seen_);
    ring(true);
    return 1;
  }
  if (const int32_t bad = checkMessage(head.type, static_cast<uint32_t>(length) - sizeof head); bad != 0) return bad;
  if (seen_ == 0) return TROUPE_E_NOT_LINKED;
  const auto type = static_cast<FrameType>(head.type);
  // The end of the tape must not overtake its ticks.
  const bool with_ticks = type == FrameType::kTicks || type == FrameType::kTapeEnd;
  Ring& to = with_ticks ? ticks_ : others_;
  if (static_cast<size_t>(length) > to.longestRecord()) return TROUPE_E_MESSAGE_SIZE;
  if (!to.push(seen_, message, static_cast<size_t>(length), nullptr, 0)) {
    ++(with_ticks ? dropped_ticks_ : dropped_others_);
    ++dropped_total_;
    return 0;
  }
  if (type == FrameType::kResult) TROUPE_CRASH_POINT(kDllResultTaken);
  ring(!with_ticks || length >= kWideBytes);
  return 1;
}

void LinkClient::ring(bool urgent) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint8_t sleep = sleep_.load(std::memory_order_relaxed);
  if (sleep == kAwake || (sleep == kNap && !urgent)) return;
  if (sleep_.exchange(kAwake) != kAwake) socket_.wake();
}

int32_t LinkClient::receive(uint8_t* buffer, int32_t capacity) {
  calls_.store(calls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (buffer == nullptr || capacity < 0) return TROUPE_E_ARGUMENT;
  int32_t answer = 0;
  if (takeDropped(buffer, capacity, answer)) return answer;
  Ring::Record record;
  while (answer == 0 && in_.front(record)) {
    // A command of a session that is over: the bridge has said by now that nobody knows what became of it, and may have
    // been told that it was never seen.
    const bool stale = record.tag != 0 && record.tag != live_.load(std::memory_order_acquire);
    if (!stale) {
      if (record.size > static_cast<uint32_t>(capacity)) return TROUPE_E_BUFFER;
      std::memcpy(buffer, record.data, record.size);
      answer = static_cast<int32_t>(record.size);
    }
    in_.pop();
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (in_full_.load(std::memory_order_relaxed) && in_full_.exchange(false)) socket_.wake();
  if (answer > 0) onDelivered(buffer);
  return answer;
}

bool LinkClient::droppedIsDue() const {
  return dropped_ticks_ + dropped_others_ > 0 && ticks_.atMostHalfFull() && others_.atMostHalfFull();
}

bool LinkClient::takeDropped(uint8_t* buffer, int32_t capacity, int32_t& answer) {
  if (!droppedIsDue()) return false;
  const TroupeMessage head{TROUPE_DROPPED, 0};
  const TroupeDropped dropped{dropped_ticks_, dropped_others_, dropped_total_};
  answer = sizeof head + sizeof dropped;
  if (capacity < answer) {
    answer = TROUPE_E_BUFFER;
    return true;
  }
  std::memcpy(buffer, &head, sizeof head);
  std::memcpy(buffer + sizeof head, &dropped, sizeof dropped);
  dropped_ticks_ = dropped_others_ = 0;
  return true;
}

void LinkClient::onDelivered(const uint8_t* message) {
  TroupeMessage head;
  std::memcpy(&head, message, sizeof head);
  if (link::isTrade(static_cast<FrameType>(head.type))) TROUPE_CRASH_POINT(kDllCommandDelivered);
  if (head.type == TROUPE_LINK_UP) {
    TroupeLinkUp up;
    std::memcpy(&up, message + sizeof head, sizeof up);
    seen_ = static_cast<uint32_t>(up.connection);
  } else if (head.type == TROUPE_LINK_LOST) {
    // What was not taken is part of the past now: the next session begins with a snapshot.
    seen_ = 0;
    dropped_ticks_ = dropped_others_ = 0;
  }
}

int32_t LinkClient::wait(int32_t timeout_ms) {
  if (timeout_ms < 0) return TROUPE_E_ARGUMENT;
  const auto limit = std::chrono::milliseconds(std::min(timeout_ms, 10'000));
  waiters_.fetch_add(1);
  bool there;
  {
    std::unique_lock lock(wait_mutex_);
    there = arrived_.wait_for(lock, limit, [&] {
      std::atomic_thread_fence(std::memory_order_seq_cst);
      return stopping_.load() || !in_.empty();
    });
  }
  waiters_.fetch_sub(1);
  if (stopping_.load()) return TROUPE_E_HANDLE;
  return there ? 1 : 0;
}

void LinkClient::notifyWaiters() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_relaxed) == 0) return;
  { std::lock_guard lock(wait_mutex_); }
  arrived_.notify_all();
}

void LinkClient::beginStop() {
  stopping_ = true;
  sleep_ = kAwake;
  socket_.wake();
  notifyWaiters();
}

void LinkClient::stop() {
  beginStop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace troupe::dll
