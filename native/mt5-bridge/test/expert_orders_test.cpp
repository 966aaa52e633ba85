// Orders: journal before sending, one execution for each id, answers whatever the order of transactions, and the truth
// about an order whose answer never came.
#include <algorithm>

#include "test/expert_harness.h"

namespace {

class Orders : public ExpertTest {
 protected:
  void SetUp() override {
    ExpertTest::SetUp();
    link();
  }
  static WirePlace market(const std::string& id, double lots = 0.1) {
    WirePlace place{};
    place.command = ++command_;
    SetText(place.order_id, id);
    SetText(place.symbol, "EURUSD");
    place.side = SIDE_BUY;
    place.type = TYPE_MARKET;
    place.volume_lots = lots;
    place.magic = 77;
    return place;
  }
  void say(const WirePlace& place) {
    fakeLink().say(FRAME_PLACE, place);
    pass();
  }
  wire::Result last() {
    const auto all = fakeLink().all<wire::Result>(wire::FrameType::kResult);
    return all.empty() ? wire::Result{} : all.back();
  }
  size_t answers() { return fakeLink().count(wire::FrameType::kResult); }
  wire::Result find(const std::string& id, uint64_t magic = 77) {
    WireFind find{};
    find.command = ++command_;
    find.magic = magic;
    SetText(find.order_id, id);
    fakeLink().say(FRAME_FIND, find);
    pass();
    EXPECT_EQ(last().command, find.command);
    return last();
  }
  // What the server makes of the last request, as the terminal shows it.
  void executed(ulong ticket, const std::string& comment, long magic = 77, double lots = 0.1) {
    mql5::Order order;
    order.ticket = ticket;
    order.symbol = "EURUSD";
    order.comment = comment;
    order.state = ORDER_STATE_FILLED;
    order.magic = magic;
    order.position_id = static_cast<long>(ticket);
    order.setup_ms = order.done_ms = world().broker_ms;
    order.initial = lots;
    order.price = 1.1002;
    world().history.push_back(order);
    mql5::Deal deal;
    deal.ticket = ticket + 1000;
    deal.symbol = "EURUSD";
    deal.comment = comment;
    deal.order = deal.position_id = static_cast<long>(ticket);
    deal.time_ms = world().broker_ms;
    deal.magic = magic;
    deal.volume = lots;
    deal.price = 1.1002;
    world().deals.push_back(deal);
    mql5::Position position;
    position.ticket = position.identifier = ticket;
    position.symbol = "EURUSD";
    position.comment = comment;
    position.magic = magic;
    position.volume = lots;
    position.price = 1.1002;
    world().positions.push_back(position);
  }
  static void transaction(ENUM_TRADE_TRANSACTION_TYPE type, ulong order, ulong deal = 0) {
    MqlTradeTransaction trans{};
    trans.type = type;
    trans.order = order;
    trans.deal = deal;
    trans.symbol = "EURUSD";
    NoteTransaction(trans);
    EventsPass();
  }
  void answer(uint request_id, uint retcode, ulong order = 0, ulong deal = 0) {
    MqlTradeResult result{};
    result.request_id = request_id;
    result.retcode = retcode;
    result.order = order;
    result.deal = deal;
    OnRequestAnswered(world().sent.back(), result);
    EventsPass();
  }
  static inline uint64_t command_ = 0;
};

TEST_F(Orders, TheJournalIsOnTheDiskBeforeTheOrderLeaves) {
  bool noted = false;
  world().on_send = [&] {
    for (const auto& [name, file] : world().files)
      if (name.find("journal") != string::npos)
        noted = std::string(file.flushed.begin(), file.flushed.end()).find("Tone") != std::string::npos;
  };
  say(market("Tone"));
  EXPECT_TRUE(noted);
  ASSERT_EQ(world().sent.size(), 1u);
  const MqlTradeRequest& request = world().sent[0];
  EXPECT_EQ(request.comment, "Tone");
  EXPECT_EQ(request.magic, 77u);
  EXPECT_EQ(request.action, TRADE_ACTION_DEAL);
  EXPECT_EQ(request.type_filling, ORDER_FILLING_FOK);
  EXPECT_EQ(answers(), 0u);
}

TEST_F(Orders, AJournalThatCannotBeWrittenSendsNothing) {
  world().writes_left = 0;
  say(market("Tone"));
  EXPECT_TRUE(world().sent.empty());
  EXPECT_EQ(last().outcome, OUTCOME_REFUSED);
}

TEST_F(Orders, TheAnswerIsTheSameWhateverTheOrderOfTransactions) {
  std::vector<int> order{0, 1, 2, 3, 4};
  int round = 0;
  do {
    SetUp();
    const std::string id = "Torder" + std::to_string(round++);
    say(market(id));
    executed(500, id);
    for (const int step : order) {
      if (step == 0) transaction(TRADE_TRANSACTION_ORDER_ADD, 500);
      if (step == 1) transaction(TRADE_TRANSACTION_DEAL_ADD, 500, 1500);
      if (step == 2) transaction(TRADE_TRANSACTION_ORDER_DELETE, 500);
      if (step == 3) transaction(TRADE_TRANSACTION_HISTORY_ADD, 500);
      if (step == 4) answer(world().next_request - 1, 10009, 500, 1500);
    }
    ASSERT_EQ(answers(), 1u);
    EXPECT_EQ(last().outcome, OUTCOME_DONE);
    EXPECT_EQ(last().deals, 1u);
    EXPECT_EQ(last().order.ticket, 500u);
    EXPECT_STREQ(last().order.order_id, id.c_str());
    // Each once: the order's one state, its deal, the position, the account.
    EXPECT_EQ(fakeLink().count(wire::FrameType::kOrder), 1u);
    EXPECT_EQ(fakeLink().count(wire::FrameType::kDeal), 1u);
    EXPECT_EQ(fakeLink().count(wire::FrameType::kPosition), 1u);
    EXPECT_EQ(fakeLink().count(wire::FrameType::kAccount), 1u);
    if (HasFailure()) return;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(Orders, EventsAreNumberedWithoutHoles) {
  say(market("Tone"));
  executed(500, "Tone");
  transaction(TRADE_TRANSACTION_ORDER_ADD, 500);
  transaction(TRADE_TRANSACTION_DEAL_ADD, 500, 1500);
  uint64_t expected = 0;
  for (const auto& m : fakeLink().sent) {
    if (m.type < FRAME_ORDER || m.type > FRAME_ACCOUNT) continue;
    wire::EventHeader head;
    std::memcpy(&head, m.payload.data(), sizeof head);
    EXPECT_EQ(head.sequence, ++expected);
  }
  EXPECT_EQ(expected, 4u);
}

TEST_F(Orders, HistoryThatComesLateIsToldWhenItIsThere) {
  say(market("Tone"));
  transaction(TRADE_TRANSACTION_DEAL_ADD, 500, 1500);
  answer(1, 10009, 500, 1500);
  EXPECT_EQ(last().outcome, OUTCOME_DONE);
  EXPECT_EQ(last().order.state, STATE_WORKING);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kDeal), 0u);
  executed(500, "Tone");
  pass();
  EXPECT_EQ(fakeLink().count(wire::FrameType::kDeal), 1u);
}

TEST_F(Orders, TheSameIdIsNotSentTwice) {
  say(market("Tone"));
  say(market("Tone"));
  EXPECT_EQ(world().sent.size(), 1u);
  executed(500, "Tone");
  answer(1, 10009, 500, 1500);
  // Whoever asked last is answered.
  ASSERT_EQ(answers(), 1u);
  EXPECT_EQ(last().command, command_);
  say(market("Tone"));
  EXPECT_EQ(last().command, command_);
  EXPECT_EQ(last().outcome, OUTCOME_DONE);
  kill();
  link();
  say(market("Tone"));
  EXPECT_EQ(world().sent.size(), 1u);
  EXPECT_EQ(last().outcome, OUTCOME_DONE);
  EXPECT_EQ(last().deals, 1u);
}

TEST_F(Orders, KilledWhileSendingAnExecutedOrderIsFoundAndALostOneIsNotFoundInTime) {
  for (const bool executes : {true, false}) {
    SetUp();
    world().on_send = [] { throw std::runtime_error("killed"); };
    EXPECT_THROW(say(market("Tone")), std::runtime_error);
    world().on_send = nullptr;
    if (executes) executed(500, "Tone");
    kill();
    link();
    pass(1'100'000);
    say(market("Tone"));
    EXPECT_EQ(world().sent.size(), 1u);
    if (executes) {
      EXPECT_EQ(last().outcome, OUTCOME_DONE);
      continue;
    }
    EXPECT_EQ(last().outcome, OUTCOME_UNKNOWN);
    EXPECT_EQ(find("Tone").outcome, OUTCOME_UNKNOWN);
    pass(10'000'000);
    EXPECT_EQ(find("Tone").outcome, OUTCOME_NOT_FOUND);
  }
}

TEST_F(Orders, ALostAnswerIsFoundByTheOrdersTraces) {
  say(market("Tone"));
  executed(500, "Tone");
  pass(1'000'000);
  EXPECT_EQ(answers(), 0u);
  pass(1'000'000);
  ASSERT_EQ(answers(), 1u);
  EXPECT_EQ(last().outcome, OUTCOME_DONE);
  EXPECT_EQ(g_requests_open, 0);
}

TEST_F(Orders, WithoutAnyTraceNobodyKnows) {
  say(market("Tone"));
  pass(2'000'000);
  EXPECT_EQ(answers(), 0u);
  pass(2'100'000);
  ASSERT_EQ(answers(), 1u);
  EXPECT_EQ(last().outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(last().retcode, 10012u);
  // The answer comes after all: the journal knows the ticket.
  executed(500, "rewritten");
  answer(1, 10009, 500, 1500);
  EXPECT_EQ(find("Tone").outcome, OUTCOME_DONE);
}

TEST_F(Orders, CommentsThatWereCutOrRewrittenStillNameTheOrder) {
  for (const std::string comment : {"Tabcdefghij", "broker:Tabcdefghijkl", "rewritten"}) {
    SetUp();
    say(market("Tabcdefghijkl"));
    kill();
    link();
    executed(500, comment);
    EXPECT_EQ(find("Tabcdefghijkl").outcome, OUTCOME_DONE) << comment;
    EXPECT_EQ(last().order.ticket, 500u);
    EXPECT_STREQ(last().order.order_id, "Tabcdefghijkl");
  }
}

TEST_F(Orders, SeveralOrdersThatMayBeItAreAmbiguous) {
  say(market("Tabcdefghijkl"));
  kill();
  link();
  executed(500, "rewritten");
  executed(501, "rewritten");
  EXPECT_EQ(find("Tabcdefghijkl").outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(last().retcode, 0u);
  EXPECT_STREQ(last().message, "2 orders may be it: #501 #500");
}

TEST_F(Orders, OneTraceOfTwoOrdersIsNeithers) {
  say(market("Tabcdefghijkl"));
  say(market("Tmnopqrstuvwx"));
  kill();
  link();
  executed(500, "rewritten");
  EXPECT_EQ(find("Tabcdefghijkl").outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(find("Tmnopqrstuvwx").outcome, OUTCOME_UNKNOWN);
  // With another magic or volume it cannot be theirs.
  world().history.clear();
  world().deals.clear();
  world().positions.clear();
  executed(600, "manual", 0);
  executed(601, "rewritten", 77, 0.2);
  pass(11'000'000);
  EXPECT_EQ(find("Tabcdefghijkl").outcome, OUTCOME_NOT_FOUND);
}

TEST_F(Orders, AnUnknownIdIsNotFoundAndWithoutAConnectionNobodyCanLook) {
  EXPECT_EQ(find("Tnever").outcome, OUTCOME_NOT_FOUND);
  world().terminal[TERMINAL_CONNECTED] = 0;
  EXPECT_EQ(find("Tnever").outcome, OUTCOME_UNKNOWN);
  EXPECT_EQ(last().retcode, 10031u);
}

TEST_F(Orders, ARefusalOfTheServerIsRemembered) {
  say(market("Tone"));
  answer(1, 10019);
  EXPECT_EQ(last().outcome, OUTCOME_REJECTED);
  EXPECT_EQ(last().retcode, 10019u);
  kill();
  link();
  EXPECT_EQ(find("Tone").outcome, OUTCOME_REJECTED);
  EXPECT_EQ(last().retcode, 10019u);
}

TEST_F(Orders, ATimeoutOfTheServerIsNoRefusal) {
  say(market("Tone"));
  answer(1, 10012);
  EXPECT_EQ(last().outcome, OUTCOME_UNKNOWN);
  executed(500, "Tone");
  EXPECT_EQ(find("Tone").outcome, OUTCOME_DONE);
}

TEST_F(Orders, WhatTheTerminalDidNotSendIsRefused) {
  world().send_succeeds = false;
  world().send_retcode = 10027;
  say(market("Tone"));
  EXPECT_EQ(last().outcome, OUTCOME_REJECTED);
  EXPECT_EQ(last().retcode, 10027u);
  world().send_retcode = 10031;
  say(market("Ttwo"));
  EXPECT_EQ(last().outcome, OUTCOME_REFUSED);
  // Nobody can tell whether it was.
  world().send_retcode = 10011;
  say(market("Tthree"));
  pass(4'100'000);
  EXPECT_EQ(last().outcome, OUTCOME_UNKNOWN);
}

TEST_F(Orders, AClosingOrderNamesThePositionsTicket) {
  executed(500, "Tone");
  // After a reversal the position's ticket is another order's.
  world().positions[0].ticket = 510;
  WirePlace close = market("Tclose");
  close.side = SIDE_SELL;
  close.position_id = 500;
  say(close);
  ASSERT_EQ(world().sent.size(), 1u);
  EXPECT_EQ(world().sent[0].position, 510u);
  EXPECT_EQ(world().sent[0].type, ORDER_TYPE_SELL);
}

TEST_F(Orders, AnswersOfAnEarlierLinkAreNotGivenOnTheNext) {
  say(market("Tone"));
  fakeLink().lost();
  pass();
  fakeLink().up();
  pass();
  fakeLink().sent.clear();
  executed(500, "Tone");
  answer(1, 10009, 500, 1500);
  EXPECT_EQ(answers(), 0u);
  EXPECT_EQ(find("Tone").outcome, OUTCOME_DONE);
}

TEST_F(Orders, ACutRecordAtTheEndOfTheJournalIsDroppedAndDamageIsNot) {
  say(market("Tone"));
  say(market("Ttwo"));
  auto& file = world().files[g_journal_name];
  file.flushed.pop_back();
  kill();
  link();
  // Its record was not whole, so the second one had not been sent.
  EXPECT_EQ(g_journal_count, 1);
  file.flushed[100] ^= 1;
  file.flushed.resize(2 * sizeof(JournalRecord));
  kill();
  for (int i = 0; i < 5; ++i) pass();
  EXPECT_EQ(g_session.phase, PHASE_WAITING);
  EXPECT_NE(std::find_if(world().printed.begin(), world().printed.end(),
                         [](const string& line) { return line.find("is damaged") != string::npos; }),
            world().printed.end());
}

TEST_F(Orders, AFullJournalForgetsItsOlderHalfAndIsWrittenAnew) {
  for (int i = 0; i < JOURNAL_ENTRIES + 10; ++i) {
    JournalRecord record{};
    SetText(record.order_id, "T" + std::to_string(i));
    ASSERT_GE(JournalSending(record, 1), 0);
  }
  EXPECT_EQ(g_journal_count, JOURNAL_ENTRIES / 2 + 10);
  EXPECT_EQ(world().files[g_journal_name].bytes.size(), (JOURNAL_ENTRIES / 2 + 10) * sizeof(JournalRecord));
  kill();
  link();
  Text32 id;
  SetText(id, "T" + std::to_string(JOURNAL_ENTRIES + 9));
  EXPECT_GE(JournalFind(id), 0);
  SetText(id, "T0");
  EXPECT_LT(JournalFind(id), 0);
}

}  // namespace
