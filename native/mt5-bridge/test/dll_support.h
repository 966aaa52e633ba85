// An expert and a bridge for the tests of the link client.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "dll/troupe_link.h"
#include "link/connection.h"
#include "link/handshake.h"
#include "link/text.h"

namespace troupe::dll::testing_support {

inline const char* const kLinkKey = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210";

inline int64_t nowMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// True as soon as `condition` is; false after 20 s.
inline bool eventually(const std::function<bool()>& condition) {
  const int64_t deadline = nowMs() + 20'000;
  while (nowMs() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

inline TroupeConfig configFor(uint16_t port, const char* instance = "expert") {
  TroupeConfig c{};
  c.size = sizeof c;
  c.version = TROUPE_CONFIG_VERSION;
  c.port = port;
  link::setTextCut(c.host, "127.0.0.1");
  link::setTextCut(c.key, kLinkKey);
  link::setTextCut(c.instance, instance);
  link::setTextCut(c.feed, "feed");
  link::setTextCut(c.login, "1001");
  link::setTextCut(c.terminal, "test");
  link::setTextCut(c.margin_mode, "netting");
  return c;
}

inline int32_t start(const TroupeConfig& config) {
  return troupe_start(reinterpret_cast<const uint8_t*>(&config), sizeof config);
}

// Message of a type and a payload.
inline std::vector<uint8_t> message(uint16_t type, const void* payload = nullptr, size_t bytes = 0) {
  std::vector<uint8_t> out(sizeof(TroupeMessage) + bytes);
  const TroupeMessage head{type, 0};
  std::memcpy(out.data(), &head, sizeof head);
  if (bytes > 0) std::memcpy(out.data() + sizeof head, payload, bytes);
  return out;
}
inline std::vector<uint8_t> message(link::FrameType type, const void* payload = nullptr, size_t bytes = 0) {
  return message(static_cast<uint16_t>(type), payload, bytes);
}
inline std::vector<uint8_t> tickMessage(int64_t first, uint32_t count) {
  std::vector<uint8_t> payload(sizeof(link::TickBatchHeader) + count * sizeof(link::Tick));
  const link::TickBatchHeader head{count, 0, 1};
  std::memcpy(payload.data(), &head, sizeof head);
  for (uint32_t i = 0; i < count; ++i) {
    const link::Tick tick{first + i, 1.0, 1.1, 0, 6};
    std::memcpy(payload.data() + sizeof head + i * sizeof tick, &tick, sizeof tick);
  }
  return message(link::FrameType::kTicks, payload.data(), payload.size());
}

// What an MQL5 program does with the four functions.
class Expert {
 public:
  explicit Expert(const TroupeConfig& config) : handle(start(config)) { EXPECT_GT(handle, 0); }
  ~Expert() { troupe_stop(handle); }
  int32_t send(const std::vector<uint8_t>& message) {
    return troupe_send(handle, message.data(), static_cast<int32_t>(message.size()));
  }
  // The next message, if there is one.
  bool poll() {
    buffer.resize(TROUPE_RECEIVE_BYTES);
    const int32_t got = troupe_receive(handle, buffer.data(), TROUPE_RECEIVE_BYTES);
    EXPECT_GE(got, 0);
    if (got <= 0) return false;
    TroupeMessage head;
    std::memcpy(&head, buffer.data(), sizeof head);
    type = head.type;
    size = static_cast<size_t>(got) - sizeof head;
    return true;
  }
  template <typename T>
  T payload() const {
    T out{};
    EXPECT_EQ(size, sizeof out);
    std::memcpy(&out, buffer.data() + sizeof(TroupeMessage), std::min(size, sizeof out));
    return out;
  }
  // The next message, which must be of this type.
  template <typename T>
  T expect(uint16_t wanted) {
    EXPECT_TRUE(eventually([&] { return poll(); })) << "no message; wanted " << wanted;
    EXPECT_EQ(type, wanted);
    return type == wanted ? payload<T>() : T{};
  }
  template <typename T>
  T expect(link::FrameType wanted) {
    return expect<T>(static_cast<uint16_t>(wanted));
  }

  int32_t handle;
  uint16_t type = 0;
  size_t size = 0;
  std::vector<uint8_t> buffer;
};

// A bridge that does what the test says.
class Bridge {
 public:
  explicit Bridge(uint16_t port = 0) {
    std::string error;
    EXPECT_TRUE(listener.listen("127.0.0.1", port, error)) << error;
    EXPECT_TRUE(link::parseKey(kLinkKey, key));
  }
  uint16_t port() const { return listener.port(); }

  // Takes the next terminal, up to its proof. True when it knows the key.
  bool meet() {
    link.reset();
    int fd = -1;
    if (!eventually([&] { return (fd = listener.accept()) >= 0; })) return false;
    link = std::make_unique<link::Connection>(fd, link::Peer::kTerminal);
    greeter.emplace(key, policy);
    link::Challenge challenge;
    if (!next(link::FrameType::kHello) || greeter->onHello(frame, challenge) != link::LinkError::kNone) return false;
    link->send(link::FrameType::kChallenge, challenge);
    std::string detail;
    return next(link::FrameType::kProof) && greeter->onProof(frame, detail) == link::LinkError::kNone;
  }
  void welcome() { link->send(link::FrameType::kWelcome, greeter->welcome("bridge", 7)); }
  // The next frame, which must be of this type; heartbeats are skipped. It is valid until the next call.
  bool next(link::FrameType type) {
    bool found = false;
    EXPECT_TRUE(eventually([&] {
      for (link::Next next; (next = link->next(frame)) != link::Next::kNeedMore;) {
        if (next == link::Next::kError) return true;
        if (frame.type == link::FrameType::kHeartbeat) continue;
        found = frame.type == type;
        EXPECT_EQ(frame.type, type);
        return true;
      }
      return link->wait(20) != link::LinkError::kNone;
    }));
    return found;
  }
  // True when the terminal closes. What it still has to say is left in `rest` as types.
  bool closed(std::vector<link::FrameType>* rest = nullptr) {
    return eventually([&] {
      const bool ended = link->wait(20) != link::LinkError::kNone;
      while (link->next(frame) == link::Next::kFrame)
        if (rest != nullptr && frame.type != link::FrameType::kHeartbeat) rest->push_back(frame.type);
      return ended;
    });
  }

  link::Listener listener;
  link::Key key;
  link::Policy policy;
  std::unique_ptr<link::Connection> link;
  std::optional<link::Greeter> greeter;
  link::FrameView frame;
};

// Both ends of a session that is up.
inline TroupeLinkUp meetUp(Bridge& bridge, Expert& expert) {
  EXPECT_TRUE(bridge.meet());
  bridge.welcome();
  return expert.expect<TroupeLinkUp>(TROUPE_LINK_UP);
}

inline link::Find findOf(uint64_t command) {
  link::Find find{};
  find.command = command;
  link::setTextCut(find.order_id, "o1");
  return find;
}

}  // namespace troupe::dll::testing_support
