// What is refused before anything is sent, with which code; cancels, changes and stops; snapshots and the session.
#include <functional>

#include "test/expert_harness.h"

namespace {

class Rules : public ExpertTest {
 protected:
  void SetUp() override {
    ExpertTest::SetUp();
    link();
  }
  static WirePlace order(int type = TYPE_MARKET, double price = 0) {
    WirePlace place{};
    place.command = ++command_;
    SetText(place.order_id, "T" + std::to_string(command_));
    SetText(place.symbol, "EURUSD");
    place.side = SIDE_BUY;
    place.type = static_cast<uchar>(type);
    place.volume_lots = 0.1;
    place.price = price;
    place.magic = 77;
    return place;
  }
  wire::Result place(const WirePlace& place) {
    fakeLink().say(FRAME_PLACE, place);
    pass();
    return last();
  }
  template <typename T>
  wire::Result command(int type, T body) {
    body.command = ++command_;
    fakeLink().say(static_cast<uint16_t>(type), body);
    pass();
    return last();
  }
  wire::Result last() {
    const auto all = fakeLink().all<wire::Result>(wire::FrameType::kResult);
    return all.empty() ? wire::Result{} : all.back();
  }
  void position(ulong id, long type = POSITION_TYPE_BUY, double volume = 0.1) {
    mql5::Position p;
    p.ticket = p.identifier = id;
    p.symbol = "EURUSD";
    p.type = type;
    p.volume = volume;
    world().positions.push_back(p);
  }
  void pending(ulong ticket, double price) {
    mql5::Order o;
    o.ticket = ticket;
    o.symbol = "EURUSD";
    o.comment = "Tpending";
    o.type = ORDER_TYPE_BUY_LIMIT;
    o.state = ORDER_STATE_PLACED;
    o.initial = o.current = 0.1;
    o.price = price;
    world().orders.push_back(o);
  }
  static inline uint64_t command_ = 0;
};

TEST_F(Rules, EachLimitHasItsCode) {
  // SetUp makes the world anew for each case.
  const auto eurusd = []() -> mql5::Symbol& { return world().symbols["EURUSD"]; };
  struct Case {
    const char* what;
    uint32_t retcode;
    std::function<void(WirePlace&)> change;
  };
  const Case cases[] = {
      {"no connection", 10031, [](auto&) { world().terminal[TERMINAL_CONNECTED] = 0; }},
      {"button off", 10027, [](auto&) { world().terminal[TERMINAL_TRADE_ALLOWED] = 0; }},
      {"program may not", 10027, [](auto&) { world().mql_trade_allowed = 0; }},
      {"account may not", 10017, [](auto&) { world().account[ACCOUNT_TRADE_ALLOWED] = 0; }},
      {"server forbids experts", 10026, [](auto&) { world().account[ACCOUNT_TRADE_EXPERT] = 0; }},
      {"unknown symbol", 10013, [](auto& p) { SetText(p.symbol, "NONE"); }},
      {"no side", 10013, [](auto& p) { p.side = 0; }},
      {"symbol disabled", 10017, [&](auto&) { eurusd().integers[SYMBOL_TRADE_MODE] = SYMBOL_TRADE_MODE_DISABLED; }},
      {"short only", 10043, [&](auto&) { eurusd().integers[SYMBOL_TRADE_MODE] = SYMBOL_TRADE_MODE_SHORTONLY; }},
      {"long only", 10042,
       [&](auto& p) {
         eurusd().integers[SYMBOL_TRADE_MODE] = SYMBOL_TRADE_MODE_LONGONLY;
         p.side = SIDE_SELL;
       }},
      {"close only", 10044, [&](auto&) { eurusd().integers[SYMBOL_TRADE_MODE] = SYMBOL_TRADE_MODE_CLOSEONLY; }},
      {"no market orders", 10035, [&](auto&) { eurusd().integers[SYMBOL_ORDER_MODE] = 2; }},
      {"outside of sessions", 10018,
       [](auto&) {
         world().sessions = {{0, {0, 1}}, {1, {0, 1}}};
       }},
      {"volume off the grid", 10014, [](auto& p) { p.volume_lots = 0.105; }},
      {"volume too small", 10014,
       [&](auto& p) {
         eurusd().doubles[SYMBOL_VOLUME_MIN] = 0.2;
         p.volume_lots = 0.1;
       }},
      {"volume too large", 10014, [](auto& p) { p.volume_lots = 50.01; }},
      {"volume not a number", 10014, [](auto& p) { p.volume_lots = std::nan(""); }},
      {"no filling mode", 10030, [&](auto&) { eurusd().integers[SYMBOL_FILLING_MODE] = 0; }},
      {"stop loss on the wrong side", 10016, [](auto& p) { p.stop_loss = 1.2; }},
      {"stop loss too close", 10016,
       [&](auto& p) {
         eurusd().integers[SYMBOL_TRADE_STOPS_LEVEL] = 100;
         p.stop_loss = 1.0991;
       }},
      {"take profit off the grid", 10016, [](auto& p) { p.take_profit = 1.2000051; }},
      {"no price", 10021, [&](auto&) { eurusd().ticks.clear(); }},
      {"moved beyond the deviation", 10004,
       [](auto& p) {
         p.price = 1.1;
         p.deviation_points = 10;
       }},
      {"position that is not there", 10036,
       [](auto& p) {
         p.side = SIDE_SELL;
         p.position_id = 99;
       }},
      {"more than the position", 10038,
       [this](auto& p) {
         position(9);
         p.side = SIDE_SELL;
         p.position_id = 9;
         p.volume_lots = 0.2;
       }},
      {"limit on the wrong side", 10015,
       [](auto& p) {
         p.type = TYPE_LIMIT;
         p.price = 1.2;
       }},
      {"limit closer than the stops level", 10015,
       [&](auto& p) {
         eurusd().integers[SYMBOL_TRADE_STOPS_LEVEL] = 100;
         p.type = TYPE_LIMIT;
         p.price = 1.0995;
       }},
      {"stop limit beyond its trigger", 10015,
       [](auto& p) {
         p.type = TYPE_STOP_LIMIT;
         p.price = 1.2;
         p.stop_limit_price = 1.3;
       }},
      {"expiration in the past", 10022,
       [](auto& p) {
         p.type = TYPE_LIMIT;
         p.price = 1.0;
         p.time_in_force = FORCE_SPECIFIED;
         p.expiration_ms = 1000;
       }},
      {"no good till cancelled", 10022,
       [&](auto& p) {
         eurusd().integers[SYMBOL_EXPIRATION_MODE] = 2;
         p.type = TYPE_LIMIT;
         p.price = 1.0;
       }},
      {"too many orders", 10033,
       [this](auto& p) {
         world().account[ACCOUNT_LIMIT_ORDERS] = 1;
         pending(5, 1.0);
         p.type = TYPE_LIMIT;
         p.price = 1.0;
       }},
  };
  for (const Case& c : cases) {
    SetUp();
    WirePlace asked = order();
    c.change(asked);
    const wire::Result result = place(asked);
    EXPECT_EQ(result.command, asked.command) << c.what;
    EXPECT_EQ(result.retcode, c.retcode) << c.what << ": " << result.message;
    EXPECT_EQ(result.outcome, c.retcode == 10031 ? OUTCOME_REFUSED : OUTCOME_REJECTED) << c.what;
    EXPECT_STRNE(result.message, "") << c.what;
    EXPECT_TRUE(world().sent.empty()) << c.what;
    EXPECT_EQ(g_journal_count, 0) << c.what;
  }
}

TEST_F(Rules, FillingIsWhatTheSymbolAllows) {
  auto& integers = world().symbols["EURUSD"].integers;
  struct Case {
    long mask, execution;
    ENUM_ORDER_TYPE_FILLING filling;
  };
  for (const Case& c : {Case{1, SYMBOL_TRADE_EXECUTION_MARKET, ORDER_FILLING_FOK},
                        Case{2, SYMBOL_TRADE_EXECUTION_MARKET, ORDER_FILLING_IOC},
                        Case{0, SYMBOL_TRADE_EXECUTION_EXCHANGE, ORDER_FILLING_RETURN},
                        Case{0, SYMBOL_TRADE_EXECUTION_INSTANT, ORDER_FILLING_RETURN}}) {
    integers[SYMBOL_FILLING_MODE] = c.mask;
    integers[SYMBOL_TRADE_EXEMODE] = c.execution;
    place(order());
    EXPECT_EQ(world().sent.back().type_filling, c.filling);
  }
  place(order(TYPE_LIMIT, 1.0));
  EXPECT_EQ(world().sent.back().type_filling, ORDER_FILLING_RETURN);
  EXPECT_EQ(world().sent.back().action, TRADE_ACTION_PENDING);
}

TEST_F(Rules, PricesGoOutOnTheGrid) {
  WirePlace limit = order(TYPE_LIMIT, 1.0 + 1e-9);
  limit.stop_loss = 0.9 + 1e-9;
  place(limit);
  EXPECT_EQ(world().sent.back().price, 1.0);
  EXPECT_EQ(world().sent.back().sl, 0.9);
}

TEST_F(Rules, CancelAndModifyOfWhatIsThereAndWhatIsGone) {
  WireCancel cancel{};
  cancel.ticket = 5;
  EXPECT_EQ(command(FRAME_CANCEL, cancel).retcode, 10013u);
  pending(5, 1.0);
  command(FRAME_CANCEL, cancel);
  ASSERT_EQ(world().sent.size(), 1u);
  EXPECT_EQ(world().sent[0].action, TRADE_ACTION_REMOVE);
  EXPECT_EQ(world().sent[0].order, 5u);
  MqlTradeResult done{};
  done.request_id = 1;
  done.retcode = 10009;
  OnRequestAnswered(world().sent[0], done);
  EXPECT_EQ(last().outcome, OUTCOME_DONE);
  EXPECT_EQ(last().command, command_);

  WireModify modify{};
  SetText(modify.order_id, "Tpending");
  modify.price = 1.0;
  EXPECT_EQ(command(FRAME_MODIFY, modify).retcode, 10025u);
  modify.price = 1.2;
  EXPECT_EQ(command(FRAME_MODIFY, modify).retcode, 10015u);
  modify.price = 1.05;
  command(FRAME_MODIFY, modify);
  ASSERT_EQ(world().sent.size(), 2u);
  EXPECT_EQ(world().sent[1].price, 1.05);
  world().symbols["EURUSD"].integers[SYMBOL_TRADE_FREEZE_LEVEL] = 20'000;
  EXPECT_EQ(command(FRAME_CANCEL, cancel).retcode, 10029u);

  world().history = world().orders;
  world().orders.clear();
  world().history[0].state = ORDER_STATE_CANCELED;
  EXPECT_EQ(command(FRAME_CANCEL, cancel).retcode, 10025u);
  EXPECT_EQ(last().outcome, OUTCOME_DONE);
  world().history[0].state = ORDER_STATE_FILLED;
  EXPECT_EQ(command(FRAME_CANCEL, cancel).retcode, 10023u);
}

TEST_F(Rules, ProtectAsksForTheMarginMode) {
  WireProtect protect{};
  SetText(protect.symbol, "EURUSD");
  protect.stop_loss = 1.05;
  EXPECT_EQ(command(FRAME_PROTECT, protect).retcode, 10013u);  // hedging: which one?
  world().account[ACCOUNT_MARGIN_MODE] = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  EXPECT_EQ(command(FRAME_PROTECT, protect).retcode, 10036u);
  position(9);
  command(FRAME_PROTECT, protect);
  ASSERT_EQ(world().sent.size(), 1u);
  EXPECT_EQ(world().sent[0].action, TRADE_ACTION_SLTP);
  EXPECT_EQ(world().sent[0].position, 9u);
  protect.position_id = 9;
  SetText(protect.symbol, "USDJPY");
  EXPECT_EQ(command(FRAME_PROTECT, protect).retcode, 10013u);
  SetText(protect.symbol, "");
  protect.stop_loss = 1.2;
  EXPECT_EQ(command(FRAME_PROTECT, protect).retcode, 10016u);
  MqlTradeResult refused{};
  refused.request_id = 1;
  refused.retcode = 10006;
  OnRequestAnswered(world().sent[0], refused);
  protect.stop_loss = 0;
  EXPECT_EQ(command(FRAME_PROTECT, protect).retcode, 10025u);
}

TEST_F(Rules, ASnapshotIsTheWholeState) {
  for (ulong i = 1; i <= 100; ++i) pending(i, 1.0);
  position(900);
  mql5::Deal balance;
  balance.ticket = 1;
  balance.type = DEAL_TYPE_BALANCE;
  balance.time_ms = 5'000;
  balance.profit = 10'000;
  mql5::Deal deal = balance;
  deal.ticket = 2;
  deal.type = DEAL_TYPE_BUY;
  deal.symbol = "EURUSD";
  deal.time_ms = 5'001;
  world().deals = {balance, deal};
  fakeLink().sent.clear();
  fakeLink().say(FRAME_SNAPSHOT, WireTakeSnapshot{7, 5'001});
  pass();
  const auto begin = fakeLink().all<wire::SnapshotBegin>(wire::FrameType::kSnapshotBegin);
  ASSERT_EQ(begin.size(), 1u);
  EXPECT_EQ(begin[0].command, 7u);
  EXPECT_STREQ(begin[0].account.login, "4711");
  EXPECT_STREQ(begin[0].account.margin_mode, "hedging");
  EXPECT_EQ(begin[0].account.trade_allowed, 1);
  size_t orders = 0;
  for (const auto& part : fakeLink().all<wire::SnapshotPart>(wire::FrameType::kSnapshotOrders)) orders += part.count;
  EXPECT_EQ(orders, 100u);
  EXPECT_EQ(fakeLink().all<wire::SnapshotPart>(wire::FrameType::kSnapshotPositions).at(0).count, 1u);
  const auto deals = fakeLink().all<wire::SnapshotPart>(wire::FrameType::kSnapshotDeals);
  ASSERT_EQ(deals.size(), 1u);
  EXPECT_EQ(deals[0].count, 1u);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kSnapshotEnd), 1u);
  EXPECT_EQ(fakeLink().sent.back().type, FRAME_SNAPSHOT_END);
  // All: the watermark is 0.
  fakeLink().sent.clear();
  fakeLink().say(FRAME_SNAPSHOT, WireTakeSnapshot{8, 0});
  pass();
  const auto all = fakeLink().all<wire::Deal>(wire::FrameType::kSnapshotDeals, sizeof(wire::SnapshotPart));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_STREQ(all[0].entry, "balance");
  EXPECT_EQ(all[0].side, 0);
}

TEST_F(Rules, WhatTheLinkDoesNotTakeIsSentLaterInOrder) {
  position(900);
  fakeLink().sent.clear();
  fakeLink().room = 0;
  TellPosition(900, "EURUSD");
  TellAccount();
  EXPECT_TRUE(fakeLink().sent.empty());
  fakeLink().room = -1;
  pass();
  ASSERT_GE(fakeLink().sent.size(), 2u);
  EXPECT_EQ(fakeLink().sent[0].type, FRAME_POSITION);
  EXPECT_EQ(fakeLink().sent[1].type, FRAME_ACCOUNT);
}

TEST_F(Rules, EventsThatFindNoRoomAreMadeGoodByASnapshotThatNobodyAskedFor) {
  fakeLink().say(FRAME_SNAPSHOT, WireTakeSnapshot{7, 5'001});
  pass();
  position(900);
  fakeLink().sent.clear();
  fakeLink().room = 0;
  const ulong before = g_outbox.events;
  for (int i = 0; i < 20'000; ++i) TellAccount();
  EXPECT_TRUE(g_outbox.up) << "the session goes on";
  EXPECT_GT(g_outbox.dropped, 0u);
  EXPECT_EQ(g_outbox.events, before + 20'000) << "dropped ones are numbered too";
  EXPECT_LE(g_outbox.used, OUTBOX_BYTES);
  fakeLink().room = -1;
  for (int i = 0; i < 20; ++i) pass();
  TellAccount();
  const auto begins = fakeLink().all<wire::SnapshotBegin>(wire::FrameType::kSnapshotBegin);
  ASSERT_EQ(begins.size(), 1u);
  EXPECT_EQ(begins[0].command, 0u);
  EXPECT_EQ(begins[0].deals_since_ms, 5'001) << "as the bridge asked last";
  EXPECT_GE(begins[0].event_sequence, before + 20'000);
  EXPECT_EQ(fakeLink().count(wire::FrameType::kSnapshotEnd), 1u);
  EXPECT_EQ(fakeLink().all<wire::SnapshotPart>(wire::FrameType::kSnapshotPositions).at(0).count, 1u);
  // Events without a hole up to some number, then the snapshot, then the next after it: never one behind a hole.
  ulong last = before;
  bool told = false;
  for (const auto& message : fakeLink().sent) {
    if (message.type == FRAME_SNAPSHOT_BEGIN) {
      told = true;
      last = begins[0].event_sequence;
    }
    if (message.type != FRAME_ACCOUNT && message.type != FRAME_POSITION) continue;
    wire::EventHeader head;
    std::memcpy(&head, message.payload.data(), sizeof head);
    const ulong number = head.sequence;  // a packed member may stand anywhere
    EXPECT_EQ(number, last + 1);
    last = number;
  }
  EXPECT_TRUE(told);
  EXPECT_EQ(last, g_outbox.events);
}

TEST_F(Rules, ASnapshotThatIsAskedForMeanwhileStandsForTheDroppedEventsToo) {
  fakeLink().room = 0;
  for (int i = 0; i < 20'000; ++i) TellAccount();
  ASSERT_GT(g_outbox.dropped, 0u);
  fakeLink().sent.clear();
  fakeLink().room = -1;
  fakeLink().say(FRAME_SNAPSHOT, WireTakeSnapshot{8, 0});
  for (int i = 0; i < 20; ++i) pass();
  const auto begins = fakeLink().all<wire::SnapshotBegin>(wire::FrameType::kSnapshotBegin);
  ASSERT_EQ(begins.size(), 1u);
  EXPECT_EQ(begins[0].command, 8u);
  EXPECT_GE(begins[0].event_sequence, 20'000u);
  EXPECT_EQ(g_outbox.dropped, 0u);
}

TEST_F(Rules, AnswersThatFindNoRoomBeginANewSession) {
  fakeLink().room = 0;
  for (int i = 0; i < 20'000 && g_outbox.up; ++i) {
    WireResult result{};
    BeginMessage(g_out, FRAME_RESULT);
    Append(g_out, result);
    OutboxPush(g_out);
  }
  EXPECT_FALSE(g_outbox.up) << "an answer is not in any snapshot";
  fakeLink().room = -1;
  fakeLink().lost();
  pass();
  fakeLink().up();
  pass();
  EXPECT_TRUE(g_outbox.up);
  EXPECT_EQ(g_outbox.events, 0u);
}

TEST_F(Rules, WhoLetsItTradeIsToldAtTheLinkAndWhenItChanges) {
  const auto told = [] { return fakeLink().all<wire::TerminalStatus>(wire::FrameType::kStatus); };
  ASSERT_EQ(told().size(), 1u) << "with the symbols";
  EXPECT_EQ(told()[0].build, 4000u);
  EXPECT_EQ(told()[0].ping_us, 12'300u);
  const auto flags = [&] {
    const wire::TerminalStatus s = told().back();
    return std::vector<int>{s.connected, s.terminal_allows, s.expert_allows, s.account_allows, s.server_allows};
  };
  EXPECT_EQ(flags(), (std::vector<int>{1, 1, 1, 1, 1}));
  pass(1'100'000);
  EXPECT_EQ(told().size(), 1u) << "nothing has changed";
  world().terminal[TERMINAL_TRADE_ALLOWED] = 0;
  pass(1'100'000);
  EXPECT_EQ(flags(), (std::vector<int>{1, 0, 1, 1, 1}));
  world().terminal[TERMINAL_TRADE_ALLOWED] = 1;
  world().mql_trade_allowed = 0;
  pass(1'100'000);
  EXPECT_EQ(flags(), (std::vector<int>{1, 1, 0, 1, 1}));
  world().mql_trade_allowed = 1;
  world().account[ACCOUNT_TRADE_ALLOWED] = 0;
  world().account[ACCOUNT_TRADE_EXPERT] = 0;
  pass(1'100'000);
  EXPECT_EQ(flags(), (std::vector<int>{1, 1, 1, 0, 0}));
  world().terminal[TERMINAL_CONNECTED] = 0;
  pass(1'100'000);
  EXPECT_EQ(flags(), (std::vector<int>{0, 1, 1, 0, 0}));
  // The ping changes all the time, and is told now and then.
  const size_t before = told().size();
  for (int i = 0; i < 12; ++i) {
    world().terminal[TERMINAL_PING_LAST] += 100;
    pass(1'100'000);
  }
  EXPECT_GE(told().size(), before + 2);
  EXPECT_LE(told().size(), before + 3);
}

TEST_F(Rules, AChangeOfPermissionIsTold) {
  fakeLink().sent.clear();
  world().terminal[TERMINAL_TRADE_ALLOWED] = 0;
  pass(1'100'000);
  const auto told = fakeLink().all<wire::Account>(wire::FrameType::kAccount, sizeof(wire::EventHeader));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].trade_allowed, 0);
}

TEST_F(Rules, TheSessionSaysWhoItIs) {
  const TroupeConfig& config = fakeLink().config;
  EXPECT_STREQ(config.login, "4711");
  EXPECT_STREQ(config.margin_mode, "hedging");
  EXPECT_STREQ(config.terminal, "MT5 build 4000");
  EXPECT_STREQ(config.key, kTestKey);
  EXPECT_EQ(config.utc_offset_s, 7200);
  EXPECT_EQ(config.port, 7080);
  const auto specs = fakeLink().all<wire::Spec>(wire::FrameType::kSymbols);
  ASSERT_EQ(specs.size(), 1u);
  EXPECT_STREQ(specs[0].name, "EURUSD");
  const double step = specs[0].volume_step;  // a packed member may stand anywhere
  EXPECT_EQ(step, 0.01);
  EXPECT_STREQ(specs[0].calc_mode, "forex");
}

TEST_F(Rules, ABrokersClockThatChangesIsToldAfresh) {
  const int starts = fakeLink().starts;
  world().offset_s = 10800;
  pass(1'100'000);
  EXPECT_EQ(fakeLink().starts, starts);
  pass(1'100'000);
  link();
  EXPECT_EQ(fakeLink().starts, starts + 1);
  EXPECT_EQ(fakeLink().config.utc_offset_s, 10800);
}

TEST_F(Rules, PropertiesThatAreZeroAreWaitedFor) {
  kill();
  auto& step = world().symbols["USDJPY"].doubles[SYMBOL_VOLUME_STEP];
  step = 0;
  for (int i = 0; i < 20; ++i) pass();
  EXPECT_FALSE(fakeLink().running);
  step = 0.01;
  link();
  EXPECT_EQ(g_session.told_symbols, 2);
}

TEST_F(Rules, TheOtherMessagesOfTheLinkDoNoHarm) {
  fakeLink().say(LOCAL_DROPPED, TroupeDropped{1, 2, 3});
  fakeLink().say(LOCAL_REFUSED, TroupeRefused{"E_LINK_KEY", "the key is wrong", 0, 1});
  fakeLink().say(FRAME_PLACE, WireCancel{});  // of a wrong size
  pass();
  EXPECT_EQ(g_session.phase, PHASE_LINKED);
  EXPECT_TRUE(world().sent.empty());
}

TEST(Settings, EachHasItsError) {
  const Settings good{"127.0.0.1", 7080, kTestKey, "", "", "", 64, 10};
  g_settings = good;
  EXPECT_EQ(BadSetting(), "");
  g_settings.port = 0;
  EXPECT_EQ(BadSetting(), "Port: must be 1 to 65535");
  g_settings = good;
  g_settings.host = "";
  EXPECT_EQ(BadSetting(), "Host: empty");
  g_settings = good;
  g_settings.key = "abc";
  EXPECT_EQ(BadSetting(), "Key: must be 64 hex digits, the key of the bridge");
  g_settings = good;
  g_settings.tls_fingerprint = "abc";
  EXPECT_EQ(BadSetting(), "TLS fingerprint: must be 64 hex digits, with or without colons, or empty");
  g_settings.tls_fingerprint = kTestKey;
  EXPECT_EQ(BadSetting(), "");
  g_settings.tls_ca = "ca.pem";
  EXPECT_EQ(BadSetting(), "TLS CA: must be empty when there is a TLS fingerprint");
  g_settings.tls_fingerprint = "";
  EXPECT_EQ(BadSetting(), "");
  g_settings.tls_ca = std::string(201, 'x');
  EXPECT_EQ(BadSetting(), "TLS CA: must have at most 200 characters");
  g_settings = good;
  g_settings.log_mb = 1;
  EXPECT_EQ(BadSetting(), "Log size: must be 4 to 4096 MB");
  g_settings = good;
  g_settings.not_found_after_s = 0;
  EXPECT_EQ(BadSetting(), "Not found after: must be 1 to 600 s");
}

}  // namespace
