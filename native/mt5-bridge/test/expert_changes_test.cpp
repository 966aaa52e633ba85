// Changes that are asked for again: a cancel, modify or protect whose answer was lost may come a second time, and what
// is said of it must agree with what the server has. Never "rejected" of an order that is cancelled, or of stops that
// stand.
#include "test/expert_harness.h"

namespace {

class Changes : public ExpertTest {
 protected:
  void SetUp() override {
    ExpertTest::SetUp();
    link();
    world().account[ACCOUNT_MARGIN_MODE] = ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
  }
  template <typename T>
  uint64_t say(int type, T body) {
    body.command = ++command_;
    fakeLink().say(static_cast<uint16_t>(type), body);
    pass();
    return command_;
  }
  // The answer to a command; outcome 0 while there is none.
  wire::Result answerTo(uint64_t command) {
    wire::Result found{};
    for (const wire::Result& result : fakeLink().all<wire::Result>(wire::FrameType::kResult))
      if (result.command == command) found = result;
    return found;
  }
  static WireCancel cancelOf(uint64_t ticket, const char* id = "") {
    WireCancel cancel{};
    cancel.ticket = ticket;
    SetText(cancel.order_id, id);
    return cancel;
  }
  static WireModify modifyOf(uint64_t ticket, double price) {
    WireModify modify{};
    modify.ticket = ticket;
    modify.price = price;
    modify.stop_loss = 0.9;
    return modify;
  }
  static WireProtect protectOf(uint64_t id, double stop_loss) {
    WireProtect protect{};
    protect.position_id = id;
    protect.stop_loss = stop_loss;
    return protect;
  }
  // A limit order that waits at the server.
  static mql5::Order& working(ulong ticket, const char* comment = "Tpending") {
    mql5::Order order;
    order.ticket = ticket;
    order.symbol = "EURUSD";
    order.comment = comment;
    order.type = ORDER_TYPE_BUY_LIMIT;
    order.state = ORDER_STATE_PLACED;
    order.initial = order.current = 0.1;
    order.price = 1.0;
    order.setup_ms = world().broker_ms;
    world().orders.push_back(order);
    return world().orders.back();
  }
  static mql5::Position& position(ulong id) {
    mql5::Position position;
    position.ticket = position.identifier = id;
    position.symbol = "EURUSD";
    position.type = POSITION_TYPE_BUY;
    position.volume = 0.1;
    world().positions.push_back(position);
    return world().positions.back();
  }
  // The order is no longer active. In the history it comes into sight later.
  static mql5::Order gone(ENUM_ORDER_STATE state) {
    mql5::Order order = world().orders.back();
    world().orders.pop_back();
    order.state = state;
    order.done_ms = world().broker_ms;
    if (state == ORDER_STATE_FILLED) order.current = 0;
    return order;
  }
  // The server's answer to the n-th request.
  static void answer(size_t n, uint retcode, const char* comment = "") {
    MqlTradeResult result{};
    result.request_id = static_cast<uint>(n);
    result.retcode = retcode;
    result.comment = comment;
    OnRequestAnswered(world().sent.at(n - 1), result);
  }
  void linkBreaks() {
    fakeLink().lost();
    pass();
    link();
  }
  static inline uint64_t command_ = 0;
};

TEST_F(Changes, WhatIsUnderWayIsNotSentAgainAndEverybodyHears) {
  working(5);
  position(9);
  const auto each = [&](const std::function<uint64_t()>& ask, size_t n) {
    const uint64_t lost = ask();
    linkBreaks();
    const uint64_t second = ask(), third = ask();
    EXPECT_EQ(world().sent.size(), n);
    EXPECT_EQ(answerTo(second).outcome, 0);
    answer(n, 10009);
    EXPECT_EQ(answerTo(lost).outcome, 0) << "its link is gone";
    EXPECT_EQ(answerTo(second).outcome, OUTCOME_DONE);
    EXPECT_EQ(answerTo(third).outcome, OUTCOME_DONE);
    EXPECT_EQ(g_requests_open, 0);
  };
  each([&] { return say(FRAME_MODIFY, modifyOf(5, 1.05)); }, 1);
  each([&] { return say(FRAME_CANCEL, cancelOf(5)); }, 2);
  each([&] { return say(FRAME_PROTECT, protectOf(9, 1.05)); }, 3);
}

TEST_F(Changes, AnotherChangeThanTheOneUnderWayIsSent) {
  working(5);
  say(FRAME_MODIFY, modifyOf(5, 1.05));
  say(FRAME_MODIFY, modifyOf(5, 1.04));
  say(FRAME_MODIFY, modifyOf(5, 1.05));  // the last one is what shall be
  WireModify as_it_is = modifyOf(5, 1.0);
  as_it_is.stop_loss = 0;
  say(FRAME_MODIFY, as_it_is);
  say(FRAME_CANCEL, cancelOf(5));
  ASSERT_EQ(world().sent.size(), 5u);
  EXPECT_EQ(world().sent[2].price, 1.05);
  EXPECT_EQ(world().sent[3].price, 1.0);
  EXPECT_EQ(world().sent[4].action, TRADE_ACTION_REMOVE);
}

TEST_F(Changes, OneThatIsUnderWayIsNotJudgedByTheMarketOfTheRepetition) {
  working(5);
  position(9).sl = 1.0;
  say(FRAME_CANCEL, cancelOf(5));
  say(FRAME_PROTECT, protectOf(9, 1.05));
  world().symbols["EURUSD"].integers[SYMBOL_TRADE_FREEZE_LEVEL] = 20'000;
  const uint64_t cancel = say(FRAME_CANCEL, cancelOf(5)), protect = say(FRAME_PROTECT, protectOf(9, 1.05));
  EXPECT_EQ(answerTo(cancel).outcome, 0);
  EXPECT_EQ(answerTo(protect).outcome, 0);
  EXPECT_EQ(world().sent.size(), 2u);
}

TEST_F(Changes, WithoutAnAnswerAllThatWaitHearThatNobodyKnows) {
  working(5);
  const uint64_t first = say(FRAME_CANCEL, cancelOf(5));
  pass(3'000'000);
  const uint64_t second = say(FRAME_CANCEL, cancelOf(5));
  pass(1'100'000);
  EXPECT_EQ(answerTo(first).outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(answerTo(second).outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(g_requests_open, 0);
  // The next one is sent: the first may never have arrived.
  say(FRAME_CANCEL, cancelOf(5));
  EXPECT_EQ(world().sent.size(), 2u);
}

// The first was executed after its time was up, so the server refuses the second.
TEST_F(Changes, ACancelThatIsRefusedBecauseItIsDoneIsDone) {
  working(5);
  say(FRAME_CANCEL, cancelOf(5));
  pass(4'100'000);
  const uint64_t second = say(FRAME_CANCEL, cancelOf(5));
  ASSERT_EQ(world().sent.size(), 2u);
  world().history.push_back(gone(ORDER_STATE_CANCELED));
  answer(2, 10013, "Invalid request");
  EXPECT_EQ(answerTo(second).outcome, OUTCOME_DONE);
  EXPECT_EQ(answerTo(second).retcode, 10025u);
  EXPECT_EQ(answerTo(second).order.state, STATE_CANCELLED);
}

TEST_F(Changes, ACancelThatIsRefusedBecauseTheOrderHasBeenFilledIsRejected) {
  working(5);
  const uint64_t command = say(FRAME_CANCEL, cancelOf(5));
  world().history.push_back(gone(ORDER_STATE_FILLED));
  answer(1, 10013, "Invalid request");
  EXPECT_EQ(answerTo(command).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(answerTo(command).order.state, STATE_FILLED);
}

TEST_F(Changes, ACancelThatIsRefusedOfAnOrderThatLivesIsRejected) {
  working(5);
  const uint64_t command = say(FRAME_CANCEL, cancelOf(5));
  answer(1, 10018, "Market closed");
  EXPECT_EQ(answerTo(command).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(answerTo(command).retcode, 10018u);
  EXPECT_EQ(answerTo(command).order.state, STATE_WORKING);
}

// Neither active nor in the history: it may have been cancelled or filled. Whether it was placed by us or by others.
TEST_F(Changes, OfAnOrderWhoseHistoryIsLateNobodyKnowsYet) {
  working(5);
  say(FRAME_CANCEL, cancelOf(5));
  pass(4'100'000);
  const uint64_t second = say(FRAME_CANCEL, cancelOf(5));
  const mql5::Order order = gone(ORDER_STATE_CANCELED);
  answer(2, 10013, "Invalid request");
  EXPECT_EQ(answerTo(second).outcome, OUTCOME_UNKNOWN);
  linkBreaks();
  const uint64_t third = say(FRAME_CANCEL, cancelOf(5)), change = say(FRAME_MODIFY, modifyOf(5, 1.05));
  EXPECT_EQ(answerTo(third).outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(answerTo(change).outcome, OUTCOME_UNKNOWN);
  world().history.push_back(order);
  const uint64_t fourth = say(FRAME_CANCEL, cancelOf(5));
  EXPECT_EQ(answerTo(fourth).outcome, OUTCOME_DONE);
  EXPECT_EQ(world().sent.size(), 2u);
}

// The journal holds the ticket: after a restart too the order is known to exist.
TEST_F(Changes, OfAnOrderOfTheJournalWhoseHistoryIsLateNobodyKnowsYet) {
  WirePlace place{};
  SetText(place.order_id, "Tpending");
  SetText(place.symbol, "EURUSD");
  place.side = SIDE_BUY;
  place.type = TYPE_LIMIT;
  place.volume_lots = 0.1;
  place.price = 1.0;
  say(FRAME_PLACE, place);
  working(5);
  MqlTradeResult placed{};
  placed.request_id = 1;
  placed.retcode = 10009;
  placed.order = 5;
  OnRequestAnswered(world().sent[0], placed);
  kill();
  link();
  const mql5::Order order = gone(ORDER_STATE_CANCELED);
  for (const WireCancel& cancel : {cancelOf(5), cancelOf(0, "Tpending")})
    EXPECT_EQ(answerTo(say(FRAME_CANCEL, cancel)).outcome, OUTCOME_UNKNOWN);
  world().history.push_back(order);
  for (const WireCancel& cancel : {cancelOf(5), cancelOf(0, "Tpending")})
    EXPECT_EQ(answerTo(say(FRAME_CANCEL, cancel)).outcome, OUTCOME_DONE);
}

TEST_F(Changes, AnOrderIsFoundByItsIdAlsoWhereItsTicketWasNeverHeard) {
  // Still active, under a comment that the broker has cut.
  working(5, "Tsome-order-o");
  EXPECT_EQ(answerTo(say(FRAME_CANCEL, cancelOf(0, "Tsome-order-of-ours"))).outcome, 0);
  ASSERT_EQ(world().sent.size(), 1u);
  EXPECT_EQ(world().sent[0].order, 5u);
  // And after its end.
  world().history.push_back(gone(ORDER_STATE_CANCELED));
  linkBreaks();
  kill();
  link();
  EXPECT_EQ(answerTo(say(FRAME_CANCEL, cancelOf(0, "Tsome-order-of-ours"))).outcome, OUTCOME_DONE);
}

TEST_F(Changes, AnOrderThatNobodyHasEverSeenIsNoOrder) {
  for (const WireCancel& cancel : {cancelOf(77), cancelOf(0, "Tnever"), cancelOf(0)}) {
    const wire::Result result = answerTo(say(FRAME_CANCEL, cancel));
    EXPECT_EQ(result.outcome, OUTCOME_REJECTED);
    EXPECT_EQ(result.retcode, 10013u);
  }
  EXPECT_TRUE(world().sent.empty());
}

// Two orders may be the one that is meant: neither is touched.
TEST_F(Changes, AnIdThatSeveralOrdersMayHaveChangesNone) {
  working(5, "Ttwice-the-same");
  working(6, "Ttwice-the-same");
  EXPECT_EQ(answerTo(say(FRAME_CANCEL, cancelOf(0, "Ttwice-the-same"))).outcome, OUTCOME_UNKNOWN);
  EXPECT_TRUE(world().sent.empty());
}

// The answer was lost, and meanwhile the market has come so near that it could not be asked for any more.
TEST_F(Changes, WhatStandsAlreadyIsDoneWhateverTheMarketHasBecome) {
  working(5).sl = 0.9;
  position(9).sl = 1.05;
  world().symbols["EURUSD"].integers[SYMBOL_TRADE_FREEZE_LEVEL] = 20'000;
  world().symbols["EURUSD"].integers[SYMBOL_TRADE_STOPS_LEVEL] = 20'000;
  for (const uint64_t command : {say(FRAME_MODIFY, modifyOf(5, 1.0)), say(FRAME_PROTECT, protectOf(9, 1.05))}) {
    EXPECT_EQ(answerTo(command).outcome, OUTCOME_DONE);
    EXPECT_EQ(answerTo(command).retcode, 10025u);
  }
  EXPECT_TRUE(world().sent.empty());
}

TEST_F(Changes, AChangeThatIsRefusedThoughItStandsIsDone) {
  mql5::Order& order = working(5);
  mql5::Position& held = position(9);
  say(FRAME_MODIFY, modifyOf(5, 1.05));
  say(FRAME_PROTECT, protectOf(9, 1.05));
  pass(4'100'000);
  const uint64_t modify = say(FRAME_MODIFY, modifyOf(5, 1.05)), protect = say(FRAME_PROTECT, protectOf(9, 1.05));
  ASSERT_EQ(world().sent.size(), 4u);
  order.price = 1.05;
  order.sl = 0.9;
  held.sl = 1.05;
  answer(3, 10029, "Frozen");
  answer(4, 10016, "Invalid stops");
  EXPECT_EQ(answerTo(modify).outcome, OUTCOME_DONE);
  EXPECT_EQ(answerTo(modify).order.price, 1.05);
  EXPECT_EQ(answerTo(protect).outcome, OUTCOME_DONE);
}

TEST_F(Changes, AChangeThatIsRefusedAndDoesNotStandIsRejected) {
  working(5);
  position(9);
  const uint64_t modify = say(FRAME_MODIFY, modifyOf(5, 1.05)), protect = say(FRAME_PROTECT, protectOf(9, 1.05));
  answer(1, 10029, "Frozen");
  answer(2, 10016, "Invalid stops");
  EXPECT_EQ(answerTo(modify).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(answerTo(modify).retcode, 10029u);
  EXPECT_EQ(answerTo(protect).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(answerTo(protect).retcode, 10016u);
}

// Sent, not answered in time, and asked for again when it may not be sent any more: the first copy may still arrive.
class Unanswered : public Changes {
 protected:
  void SetUp() override {
    Changes::SetUp();
    working(5);
    position(9).sl = 1.0;
  }
  uint64_t cancel() { return say(FRAME_CANCEL, cancelOf(5)); }
  uint64_t modify() { return say(FRAME_MODIFY, modifyOf(5, 1.05)); }
  uint64_t protect() { return say(FRAME_PROTECT, protectOf(9, 1.05)); }
  static void freeze(int points) { world().symbols["EURUSD"].integers[SYMBOL_TRADE_FREEZE_LEVEL] = points; }
  void sendAllAndHearNothing() {
    modify();
    protect();
    cancel();
    ASSERT_EQ(world().sent.size(), 3u);
    pass(4'100'000);
    ASSERT_EQ(g_requests_open, 0);
    linkBreaks();
  }
};

TEST_F(Unanswered, IsUnknownWhenItFailsACheckNow) {
  sendAllAndHearNothing();
  freeze(20'000);
  for (int hours = 0; hours < 3; ++hours) {
    for (const uint64_t command : {modify(), protect(), cancel()}) {
      EXPECT_EQ(answerTo(command).outcome, OUTCOME_UNKNOWN);
      EXPECT_EQ(answerTo(command).retcode, 10012u);
    }
    pass(3'600'000'000);
    if (g_session.phase != PHASE_LINKED) link();
  }
  EXPECT_EQ(world().sent.size(), 3u);
  // Any other change was never sent.
  EXPECT_EQ(answerTo(say(FRAME_MODIFY, modifyOf(5, 1.04))).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(answerTo(say(FRAME_PROTECT, protectOf(9, 1.04))).outcome, OUTCOME_REJECTED);
}

TEST_F(Unanswered, IsUnknownWhenTheTerminalDoesNotSendItNow) {
  sendAllAndHearNothing();
  world().terminal[TERMINAL_TRADE_ALLOWED] = 0;
  for (const uint64_t command : {modify(), protect(), cancel()}) EXPECT_EQ(answerTo(command).outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(world().sent.size(), 3u);
}

TEST_F(Unanswered, IsRejectedAgainWhenItsAnswerHasComeAfterAll) {
  sendAllAndHearNothing();
  for (size_t n = 1; n <= 3; ++n) answer(n, 10029, "Frozen");
  EXPECT_EQ(g_unheard_count, 0);
  freeze(20'000);
  for (const uint64_t command : {modify(), protect(), cancel()}) {
    EXPECT_EQ(answerTo(command).outcome, OUTCOME_REJECTED);
    EXPECT_EQ(answerTo(command).retcode, 10029u);
  }
}

// The server's own time-out is an answer that says nothing.
TEST_F(Unanswered, StaysSoWhenTheServerSaysThatItsTimeWasUp) {
  cancel();
  answer(1, 10012, "Timeout");
  freeze(20'000);
  EXPECT_EQ(answerTo(cancel()).outcome, OUTCOME_UNKNOWN);
}

// The server makes changes one after the other, and 10013 is what it says while an earlier one is under way.
TEST_F(Unanswered, IsDecidedByTheServersAnswerToALaterCopy) {
  sendAllAndHearNothing();
  const uint64_t busy = cancel(), other = say(FRAME_MODIFY, modifyOf(5, 1.04));
  answer(4, 10013, "Invalid request");
  answer(5, 10013, "Invalid request");
  EXPECT_EQ(answerTo(busy).outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(answerTo(other).outcome, OUTCOME_REJECTED) << "no copy of it was sent before";
  freeze(20'000);
  EXPECT_EQ(answerTo(cancel()).outcome, OUTCOME_UNKNOWN);
  freeze(0);
  const uint64_t decided = cancel();
  answer(6, 10018, "Market closed");
  EXPECT_EQ(answerTo(decided).outcome, OUTCOME_REJECTED);
  freeze(20'000);
  EXPECT_EQ(answerTo(cancel()).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(answerTo(protect()).outcome, OUTCOME_UNKNOWN) << "of the position nothing was decided";
}

// More than can be remembered: from then on nobody knows of any, and memory stays as it is.
TEST_F(Unanswered, AreBoundedAndStayTruthful) {
  const auto ask = [&](int n) {
    const uint64_t command = say(FRAME_MODIFY, modifyOf(5, 1.0 + 0.0001 * (n + 1)));
    pass(4'100'000);
    return command;
  };
  for (int n = 0; n < UNHEARD_MAX; ++n) ask(n);
  EXPECT_EQ(g_unheard_count, UNHEARD_MAX);
  // Once more each: no new place.
  ask(0);
  EXPECT_EQ(g_unheard_count, UNHEARD_MAX);
  freeze(20'000);
  EXPECT_EQ(answerTo(ask(UNHEARD_MAX)).outcome, OUTCOME_REJECTED) << "never sent before";
  freeze(0);
  ask(UNHEARD_MAX);
  freeze(20'000);
  EXPECT_EQ(g_unheard_count, UNHEARD_MAX);
  EXPECT_EQ(answerTo(ask(0)).outcome, OUTCOME_UNKNOWN) << "displaced";
}

// What is gone gives its place to others.
TEST_F(Unanswered, OfOrdersThatAreGoneAreForgotten) {
  for (int n = 0; n < UNHEARD_MAX; ++n) {
    say(FRAME_MODIFY, modifyOf(5, 1.0 + 0.0001 * (n + 1)));
    pass(4'100'000);
  }
  world().history.push_back(gone(ORDER_STATE_CANCELED));
  working(6);
  say(FRAME_CANCEL, cancelOf(6));
  pass(4'100'000);
  EXPECT_EQ(g_unheard_count, 1);
  freeze(20'000);
  EXPECT_EQ(answerTo(say(FRAME_CANCEL, cancelOf(6))).outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(answerTo(say(FRAME_MODIFY, modifyOf(6, 1.05))).outcome, OUTCOME_REJECTED);
}

}  // namespace
