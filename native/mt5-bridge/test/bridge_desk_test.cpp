// The command desk against a terminal played by the test over a real socket; no NATS.
#include "bridge_desk_support.h"

using namespace troupe;
using namespace troupe::bridge;
using namespace troupe::bridge::testing_support;
using link::FrameType;
using link::LinkError;

namespace {

TEST_F(DeskTest, placesAndAnswers) {
  linkUp();
  command(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  EXPECT_EQ(link::textOf(sent->order_id), "o1");
  EXPECT_EQ(int64_t{sent->expiration_ms}, 5'000'000 + 3'600'000) << "broker's wall clock";
  EXPECT_TRUE(answers.empty());
  link::Result r{};
  r.command = sent->command;
  r.outcome = v1::OUTCOME_DONE;
  r.retcode = 10009;
  r.received_us = 42;
  r.has_order = 1;
  r.deals = 1;
  r.order.ticket = 11;
  r.order.time_ms = 3'600'000 + 5;
  link::Deal deal{};
  deal.ticket = 12;
  ASSERT_EQ(fromTerminal(FrameType::kResult, r, &deal, size_t{1}), LinkError::kNone);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(last().command_id(), "cmd-o1");
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
  EXPECT_EQ(last().code(), "");
  EXPECT_EQ(last().received_us(), 42);
  EXPECT_EQ(last().order().ticket(), 11u);
  EXPECT_EQ(last().order().time_ms(), 5);
  EXPECT_EQ(last().deals(0).ticket(), 12u);
  EXPECT_FALSE(last().replayed());
}

TEST_F(DeskTest, ordersThatComeTogetherLeaveTogetherAndInOrder) {
  linkUp();
  command(place("o1"), "r1", true);
  command(place("o2"), "r2", true);
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace)) << "not on the disk yet";
  command(place("o3"), "r3", false);
  for (const char* id : {"o1", "o2", "o3"}) {
    const auto sent = at<link::Place>(FrameType::kPlace);
    ASSERT_TRUE(sent) << id;
    EXPECT_EQ(link::textOf(sent->order_id), id);
    ASSERT_EQ(result(sent->command, v1::OUTCOME_DONE), LinkError::kNone);
  }
  ASSERT_EQ(answers.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answers[static_cast<size_t>(i)].to, "r" + std::to_string(i + 1));
}

TEST_F(DeskTest, anOrderThatWaitsForTheDiskLeavesBeforeWhateverElseIsAsked) {
  linkUp();
  command(place("o1"), "r1", true);
  v1::Command find;
  find.set_command_id("f");
  find.set_fence(1);
  find.mutable_find()->set_order_id("o1");
  find.mutable_find()->set_magic(7);
  command(find, "r2", true);
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  ASSERT_TRUE(at<link::Find>(FrameType::kFind));
}

TEST_F(DeskTest, anOrderThatIsRepeatedWhileItWaitsForTheDiskIsSentOnceAndAnsweredTwice) {
  linkUp();
  command(place("o1"), "r1", true);
  command(place("o1"), "r2", false);
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  ASSERT_EQ(result(sent->command, v1::OUTCOME_DONE), LinkError::kNone);
  ASSERT_EQ(answers.size(), 2u);
}

TEST_F(DeskTest, whoCannotBeAnsweredIsNotObeyed) {
  linkUp();
  command(place("o1"), "", false);
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  EXPECT_EQ(journal->orders(), 0u);
}

TEST_F(DeskTest, aRepeatedOrderIsNeverSentAgain) {
  linkUp();
  command(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  command(place("o1"), "r2");  // while it is on its way
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  ASSERT_EQ(result(sent->command, v1::OUTCOME_REJECTED, 10019), LinkError::kNone);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_FALSE(answers[0].reply.replayed());
  EXPECT_TRUE(answers[1].reply.replayed());
  EXPECT_EQ(answers[1].to, "r2");
  EXPECT_EQ(last().code(), "NO_MONEY");
  command(place("o1"), "r3");  // after its result
  restart();
  command(place("o1"), "r4");  // after a restart, even without a terminal
  ASSERT_EQ(answers.size(), 4u);
  for (size_t i = 2; i < 4; ++i) {
    EXPECT_EQ(answers[i].reply.outcome(), v1::OUTCOME_REJECTED);
    EXPECT_TRUE(answers[i].reply.replayed());
  }
}

TEST_F(DeskTest, anOrderWithoutAKnownResultIsAskedForNotSent) {
  linkUp();
  command(place("o1"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  restart();  // killed in between
  command(place("o1"));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_UNKNOWN) << "nobody is there to ask";
  EXPECT_EQ(last().code(), "NO_TERMINAL");
  linkUp();
  command(place("o1"));
  auto find = at<link::Find>(FrameType::kFind);
  ASSERT_TRUE(find);
  EXPECT_EQ(uint64_t{find->magic}, 7u);
  EXPECT_EQ(link::textOf(find->order_id), "o1");
  ASSERT_EQ(result(find->command, v1::OUTCOME_NOT_FOUND, 0), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_NOT_FOUND);
  EXPECT_TRUE(last().replayed());
  command(place("o1"));
  find = at<link::Find>(FrameType::kFind);
  ASSERT_TRUE(find);
  ASSERT_EQ(result(find->command, v1::OUTCOME_DONE), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
  command(place("o1"));  // from now on the journal knows
  EXPECT_FALSE(at<link::Find>(FrameType::kFind));
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
}

TEST_F(DeskTest, aLowerFenceIsRefusedAlsoAfterARestart) {
  linkUp();
  command(place("o1", 5));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  command(place("o2", 4));
  EXPECT_EQ(last().outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(last().code(), "FENCED");
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
  v1::Command snapshot;
  snapshot.set_fence(9);
  snapshot.mutable_snapshot();
  command(snapshot);
  ASSERT_TRUE(at<link::TakeSnapshot>(FrameType::kSnapshot));
  restart();
  linkUp();
  command(place("o3", 8));
  EXPECT_EQ(last().code(), "FENCED");
}

TEST_F(DeskTest, refusalsNameTheirReason) {
  command(place("o1"));
  EXPECT_EQ(last().code(), "NO_TERMINAL");
  EXPECT_EQ(last().outcome(), v1::OUTCOME_REFUSED);
  Journal::Entry entry;
  EXPECT_FALSE(journal->find("o1", entry)) << "what the terminal never saw is not in the journal";
  linkUp();
  auto c = place(std::string(32, 'x'));
  command(c);
  EXPECT_EQ(last().message(), "order_id: longer than 31 bytes");
  c = place("o2");
  c.mutable_place()->set_volume_lots(0);
  command(c);
  EXPECT_EQ(last().message(), "volume_lots: not above 0");
  c = place("o2");
  c.mutable_place()->set_stop_loss(std::numeric_limits<double>::infinity());
  command(c);
  EXPECT_EQ(last().message(), "stop_loss: not a finite number");
  c = place("o2");
  c.mutable_place()->set_symbol("XXX");
  command(c);
  EXPECT_EQ(last().code(), "UNKNOWN_SYMBOL");
  c = place("o2");
  c.mutable_place()->set_side(trading::v1::SIDE_UNSPECIFIED);
  command(c);
  EXPECT_EQ(last().message(), "side: neither buy nor sell");
  c = place("o2");
  for (const double fence : {std::numeric_limits<double>::quiet_NaN(), -1.0, 2 * kMostFence, 1e308}) {
    c.set_fence(fence);
    command(c);
    EXPECT_EQ(last().message(), "fence: not a number in 0..9007199254740992");
  }
  v1::Command empty;
  empty.set_fence(1);
  command(empty);
  EXPECT_EQ(last().message(), "body: none is set");
  desk->handle("\xFF\xFF", 2, "r");
  EXPECT_EQ(last().code(), "BAD_COMMAND");
  EXPECT_FALSE(at<link::Place>(FrameType::kPlace));
}

TEST_F(DeskTest, unknownWhenTheLinkIsLostOrTheTerminalSilent) {
  linkUp();
  command(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  clock.now += CommandDesk::kTimeoutUs - 1;
  desk->pass(clock.now);
  EXPECT_TRUE(answers.empty());
  clock.now += 1;
  desk->pass(clock.now);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(last().code(), "TERMINAL_TIMEOUT");
  // The late result is evidence, though nobody waits for it any more.
  ASSERT_EQ(result(sent->command, v1::OUTCOME_DONE), LinkError::kNone);
  EXPECT_EQ(answers.size(), 1u);
  command(place("o1"));
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
  EXPECT_TRUE(last().replayed());

  command(place("o2"));
  desk->detach("test");
  EXPECT_EQ(last().outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(last().code(), "LINK_LOST");
  EXPECT_EQ(last().command_id(), "cmd-o2");
}

// It reads, it beats, and it answers nothing: what is remembered for late answers has a bound.
TEST_F(DeskTest, aTerminalThatAnswersNothingIsNotRememberedWithoutEnd) {
  linkUp();
  v1::Command find;
  find.set_fence(1);
  find.mutable_find()->set_order_id("o1");
  size_t asked = 0;
  LinkError ended = LinkError::kNone;
  for (; ended == LinkError::kNone && asked < 2 * CommandDesk::kMostUnanswered; asked += 100) {
    for (int i = 0; i < 100; ++i) command(find);
    link::FrameView frame;
    for (int i = 0; i < 100; ++i) {
      if (terminal->next(frame) != link::Next::kFrame) terminal->wait(0);
      while (terminal->next(frame) == link::Next::kFrame) {
      }
    }
    clock.now += CommandDesk::kTimeoutUs;
    ended = desk->pass(clock.now);
  }
  EXPECT_EQ(ended, LinkError::kOverflow);
  EXPECT_GT(asked, CommandDesk::kMostUnanswered);
  EXPECT_LE(asked, CommandDesk::kMostUnanswered + 100);
  EXPECT_EQ(answers.size(), asked) << "everybody has been answered";
  for (const Answer& answer : answers) ASSERT_EQ(answer.reply.outcome(), v1::OUTCOME_UNKNOWN);
}

TEST_F(DeskTest, findTrustsTheTerminalUnlessTheJournalHoldsAnExecution) {
  linkUp();
  v1::Command find;
  find.set_fence(1);
  find.mutable_find()->set_order_id("o1");
  command(find);
  auto asked = at<link::Find>(FrameType::kFind);
  ASSERT_TRUE(asked);
  ASSERT_EQ(result(asked->command, v1::OUTCOME_NOT_FOUND, 0), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_NOT_FOUND);
  EXPECT_FALSE(last().replayed());
  command(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  ASSERT_EQ(result(sent->command, v1::OUTCOME_DONE), LinkError::kNone);
  command(find);
  asked = at<link::Find>(FrameType::kFind);
  ASSERT_TRUE(asked);
  ASSERT_EQ(result(asked->command, v1::OUTCOME_NOT_FOUND, 0), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(last().code(), "JOURNAL_DISAGREES");
}

TEST_F(DeskTest, theReturnCodeDecidesTheOutcomeAndItsClassIsTold) {
  struct Case {
    uint32_t retcode;
    v1::Outcome said;
    bool close;
    v1::Outcome outcome;
    v1::RetcodeClass group;
    const char* code;
  };
  const Case cases[] = {
      {10009, v1::OUTCOME_DONE, false, v1::OUTCOME_DONE, v1::RETCODE_CLASS_OK, ""},
      {10008, v1::OUTCOME_ACCEPTED, false, v1::OUTCOME_ACCEPTED, v1::RETCODE_CLASS_ACCEPTED, ""},
      {10019, v1::OUTCOME_REJECTED, false, v1::OUTCOME_REJECTED, v1::RETCODE_CLASS_NO, "NO_MONEY"},
      {10004, v1::OUTCOME_REJECTED, false, v1::OUTCOME_REJECTED, v1::RETCODE_CLASS_RETRY, "REQUOTE"},
      {10012, v1::OUTCOME_REJECTED, false, v1::OUTCOME_UNKNOWN, v1::RETCODE_CLASS_UNKNOWN, "TIMEOUT"},
      {10031, v1::OUTCOME_REJECTED, false, v1::OUTCOME_UNKNOWN, v1::RETCODE_CLASS_UNKNOWN, "CONNECTION"},
      {10031, v1::OUTCOME_REFUSED, false, v1::OUTCOME_REFUSED, v1::RETCODE_CLASS_RETRY, "CONNECTION"},
      {10099, v1::OUTCOME_REJECTED, false, v1::OUTCOME_UNKNOWN, v1::RETCODE_CLASS_UNKNOWN, "RETCODE_10099"},
      {10036, v1::OUTCOME_REJECTED, true, v1::OUTCOME_DONE, v1::RETCODE_CLASS_OK, "POSITION_CLOSED"},
      {10036, v1::OUTCOME_REJECTED, false, v1::OUTCOME_REJECTED, v1::RETCODE_CLASS_NO, "POSITION_CLOSED"},
      {10019, v1::OUTCOME_DONE, false, v1::OUTCOME_UNKNOWN, v1::RETCODE_CLASS_NO, "NO_MONEY"},
  };
  linkUp();
  int number = 0;
  for (const Case& one : cases) {
    SCOPED_TRACE(std::to_string(one.retcode) + " said " + v1::Outcome_Name(one.said));
    auto c = place("o" + std::to_string(++number));
    if (one.close) c.mutable_place()->set_position_id(5);
    command(c);
    const auto sent = at<link::Place>(FrameType::kPlace);
    ASSERT_TRUE(sent);
    ASSERT_EQ(result(sent->command, one.said, one.retcode), LinkError::kNone);
    EXPECT_EQ(last().outcome(), one.outcome);
    EXPECT_EQ(last().retcode_class(), one.group);
    EXPECT_EQ(last().code(), one.code);
    EXPECT_EQ(last().retcode(), one.retcode);
  }
}

TEST_F(DeskTest, dealsProveAnExecutionWhateverTheReturnCode) {
  linkUp();
  command(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  link::Result r{};
  r.command = sent->command;
  r.outcome = v1::OUTCOME_DONE;
  r.retcode = 10012;
  r.deals = 1;
  link::Deal deal{};
  deal.ticket = 12;
  ASSERT_EQ(fromTerminal(FrameType::kResult, r, &deal, size_t{1}), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
}

TEST_F(DeskTest, aChangeThatIsSoAlreadyIsDoneAndOneThatIsUnderWayMayBeTriedAgain) {
  linkUp();
  v1::Command c;
  c.set_fence(1);
  c.mutable_cancel()->set_ticket(9);
  command(c);
  auto sent = at<link::Cancel>(FrameType::kCancel);
  ASSERT_TRUE(sent);
  ASSERT_EQ(result(sent->command, v1::OUTCOME_REJECTED, 10025), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
  command(c);
  sent = at<link::Cancel>(FrameType::kCancel);
  ASSERT_TRUE(sent);
  ASSERT_EQ(result(sent->command, v1::OUTCOME_REJECTED, 10013), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(last().retcode_class(), v1::RETCODE_CLASS_RETRY);
}

// Nothing was executed by such a close, so its success is no execution that the terminal could have forgotten.
TEST_F(DeskTest, aCloseThatFoundNothingLeftMayBeUnknownToTheTerminal) {
  linkUp();
  auto c = place("o1");
  c.mutable_place()->set_position_id(5);
  command(c);
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  ASSERT_EQ(result(sent->command, v1::OUTCOME_REJECTED, 10036), LinkError::kNone);
  v1::Command find;
  find.set_fence(1);
  find.mutable_find()->set_order_id("o1");
  command(find);
  const auto asked = at<link::Find>(FrameType::kFind);
  ASSERT_TRUE(asked);
  ASSERT_EQ(result(asked->command, v1::OUTCOME_NOT_FOUND, 0), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_NOT_FOUND);
}

TEST_F(DeskTest, anOrderThatHasJustLeftIsNotYetNotFound) {
  restart(10'000'000);
  linkUp();
  command(place("o1"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  v1::Command find;
  find.set_fence(1);
  find.mutable_find()->set_order_id("o1");
  const auto ask = [&](const v1::Command& question) {
    command(question);
    const auto asked = at<link::Find>(FrameType::kFind);
    ASSERT_TRUE(asked);
    ASSERT_EQ(result(asked->command, v1::OUTCOME_NOT_FOUND, 0), LinkError::kNone);
  };
  clock.now += 9'999'999;
  ask(find);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(last().code(), "TOO_EARLY");
  EXPECT_EQ(last().message(),
            "the terminal does not show this order 9999 ms after the bridge received it; not found is said after "
            "10000 ms");
  // The same for an order that is repeated to a bridge that was started anew, from the journal's own time.
  restart(10'000'000);
  linkUp();
  ask(place("o1"));
  EXPECT_EQ(last().code(), "TOO_EARLY");
  clock.now += 1;
  ask(find);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_NOT_FOUND);
  EXPECT_EQ(last().code(), "");
  // What never came through here was never sent by this bridge.
  find.mutable_find()->set_order_id("other");
  ask(find);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_NOT_FOUND);
}

TEST_F(DeskTest, severalOrdersThatMayBeTheOneAreAmbiguousAndTheQuestionMayBeRepeated) {
  linkUp();
  command(place("o1"));
  ASSERT_TRUE(at<link::Place>(FrameType::kPlace));
  restart();
  linkUp();
  for (const bool repeated : {false, true}) {
    v1::Command find = place("o1");
    if (!repeated) find.mutable_find()->set_order_id("o1");
    command(find);
    const auto asked = at<link::Find>(FrameType::kFind);
    ASSERT_TRUE(asked);
    ASSERT_EQ(result(asked->command, v1::OUTCOME_UNKNOWN, 0), LinkError::kNone);
    EXPECT_EQ(last().outcome(), v1::OUTCOME_UNKNOWN);
    EXPECT_EQ(last().code(), "AMBIGUOUS");
  }
  // It was no final word: history may have become clear since.
  command(place("o1"));
  const auto asked = at<link::Find>(FrameType::kFind);
  ASSERT_TRUE(asked);
  ASSERT_EQ(result(asked->command, v1::OUTCOME_DONE), LinkError::kNone);
  EXPECT_EQ(last().outcome(), v1::OUTCOME_DONE);
}

TEST_F(DeskTest, answersNobodyAskedForCloseTheLink) {
  linkUp();
  EXPECT_EQ(result(1, v1::OUTCOME_DONE), LinkError::kUnexpected);
  link::SnapshotBegin of_another{};
  of_another.command = 5;
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotBegin, of_another), LinkError::kUnexpected);
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotOrders, link::SnapshotPart{1, 0, 0}), LinkError::kUnexpected);
  EXPECT_EQ(fromTerminal(FrameType::kSnapshotEnd, link::SnapshotBegin{}), LinkError::kUnexpected);
  command(place("o1"));
  const auto sent = at<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(sent);
  link::Result r{};
  r.command = sent->command;
  r.outcome = v1::OUTCOME_DONE;
  r.deals = 3;
  EXPECT_EQ(fromTerminal(FrameType::kResult, r), LinkError::kBadCount);
  desk->detach("closed");
  EXPECT_EQ(last().code(), "LINK_LOST") << "the command still gets its one answer";
}

}  // namespace
