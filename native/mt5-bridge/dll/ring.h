// A lock-free ring of records between exactly one thread that pushes and one that takes.
//
// Records are of any length and lie in one piece, so a record may be at most a third of the ring: one that does not fit
// before the end of the memory begins at its start, and must do so in an empty ring wherever the last one ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace troupe::dll {

class Ring {
 public:
  // A power of two. Throws std::bad_alloc.
  explicit Ring(size_t bytes) : capacity_(bytes), memory_(new uint8_t[bytes]) {}

  size_t longestRecord() const { return capacity_ / 3; }

  // The pusher. The record is `head` and then `body`; false when it does not fit now.
  bool push(uint32_t tag, const void* head, size_t head_bytes, const void* body, size_t body_bytes) {
    const size_t size = head_bytes + body_bytes;
    const size_t need = aligned(sizeof(Header) + size);
    const uint64_t pushed = pushed_.load(std::memory_order_relaxed);
    const size_t at = pushed & (capacity_ - 1);
    const size_t skip = need > capacity_ - at ? capacity_ - at : 0;
    if (pushed + skip + need - taken_seen_ > capacity_) {
      taken_seen_ = taken_.load(std::memory_order_acquire);
      if (pushed + skip + need - taken_seen_ > capacity_) return false;
    }
    if (skip > 0) write(at, {kSkip, 0});
    uint8_t* to = write(skip > 0 ? 0 : at, {static_cast<uint32_t>(size), tag});
    std::memcpy(to, head, head_bytes);
    if (body_bytes > 0) std::memcpy(to + head_bytes, body, body_bytes);
    pushed_.store(pushed + skip + need, std::memory_order_release);
    return true;
  }

  struct Record {
    uint32_t tag;
    uint32_t size;
    const uint8_t* data;
  };

  // The taker. The first record, which stays until pop(); false when there is none.
  bool front(Record& record) {
    uint64_t taken = taken_.load(std::memory_order_relaxed);
    if (taken == pushed_seen_) {
      pushed_seen_ = pushed_.load(std::memory_order_acquire);
      if (taken == pushed_seen_) return false;
    }
    Header header = read(taken);
    if (header.size == kSkip) {
      taken += capacity_ - (taken & (capacity_ - 1));
      taken_.store(taken, std::memory_order_release);
      header = read(taken);
    }
    record = {header.tag, header.size, memory_.get() + (taken & (capacity_ - 1)) + sizeof(Header)};
    return true;
  }
  void pop() {
    const uint64_t taken = taken_.load(std::memory_order_relaxed);
    taken_.store(taken + aligned(sizeof(Header) + read(taken).size), std::memory_order_release);
  }

  // Any thread; a moment later it may be otherwise.
  bool empty() const { return usedBytes() == 0; }
  bool atMostHalfFull() const { return usedBytes() <= capacity_ / 2; }

 private:
  struct Header {
    uint32_t size, tag;
  };
  static constexpr uint32_t kSkip = UINT32_MAX;
  static constexpr size_t aligned(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

  size_t usedBytes() const {
    const uint64_t taken = taken_.load(std::memory_order_acquire);
    return pushed_.load(std::memory_order_acquire) - taken;
  }
  uint8_t* write(size_t at, Header header) {
    std::memcpy(memory_.get() + at, &header, sizeof header);
    return memory_.get() + at + sizeof header;
  }
  Header read(uint64_t position) const {
    Header header;
    std::memcpy(&header, memory_.get() + (position & (capacity_ - 1)), sizeof header);
    return header;
  }

  const size_t capacity_;
  const std::unique_ptr<uint8_t[]> memory_;
  // Each side's own, and what it has last seen of the other's, on lines of their own: the two would fight for them.
  alignas(64) std::atomic<uint64_t> pushed_{0};
  uint64_t taken_seen_ = 0;
  alignas(64) std::atomic<uint64_t> taken_{0};
  uint64_t pushed_seen_ = 0;
};

}  // namespace troupe::dll
