// The word that ends the daemon: said once, by a signal, an operator or a parent that is gone, and heard by all
// threads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace troupe::bridge {

class Stop {
 public:
  void say() {
    {
      std::lock_guard lock(mutex_);
      said_ = true;
    }
    changed_.notify_all();
  }
  const std::atomic<bool>& said() const { return said_; }
  // True once it is said; false after `ms`.
  bool wait(int ms) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return said_.load(); });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::atomic<bool> said_{false};
};

}  // namespace troupe::bridge
