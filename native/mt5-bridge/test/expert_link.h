// The link client of the tests: what the expert hands over is kept in a list, what the bridge says is put into another.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dll/troupe_link.h"
#include "link/messages.h"

namespace expert_test {

struct SentMessage {
  uint16_t type;
  std::vector<uint8_t> payload;
};

struct FakeLink {
  TroupeConfig config{};
  int starts = 0;
  bool running = false;
  long room = -1;  // messages that are taken before the link is full; below 0: no end
  // Before and after each call.
  std::function<void(const char* call, bool done)> passed;
  std::vector<SentMessage> sent;
  std::deque<std::vector<uint8_t>> incoming;

  template <typename T>
  void say(uint16_t type, const T& body) {
    std::vector<uint8_t> bytes(4 + sizeof(T));
    std::memcpy(bytes.data(), &type, 2);
    std::memcpy(bytes.data() + 4, &body, sizeof(T));
    incoming.push_back(std::move(bytes));
  }
  void say(uint16_t type, const std::vector<uint64_t>& body) {
    std::vector<uint8_t> bytes(4 + 8 * body.size());
    std::memcpy(bytes.data(), &type, 2);
    std::memcpy(bytes.data() + 4, body.data(), 8 * body.size());
    incoming.push_back(std::move(bytes));
  }
  void up() { say(TROUPE_LINK_UP, TroupeLinkUp{"bridge", 3, 0, 0, "session", 1}); }
  void lost() { say(TROUPE_LINK_LOST, TroupeLinkLost{-101, "E_LINK_CLOSED", "the bridge has closed", 0}); }

  // The payloads of one type, in order, as far as they begin with a T.
  template <typename T>
  std::vector<T> all(troupe::link::FrameType type, size_t from = 0) const {
    std::vector<T> found;
    for (const SentMessage& m : sent) {
      if (m.type != static_cast<uint16_t>(type) || m.payload.size() < from + sizeof(T)) continue;
      std::memcpy(&found.emplace_back(), m.payload.data() + from, sizeof(T));
    }
    return found;
  }
  size_t count(troupe::link::FrameType type) const {
    size_t n = 0;
    for (const SentMessage& m : sent) n += m.type == static_cast<uint16_t>(type);
    return n;
  }
};

FakeLink& fakeLink();

}  // namespace expert_test
