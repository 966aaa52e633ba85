// Frames from the framer to JetStream: subject, message id, bytes. While NATS takes none they go to the spill file, and
// from there to JetStream, in the order that they had, when it is back.
//
// What is published and not acknowledged when spilling begins is written to the file first, so that file and stream
// together hold every tick up to the newest, whatever is killed then. The policy: nothing is ever dropped. When the
// file is full nothing more is taken, and the terminal waits; its own history is the next buffer.
//
// All of it belongs to the link's thread, but the figures.
#pragma once

#include <atomic>
#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/clock.h"
#include "bridge/framer.h"
#include "bridge/publisher.h"
#include "bridge/spill.h"
#include "bridge/tick_store.h"

namespace troupe::bridge {

class TickSink : public FrameSink {
 public:
  TickSink(Publisher& publisher, const Clock& clock, std::string source, uint32_t partitions)
      : publisher_(publisher), clock_(clock), source_(std::move(source)), partitions_(partitions) {}

  // Spills to this file from now on. What it holds of an earlier run is published first; see recover().
  bool spillTo(const std::string& path, uint64_t most_bytes, std::string& error);
  // Asks the stream what it has of that already, so that nothing stands in it twice. False with `error` set when it
  // cannot be known now; until it is true no frame may come.
  bool recover(const TickStore& store, std::string& error);

  void begin(const std::string& feed, const std::vector<std::string>& symbols);

  // To be called often: begins to spill, publishes what was spilled, ends it.
  void tend(int64_t now_us);

  size_t room() const override;
  size_t window() const override { return publisher_.window(); }
  bool publish(uint32_t symbol, const market::v1::TickFrame& frame) override;

  std::string subjectOf(const std::string& symbol) const;
  // Nothing waits in the file.
  bool drained() const { return !spilling_; }
  // Whether whatever the publisher holds unacknowledged stands in the file too.
  bool coversFlight() const { return !spill_.empty() && covered_ >= publisher_.published(); }
  // The highest tick number of each symbol that the file holds, 0 where there is none.
  std::vector<uint64_t> spilled(const std::string& feed, const std::vector<std::string>& symbols) const;

  // Any thread.
  uint64_t spillBytes() const { return spill_bytes_.load(std::memory_order_relaxed); }
  uint64_t spilledFrames() const { return spilled_frames_.load(std::memory_order_relaxed); }

  // So long must JetStream have acknowledged nothing, with no room left, before frames go to the disk.
  static constexpr int64_t kPatienceUs = 1'000'000;
  static constexpr int64_t kSyncUs = 100'000;

 private:
  struct Route {
    std::string subject, id_prefix;
    uint32_t key;
  };
  std::string idPrefix(const std::string& feed, const std::string& symbol) const;
  uint32_t keyOf(const std::string& subject);
  bool spill(const Publication& publication);
  void note(std::string_view id);
  bool saveFlight();
  void drain();
  void trouble(const char* code, const std::string& error);

  Publisher& publisher_;
  const Clock& clock_;
  const std::string source_;
  const uint32_t partitions_;
  std::vector<Route> routes_;
  // The publisher keeps order within a key, over sessions too: so keys belong to subjects, not to places in a list.
  std::unordered_map<std::string, uint32_t> keys_;
  std::string bytes_, id_;

  Spill spill_;
  bool can_spill_ = false, spilling_ = false, troubled_ = false;
  // Of the messages that were ever offered to the publisher, up to which the file holds them.
  uint64_t covered_ = 0;
  uint64_t acked_seen_ = 0;
  int64_t stalled_us_ = -1, synced_us_ = 0;
  std::unordered_map<std::string, uint64_t> last_;  // id prefix -> highest tick number in the file
  struct Before {
    std::string subject, feed;
  };
  std::unordered_map<std::string, Before> before_;  // id prefix -> of the records that an earlier run has left
  std::unordered_map<std::string, uint64_t> kept_;  // id prefix -> highest tick number that the stream had then
  std::atomic<uint64_t> spill_bytes_{0}, spilled_frames_{0};
};

}  // namespace troupe::bridge
