#include "terminal/mql5/service.h"

#include "terminal/mql5/mql_terminal.h"

namespace troupe::terminal {

Service::Service(std::function<void()> body) {
  thread_ = std::thread([this, body = std::move(body)] {
    {
      std::unique_lock lock(mutex_);
      turn_.wait(lock, [&] { return running_; });
    }
    try {
      if (!killed_) body();
    } catch (const ProgramKilled&) {
    }
    std::lock_guard lock(mutex_);
    ended_ = true;
    running_ = false;
    turn_.notify_all();
  });
}

Service::~Service() {
  killed_ = true;
  while (!ended_) resume();
  thread_.join();
}

void Service::resume() {
  if (ended_) return;
  std::unique_lock lock(mutex_);
  running_ = true;
  turn_.notify_all();
  turn_.wait(lock, [&] { return !running_; });
}

void Service::sleepUntil(int64_t due_us) {
  std::unique_lock lock(mutex_);
  due_us_ = due_us;
  running_ = false;
  turn_.notify_all();
  turn_.wait(lock, [&] { return running_; });
  if (killed_) throw ProgramKilled{};
}

}  // namespace troupe::terminal
