// What the bridge was told to place and what became of it, by client order id, so that an order sent twice is executed
// at most once, whatever was killed in between.
//
// File: "TRPJRNL1", then records {u32 length, u32 crc32 of the body, body}, then zeros: the file grows by whole chunks
// of zeros ahead of time, so that making a record durable writes data only and no file size. A record that was cut by
// a crash can only be the last one; it is dropped. A bad record with a good one behind it is damage, and refused.
//
// When it has grown to kCompactBytes, and to twice of what it was made anew with, it is written anew beside itself and
// renamed: of the oldest settled orders only the ids stay (some 50 bytes each), because an id must never go to the
// terminal twice, however old it is; what became of it can be asked there.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bridge/journal_image.h"

namespace troupe::bridge {

class Journal {
 public:
  using Entry = JournalEntry;

  ~Journal();
  // False with `error` set: unreadable, no journal, damaged, or in use by another bridge.
  bool open(const std::string& path, std::string& error);

  bool find(const std::string& order_id, Entry& entry) const;
  // Durable when it returns true. `order_id` must be new.
  bool received(const std::string& order_id, const std::string& command_id, double fence, int64_t wall_us,
                std::string& error);
  // The same for several orders that come together: each is noted, durable() makes all of them so, and only then may
  // any of them go to the terminal. An order that could not be made durable is forgotten again.
  bool note(const std::string& order_id, const std::string& command_id, double fence, int64_t wall_us,
            std::string& error);
  bool durable(std::string& error);
  void forget(const std::string& order_id);
  // Remembered at once, durable after the next received(), durable(), fence() or sync().
  void result(const std::string& order_id, std::string reply);
  // Durable when it returns true.
  bool fence(double fence, std::string& error);
  double highestFence() const;
  // Writes what waits and makes room ahead; call it every second or so. False with `error` set.
  bool sync(std::string& error);
  // Writes the file anew, keeping the replies of the newest `replies` settled orders. Orders wait meanwhile (some 10 ms
  // for each MB). False with `error` set: then the old file goes on as it was.
  bool compact(size_t replies, std::string& error);
  static constexpr uint64_t kCompactBytes = 16u << 20;
  static constexpr size_t kKeptReplies = 4096;

  size_t orders() const;
  uint64_t bytes() const { return end_.load(std::memory_order_relaxed); }
  // Bytes of a cut record that open() dropped.
  uint64_t droppedBytes() const { return image_.dropped; }

 private:
  bool append(const std::string& bytes, bool durable, std::string& error);  // io_ held
  bool reserve(uint64_t bytes, std::string& error);                         // io_ held
  bool writeWaiting(bool durable, std::string& error);                      // io_ held
  std::string compacted(size_t replies) const;                              // memory_ held

  std::string path_;
  int fd_ = -1;
  std::atomic<uint64_t> end_{0};  // changed under io_ only
  uint64_t reserved_ = 0;
  uint64_t compact_at_ = kCompactBytes;
  bool dirty_ = false;
  std::mutex io_;              // taken before memory_
  mutable std::mutex memory_;  // never held while the disk works
  JournalImage image_;         // what find() answers from
  std::string waiting_;
};

}  // namespace troupe::bridge
