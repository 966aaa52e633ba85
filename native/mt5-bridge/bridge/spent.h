// What nobody needs any more, given back many at a time.
//
// natsMsg_Destroy puts a message into the hands of a thread of cnats and wakes it where it has nothing to do. One by one
// that is a thread woken for each acknowledgement of the stream, 1,200 times a second at 100,000 ticks/s.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace troupe::bridge {

// Any thread.
template <typename T, void (*destroy)(T*)>
class Spent {
 public:
  // So many may wait: what they hold is theirs until then.
  static constexpr size_t kTogether = 64;

  Spent() { waiting_.reserve(kTogether); }
  Spent(const Spent&) = delete;
  Spent& operator=(const Spent&) = delete;
  ~Spent() { destroyAll(waiting_); }

  void add(T* one) {
    std::vector<T*> together;
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(one);
      if (waiting_.size() < kTogether) return;
      together.reserve(kTogether);
      together.swap(waiting_);
    }
    destroyAll(together);
  }

 private:
  static void destroyAll(const std::vector<T*>& all) {
    for (T* one : all) destroy(one);
  }

  std::mutex mutex_;
  std::vector<T*> waiting_;
};

}  // namespace troupe::bridge
