#include "bridge/publisher.h"

#include <charconv>

#include "bridge/log.h"
#include "bridge/subjects.h"

namespace troupe::bridge {

namespace {

constexpr int64_t kFirstPauseUs = 100'000, kLongestPauseUs = 2'000'000;

// The code of the error table for what JetStream says.
const char* codeOfAck(int err_code, std::string_view description) {
  if (err_code == 10023 || err_code == 10047 || err_code == 10028 ||
      description.find("insufficient") != std::string_view::npos ||
      description.find("no space") != std::string_view::npos ||
      description.find("maximum bytes") != std::string_view::npos)
    return "E_NATS_STORAGE_FULL";
  return "E_NATS_PUBLISH_REFUSED";
}

}  // namespace

Publisher::Publisher(NatsSettings settings, PublisherConfig config, const Clock& clock)
    : settings_(std::move(settings)), config_(std::move(config)), clock_(clock), unacked_(config_.window) {
  // Unique for this run: an answer to an earlier run's message must not count for ours.
  char unique[32];
  std::snprintf(unique, sizeof unique, "%llx%p", static_cast<unsigned long long>(clock_.wallUs()),
                static_cast<void*>(this));
  inbox_ = std::string(kInboxPrefix) + "." + unique + ".";
  maintenance_ = std::thread([this] { maintain(); });
}

Publisher::~Publisher() {
  {
    std::lock_guard lock(state_);
    stopping_ = true;
    changed_.notify_all();
  }
  maintenance_.join();
  disconnect();
  unacked_.forEachUnacked([](auto& slot, uint64_t) { natsMsg_Destroy(slot.message); });
}

void Publisher::setRoomListener(std::function<void()> listener) {
  std::lock_guard lock(state_);
  listener_ = std::move(listener);
}

natsMsg* Publisher::makeMessage(const Publication& p, uint64_t number, natsStatus& status) const {
  natsMsg* message = nullptr;
  const std::string subject(p.subject), id(p.id), reply = inbox_ + std::to_string(number);
  status = natsMsg_Create(&message, subject.c_str(), reply.c_str(), static_cast<const char*>(p.data),
                          static_cast<int>(p.size));
  if (status == NATS_OK) status = natsMsgHeader_Set(message, "Nats-Msg-Id", id.c_str());
  if (status == NATS_OK) return message;
  natsMsg_Destroy(message);
  return nullptr;
}

bool Publisher::offer(const Publication& publication) {
  std::lock_guard order(send_);
  uint64_t number;
  {
    std::lock_guard lock(state_);
    if (!connected_ || faulty_ || unacked_.room() == 0) return false;
    number = unacked_.nextNumber();
  }
  // Only this thread pushes, under send_, so the number stays ours while the message is made outside the lock.
  natsStatus status;
  natsMsg* message = makeMessage(publication, number, status);
  if (!message) {
    logError("E_NATS_PUBLISH", config_.name + ": " + natsStatus_GetText(status));
    return false;
  }
  {
    std::lock_guard lock(state_);
    unacked_.push(message, publication.key, publication.units, clock_.steadyUs());
    publishRoom();
  }
  published_.fetch_add(1, std::memory_order_relaxed);
  // It is in the window now: whatever becomes of this attempt, it will be acknowledged or sent again.
  if (natsConnection_PublishMsg(connection_, message) != NATS_OK) lost_.store(true, std::memory_order_release);
  return true;
}

void Publisher::post(const Publication& p) {
  {
    std::lock_guard lock(state_);
    backlog_.push_back({std::string(p.subject), std::string(p.id),
                        std::string(static_cast<const char*>(p.data), p.size), p.key, p.units});
    backlog_size_.store(backlog_.size(), std::memory_order_release);
  }
  drainBacklog();
}

void Publisher::drainBacklog() {
  std::lock_guard order(send_);
  for (;;) {
    natsMsg* message;
    {
      std::lock_guard lock(state_);
      if (backlog_.empty() || !connected_ || faulty_ || unacked_.room() == 0) return;
      const Queued& q = backlog_.front();
      natsStatus status;
      message =
          makeMessage({q.subject, q.id, q.data.data(), q.data.size(), q.key, q.units}, unacked_.nextNumber(), status);
      if (!message) {
        fault("E_NATS_PUBLISH", natsStatus_GetText(status));
        return;
      }
      unacked_.push(message, q.key, q.units, clock_.steadyUs());
      backlog_.pop_front();
      publishRoom();
    }
    published_.fetch_add(1, std::memory_order_relaxed);
    if (natsConnection_PublishMsg(connection_, message) != NATS_OK) lost_.store(true, std::memory_order_release);
  }
}

void Publisher::forEachUnacked(const std::function<void(uint64_t, const Publication&)>& each) {
  std::lock_guard lock(state_);
  unacked_.forEachUnacked([&](auto& slot, uint64_t number) {
    const char* id = nullptr;
    if (natsMsgHeader_Get(slot.message, "Nats-Msg-Id", &id) != NATS_OK) id = "";
    each(number, {natsMsg_GetSubject(slot.message), id, natsMsg_GetData(slot.message),
                  static_cast<size_t>(natsMsg_GetDataLength(slot.message)), slot.key, slot.units});
  });
}

void Publisher::publishRoom() {
  room_.store(connected_ && !faulty_ ? unacked_.room() : 0, std::memory_order_release);
  in_flight_.store(unacked_.inFlight(), std::memory_order_release);
  acked_messages_.store(unacked_.ackedMessages(), std::memory_order_release);
  acked_units_.store(unacked_.ackedUnits(), std::memory_order_release);
  backlog_size_.store(backlog_.size(), std::memory_order_release);
}

void Publisher::onAck(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* self = static_cast<Publisher*>(closure);
  const std::string_view subject = natsMsg_GetSubject(message);
  uint64_t number = 0;
  if (subject.size() > self->inbox_.size())
    std::from_chars(subject.data() + self->inbox_.size(), subject.data() + subject.size(), number);
  Ack ack;
  if (natsMsg_IsNoResponders(message)) {
    ack.description = "no stream takes this subject";
  } else {
    ack = parseAck({natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))});
  }
  self->handleAck(number, ack);
  self->spent_.add(message);
}

void Publisher::handleAck(uint64_t number, const Ack& ack) {
  std::vector<natsMsg*> released;
  {
    std::lock_guard lock(state_);
    if (!ack.ok) {
      const auto* slot = unacked_.at(number);
      if (slot && !slot->acked)
        fault(codeOfAck(ack.code, ack.description), std::string(natsMsg_GetSubject(slot->message)) + ": " +
                                                        std::string(ack.description) + " (JetStream error " +
                                                        std::to_string(ack.code) + ")");
    } else {
      AckWindow<natsMsg*>::Slot* out_of_order = nullptr;
      unacked_.ack(number, ack.stream_sequence, released, out_of_order);
      if (out_of_order) {
        const char* id = nullptr;
        natsMsgHeader_Get(out_of_order->message, "Nats-Msg-Id", &id);
        natsMsgHeader_Set(out_of_order->message, "Nats-Msg-Id", (std::string(id ? id : "") + ".again").c_str());
        fault("E_NATS_ORDER", std::string(natsMsg_GetSubject(out_of_order->message)) +
                                  ": a message was stored before the one ahead of it, and is sent once more");
      }
      publishRoom();
      if (!backlog_.empty() && unacked_.room() > 0) changed_.notify_all();
      if (room_.load(std::memory_order_relaxed) >= wanted_room_.load(std::memory_order_acquire)) {
        wanted_room_.store(SIZE_MAX, std::memory_order_release);
        // Under the lock, so that setRoomListener(nullptr) means: never called again.
        if (listener_) listener_();
      }
    }
  }
  for (natsMsg* message : released) spent_.add(message);
}

void Publisher::fault(const char* code, const std::string& message) {
  // One line per trouble, not one per message: repeated only once something was acknowledged in between.
  if (!faulty_ && (pause_us_ == 0 || unacked_.ackedMessages() != acked_at_fault_)) {
    logError(code, config_.name + ": " + message + "; publishing again until it is acknowledged");
    pause_us_ = kFirstPauseUs;
  } else if (!faulty_) {
    pause_us_ = std::min(pause_us_ * 2, kLongestPauseUs);
  }
  if (!faulty_) retry_at_us_ = clock_.steadyUs() + pause_us_;
  acked_at_fault_ = unacked_.ackedMessages();
  faulty_ = true;
  publishRoom();
  changed_.notify_all();
}

void Publisher::maintain() {
  bool told = false;
  int64_t connect_at_us = 0;
  std::unique_lock lock(state_);
  while (!stopping_) {
    const int64_t now = clock_.steadyUs();
    // Asked for, not told: cnats calls its closed callback from a thread of its own, perhaps after we are gone. Only
    // this thread changes connection_.
    if (connected_ && (lost_.load(std::memory_order_acquire) || natsConnection_IsClosed(connection_))) {
      connected_ = false;
      publishRoom();
      logWarn("E_NATS_LOST", config_.name + ": connection to NATS lost, connecting again");
    }
    if (!connected_ && now >= connect_at_us) {
      lock.unlock();
      std::string error;
      const bool ok = connect(error);
      lock.lock();
      if (ok) {
        if (told) logInfo(config_.name + ": connected to NATS again");
        told = false;
      } else {
        if (!told) logError("E_NATS_UNREACHABLE", config_.name + ": " + settings_.url + ": " + error);
        told = true;
        connect_at_us = clock_.steadyUs() + 250'000;
      }
      continue;
    }
    if (connected_ && !faulty_ && now - unacked_.oldestSentUs() > config_.ack_timeout_us &&
        unacked_.oldestSentUs() != INT64_MAX)
      fault("E_NATS_ACK_TIMEOUT", "no acknowledgement from JetStream for 5 s");
    if (connected_ && faulty_ && now >= retry_at_us_) {
      lock.unlock();
      republish();
      lock.lock();
    }
    if (connected_ && !faulty_ && !backlog_.empty() && unacked_.room() > 0) {
      lock.unlock();
      drainBacklog();
      lock.lock();
      continue;
    }
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
}

void Publisher::republish() {
  std::lock_guard order(send_);
  std::vector<natsMsg*> none;
  std::lock_guard lock(state_);
  faulty_ = false;
  const int64_t now = clock_.steadyUs();
  unacked_.forEachUnacked([&](auto& slot, uint64_t) {
    slot.sent_us = now;
    if (natsConnection_PublishMsg(connection_, slot.message) != NATS_OK) lost_.store(true, std::memory_order_release);
  });
  publishRoom();
  if (listener_ && room_.load() > 0 && wanted_room_.exchange(SIZE_MAX) != SIZE_MAX) listener_();
}

bool Publisher::connect(std::string& error) {
  disconnect();
  lost_.store(false, std::memory_order_release);
  NatsOptionsPtr options = makeNatsOptions(settings_, config_.name.c_str());
  if (!options) {
    error = "the URL cannot be used";
    return false;
  }
  natsOptions_SetAllowReconnect(options.get(), false);
  if (config_.gathers) natsOptions_SetSendAsap(options.get(), false);
  natsOptions_SetWriteDeadline(options.get(), 5000);
  natsConnection* connection = nullptr;
  natsSubscription* subscription = nullptr;
  natsStatus status = natsConnection_Connect(&connection, options.get());
  if (status == NATS_OK)
    status = natsConnection_Subscribe(&subscription, connection, (inbox_ + "*").c_str(), onAck, this);
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(subscription, -1, -1);
  // The server must know the inbox before the first message may be answered.
  if (status == NATS_OK) status = natsConnection_FlushTimeout(connection, 2000);
  if (status != NATS_OK) {
    error = natsStatus_GetText(status);
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(connection);
    return false;
  }
  {
    std::lock_guard order(send_);
    connection_ = connection;
    subscription_ = subscription;
    std::lock_guard lock(state_);
    connected_ = true;
  }
  republish();
  return true;
}

void Publisher::disconnect() {
  natsConnection* connection;
  natsSubscription* subscription;
  {
    std::lock_guard order(send_);
    connection = connection_;
    subscription = subscription_;
    connection_ = nullptr;
    subscription_ = nullptr;
  }
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(connection);
}

}  // namespace troupe::bridge
