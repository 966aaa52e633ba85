// The bridge as a NATS service, so that `nats micro ls`, `info` and `stats` show it and `nats req
// control.bridge.<account>.<verb>` operates it. cnats of 3.4 knows no services yet; the protocol is a handful of JSON
// answers on $SRV subjects (https://github.com/nats-io/nats-architecture-and-design, ADR-32).
//
// Verbs: `status`; `restart` ends the daemon in order, with all its accounts, `kill` at once as a crash would; whoever
// started it starts it again. Answers are JSON, {"ok":true,...}; errors carry the service headers and
// {"ok":false,"code","field","message"}.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/clock.h"
#include "bridge/nats_options.h"

namespace troupe::bridge {

class ControlService {
 public:
  // `status`: fields of the answer as JSON, without braces. `restart` is called after the answer has left.
  ControlService(NatsSettings settings, const Clock& clock, std::string account, std::function<std::string()> status,
                 std::function<void()> restart);
  ~ControlService() { stop(); }

  // Serves, if it does not yet; cnats reconnects by itself. Call it every second or so. False with `error` set.
  bool ensure(std::string& error);
  void stop();

 private:
  struct Endpoint {
    uint64_t requests = 0, errors = 0;
    int64_t took_ns = 0;
    std::string last_error;
  };
  static void onMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self);
  void discovery(std::string_view verb, const char* reply_to);
  void control(std::string_view verb, std::string_view payload, const char* reply_to);
  void refuse(const char* reply_to, const char* code, const char* field, const std::string& why);
  void send(const char* reply_to, const std::string& json, const std::string& error = "");
  std::string endpointsJson(bool stats);
  bool subscribe(const std::string& subject, std::string& error);

  const NatsSettings settings_;
  const Clock& clock_;
  const std::string account_, id_, started_;
  const std::function<std::string()> status_;
  const std::function<void()> restart_;
  natsConnection* connection_ = nullptr;
  std::vector<natsSubscription*> subscriptions_;
  std::mutex mutex_;
  std::map<std::string, Endpoint, std::less<>> endpoints_;
};

}  // namespace troupe::bridge
