// Ticks of many symbols in, columnar frames of one symbol out.
//
// A frame closes when it holds max_ticks, or when its first tick has waited for the linger: 1 ms when the publisher is
// idle, stretching to 5 ms as its window of unacknowledged messages fills. When more than two symbols tick at once it
// stretches with their number, up to 50 ms, so that frames cut by the linger stay near 2,000 a second: a message costs
// its reader as much as some thousand ticks do, and orders wait for the processor that it takes.
//
// Frames do not leave one by one, because every departure wakes the server and whoever reads; nor all at once, because
// an order that is decided on a tick would then stand behind the frames of all other symbols. When the oldest is due half
// of the open ones leave, the oldest, and the other half at least half of the linger later: after a few of these the
// symbols are spread over the linger. (In quarters the whole company works an eighth more, docs/benchmark-log.md.) Only
// what the server takes without delay is spread: once half of the window is unacknowledged, all that is open leaves with
// the first that is due.
//
// Once the window is full nothing closes: open frames simply grow, and when a tick belongs to a frame that is full
// already, add() takes no more. The caller then stops reading from the terminal: back-pressure, never loss.
//
// Pure: no clock, no socket. Time comes as an argument, frames leave through the sink.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/broker_time.h"
#include "link/errors.h"
#include "link/messages.h"
#include "troupe/market/v1/market.pb.h"

namespace troupe::bridge {

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Messages that may be published now, and the size of the whole window.
  virtual size_t room() const = 0;
  virtual size_t window() const = 0;
  // Takes one frame. False when it could not be taken after all; the frame stays open.
  virtual bool publish(uint32_t symbol, const market::v1::TickFrame& frame) = 0;
};

struct FramerConfig {
  uint32_t max_ticks = 256;
  int64_t linger_us = 1000;
  int64_t linger_loaded_us = 5000;
  int64_t linger_per_open_us = 500;  // 2,000 frames a second
  int64_t linger_most_us = 50'000;
  uint32_t departures = 2;  // per linger; at least 1
};

class Framer {
 public:
  Framer(FramerConfig config, FrameSink& sink) : config_(config), sink_(sink) {}

  // Begins a feed, or goes on with it: `kept[i]` ticks of symbol i are there already, and the next that add() is given
  // has the number after. Nothing may be open (see flush).
  void begin(const std::string& source, const std::string& feed, const BrokerTime& time,
             const std::vector<std::string>& symbols, const std::vector<uint64_t>& kept);
  // The feed that was begun last, its symbols, and how many ticks of each have been taken.
  const std::string& feed() const { return feed_; }
  const std::vector<std::string>& symbols() const { return names_; }
  std::vector<uint64_t> taken() const;

  // Takes ticks in order and says how many it took: fewer than `count` when a full frame waits for room in the window.
  // On a tick that is no tick (`error` set) it stops before it.
  size_t add(const link::Tick* ticks, size_t count, uint64_t sent_us, int64_t now_us, link::LinkError& error);

  // Publishes what is full, and a share of the open frames when the oldest is due, as far as the window allows.
  void pass(int64_t now_us);
  // As pass, but everything is due. True when nothing is left open.
  bool flush();

  // When pass() should be called next (steady time), INT64_MAX when nothing is open.
  int64_t nextDueUs() const;
  // A full frame waits: add() takes nothing for that symbol until pass() got rid of it.
  bool blocked() const { return full_ > 0; }
  bool empty() const { return open_head_ == kNone; }
  uint64_t ticks() const { return ticks_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // A tick while its frame is open. Ticks of many symbols come mixed: side by side each is in one cache line, in
  // columns in four. The columns are made when the frame leaves.
  struct Waiting {
    double bid, ask;
    uint32_t offset_ms, flags;
  };

  // What add() looks at for every tick: one cache line.
  struct alignas(64) Open {
    uint64_t next_sequence = 1;  // of the frame's first tick
    int64_t base_ms = 0;         // UTC
    int64_t last_ms = 0;         // UTC
    int64_t opened_us = 0;       // steady
    uint64_t sent_us = 0;        // wall clock of the terminal
    int32_t offset_s = 0;
    uint32_t count = 0;                       // ticks that wait
    uint32_t flags_in_all = 0;                // set in each of them
    uint32_t next = kNone, previous = kNone;  // list of open frames, oldest first
    bool must_close = false;                  // full, or the next tick cannot stand in the same frame
  };
  static_assert(sizeof(Open) == 64);

  Waiting* waiting(uint32_t symbol) { return waiting_.data() + size_t{symbol} * config_.max_ticks; }
  void fill(uint32_t symbol);
  void open(uint32_t symbol, int64_t utc_ms, uint64_t sent_us, int64_t now_us);
  void setMustClose(Open& open);
  void setOffset(int64_t broker_ms);
  bool close(uint32_t symbol);
  void unlink(uint32_t symbol);
  int64_t lingerUs() const;
  bool depart(int64_t now_us);  // false when not all could be taken
  bool isCalm() const;

  FramerConfig config_;
  FrameSink& sink_;
  std::vector<Open> symbols_;
  std::vector<std::string> names_;
  std::vector<Waiting> waiting_;  // max_ticks of each symbol
  market::v1::TickFrame frame_;   // the one that leaves
  std::string feed_;
  BrokerTime time_;
  // The broker's offset, and the times of its clock for which that is certain; outside of them it is asked for anew.
  int32_t offset_s_ = 0;
  int64_t offset_from_ms_ = 0, offset_until_ms_ = 0;
  uint32_t open_head_ = kNone, open_tail_ = kNone;
  uint32_t open_frames_ = 0;
  int64_t departed_us_ = INT64_MIN / 2;  // steady; when frames left last because they were due
  uint32_t full_ = 0;
  uint64_t ticks_ = 0;
};

}  // namespace troupe::bridge
