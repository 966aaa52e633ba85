// Publishes to JetStream with many acknowledgements in flight, in order, and never gives up.
//
// It owns its connection and does not let cnats reconnect by itself: cnats would buffer new messages while the server
// is away and send them before those that were lost in the old socket. Here a broken connection is replaced, and then
// everything unacknowledged is published again in the order it had. JetStream drops what it already has by Nats-Msg-Id.
//
// A missing acknowledgement (5 s) or an error (stream missing, disk full) stops new messages, is logged once with a
// stable code, and everything unacknowledged is sent again after a pause that doubles from 100 ms to 2 s.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "bridge/ack_window.h"
#include "bridge/clock.h"
#include "bridge/nats_options.h"
#include "bridge/spent.h"

namespace troupe::bridge {

struct PublisherConfig {
  std::string name;  // of the connection, and in logs
  size_t window = 256;
  int64_t ack_timeout_us = 5'000'000;
  // Messages may wait for each other, up to a millisecond: of a flood several then go to the server in one write. Else
  // each leaves at once.
  bool gathers = false;
};

struct Publication {
  std::string_view subject, id;
  const void* data;
  size_t size;
  uint32_t key;    // same subject, same key
  uint32_t units;  // what ackedUnits counts
};

class Publisher {
 public:
  Publisher(NatsSettings settings, PublisherConfig config, const Clock& clock);
  ~Publisher();  // gives up what is not acknowledged; see idle()

  // Publishes now when the window has room and the connection stands. One thread only. False otherwise.
  bool offer(const Publication& publication);
  // Publishes now or later, in order; any thread. Not to be mixed with offer.
  void post(const Publication& publication);

  // What was published and is not acknowledged, in order; `number` counts whatever was published, from 1. Called under
  // a lock: call nothing here.
  void forEachUnacked(const std::function<void(uint64_t number, const Publication& publication)>& each);

  // Messages that offer() would take now.
  size_t room() const { return room_.load(std::memory_order_acquire); }
  size_t window() const { return config_.window; }
  size_t inFlight() const { return in_flight_.load(std::memory_order_acquire); }
  size_t backlog() const { return backlog_size_.load(std::memory_order_acquire); }
  bool idle() const { return inFlight() == 0 && backlog() == 0; }
  uint64_t published() const { return published_.load(std::memory_order_relaxed); }
  uint64_t ackedMessages() const { return acked_messages_.load(std::memory_order_acquire); }
  uint64_t ackedUnits() const { return acked_units_.load(std::memory_order_acquire); }

  // `listener` is called once per armRoomListener, from another thread and under a lock (so: be short, call nothing
  // here), when at least `room` messages may be offered again. None is called after setRoomListener returns.
  void setRoomListener(std::function<void()> listener);
  void armRoomListener(size_t room) { wanted_room_.store(room, std::memory_order_release); }

 private:
  static void onAck(natsConnection*, natsSubscription*, natsMsg* message, void* self);
  void handleAck(uint64_t number, const Ack& ack);
  natsMsg* makeMessage(const Publication& publication, uint64_t number, natsStatus& status) const;
  void fault(const char* code, const std::string& message);  // state_ held
  void maintain();
  bool connect(std::string& error);
  void disconnect();
  void republish();
  void drainBacklog();
  void publishRoom();  // state_ held: refresh the counters that others read

  const NatsSettings settings_;
  const PublisherConfig config_;
  const Clock& clock_;
  std::string inbox_;

  Spent<natsMsg, natsMsg_Destroy> spent_;  // outlives the connection

  std::mutex send_;  // orders what goes to the socket; taken before state_
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;

  std::mutex state_;
  std::condition_variable changed_;
  AckWindow<natsMsg*> unacked_;
  struct Queued {
    std::string subject, id, data;
    uint32_t key, units;
  };
  std::deque<Queued> backlog_;
  bool connected_ = false, stopping_ = false;
  bool faulty_ = false;
  int64_t retry_at_us_ = 0, pause_us_ = 0;
  uint64_t acked_at_fault_ = 0;
  uint64_t heals_ = 0;

  std::atomic<size_t> room_{0}, in_flight_{0}, backlog_size_{0}, wanted_room_{SIZE_MAX};
  std::atomic<uint64_t> published_{0}, acked_messages_{0}, acked_units_{0};
  std::atomic<bool> lost_{false};
  std::function<void()> listener_;
  std::thread maintenance_;
};

}  // namespace troupe::bridge
