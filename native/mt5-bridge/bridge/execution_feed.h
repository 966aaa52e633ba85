// Execution events of the terminal (orders, deals, positions, account) to trade.execution.<account>: in order, each
// once, sent again until acknowledged.
#pragma once

#include <string>

#include "bridge/broker_time.h"
#include "bridge/publisher.h"
#include "link/codec.h"

namespace troupe::bridge {

class ExecutionFeed {
 public:
  ExecutionFeed(Publisher& publisher, std::string account) : publisher_(publisher), account_(std::move(account)) {}

  // A link has come up. Its first event may have any number: what happened before is in the snapshot.
  void begin(const std::string& session, const BrokerTime& time);
  // kOrder, kDeal, kPosition or kAccount. kEventGap when an event is missing: the link must be closed, so that broker
  // and terminal start from a snapshot again.
  link::LinkError onFrame(const link::FrameView& frame);

  // More than this waiting for JetStream, and the caller must stop reading from the terminal.
  static constexpr size_t kMaxBacklog = 10'000;
  bool full() const { return publisher_.backlog() > kMaxBacklog; }

 private:
  Publisher& publisher_;
  const std::string account_;
  std::string session_;
  BrokerTime time_;
  uint64_t last_ = 0;  // 0: none yet on this link
};

}  // namespace troupe::bridge
