// Orders that the bridge hears of in their broker's commit, before anybody asks for them.
#include <thread>

#include "bridge_daemon_support.h"
#include "bridge_desk_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;
using link::FrameType;
using link::LinkError;

namespace {

struct AheadTest : DeskTest {
  void SetUp() override {
    DeskTest::SetUp();
    // The broker has spoken under this fence.
    std::string error;
    ASSERT_TRUE(journal->fence(1, error)) << error;
  }
  void hear(const bridge::v1::Command& c) {
    const std::string bytes = c.SerializeAsString();
    desk->hear(bytes.data(), bytes.size());
  }
};

TEST_F(AheadTest, itIsPlacedAtOnceAndWhoAsksForItGetsItsAnswer) {
  linkUp();
  hear(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  EXPECT_EQ(link::textOf(sent->order_id), "o1");
  command(place("o1"), "r1");
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  ASSERT_EQ(result(sent->command, bridge::v1::OUTCOME_DONE), LinkError::kNone);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].to, "r1");
  EXPECT_EQ(last().command_id(), "cmd-o1");
  EXPECT_EQ(last().outcome(), bridge::v1::OUTCOME_DONE);
  EXPECT_FALSE(last().replayed());
  command(place("o1"), "r2");
  EXPECT_TRUE(last().replayed());
  EXPECT_EQ(desk->commands(), 2u);
}

TEST_F(AheadTest, itsAnswerWaitsForWhoAsksLater) {
  linkUp();
  hear(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  ASSERT_EQ(result(sent->command, bridge::v1::OUTCOME_REJECTED, 10019), LinkError::kNone);
  EXPECT_TRUE(answers.empty());
  command(place("o1"), "r1");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(last().code(), "NO_MONEY");
  EXPECT_FALSE(last().replayed());
  // Another copy of the request is a repetition.
  command(place("o1"), "r2");
  EXPECT_TRUE(last().replayed());
}

TEST_F(AheadTest, whatIsHeardAgainOrAfterItWasAskedForIsNotPlacedAgain) {
  linkUp();
  hear(place("o1"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  hear(place("o1"));
  command(place("o2"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  hear(place("o2"));
  restart();
  linkUp();
  hear(place("o1"));
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  EXPECT_EQ(journal->orders(), 2u);
}

TEST_F(AheadTest, onlyUnderTheFenceThatHasSpoken) {
  linkUp();
  hear(place("old", 0.5));
  // A newer owner speaks for itself.
  hear(place("new", 2));
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  EXPECT_EQ(journal->orders(), 0u);
  EXPECT_EQ(journal->highestFence(), 1);
}

TEST_F(AheadTest, whatStandsInItsWayIsAnsweredToWhoAsks) {
  auto unknown = place("o1");
  unknown.mutable_place()->set_symbol("XAUUSD");
  hear(place("o0"));  // no terminal
  linkUp();
  hear(unknown);
  auto nothing = place("");
  hear(nothing);
  bridge::v1::Command find;
  find.set_fence(1);
  find.mutable_find()->set_order_id("o0");
  hear(find);
  desk->hear("\xff\xff", 2);
  EXPECT_TRUE(answers.empty());
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  EXPECT_EQ(journal->orders(), 0u);
  command(unknown, "r1");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(last().code(), "UNKNOWN_SYMBOL");
  command(place("o0"), "r2");
  EXPECT_TRUE(at<link::Place>(FrameType::kPlace));
}

TEST_F(AheadTest, whatWasRefusedIsNotPlacedWhenItIsHeardLate) {
  command(place("o1"), "r1");
  EXPECT_EQ(last().code(), "NO_TERMINAL");
  linkUp();
  auto forbidden = link::TerminalStatus{};
  desk->permit(forbidden);
  command(place("o2"), "r2");
  EXPECT_EQ(last().code(), "TRADING_DISABLED");
  forbidden.terminal_allows = forbidden.expert_allows = forbidden.account_allows = forbidden.server_allows = 1;
  desk->permit(forbidden);
  command(place("o3", 0.5), "r3");
  EXPECT_EQ(last().code(), "FENCED");
  for (const char* id : {"o1", "o2", "o3"}) hear(place(id));
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  EXPECT_EQ(journal->orders(), 0u);
  // Who asks again is judged again.
  command(place("o1"), "r4");
  EXPECT_TRUE(at<link::Place>(FrameType::kPlace));
}

TEST_F(AheadTest, whatItCouldNotPlaceWhenItHeardItIsNoRefusal) {
  hear(place("o1"));  // no terminal
  linkUp();
  hear(place("o1"));
  EXPECT_TRUE(at<link::Place>(FrameType::kPlace));
}

TEST_F(AheadTest, ofRefusedOrdersTheNewestAreRemembered) {
  constexpr size_t kMany = bridge::HeardOrders::kMostRefused;
  for (size_t i = 0; i <= kMany; ++i) command(place("o" + std::to_string(i)), "r");
  linkUp();
  hear(place("o1"));
  hear(place("o" + std::to_string(kMany)));
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  hear(place("o0"));
  EXPECT_TRUE(at<link::Place>(FrameType::kPlace));
}

TEST_F(AheadTest, anOrderThatStandsIsNotRefusedBecauseANewerFenceHasSpoken) {
  linkUp();
  hear(place("o1"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  std::string error;
  ASSERT_TRUE(journal->fence(2, error)) << error;
  command(place("o1"), "r1");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(last().outcome(), bridge::v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(last().code(), "FENCED");
  command(place("o2"), "r2");
  EXPECT_EQ(last().outcome(), bridge::v1::OUTCOME_REFUSED);
}

TEST_F(AheadTest, anOrderWithoutAnAnswerIsUnknownToNobodyAndAskedForByWhoComes) {
  linkUp();
  hear(place("o1"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  clock.now += bridge::CommandDesk::kTimeoutUs + 1;
  desk->pass(clock.now);
  EXPECT_TRUE(answers.empty());
  command(place("o1"), "r1");
  EXPECT_TRUE(at<link::Find>(FrameType::kFind));
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
}

TEST_F(AheadTest, manyThatNobodyAsksForAreForgottenOneByOne) {
  linkUp();
  const int many = static_cast<int>(bridge::HeardOrders::kMostHeard) + 1;
  for (int i = 0; i < many; ++i) {
    hear(place("o" + std::to_string(i)));
    const auto sent = at<link::Place>(FrameType::kPlace);
    ASSERT_TRUE(sent) << i;
    ASSERT_EQ(result(sent->command, bridge::v1::OUTCOME_DONE), LinkError::kNone);
  }
  command(place("o0"), "r");
  EXPECT_TRUE(last().replayed());
  command(place("o1"), "r");
  EXPECT_FALSE(last().replayed());
}

TEST_F(AheadTest, whoAsksWhileTheResultComesGetsItAndNobodyIsAskedAgain) {
  linkUp();
  for (int i = 0; i < 2000; ++i) {
    const auto order = place("o" + std::to_string(i));
    hear(order);
    const auto sent = at<link::Place>(FrameType::kPlace);
    ASSERT_TRUE(sent) << i;
    std::thread asks([&] { command(order); });
    EXPECT_EQ(result(sent->command, bridge::v1::OUTCOME_DONE), LinkError::kNone);
    asks.join();
    ASSERT_FALSE(at<link::Find>(FrameType::kFind)) << i;
    ASSERT_EQ(answers.size(), static_cast<size_t>(i) + 1);
    ASSERT_FALSE(last().replayed()) << i;
  }
}

// As JetStream says again what it has stored: a header for each order, and no value.
TEST_F(DaemonTest, ordersOfACommitArePlacedBeforeTheyAreAskedFor) {
  startAll();
  nats->stream("KV_snapshots", "$KV.snapshots.>",
               R"(,"republish":{"src":"$KV.snapshots.>","dest":"ahead.>","headers_only":true})");
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD"}, 3600);
  ASSERT_TRUE(said(R"("state":"ready")"));
  bridge::v1::Command ask;
  ask.set_command_id("ask");
  ask.set_fence(1);
  ask.mutable_find()->set_order_id("none");
  std::thread asked([&] { command(ask); });
  const auto find = terminal.expect<link::Find>(FrameType::kFind);
  ASSERT_TRUE(find);
  link::Result result{};
  result.command = find->command;
  result.outcome = bridge::v1::OUTCOME_NOT_FOUND;
  terminal.link().send(FrameType::kResult, result);
  asked.join();

  natsMsg* commit = nullptr;
  ASSERT_EQ(natsMsg_Create(&commit, "$KV.snapshots.broker.ACC", nullptr, "{}", 2), NATS_OK);
  const auto hex = [](const std::string& bytes) {
    std::string out;
    for (const char c : bytes) {
      char text[3];
      std::snprintf(text, sizeof text, "%02x", static_cast<unsigned char>(c));
      out += text;
    }
    return out;
  };
  for (const std::string& value : {hex(place("o1").SerializeAsString()), std::string("no hex"), std::string("abc"),
                                   hex(place("o2").SerializeAsString())})
    natsMsgHeader_Add(commit, "Troupe-Ahead", value.c_str());
  ASSERT_EQ(natsConnection_PublishMsg(nats->admin(), commit), NATS_OK);
  natsMsg_Destroy(commit);
  for (const char* id : {"o1", "o2"}) {
    const auto sent = terminal.expect<link::Place>(FrameType::kPlace);
    ASSERT_TRUE(sent) << id;
    EXPECT_EQ(link::textOf(sent->order_id), id);
    result.command = sent->command;
    result.outcome = bridge::v1::OUTCOME_DONE;
    terminal.link().send(FrameType::kResult, result);
  }
  const auto reply = command(place("o1"));
  EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE);
  EXPECT_FALSE(reply.replayed());
}

// A server of one's own, with the permissions that a bridge needed before.
TEST_F(DaemonTest, whereItMayNotHearThemOrdersAreAskedFor) {
  nats.reset();
  served = {{"ACC", "SIM", false}};
  nats = std::make_unique<NatsServer>(folder, served);
  startAll();
  EXPECT_TRUE(logged("ahead.broker.ACC")) << daemon->err();
  EXPECT_EQ(command(place("o1")).code(), "NO_TERMINAL");
}

}  // namespace
