#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "link/codec.h"
#include "link/crc32.h"
#include "link/text.h"
#include "link/validate.h"

using namespace troupe::link;

namespace {

std::vector<uint8_t> frameBytes(uint32_t length, uint16_t type, uint16_t version, uint64_t sequence, size_t payload) {
  FrameHeader header{length, type, version, sequence, 0};
  std::vector<uint8_t> out(sizeof header + payload);
  std::memcpy(out.data(), &header, sizeof header);
  uint32_t crc = crc32Add(crc32Begin(), out.data(), sizeof header - sizeof header.crc);
  crc = crc32End(crc32Add(crc, out.data() + sizeof header, payload));
  std::memcpy(out.data() + offsetof(FrameHeader, crc), &crc, sizeof crc);
  return out;
}

void feed(Decoder& decoder, const uint8_t* bytes, size_t size) {
  while (size > 0) {
    size_t room;
    uint8_t* to = decoder.room(room);
    const size_t n = std::min(room, size);
    std::memcpy(to, bytes, n);
    decoder.filled(n);
    bytes += n;
    size -= n;
  }
}

uint16_t num(FrameType type) { return static_cast<uint16_t>(type); }

struct Malformed {
  const char* name;
  Peer peer;
  uint32_t length;
  uint16_t type, version;
  uint64_t sequence;
  LinkError want;
};

class MalformedFrame : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedFrame, closesWithItsCode) {
  const Malformed& m = GetParam();
  Decoder decoder(m.peer);
  // The header alone must be enough: nobody waits for the payload of a frame that cannot be right.
  const auto bytes = frameBytes(m.length, m.type, m.version, m.sequence, 0);
  feed(decoder, bytes.data(), bytes.size());
  FrameView frame;
  ASSERT_EQ(decoder.next(frame), Next::kError);
  EXPECT_EQ(decoder.error(), m.want);
  // And it stays closed, whatever follows.
  const auto good = frameBytes(sizeof(Heartbeat), num(FrameType::kHeartbeat), kVersion, 1, sizeof(Heartbeat));
  feed(decoder, good.data(), good.size());
  EXPECT_EQ(decoder.next(frame), Next::kError);
}

constexpr uint32_t kTick = sizeof(Tick), kHead = sizeof(TickBatchHeader);

INSTANTIATE_TEST_SUITE_P(
    Table, MalformedFrame,
    testing::Values(
        Malformed{"TooLong", Peer::kTerminal, kMaxPayloadBytes + 1, 3, kVersion, 1, LinkError::kTooLong},
        Malformed{"Longest", Peer::kTerminal, UINT32_MAX, 3, kVersion, 1, LinkError::kTooLong},
        Malformed{"TypeZero", Peer::kTerminal, 8, 0, kVersion, 1, LinkError::kUnknownType},
        Malformed{"TypeBetween", Peer::kTerminal, 8, 20, kVersion, 1, LinkError::kUnknownType},
        Malformed{"TypeAbove", Peer::kTerminal, 8, 65535, kVersion, 1, LinkError::kUnknownType},
        Malformed{"UnknownToTerminal", Peer::kBridge, 8, 99, kVersion, 1, LinkError::kUnknownType},
        Malformed{"WelcomeFromTerminal", Peer::kTerminal, sizeof(Welcome), 32, kVersion, 1, LinkError::kWrongSide},
        Malformed{"TicksFromBridge", Peer::kBridge, kHead + kTick, 3, kVersion, 1, LinkError::kWrongSide},
        Malformed{"VersionZero", Peer::kTerminal, 8, 15, 0, 1, LinkError::kBadVersion},
        Malformed{"StatusShort", Peer::kTerminal, sizeof(TerminalStatus) - 1, 17, kVersion, 1, LinkError::kBadSize},
        Malformed{"StatusFromBridge", Peer::kBridge, sizeof(TerminalStatus), 17, kVersion, 1, LinkError::kWrongSide},
        Malformed{"VersionBefore", Peer::kTerminal, 8, 15, kVersion - 1, 1, LinkError::kBadVersion},
        Malformed{"VersionNext", Peer::kTerminal, 8, 15, kVersion + 1, 1, LinkError::kBadVersion},
        Malformed{"HeartbeatShort", Peer::kTerminal, 7, 15, kVersion, 1, LinkError::kBadSize},
        Malformed{"HeartbeatLong", Peer::kBridge, 9, 15, kVersion, 1, LinkError::kBadSize},
        Malformed{"HelloShort", Peer::kTerminal, sizeof(Hello) - 1, 1, kVersion, 1, LinkError::kBadSize},
        Malformed{"SymbolsNone", Peer::kTerminal, 0, 2, kVersion, 1, LinkError::kBadCount},
        Malformed{"SymbolsUneven", Peer::kTerminal, sizeof(Spec) + 1, 2, kVersion, 1, LinkError::kBadSize},
        Malformed{"TicksNoHead", Peer::kTerminal, kHead - 1, 3, kVersion, 1, LinkError::kBadSize},
        Malformed{"TicksNone", Peer::kTerminal, kHead, 3, kVersion, 1, LinkError::kBadCount},
        Malformed{"TicksUneven", Peer::kTerminal, kHead + kTick - 1, 3, kVersion, 1, LinkError::kBadSize},
        Malformed{"TicksTooMany", Peer::kTerminal, kHead + kTick*(kMaxTicksPerFrame + 1), 3, kVersion, 1,
                  LinkError::kBadCount},
        Malformed{"ResultShort", Peer::kTerminal, sizeof(Result) - 1, 4, kVersion, 1, LinkError::kBadSize},
        Malformed{"ResultUneven", Peer::kTerminal, sizeof(Result) + 1, 4, kVersion, 1, LinkError::kBadSize},
        Malformed{"OrderShort", Peer::kTerminal, sizeof(Order), 5, kVersion, 1, LinkError::kBadSize},
        Malformed{"DealLong", Peer::kTerminal, sizeof(EventHeader) + sizeof(Deal) + 8, 6, kVersion, 1,
                  LinkError::kBadSize},
        Malformed{"PositionEmpty", Peer::kTerminal, 0, 7, kVersion, 1, LinkError::kBadSize},
        Malformed{"AccountShort", Peer::kTerminal, 16, 8, kVersion, 1, LinkError::kBadSize},
        Malformed{"SnapshotPartNoHead", Peer::kTerminal, 8, 10, kVersion, 1, LinkError::kBadSize},
        Malformed{"SnapshotEndShort", Peer::kTerminal, 8, 13, kVersion, 1, LinkError::kBadSize},
        Malformed{"TapeEndLong", Peer::kTerminal, 16, 14, kVersion, 1, LinkError::kBadSize},
        Malformed{"PlaceShort", Peer::kBridge, sizeof(Place) - 1, 33, kVersion, 1, LinkError::kBadSize},
        Malformed{"ResumeNone", Peer::kBridge, 0, 39, kVersion, 1, LinkError::kBadCount},
        Malformed{"ResumeUneven", Peer::kBridge, 12, 39, kVersion, 1, LinkError::kBadSize},
        Malformed{"ResumeFromTerminal", Peer::kTerminal, 8, 39, kVersion, 1, LinkError::kWrongSide},
        Malformed{"ProofShort", Peer::kTerminal, sizeof(Proof) - 1, 16, kVersion, 1, LinkError::kBadSize},
        Malformed{"ProofFromBridge", Peer::kBridge, sizeof(Proof), 16, kVersion, 1, LinkError::kWrongSide},
        Malformed{"ChallengeLong", Peer::kBridge, sizeof(Challenge) + 1, 40, kVersion, 1, LinkError::kBadSize},
        Malformed{"ChallengeFromTerminal", Peer::kTerminal, sizeof(Challenge), 40, kVersion, 1, LinkError::kWrongSide},
        Malformed{"RefusedShort", Peer::kBridge, sizeof(Refused) - 1, 41, kVersion, 1, LinkError::kBadSize},
        Malformed{"FindLong", Peer::kBridge, sizeof(Find) + 1, 37, kVersion, 1, LinkError::kBadSize}),
    [](const auto& info) { return info.param.name; });

TEST(Decoder, aFrameOutOfOrderIsBadSequence) {
  for (const uint64_t sequence : {0, 2, 3}) {
    Decoder decoder(Peer::kTerminal);
    const auto bytes = frameBytes(8, num(FrameType::kHeartbeat), kVersion, sequence, 8);
    feed(decoder, bytes.data(), bytes.size());
    FrameView frame;
    ASSERT_EQ(decoder.next(frame), Next::kError);
    EXPECT_EQ(decoder.error(), LinkError::kBadSequence) << sequence;
  }
}

// Whatever single bit is wrong, the frame is never taken: it is refused, or more is waited for where its length grew.
TEST(Decoder, everySingleBitIsGuarded) {
  for (const size_t ticks : {1, 5}) {
    const size_t payload = kHead + ticks * kTick;
    auto good = frameBytes(static_cast<uint32_t>(payload), num(FrameType::kTicks), kVersion, 1, payload);
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      auto bytes = good;
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      Decoder decoder(Peer::kTerminal);
      feed(decoder, bytes.data(), bytes.size());
      FrameView frame;
      ASSERT_NE(decoder.next(frame), Next::kFrame) << "bit " << bit;
      if (bit >= 8 * sizeof(FrameHeader)) {
        EXPECT_EQ(decoder.error(), LinkError::kBadCrc) << "bit " << bit;
      }
    }
    Decoder decoder(Peer::kTerminal);
    feed(decoder, good.data(), good.size());
    FrameView frame;
    EXPECT_EQ(decoder.next(frame), Next::kFrame);
  }
}

TEST(Decoder, aShorterLimitHoldsUntilItIsLifted) {
  const auto bytes = frameBytes(kHead + kTick, num(FrameType::kTicks), kVersion, 1, kHead + kTick);
  Decoder strict(Peer::kTerminal), lifted(Peer::kTerminal);
  FrameView frame;
  strict.allowPayload(kHead + kTick - 1);
  feed(strict, bytes.data(), sizeof(FrameHeader));
  ASSERT_EQ(strict.next(frame), Next::kError);
  EXPECT_EQ(strict.error(), LinkError::kTooLong);
  lifted.allowPayload(kHead + kTick - 1);
  lifted.allowPayload(kMaxPayloadBytes);
  feed(lifted, bytes.data(), bytes.size());
  EXPECT_EQ(lifted.next(frame), Next::kFrame);
}

TEST(Decoder, knowsWhetherItStandsInsideAFrame) {
  auto wire = frameBytes(8, num(FrameType::kHeartbeat), kVersion, 1, 8);
  const auto second = frameBytes(8, num(FrameType::kHeartbeat), kVersion, 2, 8);
  wire.insert(wire.end(), second.begin(), second.end());
  for (size_t n = 0; n <= wire.size(); ++n) {
    Decoder decoder(Peer::kTerminal);
    feed(decoder, wire.data(), n);
    EXPECT_EQ(decoder.midFrame(), n % second.size() != 0) << n;
    FrameView frame;
    while (decoder.next(frame) == Next::kFrame) {
    }
    EXPECT_EQ(decoder.midFrame(), n % second.size() != 0) << n;
  }
}

TEST(Decoder, aFrameTwiceIsBadSequence) {
  Decoder decoder(Peer::kTerminal);
  const auto bytes = frameBytes(8, num(FrameType::kHeartbeat), kVersion, 1, 8);
  feed(decoder, bytes.data(), bytes.size());
  FrameView frame;
  ASSERT_EQ(decoder.next(frame), Next::kFrame);
  feed(decoder, bytes.data(), bytes.size());
  ASSERT_EQ(decoder.next(frame), Next::kError);
  EXPECT_EQ(decoder.error(), LinkError::kBadSequence);
}

// Any frames, cut at any places, come out as they went in, whatever the buffer's first size.
TEST(Decoder, randomFramesInRandomPieces) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t n) { return random() % n; };
    std::vector<uint8_t> wire;
    std::vector<std::vector<uint8_t>> payloads;
    std::vector<FrameType> types;
    for (uint64_t sequence = 1; sequence <= 1 + below(40); ++sequence) {
      FrameType type = FrameType::kHeartbeat;
      size_t size = sizeof(Heartbeat);
      switch (below(4)) {
        case 0:
          type = FrameType::kTicks;
          size = kHead + kTick * (1 + below(kMaxTicksPerFrame));
          break;
        case 1:
          type = FrameType::kResult;
          size = sizeof(Result) + sizeof(Deal) * below(4);
          break;
        case 2:
          type = FrameType::kSnapshotOrders;
          size = sizeof(SnapshotPart) + sizeof(Order) * below(50);
          break;
        default:
          break;
      }
      std::vector<uint8_t> payload(size);
      for (auto& b : payload) b = static_cast<uint8_t>(random());
      const iovec part{payload.data(), payload.size()};
      const FrameHeader header = headerOf(type, &part, 1, sequence);
      const auto* h = reinterpret_cast<const uint8_t*>(&header);
      wire.insert(wire.end(), h, h + sizeof header);
      wire.insert(wire.end(), payload.begin(), payload.end());
      payloads.push_back(std::move(payload));
      types.push_back(type);
    }
    Decoder decoder(Peer::kTerminal, 64 + below(100'000));
    size_t got = 0;
    for (size_t at = 0; at < wire.size();) {
      size_t room;
      uint8_t* to = decoder.room(room);
      const size_t n = std::min<size_t>({room, wire.size() - at, 1 + below(30'000)});
      std::memcpy(to, wire.data() + at, n);
      decoder.filled(n);
      at += n;
      FrameView frame;
      Next next;
      while ((next = decoder.next(frame)) == Next::kFrame) {
        ASSERT_LT(got, payloads.size());
        EXPECT_EQ(frame.type, types[got]);
        EXPECT_EQ(frame.sequence, got + 1);
        ASSERT_EQ(std::vector<uint8_t>(frame.data, frame.data + frame.size), payloads[got]);
        ++got;
      }
      ASSERT_EQ(next, Next::kNeedMore);
    }
    EXPECT_EQ(got, payloads.size()) << "seed " << seed;
  }
}

// Bytes of noise never get past the header check unharmed, and never crash.
TEST(Decoder, noiseEndsInAnErrorOrWaits) {
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    std::mt19937 random(seed);
    Decoder decoder(seed % 2 ? Peer::kTerminal : Peer::kBridge, 128);
    std::vector<uint8_t> noise(sizeof(FrameHeader) + random() % 400);
    for (auto& b : noise) b = static_cast<uint8_t>(random());
    feed(decoder, noise.data(), noise.size());
    FrameView frame;
    EXPECT_EQ(decoder.next(frame), Next::kError);
  }
}

TEST(Payloads, readersRefuseOtherSizes) {
  std::vector<uint8_t> bytes(sizeof(TickBatchHeader) + 2 * sizeof(Tick));
  TickBatchHeader head;
  const Tick* ticks = nullptr;
  size_t count = 0;
  FrameView frame{FrameType::kTicks, 1, bytes.data(), bytes.size()};
  EXPECT_TRUE(readList(frame, head, ticks, count));
  EXPECT_EQ(count, 2u);
  frame.size -= 1;
  EXPECT_FALSE(readList(frame, head, ticks, count));
  frame.size = 8;
  EXPECT_FALSE(readList(frame, head, ticks, count));
  Heartbeat beat;
  EXPECT_TRUE(readOne(frame, beat));
  frame.size = 9;
  EXPECT_FALSE(readOne(frame, beat));
  EventHeader event;
  Order order;
  EXPECT_FALSE(readEvent(frame, event, order));
}

TEST(Text, fitsOrIsRefused) {
  char array[8];
  EXPECT_TRUE(setText(array, "EURUSD"));
  EXPECT_EQ(textOf(array), "EURUSD");
  EXPECT_TRUE(isText(array));
  EXPECT_TRUE(setText(array, "1234567"));
  EXPECT_FALSE(setText(array, "12345678"));
  EXPECT_EQ(textOf(array), "");
  EXPECT_FALSE(setText(array, std::string_view("a\0b", 3)));
  setTextCut(array, "12345\xC3\xA4\xC3\xA4");
  EXPECT_EQ(textOf(array), "12345\xC3\xA4");
  setTextCut(array, "123456\xC3\xA4");
  EXPECT_EQ(textOf(array), "123456");
}

TEST(Text, isTextWantsTerminatorPaddingAndUtf8) {
  char full[4] = {'a', 'b', 'c', 'd'}, dirty[4] = {'a', 0, 'c', 0}, latin[4] = {'\xE4', 0, 0, 0}, empty[4] = {};
  EXPECT_FALSE(isText(full));
  EXPECT_FALSE(isText(dirty));
  EXPECT_FALSE(isText(latin));
  EXPECT_TRUE(isText(empty));
}

TEST(Text, utf8) {
  for (const char* good : {"", "abc", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(isUtf8(good)) << good;
  for (const char* bad : {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82"})
    EXPECT_FALSE(isUtf8(bad));
}

TEST(Validate, namesWhatIsWrong) {
  Order order{};
  EXPECT_EQ(validate(order), LinkError::kNone);
  order.side = 3;
  EXPECT_EQ(validate(order), LinkError::kBadEnum);
  order.side = 1;
  order.price = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(validate(order), LinkError::kBadNumber);
  for (const int64_t ms : {INT64_MIN, int64_t{-1}, kMaxTimeMs + 1, INT64_MAX}) {
    Order timed{};
    timed.time_ms = ms;
    EXPECT_EQ(validate(timed), LinkError::kBadNumber) << ms;
    EXPECT_EQ(validate(EventHeader{1, ms}), LinkError::kBadNumber) << ms;
    SnapshotBegin begin{};
    begin.time_ms = ms;
    EXPECT_EQ(validate(begin), LinkError::kBadNumber) << ms;
    SnapshotBegin since{};
    since.deals_since_ms = ms;
    EXPECT_EQ(validate(since), LinkError::kBadNumber) << ms;
  }
  TerminalStatus status{};
  EXPECT_EQ(validate(status), LinkError::kNone);
  for (uint8_t TerminalStatus::*flag :
       {&TerminalStatus::connected, &TerminalStatus::terminal_allows, &TerminalStatus::expert_allows,
        &TerminalStatus::account_allows, &TerminalStatus::server_allows}) {
    status = {};
    status.*flag = 2;
    EXPECT_EQ(validate(status), LinkError::kBadEnum);
  }
  std::memset(order.symbol, 'x', sizeof order.symbol);
  EXPECT_EQ(validate(order), LinkError::kBadText);

  Hello hello{};
  EXPECT_EQ(validate(hello), LinkError::kBadText) << "a session must have a name";
  ASSERT_TRUE(setText(hello.session, "s1"));
  EXPECT_EQ(validate(hello), LinkError::kBadText) << "and so must a feed";
  ASSERT_TRUE(setText(hello.feed, "f1"));
  EXPECT_EQ(validate(hello), LinkError::kNone);
  hello.utc_offset_s = 86400;
  EXPECT_EQ(validate(hello), LinkError::kBadNumber);

  Result result{};
  EXPECT_EQ(validate(result), LinkError::kBadEnum) << "an outcome must be given";
  result.outcome = 1;
  EXPECT_EQ(validate(result), LinkError::kNone);

  Spec specs[2] = {};
  ASSERT_TRUE(setText(specs[0].name, "A"));
  EXPECT_EQ(validateSymbols(specs, 2), LinkError::kBadSymbol) << "a symbol must have a name";
  ASSERT_TRUE(setText(specs[1].name, "A"));
  EXPECT_EQ(validateSymbols(specs, 2), LinkError::kBadSymbol) << "twice the same name";
  ASSERT_TRUE(setText(specs[1].name, "B"));
  EXPECT_EQ(validateSymbols(specs, 2), LinkError::kNone);
}

TEST(Errors, everyOneHasItsOwnCodeAndMessage) {
  std::vector<std::string> codes;
  for (int e = 1; e <= static_cast<int>(LinkError::kTlsFailed); ++e) {
    const std::string code = codeOf(static_cast<LinkError>(e));
    EXPECT_EQ(code.rfind("E_LINK_", 0), 0u);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), code), 0);
    EXPECT_NE(std::string(messageOf(static_cast<LinkError>(e))), "");
    codes.push_back(code);
  }
}

}  // namespace
