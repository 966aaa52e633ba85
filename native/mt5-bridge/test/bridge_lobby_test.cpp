// The door: who is let in, to which account, who is refused and how, and that nobody can keep it shut.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <deque>
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
  std::deque<Seat> seats;
  std::unique_ptr<Lobby> lobby;

  // One account with this policy for each; nobody stands at the door any more.
  void open(const std::vector<link::Policy>& policies) {
    lobby.reset();
    seats.clear();
    std::vector<Door> doors;
    for (const link::Policy& policy : policies) doors.push_back({policy, seats.emplace_back()});
    lobby = std::make_unique<Lobby>(listener, key, doors, clock,
                                    [this](std::optional<size_t> account, LinkError e, const std::string& why) {
                                      refusals.emplace_back(e, why);
                                      refused_at = account;
                                    });
  }
  std::optional<size_t> refused_at;

  void SetUp() override {
    std::string error;
    ASSERT_TRUE(listener.listen("127.0.0.1", 0, error)) << error;
    ASSERT_TRUE(link::parseKey(std::string(63, '1') + "2", key));
    open({link::Policy{}});
  }
  std::unique_ptr<link::Connection> connect() {
    std::string error;
    auto connection = link::Connection::connect("127.0.0.1", listener.port(), link::Peer::kBridge, 2000, error);
    EXPECT_TRUE(connection) << error;
    return connection;
  }
  static link::Hello helloOf(const char* feed, const char* login = "1") {
    link::Hello hello{};
    link::setTextCut(hello.session, "s");
    link::setTextCut(hello.feed, feed);
    link::setTextCut(hello.login, login);
    link::setTextCut(hello.terminal, "terminal");
    return hello;
  }
  // A terminal that comes while the lobby goes on, until it has been let in or refused. `turn` is the bridge's loop.
  LinkError comes(link::Connection& connection, const char* feed, link::Refused& refusal, const link::Key& with,
                  const std::function<void()>& turn, const char* login = "1") {
    std::atomic<bool> done{false};
    LinkError answer = LinkError::kNone;
    std::thread terminal([&] {
      answer = link::greet(connection, helloOf(feed, login), with, refusal);
      done = true;
    });
    while (!done) turn();
    terminal.join();
    return answer;
  }
  std::optional<Guest> guest;
  std::vector<std::unique_ptr<link::Connection>> kept;
  std::vector<Guest> kept_guests;
  // The door, and the account's thread as long as its seat is empty.
  std::function<void()> empty = [this] {
    lobby->pass(10);
    if (auto came = seats[0].take(0)) {
      EXPECT_FALSE(guest);
      came->connection->send(link::FrameType::kWelcome, came->welcome);
      guest = std::move(came);
    }
  };
  std::function<void()> taken = [this] { lobby->pass(1); };
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
  auto second = connect();
  EXPECT_EQ(comes(*second, "another", refusal, key, taken), LinkError::kRefused);
  EXPECT_STREQ(refusal.code, "E_LINK_ACCOUNT_TAKEN");
  EXPECT_FALSE(holder.connection->peerClosed()) << "the holder is not disturbed";

  // The same terminal come back, before this side knows that its connection is dead.
  auto back = connect();
  EXPECT_EQ(comes(*back, "f", refusal, key,
                  [&] {
                    if (holder.connection->wait(0) != LinkError::kNone) seats[0].leave();  // the session has ended
                    empty();
                  }),
            LinkError::kNone);
  EXPECT_TRUE(guest);
}

TEST_F(LobbyTest, theSuccessorOfADyingTerminalWaitsForTheSeat) {
  auto first = connect();
  link::Refused refusal{};
  ASSERT_EQ(comes(*first, "f", refusal, key, empty), LinkError::kNone);
  const Guest holder = *std::exchange(guest, std::nullopt);
  first.reset();
  ASSERT_TRUE(eventually([&] { return holder.connection->peerClosed(); }));
  auto second = connect();
  int turns = 0;
  EXPECT_EQ(comes(*second, "another", refusal, key,
                  [&] {
                    if (++turns == 50) seats[0].leave();
                    empty();
                  }),
            LinkError::kNone);
  EXPECT_GE(turns, 50);
  EXPECT_TRUE(refusals.empty());
}

TEST_F(LobbyTest, strangersAtTheDoorDoNotShutIt) {
  std::vector<std::unique_ptr<link::Connection>> silent;
  for (size_t i = 0; i < 3 * lobby->mostStrangers(); ++i) {
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

TEST_F(LobbyTest, ofSeveralAccountsTheLoginSaysWhoseTerminalItIs) {
  open({{"11", ""}, {"22", "netting"}, {"33", ""}});
  const auto comesFor = [&](const char* login, link::Refused& refusal) {
    auto terminal = connect();
    const LinkError answer = comes(
        *terminal, login, refusal, key,
        [&] {
          lobby->pass(5);
          for (Seat& seat : seats)
            if (auto came = seat.take(0)) {
              EXPECT_FALSE(guest);
              came->connection->send(link::FrameType::kWelcome, came->welcome);
              guest = std::move(came);
            }
        },
        login);
    kept.push_back(std::move(terminal));
    return answer;
  };
  link::Refused refusal{};
  EXPECT_EQ(comesFor("33", refusal), LinkError::kNone);
  ASSERT_TRUE(guest);
  EXPECT_EQ(link::textOf(std::exchange(guest, std::nullopt)->hello.login), "33");
  // Its seat is taken; the others' are not.
  EXPECT_EQ(comesFor("11", refusal), LinkError::kNone);
  guest.reset();
  auto second = connect();
  EXPECT_EQ(comes(*second, "another", refusal, key, taken, "33"), LinkError::kRefused);
  EXPECT_STREQ(refusal.code, "E_LINK_ACCOUNT_TAKEN");
  EXPECT_EQ(refused_at, 2u);
  EXPECT_EQ(comesFor("44", refusal), LinkError::kRefused);
  EXPECT_STREQ(refusal.code, "E_LINK_WRONG_ACCOUNT");
  EXPECT_STREQ(refusal.message, "the terminal's login '44' is that of none of this bridge's 3 accounts");
  EXPECT_EQ(refused_at, std::nullopt);
  EXPECT_EQ(comesFor("22", refusal), LinkError::kRefused);
  EXPECT_STREQ(refusal.code, "E_LINK_MARGIN_MODE");
  EXPECT_EQ(refused_at, 1u);
  EXPECT_FALSE(guest);
  EXPECT_EQ(lobby->refusals(std::nullopt), (std::map<std::string, uint64_t>{{"E_LINK_WRONG_ACCOUNT", 1}}));
  EXPECT_EQ(lobby->refusals(1), (std::map<std::string, uint64_t>{{"E_LINK_MARGIN_MODE", 1}}));
  EXPECT_EQ(lobby->refusals(0), (std::map<std::string, uint64_t>{}));
}

// Terminals that wait for the seat of an account that is slow to be left do not keep others from theirs.
TEST_F(LobbyTest, whoWaitsForASeatHoldsUpNobodyElse) {
  open({{"1", ""}, {"2", ""}});
  auto first = connect();
  link::Refused refusal{};
  ASSERT_EQ(comes(*first, "f", refusal, key, empty), LinkError::kNone);
  first.reset();
  ASSERT_TRUE(eventually([&] { return guest->connection->peerClosed(); }));
  // The account still has what it sent to keep. Many come meanwhile, prove the key and wait; of them the last.
  std::atomic<int> ended{0};
  std::vector<std::thread> waiting;
  std::vector<std::unique_ptr<link::Connection>> links;
  const size_t many = 2 * lobby->mostStrangers();
  for (size_t i = 0; i < many; ++i) {
    links.push_back(connect());
    waiting.emplace_back([&, i, link = links.back().get()] {
      link::Refused none{};
      link::greet(*link, helloOf(("w" + std::to_string(i)).c_str()), key, none);
      ++ended;
    });
    // The first two prove it at the same time, in whichever order.
    EXPECT_TRUE(eventually([&] { return ended >= static_cast<int>(i == 1 ? 0 : i); })) << i;
  }
  auto other = connect();
  EXPECT_EQ(comes(
                *other, "o", refusal, key,
                [&] {
                  lobby->pass(5);
                  if (auto came = seats[1].take(0)) {
                    came->connection->send(link::FrameType::kWelcome, came->welcome);
                    kept_guests.push_back(*came);
                  }
                },
                "2"),
            LinkError::kNone);
  for (auto& link : links) link->shutdown();
  for (std::thread& thread : waiting) thread.join();
}

TEST_F(LobbyTest, aSlowGreetingHoldsUpNobodyElse) {
  open({{"1", ""}, {"2", ""}});
  // It says hello and never proves anything.
  auto slow = connect();
  link::Hello hello = helloOf("slow", "2");
  ASSERT_TRUE(link::prepare(hello));
  slow->send(link::FrameType::kHello, hello);
  link::FrameView frame;
  ASSERT_TRUE(eventually([&] { return slow->wait(0) == LinkError::kNone && slow->next(frame) == link::Next::kFrame; }));
  auto terminal = connect();
  link::Refused refusal{};
  const int64_t from_us = clock.steadyUs();
  EXPECT_EQ(comes(*terminal, "f", refusal, key, empty), LinkError::kNone);
  EXPECT_LT(clock.steadyUs() - from_us, int64_t{1000} * link::kGreetingMs / 2);
  EXPECT_TRUE(guest);
}

}  // namespace
