// The NATS end of the command desk: bridge.<account>.command, request and reply, on a connection of its own, so that a
// command never waits behind ticks.
#pragma once

#include <nats/nats.h>

#include <functional>
#include <mutex>
#include <string>

#include "bridge/nats_options.h"
#include "troupe/bridge/v1/bridge.pb.h"

namespace troupe::bridge {

class CommandServer {
 public:
  // `more`: another command has come already, and will be handed over next.
  using Handler = std::function<void(const void* data, size_t size, const std::string& reply_to, bool more)>;

  // What a broker has committed and not asked for yet; never at the same time as `handler`.
  using Listener = std::function<void(const void* data, size_t size)>;

  CommandServer(NatsSettings settings, std::string account, Handler handler, Listener listener)
      : settings_(std::move(settings)),
        account_(std::move(account)),
        handler_(std::move(handler)),
        listener_(std::move(listener)) {}
  ~CommandServer() { stop(); }

  // Connects when there is no connection (cnats itself reconnects one that broke). False with `error` set otherwise.
  bool ensure(std::string& error);
  // Begins to take commands, once.
  bool serve(std::string& error);
  // Thread-safe. An answer that cannot be delivered is dropped: the caller asks again.
  void reply(const std::string& to, const v1::CommandReply& reply);
  void stop();
  natsConnection* connection() const { return connection_; }

 private:
  // Messages that may wait to be heard, each of up to 16 KiB of orders, in hexadecimal; those beyond are asked for.
  static constexpr int kAheadPending = 64;
  static constexpr int kAheadBytes = 64 << 10;

  // Begins to hear what brokers commit. Without it everything is asked for all the same.
  void listen();
  bool subscribe(natsSubscription** subscription, const std::string& subject, natsMsgHandler on_message,
                 std::string& error);

  const NatsSettings settings_;
  const std::string account_;
  const Handler handler_;
  const Listener listener_;
  std::mutex one_at_a_time_;
  std::mutex mutex_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  natsSubscription* ahead_ = nullptr;
  bool serving_ = false;
};

}  // namespace troupe::bridge
