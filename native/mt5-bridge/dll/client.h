// The link of one handle: the expert's calls on one side, the thread that talks to the bridge on the other, and rings
// between them.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "dll/config.h"
#include "dll/ring.h"
#include "dll/socket.h"
#include "dll/wire.h"
#include "link/handshake.h"

namespace troupe::dll {

class LinkClient {
 public:
  // Throws std::bad_alloc when there is no memory for the rings.
  explicit LinkClient(const Settings& settings);
  ~LinkClient() { stop(); }
  LinkClient(const LinkClient&) = delete;
  LinkClient& operator=(const LinkClient&) = delete;

  // False when there is no thread or nothing to wait with.
  bool start();
  // As troupe_link.h has it.
  int32_t send(const uint8_t* message, int32_t length);
  int32_t receive(uint8_t* buffer, int32_t capacity);
  int32_t wait(int32_t timeout_ms);
  // Ends waits of other threads at once, and the thread soon.
  void beginStop();
  void stop();

  const std::string& instance() const { return settings_.instance; }

 private:
  enum class State : uint8_t { kDown, kResolving, kConnecting, kGreeting, kUp };
  // How the thread sleeps: deep, and whoever has something for it must wake it; or, while ticks stream, a millisecond
  // at a time, for which ticks can wait: waking it costs more than all the rest of a tick.
  enum Sleep : uint8_t { kAwake, kNap, kDeep };
  // What the thread has to tell while there is no room in the ring.
  struct Event {
    uint16_t type;
    size_t size;
    std::array<uint8_t, sizeof(TroupeRefused) + sizeof(TroupeLinkLost)> payload;
  };

  // The expert's side.
  bool takeDropped(uint8_t* buffer, int32_t capacity, int32_t& answer);
  bool droppedIsDue() const;
  void onDelivered(const uint8_t* message);
  void ring(bool urgent);

  // The thread's side.
  void run();
  void turn();
  void begin(int64_t now_us);
  void onResolving(int64_t now_us);
  void connect(uint32_t address, int64_t now_us);
  void onConnecting(int64_t now_us);
  // Whether there may be more to do at once.
  bool readIn(int64_t now_us);
  bool moveOut(int64_t now_us);
  void onGreeting(const link::FrameView& frame, int64_t now_us);
  void onFrame(const link::FrameView& frame);
  bool deliver(uint32_t tag, uint16_t type, const void* payload, size_t bytes);
  bool deliverWaiting();
  void beat(int64_t now_us);
  bool discard(Ring& ring);
  void sleep(int64_t now_us);
  int64_t sleepUs(int64_t now_us) const;
  bool idle(int64_t now_us);
  void lose(link::LinkError error, int64_t now_us);
  void lose(int32_t number, const char* code, const char* text, int64_t now_us);
  void refused(int64_t now_us);
  template <typename T>
  void tell(uint16_t type, const T& payload);
  void notifyWaiters();
  void farewell();

  const Settings settings_;
  Ring ticks_, others_, in_;
  Socket socket_;
  std::thread thread_;

  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> live_{0};    // the session that is up, 0: none
  std::atomic<uint32_t> relink_{0};  // the session that the expert wants to end
  std::atomic<uint32_t> calls_{0};
  std::atomic<uint8_t> sleep_{kAwake};
  std::atomic<bool> in_full_{false};  // the thread has something that did not fit into in_

  std::atomic<uint32_t> waiters_{0};
  std::mutex wait_mutex_;
  std::condition_variable arrived_;

  // The expert's own.
  uint32_t seen_ = 0;  // the session whose beginning it has received
  uint64_t dropped_ticks_ = 0, dropped_others_ = 0, dropped_total_ = 0;

  // The thread's own.
  State state_ = State::kDown;
  uint32_t session_ = 0;
  std::string run_;  // makes the names of sessions unique
  Resolver resolver_;
  uint32_t attempts_ = 0;
  std::optional<Wire> wire_;
  std::optional<link::Candidate> candidate_;
  std::optional<link::FrameView> held_;
  bool nothing_came_ = false;  // seen while it slept: there is nothing to read
  std::optional<FineTimers> timers_;
  std::array<Event, 4> events_;
  size_t events_waiting_ = 0;
  int32_t told_ = 0;  // the failure that was told last since the link was up
  uint32_t calls_seen_ = 0;
  int64_t called_us_ = 0, retry_us_ = 0, backoff_us_ = 0, since_us_ = 0, heard_us_ = 0, beat_us_ = 0;
  int64_t ticked_us_ = 0;
};

}  // namespace troupe::dll
