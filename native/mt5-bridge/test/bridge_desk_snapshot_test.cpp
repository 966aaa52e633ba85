// Snapshots, asked for and not; and commands to a terminal that may not trade.
#include "bridge_desk_support.h"

using namespace troupe;
using namespace troupe::bridge;
using namespace troupe::bridge::testing_support;
using link::FrameType;
using link::LinkError;

namespace {

TEST_F(DeskTest, collectsASnapshot) {
  linkUp();
  v1::Command c;
  c.set_command_id("snap");
  c.set_fence(1);
  c.mutable_snapshot()->set_deals_since_ms(1000);
  command(c);
  const auto asked = at<link::TakeSnapshot>(FrameType::kSnapshot);
  ASSERT_TRUE(asked);
  EXPECT_EQ(int64_t{asked->deals_since_ms}, 3'601'000);
  link::SnapshotBegin begin{};
  begin.command = asked->command;
  begin.event_sequence = 17;
  begin.account.balance = 100;
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotBegin, begin), LinkError::kNone);
  const link::SnapshotPart two{asked->command, 2, 0}, one{asked->command, 1, 0}, none{asked->command, 0, 0};
  link::Order orders[2] = {};
  orders[0].ticket = 1;
  link::Position position{};
  position.position_id = 5;
  link::Deal deals[2] = {};
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotOrders, two, orders, size_t{2}), LinkError::kNone);
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotPositions, one, &position, size_t{1}), LinkError::kNone);
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotDeals, two, deals, size_t{2}), LinkError::kNone);
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotDeals, two, deals, size_t{2}), LinkError::kNone);
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotDeals, none), LinkError::kNone);
  EXPECT_TRUE(answers.empty());
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotEnd, begin), LinkError::kNone);
  ASSERT_EQ(answers.size(), 1u);
  const auto& snapshot = last().snapshot();
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
  EXPECT_EQ(snapshot.event_sequence(), 17);
  EXPECT_EQ(snapshot.session(), "s1");
  EXPECT_EQ(snapshot.account().balance(), 100);
  EXPECT_EQ(snapshot.symbols_size(), 1);
  EXPECT_EQ(snapshot.orders_size(), 2);
  EXPECT_EQ(snapshot.positions_size(), 1);
  EXPECT_EQ(snapshot.deals_size(), 4);
}

TEST_F(DeskTest, takesASnapshotThatNobodyAskedFor) {
  std::vector<v1::TerminalSnapshot> heard;
  desk->setUnasked([&](const v1::TerminalSnapshot& snapshot) { heard.push_back(snapshot); });
  linkUp();
  const link::SnapshotPart one{0, 1, 0};
  link::Order order{};
  link::Deal deal{};
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotOrders, one, &order, size_t{1}), LinkError::kUnexpected) << "not begun";
  link::SnapshotBegin begin{};
  begin.event_sequence = 40;
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotBegin, begin), LinkError::kNone);
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotOrders, one, &order, size_t{1}), LinkError::kNone);
  // More was dropped before it was told: it begins anew.
  begin.event_sequence = 50;
  begin.deals_since_ms = 3'601'000;
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotBegin, begin), LinkError::kNone);
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotDeals, one, &deal, size_t{1}), LinkError::kNone);
  EXPECT_TRUE(heard.empty());
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotEnd, begin), LinkError::kNone);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].event_sequence(), 50);
  EXPECT_EQ(heard[0].deals_since_ms(), 1000) << "in UTC";
  EXPECT_EQ(heard[0].orders_size(), 0);
  EXPECT_EQ(heard[0].deals_size(), 1);
  EXPECT_EQ(heard[0].symbols_size(), 1);
  EXPECT_TRUE(answers.empty()) << "nobody has asked";
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotEnd, begin), LinkError::kUnexpected) << "it has ended";
  // What a lost link leaves behind does not become part of the next one's.
  ASSERT_EQ(fromTerminal(FrameType::kSnapshotBegin, begin), LinkError::kNone);
  desk->detach("gone");
  linkUp();
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotEnd, begin), LinkError::kUnexpected);
}

TEST_F(DeskTest, whereTradingIsDisabledIsSaidBeforeAnythingIsSent) {
  linkUp();
  link::TerminalStatus status{};
  status.connected = status.terminal_allows = status.expert_allows = status.account_allows = status.server_allows = 1;
  const std::pair<uint8_t link::TerminalStatus::*, const char*> places[] = {
      {&link::TerminalStatus::terminal_allows, "in the terminal"},
      {&link::TerminalStatus::expert_allows, "for the expert"},
      {&link::TerminalStatus::account_allows, "for the account"},
      {&link::TerminalStatus::server_allows, "by the server"}};
  v1::Command cancel, modify, protect, find;
  cancel.mutable_cancel()->set_order_id("o1");
  modify.mutable_modify()->set_order_id("o1");
  protect.mutable_protect()->set_position_id(5);
  for (const auto& [flag, where] : places) {
    link::TerminalStatus off = status;
    off.*flag = 0;
    desk->permit(off);
    for (v1::Command c : {place("o1"), cancel, modify, protect}) {
      c.set_fence(1);
      command(c);
      EXPECT_EQ(last().outcome(), v1::OUTCOME_REFUSED);
      EXPECT_EQ(last().code(), "TRADING_DISABLED") << last().ShortDebugString();
      EXPECT_NE(last().message().find(where), std::string::npos) << last().message();
    }
  }
  Journal::Entry entry;
  EXPECT_FALSE(journal->find("o1", entry));
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace)) << "nothing was sent";
  // Questions are answered all the same, and what is allowed again goes out.
  find.set_fence(1);
  find.mutable_find()->set_order_id("o9");
  command(find);
  EXPECT_TRUE(at<link::Find>(FrameType::kFind));
  link::TerminalStatus lost = status;
  lost.connected = 0;
  desk->permit(lost);
  command(place("o2"));
  EXPECT_TRUE(at<link::Place>(FrameType::kPlace)) << "a lost connection is the terminal's to judge";
  // Another terminal has not said anything yet.
  status.terminal_allows = 0;
  desk->permit(status);
  desk->detach("gone");
  linkUp();
  command(place("o3"));
  EXPECT_TRUE(at<link::Place>(FrameType::kPlace));
}

}  // namespace
