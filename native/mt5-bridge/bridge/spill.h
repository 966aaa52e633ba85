// Messages on the disk, first in, first out: where ticks go while NATS takes none.
//
// File: "TRPSPIL1", then records {u32 length, u32 crc32 of the body, body}. It only grows, up to its bound, and is cut
// back to its first line when all of it has been acknowledged. A record that a crash has cut can only be the last one;
// it is dropped on opening, and so is whatever stands behind a damaged one: what is dropped here was never said to be
// kept, and the terminal sends it again.
//
// Not thread-safe: it belongs to the thread that publishes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "bridge/publisher.h"

namespace troupe::bridge {

class Spill {
 public:
  Spill() = default;
  ~Spill();
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  // Opens the file or makes it; `each` is told of every record that it holds, oldest first. False with `error` set.
  bool open(const std::string& path, uint64_t most_bytes, const std::function<void(const Publication&)>& each,
            std::string& error);

  // False with `error` empty: full. False with `error` set: nothing was written.
  bool append(const Publication& publication, std::string& error);
  // On the disk when it returns true.
  bool sync(std::string& error);

  // The oldest that has not been passed; its views are valid until the next call. Not to be called when drained.
  bool front(Publication& publication, std::string& error);
  void pass();
  void passAll() { read_ = end_; }
  bool drained() const { return read_ == end_; }
  // Forgets all records. False with `error` set.
  bool clear(std::string& error);

  bool empty() const { return end_ <= kHeader; }
  bool full() const { return full_; }
  uint64_t bytes() const { return end_ <= kHeader ? 0 : end_ - kHeader; }
  uint64_t droppedBytes() const { return dropped_; }

 private:
  static constexpr uint64_t kHeader = 8;

  // The record at `at`, from the buffer or the file.
  bool load(uint64_t at, std::string& error);

  std::string path_, record_, buffer_;
  int fd_ = -1;
  uint64_t most_ = 0, end_ = 0, read_ = 0, dropped_ = 0;
  uint64_t buffer_at_ = 0, front_bytes_ = 0;
  bool full_ = false, dirty_ = false;
};

}  // namespace troupe::bridge
