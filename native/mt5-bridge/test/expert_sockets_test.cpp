// The expert's own link client, without a DLL, against the bridge's own side of the link (link/).
#include <gtest/gtest.h>

#include <functional>

#include "dll/troupe_link.h"
#include "link/codec.h"
#include "link/handshake.h"
#include "link/text.h"
#include "test/mql5/sockets.h"
#include "test/mql5/world.h"

namespace {

#define TROUPE_SOCKETS
#include "expert/link.mqh"

using mql5::wireOf;
using mql5::world;
namespace wire = troupe::link;

constexpr const char* kKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
constexpr const char* kOtherKey = "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

// The bridge: what it is sent is decoded with the link's own decoder.
struct Bridge {
  wire::Key key{};
  wire::Policy policy;
  std::unique_ptr<wire::Greeter> greeter;
  std::unique_ptr<wire::Decoder> decoder;
  uint64_t sequence = 0;
  int connects = 0;
  std::vector<std::pair<wire::FrameType, std::vector<uint8_t>>> heard;
  wire::LinkError error = wire::LinkError::kNone;

  explicit Bridge(const char* hex) { wire::parseKey(hex, key); }

  template <typename T>
  void send(wire::FrameType type, const T& body) {
    const iovec part{const_cast<T*>(&body), sizeof body};
    const wire::FrameHeader header = wire::headerOf(type, &part, 1, ++sequence);
    auto& out = wireOf().to_terminal;
    const auto* h = reinterpret_cast<const uint8_t*>(&header);
    const auto* b = reinterpret_cast<const uint8_t*>(&body);
    out.insert(out.end(), h, h + sizeof header);
    out.insert(out.end(), b, b + sizeof body);
  }
  void step() {
    if (wireOf().connects != connects) {
      connects = wireOf().connects;
      greeter = std::make_unique<wire::Greeter>(key, policy);
      decoder = std::make_unique<wire::Decoder>(wire::Peer::kTerminal);
      sequence = 0;
    }
    auto& in = wireOf().to_bridge;
    size_t room = 0;
    while (!in.empty()) {
      uint8_t* to = decoder->room(room);
      const size_t n = std::min(room, in.size());
      std::copy_n(in.begin(), n, to);
      decoder->filled(n);
      in.erase(in.begin(), in.begin() + static_cast<long>(n));
      wire::FrameView frame;
      wire::Next next;
      while ((next = decoder->next(frame)) == wire::Next::kFrame) onFrame(frame);
      if (next == wire::Next::kError) error = decoder->error();
    }
  }
  void onFrame(const wire::FrameView& frame) {
    std::string detail;
    if (frame.type == wire::FrameType::kHello) {
      wire::Challenge challenge;
      error = greeter->onHello(frame, challenge);
      send(wire::FrameType::kChallenge, challenge);
    } else if (frame.type == wire::FrameType::kProof) {
      error = greeter->onProof(frame, detail);
      if (error == wire::LinkError::kNone) {
        send(wire::FrameType::kWelcome, greeter->welcome("test bridge", 5));
      } else {
        send(wire::FrameType::kRefused, wire::refusedFor(error, detail));
      }
    } else {
      heard.emplace_back(frame.type, std::vector<uint8_t>(frame.data, frame.data + frame.size));
    }
  }
};

class Sockets : public ::testing::Test {
 protected:
  void SetUp() override {
    world() = mql5::World();
    wireOf() = mql5::Wire();
    LinkStop();
    begin(kKey);
  }
  void begin(const char* key, const char* ca = "") {
    LinkConfig config{};
    SetText(config.tls_ca_file, ca);
    SetText(config.host, "127.0.0.1");
    config.port = 7080;
    SetText(config.key, key);
    SetText(config.feed, "feed");
    SetText(config.login, "4711");
    SetText(config.terminal, "MT5 build 4000");
    SetText(config.margin_mode, "hedging");
    config.utc_offset_s = 7200;
    ASSERT_EQ(LinkStart(config), 1);
  }
  // The next message that is not "none", within some turns.
  int next(Bridge& bridge, int turns = 20) {
    for (int i = 0; i < turns; ++i) {
      world().now_us += 10'000;
      if (LinkReceive(g_in) != 0) return g_in.length < 0 ? g_in.length : TypeOf(g_in);
      bridge.step();
    }
    return 0;
  }
};

TEST_F(Sockets, UnderTlsEverythingGoesThroughTheTerminalsOwn) {
  Bridge bridge(kKey);
  LinkStop();
  begin(kKey, "system");
  // The terminal does not take the certificate: nothing of ours has left.
  ASSERT_EQ(next(bridge), LOCAL_LINK_LOST);
  LinkLost lost{};
  ASSERT_TRUE(ReadOne(g_in, lost));
  EXPECT_EQ(TextOf(lost.code), "E_LINK_TLS_FAILED");
  EXPECT_FALSE(bridge.greeter && bridge.greeter->hello().version_low != 0);
  EXPECT_TRUE(wireOf().to_bridge.empty());
  wireOf().certified = true;
  ASSERT_EQ(next(bridge, 200), LOCAL_LINK_UP);
  EXPECT_EQ(wireOf().tls, "127.0.0.1");
  BeginMessage(g_out, FRAME_SYMBOLS);
  WireSpec spec{};
  Append(g_out, spec);
  ASSERT_EQ(LinkSend(g_out), 1);
  bridge.step();
  EXPECT_EQ(bridge.heard.size(), 1u);
  WireCancel cancel{};
  cancel.ticket = 42;
  bridge.send(wire::FrameType::kCancel, cancel);
  EXPECT_EQ(next(bridge), FRAME_CANCEL);
  LinkStop();
}

TEST_F(Sockets, TheTerminalsTlsKnowsNeitherFingerprintsNorFiles) {
  LinkConfig config{};
  SetText(config.key, kKey);
  SetText(config.tls_ca_file, "ca.pem");
  EXPECT_EQ(LinkStart(config), TROUPE_E_CONFIG_TLS);
  SetText(config.tls_ca_file, "");
  SetText(config.tls_fingerprint, kKey);
  EXPECT_EQ(LinkStart(config), TROUPE_E_CONFIG_TLS);
  EXPECT_NE(LinkErrorText(TROUPE_E_CONFIG_TLS).find("TLS CA must be system"), std::string::npos);
}

TEST_F(Sockets, BothProveTheKeyAndFramesGoBothWays) {
  Bridge bridge(kKey);
  bridge.policy = {"4711", "hedging"};
  ASSERT_EQ(next(bridge), LOCAL_LINK_UP);
  LinkUp up{};
  ASSERT_TRUE(ReadOne(g_in, up));
  EXPECT_EQ(TextOf(up.bridge), "test bridge");
  EXPECT_EQ(up.link_version, wire::kVersion);
  EXPECT_EQ(wire::textOf(bridge.greeter->hello().feed), "feed");
  EXPECT_EQ(bridge.greeter->hello().utc_offset_s, 7200);
  // Several frames, in pieces of any size.
  wireOf().most = 7;
  for (int i = 0; i < 50; ++i) {
    BeginMessage(g_out, FRAME_SYMBOLS);
    WireSpec spec{};
    spec.digits = static_cast<uint>(i);
    Append(g_out, spec);
    ASSERT_EQ(LinkSend(g_out), 1);
  }
  WireCancel cancel{};
  cancel.ticket = 42;
  bridge.send(wire::FrameType::kCancel, cancel);
  ASSERT_EQ(next(bridge, 400), FRAME_CANCEL);
  ASSERT_TRUE(ReadOne(g_in, cancel));
  EXPECT_EQ(cancel.ticket, 42u);
  for (int i = 0; i < 200; ++i) next(bridge, 1);
  std::erase_if(bridge.heard, [](const auto& frame) { return frame.first == wire::FrameType::kHeartbeat; });
  ASSERT_EQ(bridge.heard.size(), 50u);
  EXPECT_EQ(bridge.error, wire::LinkError::kNone);
}

TEST_F(Sockets, ABridgeWithAnotherKeySendsAway) {
  Bridge bridge(kOtherKey);
  ASSERT_EQ(next(bridge), LOCAL_REFUSED);
  LinkRefused refused{};
  ASSERT_TRUE(ReadOne(g_in, refused));
  EXPECT_EQ(TextOf(refused.code), "E_LINK_KEY");
  // Not again before the bridge wants it.
  const int connects = wireOf().connects;
  EXPECT_EQ(next(bridge, 100), 0);
  EXPECT_EQ(wireOf().connects, connects);
  world().now_us += 31'000'000;
  EXPECT_EQ(next(bridge), LOCAL_REFUSED);
}

TEST_F(Sockets, ABridgeThatOnlyPretendsToKnowTheKeyIsLeft) {
  Bridge bridge(kKey);
  // Says welcome, but cannot prove the key.
  for (int i = 0; i < 5 && bridge.sequence < 1; ++i) next(bridge, 1);
  wireOf().to_bridge.clear();
  wire::Welcome welcome{};
  welcome.version = wire::kVersion;
  bridge.send(wire::FrameType::kWelcome, welcome);
  ASSERT_EQ(next(bridge), LOCAL_LINK_LOST);
  LinkLost lost{};
  ASSERT_TRUE(ReadOne(g_in, lost));
  EXPECT_EQ(lost.error, TROUPE_E_LINK_KEY);
  EXPECT_EQ(TextOf(lost.code), "E_LINK_KEY");
}

TEST_F(Sockets, AnotherAccountIsRefusedForGood) {
  Bridge bridge(kKey);
  bridge.policy = {"4712", ""};
  ASSERT_EQ(next(bridge), LOCAL_REFUSED);
  LinkRefused refused{};
  ASSERT_TRUE(ReadOne(g_in, refused));
  EXPECT_EQ(TextOf(refused.code), "E_LINK_WRONG_ACCOUNT");
  EXPECT_EQ(refused.is_final, 1u);
}

TEST_F(Sockets, ALostLinkIsToldAndComesBackWithANewSession) {
  Bridge bridge(kKey);
  ASSERT_EQ(next(bridge), LOCAL_LINK_UP);
  LinkUp first{};
  ASSERT_TRUE(ReadOne(g_in, first));
  wireOf().open = false;
  BeginMessage(g_out, FRAME_SYMBOLS);
  ASSERT_EQ(next(bridge), LOCAL_LINK_LOST);
  EXPECT_EQ(LinkSend(g_out), LINK_NOT_LINKED);
  ASSERT_EQ(next(bridge, 100), LOCAL_LINK_UP);
  LinkUp second{};
  ASSERT_TRUE(ReadOne(g_in, second));
  EXPECT_NE(TextOf(first.session), TextOf(second.session));
  const ulong connection = second.connection;  // a packed member may stand anywhere
  EXPECT_EQ(connection, 2u);
}

TEST_F(Sockets, DamagedMissingAndOversizedFramesEndTheLink) {
  struct Case {
    const char* code;
    std::function<void(Bridge&)> damage;
  };
  for (const Case& c : {Case{"E_LINK_CRC",
                             [](Bridge& b) {
                               b.send(wire::FrameType::kCancel, wire::Cancel{});
                               wireOf().to_terminal.back() ^= 1;
                             }},
                        Case{"E_LINK_SEQUENCE",
                             [](Bridge& b) {
                               ++b.sequence;
                               b.send(wire::FrameType::kCancel, wire::Cancel{});
                             }},
                        Case{"E_LINK_TOO_LONG",
                             [](Bridge& b) {
                               b.send(wire::FrameType::kCancel, wire::Cancel{});
                               wireOf().to_terminal[2] = 0xFF;
                             }},
                        Case{"E_LINK_VERSION", [](Bridge& b) {
                               b.send(wire::FrameType::kCancel, wire::Cancel{});
                               wireOf().to_terminal[6] = 99;
                             }}}) {
    SetUp();
    Bridge bridge(kKey);
    ASSERT_EQ(next(bridge), LOCAL_LINK_UP);
    wireOf().to_terminal.clear();
    c.damage(bridge);
    ASSERT_EQ(next(bridge), LOCAL_LINK_LOST) << c.code;
    LinkLost lost{};
    ASSERT_TRUE(ReadOne(g_in, lost));
    EXPECT_EQ(TextOf(lost.code), c.code);
  }
}

TEST_F(Sockets, SilenceEndsTheLinkAndHeartbeatsKeepIt) {
  Bridge bridge(kKey);
  ASSERT_EQ(next(bridge), LOCAL_LINK_UP);
  for (int i = 0; i < 10; ++i) {
    world().now_us += 1'000'000;
    bridge.send(wire::FrameType::kHeartbeat, wire::Heartbeat{1});
    ASSERT_EQ(next(bridge, 1), 0);
  }
  bridge.step();
  EXPECT_GE(bridge.heard.size(), 9u);
  EXPECT_EQ(bridge.heard[0].first, wire::FrameType::kHeartbeat);
  world().now_us += 5'100'000;
  ASSERT_EQ(next(bridge, 2), LOCAL_LINK_LOST);
}

TEST_F(Sockets, AFullQueueTakesNothingAndForgetsNothing) {
  Bridge bridge(kKey);
  ASSERT_EQ(next(bridge), LOCAL_LINK_UP);
  wireOf().most = 0;
  BeginMessage(g_out, FRAME_SYMBOLS);
  for (int i = 0; i < 1500; ++i) Append(g_out, WireSpec{});
  int taken = 0;
  while (LinkSend(g_out) == 1) ++taken;
  EXPECT_GT(taken, 10);
  EXPECT_LT(taken, 30);
  wireOf().most = 1 << 20;
  for (int i = 0; i < 100; ++i) next(bridge, 1);
  EXPECT_EQ(std::count_if(bridge.heard.begin(), bridge.heard.end(),
                          [](const auto& frame) { return frame.first == wire::FrameType::kSymbols; }),
            taken);
  EXPECT_EQ(LinkSend(g_out), 1);
}

// MetaTrader's sockets block, and OnDeinit has 2.5 s: whoever has megabytes waiting for a bridge that hardly reads does
// not stay for them.
TEST_F(Sockets, ABridgeThatHardlyReadsHoldsNoHandlerAndNoStop) {
  for (const char* ca : {"", "system"}) {
    SCOPED_TRACE(ca);
    SetUp();
    LinkStop();
    wireOf().certified = true;
    begin(kKey, ca);
    Bridge bridge(kKey);
    ASSERT_EQ(next(bridge), LOCAL_LINK_UP);
    wireOf().most = 0;
    BeginMessage(g_out, FRAME_SYMBOLS);
    for (int i = 0; i < 1500; ++i) Append(g_out, WireSpec{});
    while (LinkSend(g_out) == 1) {
    }
    wireOf().most = 1000;
    wireOf().slow = true;
    int64_t from_us = world().now_us;
    LinkReceive(g_in);
    EXPECT_GT(world().now_us, from_us) << "it has not sent";
    EXPECT_LE(world().now_us - from_us, 1'100'000) << "one sending, whatever waits";
    from_us = world().now_us;
    LinkStop();
    EXPECT_LT(world().now_us - from_us, 1'000'000) << "link.mqh says under a second";
  }
}

TEST_F(Sockets, NobodyThereIsToldOnceAndTriedAgain) {
  wireOf().listening = false;
  Bridge bridge(kKey);
  ASSERT_EQ(next(bridge), LOCAL_LINK_LOST);
  LinkLost lost{};
  ASSERT_TRUE(ReadOne(g_in, lost));
  EXPECT_EQ(TextOf(lost.code), "E_DLL_CONNECT");
  EXPECT_EQ(next(bridge, 3000), 0);
  EXPECT_GT(wireOf().connects, 5);
  EXPECT_LT(wireOf().connects, 20);
  wireOf().listening = true;
  EXPECT_EQ(next(bridge, 600), LOCAL_LINK_UP);
}

TEST_F(Sockets, TheKeyMustBeAKey) {
  LinkConfig config{};
  SetText(config.key, "zz");
  EXPECT_EQ(LinkStart(config), TROUPE_E_CONFIG_KEY);
  SetText(config.key, std::string(64, 'a'));
  EXPECT_EQ(LinkStart(config), TROUPE_E_CONFIG_KEY);
}

}  // namespace
