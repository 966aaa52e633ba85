// Frames that cannot be: each ends the link with its own error, which stands on sys.lifecycle. Wrong keys, accounts and
// commands are in bridge_daemon_test.cpp and bridge_watch_test.cpp.
#include <sys/socket.h>

#include "bridge_daemon_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;
using link::FrameType;

namespace {

struct BadInputTest : DaemonTest {
  bool lifecycleSays(const std::string& text) {
    return eventually([&] {
      for (const auto& [subject, bytes] : nats->all("SYSTEM"))
        if (subject.find("sys.lifecycle.bridge.") == 0 && bytes.find(text) != std::string::npos) return true;
      return false;
    });
  }
};

TEST_F(BadInputTest, framesThatCannotBeEndTheLinkWithTheirErrorOnLifecycle) {
  startAll();
  int number = 0;
  // What a terminal sends that is up. Its frame is written byte by byte, past the codec that would refuse to make it.
  const auto sends = [&](const char* code, const std::function<void(link::FrameHeader&, std::string&)>& spoil,
                         bool closes = false) {
    SCOPED_TRACE(code);
    FakeTerminal terminal(port);
    terminal.greet("s" + std::to_string(++number), {"EURUSD"});
    std::string payload(sizeof(link::Heartbeat), '\0');
    const iovec part{payload.data(), payload.size()};
    // Hello, proof and symbols came before.
    link::FrameHeader header = link::headerOf(FrameType::kHeartbeat, &part, 1, 4);
    spoil(header, payload);
    const std::string bytes = std::string(reinterpret_cast<const char*>(&header), sizeof header) + payload;
    ASSERT_EQ(::send(terminal.link().fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    if (closes) terminal.link().shutdown();
    EXPECT_TRUE(terminal.closed());
    EXPECT_TRUE(lifecycleSays(code)) << daemon->err();
  };
  sends("E_LINK_TOO_LONG", [](link::FrameHeader& h, std::string&) { h.length = link::kMaxPayloadBytes + 1; });
  sends(
      "E_LINK_TRUNCATED", [](link::FrameHeader&, std::string& p) { p.pop_back(); }, true);
  sends("E_LINK_CRC", [](link::FrameHeader&, std::string& p) { p[0] = 1; });
  sends("E_LINK_SIZE", [](link::FrameHeader& h, std::string&) { h.length = 7; });
  sends("E_LINK_UNKNOWN_TYPE", [](link::FrameHeader& h, std::string&) { h.type = 999; });
  sends("E_LINK_WRONG_SIDE", [](link::FrameHeader& h, std::string&) { h.type = 33; });
  // Reordered: one number too far, one that was there already.
  for (const uint64_t sequence : {5, 3})
    sends("E_LINK_SEQUENCE", [&](link::FrameHeader& h, std::string& p) {
      const iovec part{p.data(), p.size()};
      h = link::headerOf(FrameType::kHeartbeat, &part, 1, sequence);
    });
  // And the next terminal is as welcome as ever.
  FakeTerminal good(port);
  good.greet("good", {"EURUSD"});
}

TEST_F(BadInputTest, anOldVersionIsRefusedAndToldOnLifecycle) {
  startAll();
  FakeTerminal old(port);
  // As a terminal of the version before writes it.
  const link::FrameHeader header{sizeof(link::Hello), 1, uint16_t{link::kVersion - 1}, 1, 0};
  ASSERT_EQ(::send(old.link().fd(), &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  const auto told = old.expect<link::Refused>(FrameType::kRefused);
  ASSERT_TRUE(told);
  EXPECT_STREQ(told->code, "E_LINK_VERSION");
  EXPECT_TRUE(eventually([&] { return lifecycle("E_LINK_VERSION"); }));
}

}  // namespace
