#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "link/connection.h"
#include "link/text.h"

using namespace troupe::link;

namespace {

struct Pair {
  Listener listener;
  std::unique_ptr<Connection> terminal, bridge;

  Pair() {
    std::string error;
    EXPECT_TRUE(listener.listen("127.0.0.1", 0, error)) << error;
    terminal = Connection::connect("127.0.0.1", listener.port(), Peer::kBridge, 2000, error);
    EXPECT_TRUE(terminal) << error;
    pollfd p{listener.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, 2000), 1);
    bridge = std::make_unique<Connection>(listener.accept(), Peer::kTerminal);
  }
};

TEST(Connection, framesArriveWholeAndInOrder) {
  Pair pair;
  constexpr size_t kBatches = 200, kPerBatch = 4096;
  std::thread sender([&] {
    std::vector<Tick> ticks(kPerBatch);
    for (size_t b = 0; b < kBatches; ++b) {
      for (size_t i = 0; i < kPerBatch; ++i) ticks[i] = {static_cast<int64_t>(b * kPerBatch + i), 1.0, 2.0, 0, 6};
      const TickBatchHeader head{kPerBatch, 0, b};
      EXPECT_EQ(pair.terminal->send(FrameType::kTicks, head, ticks.data(), ticks.size()), LinkError::kNone);
      while (pair.terminal->pendingBytes() > (1u << 20)) ASSERT_EQ(pair.terminal->wait(100, false), LinkError::kNone);
    }
    while (pair.terminal->pendingBytes() > 0) ASSERT_EQ(pair.terminal->wait(100, false), LinkError::kNone);
  });
  int64_t expected = 0;
  while (expected < static_cast<int64_t>(kBatches * kPerBatch)) {
    ASSERT_EQ(pair.bridge->wait(2000), LinkError::kNone);
    FrameView frame;
    Next next;
    while ((next = pair.bridge->next(frame)) == Next::kFrame) {
      TickBatchHeader head;
      const Tick* ticks;
      size_t count;
      ASSERT_TRUE(readList(frame, head, ticks, count));
      for (size_t i = 0; i < count; ++i, ++expected) {
        Tick tick;
        std::memcpy(&tick, ticks + i, sizeof tick);
        ASSERT_EQ(int64_t{tick.time_ms}, expected);
      }
    }
    ASSERT_EQ(next, Next::kNeedMore);
  }
  sender.join();
}

TEST(Connection, aReaderThatDoesNotReadMakesTheQueueOverflowNotTheMemory) {
  Pair pair;
  std::vector<Tick> ticks(kMaxTicksPerFrame);
  const TickBatchHeader head{kMaxTicksPerFrame, 0, 0};
  LinkError error = LinkError::kNone;
  for (int i = 0; i < 2000 && error == LinkError::kNone; ++i)
    error = pair.terminal->send(FrameType::kTicks, head, ticks.data(), ticks.size());
  EXPECT_EQ(error, LinkError::kOverflow);
  EXPECT_LE(pair.terminal->pendingBytes(), Connection::kMaxQueuedBytes);
}

TEST(Connection, noticesThatTheOtherSideClosed) {
  Pair pair;
  EXPECT_FALSE(pair.bridge->peerClosed());
  pair.terminal.reset();
  LinkError error = LinkError::kNone;
  for (int i = 0; i < 20 && error == LinkError::kNone; ++i) error = pair.bridge->wait(100);
  EXPECT_EQ(error, LinkError::kClosed);
  EXPECT_TRUE(pair.bridge->peerClosed());
}

TEST(Connection, knowsACutFrameFromAnOrderlyEnd) {
  for (const size_t bytes : {size_t{1}, sizeof(FrameHeader), sizeof(FrameHeader) + 7}) {
    Pair pair;
    const Heartbeat beat{1};
    const iovec part{const_cast<Heartbeat*>(&beat), sizeof beat};
    const FrameHeader header = headerOf(FrameType::kHeartbeat, &part, 1, 1);
    std::vector<uint8_t> wire(sizeof header + sizeof beat);
    std::memcpy(wire.data(), &header, sizeof header);
    std::memcpy(wire.data() + sizeof header, &beat, sizeof beat);
    ASSERT_EQ(::send(pair.terminal->fd(), wire.data(), bytes, 0), static_cast<ssize_t>(bytes));
    pair.terminal.reset();
    LinkError error = LinkError::kNone;
    for (int i = 0; i < 20 && error == LinkError::kNone; ++i) error = pair.bridge->wait(100);
    EXPECT_EQ(error, LinkError::kTruncated) << bytes;
  }
}

TEST(Connection, wakeEndsAWait) {
  Pair pair;
  std::thread waker([&] { pair.bridge->wake(); });
  // Far longer than the test may take: it ends by the wake, or the test fails by its timeout.
  EXPECT_EQ(pair.bridge->wait(100'000), LinkError::kNone);
  waker.join();
}

TEST(Connection, aPortWhereNobodyListensIsAnError) {
  uint16_t port;
  {
    Listener listener;
    std::string ignored;
    ASSERT_TRUE(listener.listen("127.0.0.1", 0, ignored));
    port = listener.port();
  }
  std::string error;
  EXPECT_EQ(Connection::connect("127.0.0.1", port, Peer::kBridge, 500, error), nullptr);
  EXPECT_NE(error.find("refused"), std::string::npos) << error;
  EXPECT_EQ(Connection::connect("no.such.host", port, Peer::kBridge, 500, error), nullptr);
  EXPECT_NE(error.find("IPv4"), std::string::npos) << error;
}

TEST(Endpoint, hostAndPort) {
  std::string host;
  uint16_t port;
  EXPECT_TRUE(parseEndpoint("127.0.0.1:0", host, port));
  EXPECT_TRUE(parseEndpoint("localhost:65535", host, port));
  EXPECT_EQ(host, "localhost");
  EXPECT_EQ(port, 65535);
  for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", ":80", "a:65536", "a:1x", "a:-1", "a:000001"})
    EXPECT_FALSE(parseEndpoint(bad, host, port)) << bad;
}

}  // namespace
