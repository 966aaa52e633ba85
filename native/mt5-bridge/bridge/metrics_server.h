// A small HTTP server on 127.0.0.1: GET /metrics for Prometheus, GET /health for whoever restarts processes. One
// request at a time, none longer than 4 KiB or than two seconds: it can be neither filled up nor held up for long.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "link/connection.h"

namespace troupe::bridge {

class MetricsServer {
 public:
  // `page` makes the text of /metrics; `healthy` is asked for /health. Both are called from a thread of its own.
  MetricsServer(std::function<std::string()> page, std::function<bool()> healthy)
      : page_(std::move(page)), healthy_(std::move(healthy)) {}
  ~MetricsServer();

  // Port 0 takes a free one. False with `error` set.
  bool start(uint16_t port, std::string& error);
  uint16_t port() const { return listener_.port(); }

  static constexpr size_t kMostRequestBytes = 4096;
  static constexpr int kRequestMs = 2000;

 private:
  void run();
  void serve(int fd);
  std::string answer(const std::string& request);

  const std::function<std::string()> page_;
  const std::function<bool()> healthy_;
  link::Listener listener_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace troupe::bridge
