// The thread's side of LinkClient.
#include <algorithm>
#include <chrono>
#include <utility>

#include "dll/client.h"
#include "dll/errors.h"
#include "link/crash_point.h"
#include "link/text.h"
#include "link/validate.h"

namespace troupe::dll {

using link::FrameType;
using link::LinkError;
using link::Next;

namespace {

constexpr int64_t kFirstBackoffUs = 20'000, kMaxBackoffUs = 1'000'000;
constexpr int64_t kFirmUs = 5'000'000;  // a link that lived so long was a good one: the next may come at once
constexpr int64_t kResolveUs = 5'000'000, kConnectUs = 2'000'000;
constexpr int64_t kBeatUs = 500'000, kSilenceUs = 5'000'000;
constexpr int64_t kHopelessUs = 30'000'000, kMaxRetryUs = 60'000'000;
constexpr int64_t kNapUs = 1000, kStreamUs = 20'000;
constexpr int64_t kLookUs = 5000;  // whether the host's name is known
constexpr int64_t kFarewellUs = 300'000;
constexpr int kMostFramesAtOnce = 64;

int64_t steadyUs() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

uint64_t wallUs() {
  using namespace std::chrono;
  return static_cast<uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
}

template <typename T>
LinkError checkCommand(const link::FrameView& frame) {
  T command;
  return link::readOne(frame, command) ? link::validate(command) : LinkError::kBadSize;
}

LinkError checkContent(const link::FrameView& frame) {
  switch (frame.type) {
    case FrameType::kPlace:
      return checkCommand<link::Place>(frame);
    case FrameType::kCancel:
      return checkCommand<link::Cancel>(frame);
    case FrameType::kModify:
      return checkCommand<link::Modify>(frame);
    case FrameType::kProtect:
      return checkCommand<link::Protect>(frame);
    case FrameType::kFind:
      return checkCommand<link::Find>(frame);
    case FrameType::kSnapshot:
    case FrameType::kResume:
      return LinkError::kNone;
    default:
      return LinkError::kUnexpected;  // of the handshake, which is over
  }
}

}  // namespace

void LinkClient::run() {
  called_us_ = steadyUs();
  while (!stopping_) {
    try {
      turn();
    } catch (...) {
      lose(TROUPE_E_INTERNAL, nullptr, nullptr, steadyUs());
    }
  }
  try {
    farewell();
  } catch (...) {
    // It was on its way out anyway.
  }
  timers_.reset();
  socket_.close();
}

void LinkClient::turn() {
  int64_t now = steadyUs();
  bool more = deliverWaiting();
  if (state_ == State::kUp && relink_.load() == session_) lose(TROUPE_E_RELINK, nullptr, nullptr, now);
  const bool absent = idle(now);
  if (absent && state_ != State::kDown) lose(TROUPE_E_IDLE, nullptr, nullptr, now);
  if (state_ == State::kDown && now >= retry_us_ && events_waiting_ == 0 && !absent) begin(now);
  if (state_ == State::kResolving) onResolving(now);
  if (state_ == State::kConnecting) onConnecting(now);
  if (state_ == State::kGreeting || state_ == State::kUp) {
    if (!std::exchange(nothing_came_, false)) more |= readIn(now);
    now = steadyUs();
    beat(now);
  }
  if (state_ == State::kUp) {
    more |= moveOut(now);
  } else {
    more |= discard(ticks_) | discard(others_);
  }
  if (!more) sleep(now);
}

void LinkClient::begin(int64_t now_us) {
  since_us_ = now_us;
  uint32_t address;
  if (parseAddress(settings_.host, address)) return connect(address, now_us);
  if (!resolver_.ask(settings_.host)) return lose(TROUPE_E_RESOLVE, nullptr, nullptr, now_us);
  state_ = State::kResolving;
}

void LinkClient::onResolving(int64_t now_us) {
  const std::vector<uint32_t>* addresses = resolver_.answer();
  if (addresses == nullptr ? now_us - since_us_ > kResolveUs : addresses->empty())
    return lose(TROUPE_E_RESOLVE, nullptr, nullptr, now_us);
  // Of several, each attempt takes the next.
  if (addresses != nullptr) connect((*addresses)[attempts_++ % addresses->size()], now_us);
}

void LinkClient::connect(uint32_t address, int64_t now_us) {
  since_us_ = now_us;
  if (!socket_.connect(address, settings_.port)) return lose(TROUPE_E_CONNECT, nullptr, nullptr, now_us);
  state_ = State::kConnecting;
}

void LinkClient::onConnecting(int64_t now_us) {
  const Socket::Progress progress = socket_.progress();
  if (progress == Socket::Progress::kFailed || now_us - since_us_ > kConnectUs)
    return lose(TROUPE_E_CONNECT, nullptr, nullptr, now_us);
  if (progress == Socket::Progress::kConnecting) return;
  ++session_;
  state_ = State::kGreeting;
  since_us_ = heard_us_ = beat_us_ = now_us;
  link::Hello hello = settings_.hello;
  link::setTextCut(hello.session, run_ + "-" + std::to_string(session_));
  hello.wall_us = wallUs();
  if (!link::prepare(hello)) return lose(LinkError::kIo, now_us);
  wire_.emplace(socket_, settings_.secure ? settings_.secure->channel(settings_.host) : nullptr);
  wire_->allowPayload(link::kMaxGreetingBytes);
  candidate_.emplace(settings_.key, hello);
  wire_->put(FrameType::kHello, hello);
  if (const LinkError e = wire_->flush(); e != LinkError::kNone) lose(e, now_us);
}

bool LinkClient::readIn(int64_t now_us) {
  bool again = false, read = false;
  for (int frames = 0; frames < kMostFramesAtOnce && !held_;) {
    link::FrameView frame;
    switch (wire_->next(frame)) {
      case Next::kFrame:
        ++frames;
        if (state_ == State::kGreeting) {
          onGreeting(frame, now_us);
        } else {
          onFrame(frame);
        }
        if (state_ == State::kDown) return true;
        again |= frames == kMostFramesAtOnce;
        break;
      case Next::kError:
        lose(wire_->error(), now_us);
        return true;
      case Next::kNeedMore: {
        if (read) return again;
        read = true;
        if (const LinkError e = wire_->read(again); e != LinkError::kNone) {
          lose(e, now_us);
          return true;
        }
        if (wire_->heard()) heard_us_ = now_us;
        break;
      }
    }
  }
  // While we do not read it is not the bridge that is silent.
  if (held_) heard_us_ = now_us;
  return again && !held_;
}

void LinkClient::onGreeting(const link::FrameView& frame, int64_t now_us) {
  std::optional<link::Proof> proof;
  const LinkError failed = candidate_->onFrame(frame, proof);
  if (failed == LinkError::kRefused) return refused(now_us);
  if (failed != LinkError::kNone) return lose(failed, now_us);
  if (proof) {
    wire_->put(FrameType::kProof, *proof);
    if (const LinkError e = wire_->flush(); e != LinkError::kNone) return lose(e, now_us);
  }
  link::Welcome welcome;
  if (!candidate_->welcomed() || !link::readOne(frame, welcome)) return;
  wire_->allowPayload(TROUPE_RECEIVE_BYTES - sizeof(TroupeMessage));
  state_ = State::kUp;
  since_us_ = now_us;
  told_ = 0;
  timers_.emplace();
  TroupeLinkUp up{};
  std::memcpy(up.bridge, welcome.bridge, sizeof up.bridge);
  up.link_version = welcome.version;
  up.bridge_wall_us = welcome.wall_us;
  link::setTextCut(up.session, run_ + "-" + std::to_string(session_));
  up.connection = session_;
  live_ = session_;
  tell(TROUPE_LINK_UP, up);
}

void LinkClient::onFrame(const link::FrameView& frame) {
  if (frame.type == FrameType::kHeartbeat) return;
  if (const LinkError e = checkContent(frame); e != LinkError::kNone) return lose(e, steadyUs());
  const bool trade = link::isTrade(frame.type);
  if (trade) TROUPE_CRASH_POINT(kDllCommandRead);
  if (!deliver(session_, static_cast<uint16_t>(frame.type), frame.data, frame.size)) held_ = frame;
  if (trade) TROUPE_CRASH_POINT(kDllCommandInRing);
}

bool LinkClient::deliver(uint32_t tag, uint16_t type, const void* payload, size_t bytes) {
  if (tag != 0 && events_waiting_ > 0) return false;
  const TroupeMessage head{type, 0};
  if (!in_.push(tag, &head, sizeof head, payload, bytes)) {
    // Said before the second look, so that the expert either makes room for it or sees that it must wake us.
    in_full_ = true;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!in_.push(tag, &head, sizeof head, payload, bytes)) return false;
  }
  notifyWaiters();
  return true;
}

template <typename T>
void LinkClient::tell(uint16_t type, const T& payload) {
  static_assert(sizeof payload <= sizeof(Event::payload));
  if (events_waiting_ == 0 && deliver(0, type, &payload, sizeof payload)) return;
  // There is room: nothing is connected while events wait, so they are those of one attempt.
  if (events_waiting_ == events_.size()) return;
  Event& event = events_[events_waiting_++];
  event.type = type;
  event.size = sizeof payload;
  std::memcpy(event.payload.data(), &payload, sizeof payload);
}

// Whether something that had to wait has found its place.
bool LinkClient::deliverWaiting() {
  bool moved = false;
  while (events_waiting_ > 0 && deliver(0, events_[0].type, events_[0].payload.data(), events_[0].size)) {
    std::move(events_.begin() + 1, events_.begin() + static_cast<ptrdiff_t>(events_waiting_), events_.begin());
    --events_waiting_;
    moved = true;
  }
  if (held_ && deliver(session_, static_cast<uint16_t>(held_->type), held_->data, held_->size)) {
    held_.reset();
    moved = true;
  }
  return moved;
}

void LinkClient::beat(int64_t now_us) {
  if (state_ == State::kDown) return;
  if (now_us - heard_us_ > kSilenceUs) return lose(LinkError::kSilent, now_us);
  // While much waits to leave, the bridge hears from us whenever it reads.
  if (state_ != State::kUp || now_us - beat_us_ < kBeatUs || !wire_->roomy()) return;
  beat_us_ = now_us;
  wire_->put(FrameType::kHeartbeat, link::Heartbeat{wallUs()});
}

bool LinkClient::moveOut(int64_t now_us) {
  bool moved = false, result = false;
  Ring::Record record;
  while (wire_->roomy()) {
    const bool other = others_.front(record);
    if (!other && !ticks_.front(record)) break;
    if (record.tag == session_) {
      TroupeMessage head;
      std::memcpy(&head, record.data, sizeof head);
      wire_->put(static_cast<FrameType>(head.type), record.data + sizeof head, record.size - sizeof head);
      if (!other) ticked_us_ = now_us;
      result |= head.type == static_cast<uint16_t>(FrameType::kResult);
    }
    (other ? others_ : ticks_).pop();
    moved = true;
  }
  if (result) TROUPE_CRASH_POINT(kDllResultFramed);
  if (const LinkError e = wire_->flush(); e != LinkError::kNone) {
    lose(e, now_us);
    return true;
  }
  if (result) TROUPE_CRASH_POINT(kDllResultSent);
  return moved && wire_->roomy();
}

// What belongs to sessions that are over.
bool LinkClient::discard(Ring& ring) {
  Ring::Record record;
  bool any = false;
  for (; ring.front(record); any = true) ring.pop();
  return any;
}

bool LinkClient::idle(int64_t now_us) {
  const uint32_t calls = calls_.load(std::memory_order_relaxed);
  if (calls != calls_seen_) {
    calls_seen_ = calls;
    called_us_ = now_us;
  }
  return now_us - called_us_ > settings_.idle_limit_us;
}

int64_t LinkClient::sleepUs(int64_t now_us) const {
  switch (state_) {
    case State::kDown:
      // Looks now and then whether an expert that was gone makes calls again.
      return std::clamp<int64_t>(retry_us_ - now_us, kNapUs, 50'000);
    case State::kResolving:
      return kLookUs;
    case State::kConnecting:
      return since_us_ + kConnectUs - now_us;
    default:
      return std::min(beat_us_ + kBeatUs, heard_us_ + kSilenceUs) - now_us;
  }
}

void LinkClient::sleep(int64_t now_us) {
  const bool up = state_ == State::kUp, talking = up || state_ == State::kGreeting;
  const bool blocked = up && !wire_->roomy();
  int64_t timeout_us = std::max<int64_t>(sleepUs(now_us), 0);
  if (held_) timeout_us = std::min<int64_t>(timeout_us, 50'000);
  // Whoever sends while nothing can leave need not wake us.
  uint8_t mode = blocked ? kAwake : kDeep;
  if (up && !blocked && now_us - ticked_us_ < kStreamUs) {
    mode = kNap;
    timeout_us = std::min(timeout_us, kNapUs);
  }
  sleep_.store(mode);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool work = !blocked && (!others_.empty() || !ticks_.empty());
  if (!work && !stopping_)
    nothing_came_ = !socket_.wait(timeout_us, talking && !held_,
                                  state_ == State::kConnecting || (talking && wire_->pendingBytes() > 0));
  sleep_.store(kAwake);
}

void LinkClient::lose(LinkError error, int64_t now_us) {
  lose(numberOf(error), link::codeOf(error), link::messageOf(error), now_us);
}

void LinkClient::lose(int32_t number, const char* code, const char* text, int64_t now_us) {
  const bool was_up = state_ == State::kUp;
  live_ = 0;
  state_ = State::kDown;
  held_.reset();
  candidate_.reset();
  wire_.reset();
  timers_.reset();
  socket_.close();
  const bool firm = was_up && now_us - since_us_ >= kFirmUs;
  const bool wanted = number == TROUPE_E_RELINK || number == TROUPE_E_IDLE;
  backoff_us_ = firm || wanted || backoff_us_ == 0 ? kFirstBackoffUs : std::min(2 * backoff_us_, kMaxBackoffUs);
  retry_us_ = now_us + backoff_us_;
  if (!was_up && told_ == number) return;
  told_ = number;
  const ErrorEntry* entry = findError(number);
  TroupeLinkLost lost{};
  lost.error = number;
  link::setTextCut(lost.code, code != nullptr ? code : entry->code);
  link::setTextCut(lost.message, text != nullptr ? text : entry->text);
  lost.retry_ms = static_cast<uint32_t>(backoff_us_ / 1000);
  tell(TROUPE_LINK_LOST, lost);
}

void LinkClient::refused(int64_t now_us) {
  const link::Refused refusal = candidate_->refusal();
  // Told by an event of its own.
  told_ = TROUPE_E_LINK_REFUSED;
  lose(LinkError::kRefused, now_us);
  const int64_t asked_us = int64_t{1000} * refusal.retry_after_ms;
  retry_us_ = now_us + (asked_us == 0 ? kHopelessUs : std::clamp(asked_us, kMaxBackoffUs, kMaxRetryUs));
  TroupeRefused event{};
  std::memcpy(event.code, refusal.code, sizeof event.code);
  std::memcpy(event.message, refusal.message, sizeof event.message);
  event.retry_ms = static_cast<uint32_t>((retry_us_ - now_us) / 1000);
  event.final = refusal.retry_after_ms == 0 ? 1 : 0;
  tell(TROUPE_REFUSED, event);
}

// What the expert has said still leaves. Then the bridge is told that we are done, and what it has sent is read until
// it closes too: a connection that is closed over unread bytes is reset, and takes with it what was sent.
void LinkClient::farewell() {
  const int64_t end_us = steadyUs() + kFarewellUs;
  bool finished = false;
  for (int64_t now = steadyUs(); state_ == State::kUp && now < end_us; now = steadyUs()) {
    if (!finished) {
      if (moveOut(now)) continue;
      if (state_ == State::kUp && wire_->pendingBytes() == 0) {
        socket_.finish();
        finished = true;
      }
    }
    uint8_t unread[4096];
    const long got = finished ? socket_.receive(unread, sizeof unread) : Socket::kNothing;
    if (got < 0) return;
    if (got == 0 && state_ == State::kUp) socket_.wait(end_us - now, finished, !finished);
  }
}

}  // namespace troupe::dll
