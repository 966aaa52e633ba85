// The bridge's side of the feed of ticks, for tests: which ticks it keeps, under which number, and all that it ever
// heard.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "link/messages.h"
#include "test/expert_link.h"

namespace expert_test {

namespace wire = troupe::link;

using Payload = std::tuple<int64_t, double, double, uint32_t>;

inline Payload payloadOf(const wire::Tick& t) { return {t.time_ms, t.bid, t.ask, t.flags}; }

// The bridge's side: what it keeps of each feed and symbol, and everything that it ever heard.
struct Bridge {
  std::map<std::string, std::map<std::string, std::vector<Payload>>> kept, heard;
  std::vector<std::string> symbols;
  std::vector<size_t> at;  // of this session: ticks of the feed so far
  std::string feed;
  size_t read = 0;

  // A session: names what is kept.
  void begin() {
    feed = fakeLink().config.feed;
    at.clear();
    symbols.clear();
    fakeLink().sent.clear();
    read = 0;
  }
  // False: a tick came with the number of another one.
  bool hear() {
    auto& link = fakeLink();
    for (; read < link.sent.size(); ++read) {
      const auto& m = link.sent[read];
      if (m.type == static_cast<uint16_t>(wire::FrameType::kSymbols)) {
        std::vector<uint64_t> numbers;
        for (size_t i = 0; i < m.payload.size(); i += sizeof(wire::Spec)) {
          wire::Spec spec;
          std::memcpy(&spec, m.payload.data() + i, sizeof spec);
          symbols.emplace_back(spec.name);
          at.push_back(kept[feed][spec.name].size());
          numbers.push_back(at.back());
        }
        link.say(static_cast<uint16_t>(wire::FrameType::kResume), numbers);
      } else if (m.type == static_cast<uint16_t>(wire::FrameType::kTicks)) {
        for (size_t i = sizeof(wire::TickBatchHeader); i < m.payload.size(); i += sizeof(wire::Tick)) {
          wire::Tick tick;
          std::memcpy(&tick, m.payload.data() + i, sizeof tick);
          if (tick.symbol >= symbols.size()) return false;
          auto& all = heard[feed][symbols[tick.symbol]];
          const size_t number = at[tick.symbol]++;
          if (number < all.size() && all[number] != payloadOf(tick)) return false;
          if (number == all.size()) all.push_back(payloadOf(tick));
          kept[feed][symbols[tick.symbol]].resize(number);
          kept[feed][symbols[tick.symbol]].push_back(payloadOf(tick));
        }
      }
    }
    return true;
  }
  std::multiset<Payload> all(const std::string& symbol) {
    std::multiset<Payload> found;
    for (auto& [name, feeds] : kept) found.insert(feeds[symbol].begin(), feeds[symbol].end());
    return found;
  }
};

}  // namespace expert_test
