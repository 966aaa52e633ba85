// A service of the terminal: a program that is one long OnStart. It has a thread of its own, as in MetaTrader, but runs
// only while the terminal waits for it, from one Sleep() to the next: so that a run is the same every time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace troupe::terminal {

class Service {
 public:
  // `body` runs in the service's thread; ProgramKilled may leave it.
  explicit Service(std::function<void()> body);
  ~Service();  // ends it by force
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Of the terminal: lets it run until it sleeps or has ended.
  void resume();
  bool ended() const { return ended_; }
  int64_t dueUs() const { return due_us_; }

  // Of the service's thread.
  void sleepUntil(int64_t due_us);

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  bool running_ = false, ended_ = false, killed_ = false;
  int64_t due_us_ = 0;
  std::thread thread_;
};

}  // namespace troupe::terminal
