// What JetStream keeps of a feed: asked once when a bridge that was started anew meets a terminal, so that the terminal
// sends exactly what is missing.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/nats_options.h"

namespace troupe::bridge {

class TickStore {
 public:
  explicit TickStore(NatsSettings settings) : settings_(std::move(settings)) {}

  // For each subject the number of the last tick of `feed` that is kept on it, 0 where there is none. False with
  // `error` set when it cannot be known now. Takes some 0.2 ms a subject.
  bool kept(const std::string& feed, const std::vector<std::string>& subjects, std::vector<uint64_t>& out,
            std::string& error) const;

 private:
  const NatsSettings settings_;
};

}  // namespace troupe::bridge
