// Execution events of the terminal (orders, deals, positions, account) to trade.execution.<account>: in order, each
// once, sent again until acknowledged.
#pragma once

#include <algorithm>
#include <string>

#include "bridge/broker_time.h"
#include "bridge/publisher.h"
#include "link/codec.h"
#include "troupe/bridge/v1/bridge.pb.h"

namespace troupe::bridge {

class ExecutionFeed {
 public:
  ExecutionFeed(Publisher& publisher, std::string account) : publisher_(publisher), account_(std::move(account)) {}

  // A link has come up. Its first event may have any number: what happened before is in the snapshot.
  void begin(const std::string& session, const BrokerTime& time);
  // kOrder, kDeal, kPosition or kAccount. kEventGap when an event is missing: the link must be closed, so that broker
  // and terminal start from a snapshot again.
  link::LinkError onFrame(const link::FrameView& frame);

  // A snapshot has told everything up to this event; those that were not told before will not be.
  void covered(uint64_t event_sequence) { last_ = std::max(last_, event_sequence); }
  // One that nobody has asked for, whole. The broker actor sees by its number which events it stands for. One that is
  // too long for a message goes without its content: then the hole in the numbers says that it has to be asked for.
  void onSnapshot(const v1::TerminalSnapshot& snapshot);

  // More than this waiting for JetStream, and the caller must stop reading from the terminal.
  static constexpr size_t kMaxBacklog = 10'000;
  bool full() const { return publisher_.backlog() > kMaxBacklog; }

 private:
  Publisher& publisher_;
  const std::string account_;
  std::string session_;
  BrokerTime time_;
  uint64_t last_ = 0;  // 0: none yet on this link
  uint64_t snapshots_ = 0;
};

}  // namespace troupe::bridge
