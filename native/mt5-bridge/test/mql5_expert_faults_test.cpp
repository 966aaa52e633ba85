// What terminals and brokers do to an expert, one after the other, and that it lives through each: it answers the
// truth, and goes on.
#include <algorithm>
#include <map>
#include <set>

#include "link/validate.h"
#include "test/mql5_expert.h"

namespace mql5_test {
namespace {

class ExpertFaults : public ExpertTest {
 protected:
  void begin() {
    mql5_expert::InpNotFoundAfterS = 2;
    start();
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
    expert_ = terminal->attach(expertProgram(), "EURUSD");
    ASSERT_GE(expert_, 0);
    link();
    pass(1'000'000);
  }
  static wire::Place order(const std::string& id, double lots = 0.1, bool sell = false, uint64_t position = 0) {
    wire::Place place{};
    place.command = ++command_;
    std::strcpy(place.order_id, id.c_str());
    std::strcpy(place.symbol, "EURUSD");
    place.side = sell ? 2 : 1;
    place.type = 1;
    place.volume_lots = lots;
    place.position_id = position;
    place.magic = 7;
    return place;
  }
  template <typename T>
  void say(wire::FrameType type, const T& body) {
    fakeLink().say(static_cast<uint16_t>(type), body);
  }
  // The answer to a command, within a minute.
  template <typename T>
  wire::Result answer(wire::FrameType type, const T& body) {
    say(type, body);
    return answerTo(body.command);
  }
  wire::Result answerTo(uint64_t command) {
    for (int i = 0; i < 600; ++i) {
      for (const auto& result : fakeLink().all<wire::Result>(wire::FrameType::kResult))
        if (result.command == command) return result;
      pass(100'000);
    }
    ADD_FAILURE() << "no answer";
    return {};
  }
  wire::Result place(const wire::Place& place) { return answer(wire::FrameType::kPlace, place); }
  // Asked until somebody knows.
  wire::Result find(const std::string& id) {
    wire::Result last{};
    for (int i = 0; i < 60; ++i) {
      wire::Find find{};
      find.command = ++command_;
      std::strcpy(find.order_id, id.c_str());
      find.magic = 7;
      last = answer(wire::FrameType::kFind, find);
      if (last.outcome != OUTCOME_UNKNOWN) break;
      pass(1'000'000);
    }
    return last;
  }
  // Without the opening balance.
  size_t deals() { return engine->deals().size() - 1; }
  int expert_ = -1;
  static inline uint64_t command_ = 0;
};

TEST_F(ExpertFaults, TheAnswerIsLostAmongMoreTransactionsThanTheQueueHolds) {
  profile.latency_us = 40'000;
  config.balance = toCents(1'000'000);
  begin();
  for (int i = 0; i < 3; ++i) {
    const size_t before = deals();
    const wire::Place own = order("own-order-" + std::to_string(i));
    say(wire::FrameType::kPlace, own);
    pass(20'000);
    // Somebody else at the same moment: what the expert is told of its own order is displaced by what comes behind it.
    for (int k = 0; k < 400; ++k) {
      MqlTradeRequest request = market(k % 2 ? ORDER_TYPE_SELL : ORDER_TYPE_BUY, 0.01);
      request.comment = "somebody";
      MqlTradeResult result = {};
      ASSERT_TRUE(OrderSendAsync(request, result));
    }
    const uint64_t displaced = terminal->program(expert_)->queue.displaced();
    clock.sleepUs(100'000);
    terminal->step();
    EXPECT_GT(terminal->program(expert_)->queue.displaced(), displaced);
    EXPECT_EQ(answerTo(own.command).outcome, OUTCOME_DONE);
    EXPECT_EQ(deals() - before, 401u);
  }
}

// A person, or another program, trades more at once than the terminal's queue holds: most of it is never told.
TEST_F(ExpertFaults, WhatOthersDidAndTheQueueDisplacedIsToldByASnapshot) {
  profile.latency_us = 40'000;
  config.balance = toCents(1'000'000);
  begin();
  const size_t before = deals();
  for (int k = 0; k < 600; ++k) {
    // Bought and sold, so that positions remain of both sides.
    MqlTradeRequest request = market(k % 3 ? ORDER_TYPE_BUY : ORDER_TYPE_SELL, 0.01);
    MqlTradeResult result = {};
    ASSERT_TRUE(OrderSendAsync(request, result));
  }
  clock.sleepUs(100'000);
  terminal->step();
  ASSERT_GT(terminal->program(expert_)->queue.displaced(), 1000u);
  ASSERT_EQ(deals() - before, 600u);
  const auto told = [](wire::FrameType type, auto body, auto number, size_t from) {
    std::multiset<uint64_t> numbers;
    for (const auto& it : fakeLink().all<decltype(body)>(type, from)) numbers.insert(number(it));
    return numbers;
  };
  const auto ticket = [](const wire::Deal& deal) { return deal.ticket; };
  const auto asEvents = [&] { return told(wire::FrameType::kDeal, wire::Deal{}, ticket, sizeof(wire::EventHeader)); };
  EXPECT_LT(asEvents().size(), 600u) << "nothing was lost: this shows nothing";
  // Within two of the timer's periods.
  pass(40'000);
  std::multiset<uint64_t> deals_told, positions_told;
  for (const auto& m : fakeLink().sent) {
    const auto each = [&](auto body, auto number, std::multiset<uint64_t>& to) {
      for (size_t at = sizeof(wire::SnapshotPart); at < m.payload.size(); at += sizeof body) {
        std::memcpy(&body, m.payload.data() + at, sizeof body);
        to.insert(number(body));
      }
    };
    if (m.type == static_cast<uint16_t>(wire::FrameType::kSnapshotDeals)) each(wire::Deal{}, ticket, deals_told);
    if (m.type == static_cast<uint16_t>(wire::FrameType::kSnapshotPositions))
      each(
          wire::Position{}, [](const wire::Position& p) { return p.position_id; }, positions_told);
  }
  std::multiset<uint64_t> deals_done, positions_open;
  for (const auto& deal : engine->deals()) deals_done.insert(deal.ticket);
  for (const auto& position : engine->positions()) positions_open.insert(position.position_id);
  EXPECT_EQ(deals_told, deals_done) << "each once";
  EXPECT_EQ(positions_told, positions_open);
  EXPECT_EQ(positions_open.size(), 600u);
  // None of the events says a deal twice, and none came that has not been done.
  const std::multiset<uint64_t> events = asEvents();
  EXPECT_EQ(std::set<uint64_t>(events.begin(), events.end()).size(), events.size());
  // Nobody has asked for it. Once more for what the history may have held back, and then no more.
  const auto begun = fakeLink().all<wire::SnapshotBegin>(wire::FrameType::kSnapshotBegin);
  ASSERT_EQ(begun.size(), 1u);
  EXPECT_EQ(begun[0].command, 0u);
  pass(9'000'000);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kSnapshotEnd), 1u);
  pass(2'000'000);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kSnapshotEnd), 2u);
  pass(60'000'000);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kSnapshotEnd), 2u);
}

// The bridge has no such command: what a person makes of its positions is told as it is, in events and in a snapshot.
TEST_F(ExpertFaults, WhatAPersonClosesByIsTold) {
  begin();
  const wire::Result buy = place(order("buy-01", 0.3)), sell = place(order("sell-01", 0.1, true));
  ASSERT_EQ(buy.outcome, OUTCOME_DONE);
  ASSERT_EQ(sell.outcome, OUTCOME_DONE);
  pass(1'000'000);
  const size_t before = fakeLink().sent.size();
  MqlTradeRequest request = {};
  request.action = TRADE_ACTION_CLOSE_BY;
  request.position = sell.order.position_id;
  request.position_by = buy.order.position_id;
  MqlTradeResult result = {};
  ASSERT_TRUE(OrderSendAsync(request, result));
  pass(1'000'000);
  std::vector<wire::Deal> deals_told;
  std::map<uint64_t, double> lots;
  double balance = 0;
  bool ordered = false;
  for (size_t i = before; i < fakeLink().sent.size(); ++i) {
    const auto& m = fakeLink().sent[i];
    const auto body = [&](auto it) {
      std::memcpy(&it, m.payload.data() + sizeof(wire::EventHeader), sizeof it);
      EXPECT_EQ(wire::validate(it), wire::LinkError::kNone) << "the bridge would end the link";
      return it;
    };
    switch (static_cast<wire::FrameType>(m.type)) {
      case wire::FrameType::kOrder: {
        const auto it = body(wire::Order{});
        EXPECT_EQ(it.type, 0) << "none that the bridge knows";
        ordered |= it.state == STATE_FILLED;
        break;
      }
      case wire::FrameType::kDeal:
        deals_told.push_back(body(wire::Deal{}));
        break;
      case wire::FrameType::kPosition: {
        const auto it = body(wire::Position{});
        lots[it.position_id] = it.volume_lots;
        break;
      }
      case wire::FrameType::kAccount:
        balance = body(wire::Account{}).balance;
        break;
      default:
        break;
    }
  }
  EXPECT_TRUE(ordered);
  ASSERT_EQ(deals_told.size(), 2u);
  for (const wire::Deal& deal : deals_told) {
    EXPECT_STREQ(deal.entry, "out_by");
    EXPECT_NEAR(deal.volume_lots, 0.1, 1e-9);
    // It stands for none of the bridge's orders, whatever the positions' were.
    EXPECT_NE(std::string(deal.order_id), "buy-01");
    EXPECT_NE(std::string(deal.order_id), "sell-01");
  }
  EXPECT_EQ(deals_told[0].position_id, sell.order.position_id);
  EXPECT_EQ(deals_told[1].position_id, buy.order.position_id);
  EXPECT_EQ(lots[sell.order.position_id], 0);
  EXPECT_NEAR(lots[buy.order.position_id], 0.2, 1e-9);
  EXPECT_NEAR(balance, toMoney(engine->account().balance), 1e-9);

  wire::TakeSnapshot take{};
  take.command = ++command_;
  say(wire::FrameType::kSnapshot, take);
  pass(1'000'000);
  ASSERT_EQ(fakeLink().count(wire::FrameType::kSnapshotEnd), 1u);
  int by = 0;
  for (const auto& m : fakeLink().sent) {
    if (m.type != static_cast<uint16_t>(wire::FrameType::kSnapshotDeals)) continue;
    for (size_t at = sizeof(wire::SnapshotPart); at < m.payload.size(); at += sizeof(wire::Deal)) {
      wire::Deal deal;
      std::memcpy(&deal, m.payload.data() + at, sizeof deal);
      by += std::string(deal.entry) == "out_by";
    }
  }
  EXPECT_EQ(by, 2);
}

// Fifty orders at once are no flood.
TEST_F(ExpertFaults, NoSnapshotIsToldWhenNothingCanHaveBeenDisplaced) {
  profile.latency_us = 40'000;
  config.balance = toCents(1'000'000);
  begin();
  for (int k = 0; k < 50; ++k) {
    MqlTradeRequest request = market(ORDER_TYPE_BUY, 0.01);
    MqlTradeResult result = {};
    ASSERT_TRUE(OrderSendAsync(request, result));
  }
  pass(30'000'000);
  EXPECT_EQ(terminal->program(expert_)->queue.displaced(), 0u);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kSnapshotBegin), 0u);
}

TEST_F(ExpertFaults, RequestIdsThatBeginAnewBelongToNoOrderOfBefore) {
  profile.latency_us = 300'000;
  begin();
  const wire::Place first = order("before-the-restart");
  say(wire::FrameType::kPlace, first);
  pass(100'000);
  EXPECT_EQ(terminal->requestsUnderWay(), 1u);
  kill(true);
  begin();
  const wire::Place second = order("behind-the-restart", 0.2);
  const wire::Result result = place(second);
  EXPECT_EQ(result.outcome, OUTCOME_DONE);
  EXPECT_STREQ(result.order.order_id, "behind-the-restart");
  EXPECT_NEAR(result.order.filled_lots, 0.2, 1e-9);
  EXPECT_EQ(find("before-the-restart").outcome, OUTCOME_DONE);
  EXPECT_EQ(deals(), 2u);
}

TEST_F(ExpertFaults, ItEndsWithinOnDeinitsLimitAndBeginsAgain) {
  begin();
  fakeLink().room = 0;  // with all that cannot be told any more
  for (int i = 0; i < 5000; ++i) tick("EURUSD", 1.1 + i * 0.00001, i % 2);
  say(wire::FrameType::kPlace, order("under-way"));
  pass(20'000);
  printed.clear();
  const int64_t from_us = clock.nowUs();
  EXPECT_TRUE(terminal->reload(expert_, REASON_PARAMETERS));
  EXPECT_LT(clock.nowUs() - from_us, 2'500'000);
  for (const std::string& line : printed) EXPECT_EQ(line.find("abnormal"), std::string::npos) << line;
  fakeLink().room = -1;
  link();
  EXPECT_EQ(find("under-way").outcome, OUTCOME_DONE);
  EXPECT_EQ(deals(), 1u);
}

TEST_F(ExpertFaults, PropertiesAreNotToldBeforeTheyAreThere) {
  profile.connect_us = 2'000'000;
  profile.synchronise_us = 3'000'000;
  begin();
  const auto specs = fakeLink().all<wire::Spec>(wire::FrameType::kSymbols);
  ASSERT_FALSE(specs.empty());
  for (const wire::Spec& spec : specs) {
    EXPECT_GT(spec.point, 0);
    EXPECT_GT(spec.volume_min, 0);
    EXPECT_GT(spec.contract_size, 0);
  }
}

TEST_F(ExpertFaults, AReplyThatIsLostAfterTheOrderWasAccepted) {
  profile.lost_reply = 1;
  begin();
  EXPECT_EQ(place(order("no-reply")).outcome, OUTCOME_DONE);
  EXPECT_EQ(deals(), 1u);
}

TEST_F(ExpertFaults, ATimeoutAfterWhichTheOrderIsThere) {
  profile.timeout_reply = 1;
  begin();
  const wire::Result result = place(order("timed-out"));
  EXPECT_TRUE(result.outcome == OUTCOME_DONE || result.outcome == OUTCOME_UNKNOWN) << int{result.outcome};
  EXPECT_EQ(find("timed-out").outcome, OUTCOME_DONE);
  EXPECT_EQ(place(order("timed-out")).outcome, OUTCOME_DONE);
  EXPECT_EQ(deals(), 1u);
}

TEST_F(ExpertFaults, CommentsThatAreCutRewrittenOrGone) {
  const std::pair<const char*, uint32_t> kinds[] = {
      {"kept", 31}, {"kept", 10}, {"kept", 2}, {"replaced", 31}, {"dropped", 31}};
  for (const auto& [kind, most] : kinds) {
    SCOPED_TRACE(std::string(kind) + " " + std::to_string(most));
    engine.reset();
    std::filesystem::remove_all(folder_);
    fakeLink() = expert_test::FakeLink();
    profile.comment = kind;
    profile.comment_max_bytes = most;
    profile.lost_reply = 1;
    begin();
    EXPECT_EQ(place(order("comment-of-an-order")).outcome, OUTCOME_DONE);
    EXPECT_EQ(place(order("another-order", 0.2)).outcome, OUTCOME_DONE);
    EXPECT_EQ(find("comment-of-an-order").outcome, OUTCOME_DONE);
    EXPECT_EQ(deals(), 2u);
    kill();
  }
}

TEST_F(ExpertFaults, AReversalReplacesTheTicketAndTheIdentifierStays) {
  profile.margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  begin();
  const wire::Result bought = place(order("buy"));
  const uint64_t id = bought.order.position_id;
  EXPECT_NE(id, 0u);
  EXPECT_EQ(place(order("turn", 0.3, true)).order.position_id, id);
  // Its stops, and its end, by the identifier that the bridge knows.
  wire::Protect protect{};
  protect.command = ++command_;
  std::strcpy(protect.symbol, "EURUSD");
  protect.position_id = id;
  protect.stop_loss = 1.2;
  EXPECT_EQ(answer(wire::FrameType::kProtect, protect).outcome, OUTCOME_DONE);
  ASSERT_EQ(engine->positions().size(), 1u);
  EXPECT_NEAR(engine->positions()[0].stop_loss, 1.2, 1e-9);
  EXPECT_EQ(place(order("close", 0.2, false, id)).outcome, OUTCOME_DONE);
  EXPECT_TRUE(engine->positions().empty());
}

TEST_F(ExpertFaults, HistoryThatComesLate) {
  profile.late_history_us = 5'000'000;
  begin();
  EXPECT_EQ(place(order("late-history")).outcome, OUTCOME_DONE);
  EXPECT_EQ(place(order("late-history")).outcome == OUTCOME_NOT_FOUND, false);
  pass(10'000'000);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kDeal), 1u);
  EXPECT_EQ(find("late-history").outcome, OUTCOME_DONE);
  EXPECT_EQ(deals(), 1u);
}

// Each execution mode with each filling that it may have, hedging and netting: what is asked of the symbol, not
// assumed.
TEST_F(ExpertFaults, EveryExecutionModeAndFillingMask) {
  const ENUM_SYMBOL_TRADE_EXECUTION modes[] = {SYMBOL_TRADE_EXECUTION_REQUEST, SYMBOL_TRADE_EXECUTION_INSTANT,
                                               SYMBOL_TRADE_EXECUTION_MARKET, SYMBOL_TRADE_EXECUTION_EXCHANGE};
  for (const auto margin_mode : {ACCOUNT_MARGIN_MODE_RETAIL_HEDGING, ACCOUNT_MARGIN_MODE_RETAIL_NETTING}) {
    for (const auto mode : modes) {
      for (uint32_t mask = 0; mask <= 3; ++mask) {
        SCOPED_TRACE("execution " + std::to_string(mode) + ", filling " + std::to_string(mask) + ", margin " +
                     std::to_string(margin_mode));
        engine.reset();
        std::filesystem::remove_all(folder_);
        fakeLink() = expert_test::FakeLink();
        config.margin_mode = MarginMode::kHedging;
        profile = Profile();
        profile.margin_mode = margin_mode;
        profile.execution = mode;
        profile.filling = mask;
        begin();
        const wire::Result bought = place(order("buy"));
        if (mode == SYMBOL_TRADE_EXECUTION_MARKET && mask == 0) {
          // Neither fill-or-kill nor immediate-or-cancel, and the third is not allowed there.
          EXPECT_EQ(bought.outcome, OUTCOME_REJECTED);
          EXPECT_EQ(bought.retcode, static_cast<uint>(TRADE_RETCODE_INVALID_FILL));
          EXPECT_EQ(deals(), 0u);
          kill();
          continue;
        }
        ASSERT_EQ(bought.outcome, OUTCOME_DONE) << bought.message;
        wire::Place waiting = order("limit");
        waiting.type = 2;
        waiting.price = 1.05;
        EXPECT_EQ(place(waiting).outcome, OUTCOME_DONE) << "a pending order";
        tick("EURUSD", 1.04);
        pass(1'000'000);
        EXPECT_EQ(find("limit").outcome, OUTCOME_DONE);
        EXPECT_EQ(place(order("close", 0.1, true, bought.order.position_id)).outcome, OUTCOME_DONE);
        EXPECT_EQ(deals(), 3u);
        kill();
      }
    }
  }
}

TEST_F(ExpertFaults, Requotes) {
  profile.execution = SYMBOL_TRADE_EXECUTION_INSTANT;
  profile.requote = 1;
  begin();
  const wire::Result result = place(order("requoted"));
  EXPECT_EQ(result.outcome, OUTCOME_REJECTED);
  EXPECT_EQ(result.retcode, static_cast<uint>(TRADE_RETCODE_REQUOTE));
  // An id is sent once: who wants the new price takes another.
  EXPECT_EQ(place(order("requoted")).outcome, OUTCOME_REJECTED);
  EXPECT_EQ(deals(), 0u);
}

TEST_F(ExpertFaults, AMarketThatIsClosed) {
  profile.sessions = {{3, 0, 10 * 3600 + 600}};  // Wednesday until 10:10
  begin();
  EXPECT_EQ(place(order("open")).outcome, OUTCOME_DONE);
  clock.sleepUs(int64_t{600} * 1'000'000);
  now_ms += 600'000;
  tick("EURUSD", 1.1);
  const wire::Result result = place(order("closed"));
  EXPECT_EQ(result.outcome, OUTCOME_REJECTED);
  EXPECT_EQ(result.retcode, static_cast<uint>(TRADE_RETCODE_MARKET_CLOSED));
  EXPECT_EQ(deals(), 1u);
}

TEST_F(ExpertFaults, NotEnoughMoney) {
  begin();
  const wire::Result result = place(order("too-much", 49));
  EXPECT_EQ(result.outcome, OUTCOME_REJECTED);
  EXPECT_EQ(result.retcode, static_cast<uint>(TRADE_RETCODE_NO_MONEY));
  EXPECT_EQ(deals(), 0u);
  EXPECT_EQ(place(order("enough")).outcome, OUTCOME_DONE);
}

TEST_F(ExpertFaults, TheConnectionBreaksWhileARequestIsUnderWay) {
  profile.latency_us = 100'000;
  begin();
  int executed = 0, lost = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "under-way-" + std::to_string(i);
    const size_t before = deals();
    // Of different volumes, so that one cannot be taken for another.
    const wire::Place own = order(id, 0.01 * (i + 1));
    say(wire::FrameType::kPlace, own);
    pass(50'000);
    terminal->disconnect(3'000'000);
    const wire::Result first = answerTo(own.command);
    const wire::Result result = find(id);
    const bool done = deals() > before;
    (done ? executed : lost)++;
    EXPECT_EQ(result.outcome, done ? OUTCOME_DONE : OUTCOME_NOT_FOUND) << id;
    EXPECT_TRUE(first.outcome == OUTCOME_UNKNOWN || first.outcome == result.outcome) << int{first.outcome};
  }
  EXPECT_GT(executed, 0);
  EXPECT_GT(lost, 0);
}

TEST_F(ExpertFaults, WithoutAConnectionNothingIsSent) {
  begin();
  terminal->disconnect(30'000'000);
  pass(2'000'000);
  const wire::Result result = place(order("offline"));
  EXPECT_EQ(result.outcome, OUTCOME_REFUSED);
  pass(60'000'000);
  EXPECT_EQ(deals(), 0u);
  EXPECT_EQ(place(order("offline")).outcome, OUTCOME_DONE);
  EXPECT_EQ(deals(), 1u);
}

TEST_F(ExpertFaults, AnOrderInSeveralParts) {
  config.execution.partial_fill_probability = 1;
  begin();
  const wire::Result result = place(order("in-parts", 1));
  EXPECT_EQ(result.outcome, OUTCOME_DONE);
  pass(1'000'000);
  double filled = 0;
  for (const auto& deal : engine->deals()) filled += toLots(deal.volume);
  EXPECT_LT(filled, 1 + 1e-9);
  EXPECT_NEAR(find("in-parts").order.filled_lots, filled, 1e-9);
}

}  // namespace
}  // namespace mql5_test
