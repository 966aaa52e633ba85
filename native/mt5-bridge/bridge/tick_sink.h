// Frames from the framer to JetStream: subject, message id, bytes.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/framer.h"
#include "bridge/publisher.h"
#include "bridge/subjects.h"

namespace troupe::bridge {

class TickSink : public FrameSink {
 public:
  TickSink(Publisher& publisher, std::string source, uint32_t partitions)
      : publisher_(publisher), source_(std::move(source)), partitions_(partitions) {}

  void begin(const std::string& feed, const std::vector<std::string>& symbols) {
    routes_.clear();
    for (const std::string& symbol : symbols) {
      // The publisher keeps order within a key, over sessions too: so keys belong to symbols, not to places in a list.
      const auto key = keys_.try_emplace(symbol, static_cast<uint32_t>(keys_.size())).first->second;
      routes_.push_back({tickSubject(source_, symbol, partitions_),
                         token(source_) + "." + token(feed) + "." + token(symbol) + ".", key});
    }
  }

  std::string subjectOf(const std::string& symbol) const { return tickSubject(source_, symbol, partitions_); }

  size_t room() const override { return publisher_.room(); }
  size_t window() const override { return publisher_.window(); }

  bool publish(uint32_t symbol, const market::v1::TickFrame& frame) override {
    const Route& route = routes_[symbol];
    frame.SerializeToString(&bytes_);
    id_ = route.id_prefix;
    // Both ends: after a restart the same ticks may be cut into other frames, and a longer one must not be dropped as
    // the double of a shorter one.
    const auto first = static_cast<uint64_t>(frame.first_sequence());
    id_ += std::to_string(first) + "-" + std::to_string(first + static_cast<uint64_t>(frame.bid_size()) - 1);
    return publisher_.offer(
        {route.subject, id_, bytes_.data(), bytes_.size(), route.key, static_cast<uint32_t>(frame.bid_size())});
  }

 private:
  struct Route {
    std::string subject, id_prefix;
    uint32_t key;
  };
  Publisher& publisher_;
  const std::string source_;
  const uint32_t partitions_;
  std::vector<Route> routes_;
  std::unordered_map<std::string, uint32_t> keys_;
  std::string bytes_, id_;
};

}  // namespace troupe::bridge
