// The door: who is let in, who is refused and how, and that nobody can keep it shut.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "bridge/lobby.h"
#include "link/greet.h"
#include "link/text.h"

using namespace troupe;
using namespace troupe::bridge;
using link::LinkError;

namespace {

struct LobbyTest : testing::Test {
  link::Listener listener;
  link::Key key;
  Clock clock;
  std::vector<std::pair<LinkError, std::string>> refusals;
  std::unique_ptr<Lobby> lobby;

  void SetUp() override {
    std::string error;
    ASSERT_TRUE(listener.listen("127.0.0.1", 0, error)) << error;
    ASSERT_TRUE(link::parseKey(std::string(63, '1') + "2", key));
    lobby = std::make_unique<Lobby>(listener, key, link::Policy{}, clock,
                                    [this](LinkError e, const std::string& why) { refusals.emplace_back(e, why); });
  }
  std::unique_ptr<link::Connection> connect() {
    std::string error;
    auto connection = link::Connection::connect("127.0.0.1", listener.port(), link::Peer::kBridge, 2000, error);
    EXPECT_TRUE(connection) << error;
    return connection;
  }
  static link::Hello helloOf(const char* feed) {
    link::Hello hello{};
    link::setTextCut(hello.session, "s");
    link::setTextCut(hello.feed, feed);
    link::setTextCut(hello.login, "1");
    link::setTextCut(hello.terminal, "terminal");
    return hello;
  }
  // A terminal that comes while the lobby goes on, until it has been let in or refused. `turn` is the bridge's loop.
  LinkError comes(link::Connection& connection, const char* feed, link::Refused& refusal, const link::Key& with,
                  const std::function<void()>& turn) {
    std::atomic<bool> done{false};
    LinkError answer = LinkError::kNone;
    std::thread terminal([&] {
      answer = link::greet(connection, helloOf(feed), with, refusal);
      done = true;
    });
    while (!done) turn();
    terminal.join();
    return answer;
  }
  std::optional<Guest> guest;
  std::function<void()> empty = [this] {
    if (auto came = lobby->next(10)) {
      EXPECT_FALSE(guest);
      came->connection->send(link::FrameType::kWelcome, came->welcome);
      guest = std::move(came);
    }
  };
  bool eventually(const std::function<bool()>& condition) {
    const int64_t until_us = clock.steadyUs() + 20'000'000;
    while (clock.steadyUs() < until_us) {
      if (condition()) return true;
      empty();
    }
    return false;
  }
};

TEST_F(LobbyTest, whoKnowsTheKeyIsLetIn) {
  auto terminal = connect();
  link::Refused refusal{};
  EXPECT_EQ(comes(*terminal, "f", refusal, key, empty), LinkError::kNone);
  ASSERT_TRUE(guest);
  EXPECT_EQ(link::textOf(guest->hello.feed), "f");
  // A frame longer than any greeting is allowed from now on.
  std::vector<link::Tick> ticks(4096);
  EXPECT_EQ(terminal->send(link::FrameType::kTicks, link::TickBatchHeader{4096, 0, 0}, ticks.data(), ticks.size()),
            LinkError::kNone);
  link::FrameView frame;
  EXPECT_TRUE(eventually([&] {
    terminal->wait(0);
    guest->connection->wait(5);
    return guest->connection->next(frame) == link::Next::kFrame;
  }));
  EXPECT_TRUE(refusals.empty());
}

TEST_F(LobbyTest, whoDoesNotWaitsForTheAnswer) {
  auto stranger = connect();
  link::Key other;
  ASSERT_TRUE(link::parseKey(std::string(63, '3') + "2", other));
  link::Refused refusal{};
  const int64_t from_us = clock.steadyUs();
  EXPECT_EQ(comes(*stranger, "f", refusal, other, empty), LinkError::kRefused);
  EXPECT_GE(clock.steadyUs() - from_us, 500'000) << "guessing is slow";
  EXPECT_STREQ(refusal.code, "E_LINK_KEY");
  EXPECT_FALSE(guest);
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0].first, LinkError::kBadProof);
}

TEST_F(LobbyTest, whileTheSeatIsTakenOthersAreRefusedAndTheSameFeedTakesItOver) {
  auto first = connect();
  link::Refused refusal{};
  ASSERT_EQ(comes(*first, "f", refusal, key, empty), LinkError::kNone);
  const Guest holder = *std::exchange(guest, std::nullopt);
  const Seat seat{*holder.connection, holder.hello, clock.steadyUs()};
  const auto taken = [&] {
    lobby->pass(seat);
    std::this_thread::yield();
  };
  auto second = connect();
  EXPECT_EQ(comes(*second, "another", refusal, key, taken), LinkError::kRefused);
  EXPECT_STREQ(refusal.code, "E_LINK_ACCOUNT_TAKEN");
  EXPECT_FALSE(holder.connection->peerClosed()) << "the holder is not disturbed";

  // The same terminal come back, before this side knows that its connection is dead.
  auto back = connect();
  EXPECT_EQ(comes(*back, "f", refusal, key,
                  [&] {
                    if (holder.connection->wait(0) == LinkError::kNone) return lobby->pass(seat);
                    empty();  // the session has ended
                  }),
            LinkError::kNone);
  EXPECT_TRUE(guest);
}

TEST_F(LobbyTest, theSuccessorOfADyingTerminalWaitsForTheSeat) {
  auto first = connect();
  link::Refused refusal{};
  ASSERT_EQ(comes(*first, "f", refusal, key, empty), LinkError::kNone);
  const Guest holder = *std::exchange(guest, std::nullopt);
  const Seat seat{*holder.connection, holder.hello, clock.steadyUs()};
  first.reset();
  ASSERT_TRUE(eventually([&] { return holder.connection->peerClosed(); }));
  auto second = connect();
  int turns = 0;
  EXPECT_EQ(comes(*second, "another", refusal, key,
                  [&] {
                    if (++turns < 200) {
                      lobby->pass(seat);
                      std::this_thread::yield();
                    } else {
                      empty();
                    }
                  }),
            LinkError::kNone);
  EXPECT_GE(turns, 200);
  EXPECT_TRUE(refusals.empty());
}

TEST_F(LobbyTest, strangersAtTheDoorDoNotShutIt) {
  std::vector<std::unique_ptr<link::Connection>> silent;
  for (size_t i = 0; i < 3 * Lobby::kMostAtOnce; ++i) {
    silent.push_back(connect());
    empty();
  }
  auto terminal = connect();
  link::Refused refusal{};
  EXPECT_EQ(comes(*terminal, "f", refusal, key, empty), LinkError::kNone);
  EXPECT_TRUE(guest);
}

TEST_F(LobbyTest, whoFramesWronglyIsNotSpokenTo) {
  const auto closedAfter = [&](const std::function<void(link::Connection&)>& say, LinkError want) {
    refusals.clear();
    auto stranger = connect();
    say(*stranger);
    EXPECT_TRUE(eventually([&] { return stranger->wait(5) != LinkError::kNone; }));
    EXPECT_EQ(stranger->receivedBytes(), 0u);
    ASSERT_EQ(refusals.size(), 1u);
    EXPECT_EQ(refusals[0].first, want) << refusals[0].second;
  };
  closedAfter([](auto& c) { c.send(link::FrameType::kProof, link::Proof{}); }, LinkError::kUnexpected);
  closedAfter(
      [](auto& c) {
        std::vector<link::Tick> ticks(1000);
        c.send(link::FrameType::kTicks, link::TickBatchHeader{1000, 0, 0}, ticks.data(), ticks.size());
      },
      LinkError::kTooLong);
  closedAfter(
      [](auto& c) {
        link::Hello hello = helloOf("f");
        ASSERT_TRUE(link::prepare(hello));
        const iovec part{&hello, sizeof hello};
        const link::FrameHeader header = link::headerOf(link::FrameType::kHello, &part, 1, 1);
        ++hello.wall_us;
        ::send(c.fd(), &header, sizeof header, 0);
        ::send(c.fd(), &hello, sizeof hello, 0);
      },
      LinkError::kBadCrc);
}

TEST_F(LobbyTest, aFloodOfRefusalsIsToldOnceASecond) {
  for (int i = 0; i < 30; ++i) {
    auto stranger = connect();
    stranger->send(link::FrameType::kProof, link::Proof{});
    EXPECT_TRUE(eventually([&] { return stranger->wait(2) != LinkError::kNone; }));
  }
  EXPECT_LE(refusals.size(), 4u);
  EXPECT_GE(refusals.size(), 1u);
}

}  // namespace
