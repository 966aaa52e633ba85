// Every order type on each side, stops, and the codes of what is refused.
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;

struct PendingCase {
  const char* name;
  Side side;
  OrderType type;
  double price, stop_limit;
  double quiet_bid;  // a tick that must not fill
  double fill_bid;   // a tick that must; ask is 10 points above
  double fill_price;
};

class Pending : public ::testing::TestWithParam<std::tuple<PendingCase, MarginMode>> {};

TEST_P(Pending, WaitsThenFills) {
  const auto& [c, mode] = GetParam();
  Rig rig(configOf(mode));
  PlaceRequest request = rig.request(c.side, 0.1, c.type, c.price);
  request.stop_limit_price = c.stop_limit;
  const Result placed = rig.engine.place(request);
  ASSERT_EQ(placed.retcode, kPlaced) << placed.message;
  EXPECT_EQ(placed.outcome, Outcome::kAccepted);
  EXPECT_EQ(placed.order.state, OrderState::kWorking);
  rig.tick(c.quiet_bid, c.quiet_bid + 0.0001);
  EXPECT_EQ(rig.engine.positions().size(), 0u);
  if (c.type == OrderType::kStopLimit) {
    // Through the trigger first: it becomes a limit order and does not fill there.
    const double trigger = c.price + signOf(c.side) * 0.0002;
    rig.tick(trigger, trigger + 0.0001);
    EXPECT_EQ(rig.engine.positions().size(), 0u);
    EXPECT_EQ(rig.engine.find(request.order_id, 0).order.type, OrderType::kLimit);
  }
  rig.engine.takeEvents();
  rig.tick(c.fill_bid, c.fill_bid + 0.0001);
  const Result found = rig.engine.find(request.order_id, 0);
  ASSERT_EQ(found.order.state, OrderState::kFilled);
  EXPECT_EQ(found.outcome, Outcome::kDone);
  ASSERT_EQ(found.deals.size(), 1u);
  EXPECT_NEAR(found.deals[0].price, c.fill_price, 1e-9);
  EXPECT_EQ(found.deals[0].entry, "in");
  const auto positions = rig.engine.positions();
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].side, c.side);
  EXPECT_EQ(positions[0].position_id, found.order.ticket);
  EXPECT_EQ(positions[0].volume, toVolume(0.1));
  // deal, order, position, account
  const auto events = rig.engine.takeEvents();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].kind, Event::Kind::kDeal);
  EXPECT_EQ(events[1].kind, Event::Kind::kOrder);
  EXPECT_EQ(events[2].kind, Event::Kind::kPosition);
  EXPECT_EQ(events[3].kind, Event::Kind::kAccount);
}

// The market stands at 1.10000/1.10010.
INSTANTIATE_TEST_SUITE_P(
    Orders, Pending,
    ::testing::Combine(
        ::testing::Values(
            PendingCase{"BuyLimit", Side::kBuy, OrderType::kLimit, 1.0990, 0, 1.0990, 1.0988, 1.0989},
            PendingCase{"SellLimit", Side::kSell, OrderType::kLimit, 1.1010, 0, 1.1009, 1.1011, 1.1011},
            PendingCase{"BuyStop", Side::kBuy, OrderType::kStop, 1.1020, 0, 1.1018, 1.1020, 1.1021},
            PendingCase{"SellStop", Side::kSell, OrderType::kStop, 1.0980, 0, 1.0981, 1.0979, 1.0979},
            PendingCase{"BuyStopLimit", Side::kBuy, OrderType::kStopLimit, 1.1020, 1.1010, 1.1018, 1.1008, 1.1009},
            PendingCase{"SellStopLimit", Side::kSell, OrderType::kStopLimit, 1.0980, 1.0990, 1.0981, 1.0991, 1.0991}),
        ::testing::Values(MarginMode::kNetting, MarginMode::kHedging)),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).name) +
             (std::get<1>(info.param) == MarginMode::kNetting ? "Netting" : "Hedging");
    });

struct StopCase {
  const char* name;
  Side side;
  double stop_loss, take_profit, quiet_bid, trigger_bid, price;
  const char* reason;
};

class Stops : public ::testing::TestWithParam<std::tuple<StopCase, MarginMode>> {};

// A buy is closed on bid, a sell on ask: the quiet tick has the other side of the spread beyond the level.
TEST_P(Stops, Trigger) {
  const auto& [c, mode] = GetParam();
  Rig rig(configOf(mode));
  PlaceRequest request = rig.request(c.side, 0.1);
  request.stop_loss = c.stop_loss;
  request.take_profit = c.take_profit;
  const Result opened = rig.engine.place(request);
  ASSERT_EQ(opened.retcode, kDone) << opened.message;
  rig.tick(c.quiet_bid, c.quiet_bid + 0.0001);
  ASSERT_EQ(rig.engine.positions().size(), 1u);
  rig.engine.takeEvents();
  rig.tick(c.trigger_bid, c.trigger_bid + 0.0001);
  ASSERT_EQ(rig.engine.positions().size(), 0u);
  const Deal& deal = rig.engine.deals().back();
  EXPECT_EQ(deal.reason, c.reason);
  EXPECT_EQ(deal.entry, "out");
  EXPECT_NEAR(deal.price, c.price, 1e-9);
  EXPECT_EQ(deal.magic, 7u);
  EXPECT_EQ(deal.position_id, opened.order.ticket);
  EXPECT_EQ(deal.order_id[0], '[');
  const double open = c.side == Side::kBuy ? 1.1001 : 1.1000;
  EXPECT_EQ(deal.profit, toCents(signOf(c.side) * (c.price - open) * 10000));
  // order taken, order done, deal, position gone, account
  const auto events = rig.engine.takeEvents();
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[1].order.state, OrderState::kFilled);
  EXPECT_EQ(events[2].kind, Event::Kind::kDeal);
  EXPECT_EQ(events[3].position.volume, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Positions, Stops,
    ::testing::Combine(
        ::testing::Values(StopCase{"BuyLoss", Side::kBuy, 1.0990, 0, 1.09901, 1.0990, 1.0990, "stop_loss"},
                          StopCase{"BuyProfit", Side::kBuy, 0, 1.1010, 1.10099, 1.1012, 1.1012, "take_profit"},
                          StopCase{"SellLoss", Side::kSell, 1.1010, 0, 1.10089, 1.1009, 1.1010, "stop_loss"},
                          StopCase{"SellProfit", Side::kSell, 0, 1.0990, 1.0990, 1.0988, 1.0989, "take_profit"}),
        ::testing::Values(MarginMode::kNetting, MarginMode::kHedging)),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).name) +
             (std::get<1>(info.param) == MarginMode::kNetting ? "Netting" : "Hedging");
    });

TEST(Market, FillsAtAskAndBidInTheDocumentedOrder) {
  Rig rig(configOf(MarginMode::kNetting));
  rig.engine.takeEvents();
  const Result buy = rig.market(Side::kBuy, 0.1);
  EXPECT_EQ(buy.outcome, Outcome::kDone);
  EXPECT_EQ(buy.retcode, kDone);
  ASSERT_EQ(buy.deals.size(), 1u);
  EXPECT_EQ(buy.deals[0].price, 1.10010);
  const auto events = rig.engine.takeEvents();
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].order.state, OrderState::kWorking);
  EXPECT_EQ(events[1].kind, Event::Kind::kDeal);
  EXPECT_EQ(events[2].order.state, OrderState::kFilled);
  EXPECT_EQ(events[3].kind, Event::Kind::kPosition);
  EXPECT_EQ(events[4].kind, Event::Kind::kAccount);
  EXPECT_EQ(rig.market(Side::kSell, 0.1).deals[0].price, 1.10000);
}

TEST(Refused, EachWithItsCode) {
  Rig rig(configOf(MarginMode::kNetting));
  const auto code = [&](auto change) {
    PlaceRequest r = rig.request(Side::kBuy, 0.1);
    change(r);
    const Result result = rig.engine.place(r);
    EXPECT_EQ(result.outcome, Outcome::kRejected);
    EXPECT_TRUE(result.deals.empty());
    return result.retcode;
  };
  const auto pending = [&](OrderType type, Side side, double price, double stop_limit = 0) {
    return code([&](PlaceRequest& r) {
      r.type = type;
      r.side = side;
      r.price = price;
      r.stop_limit_price = stop_limit;
    });
  };
  EXPECT_EQ(code([](auto& r) { r.symbol = "NOPE"; }), kInvalid);
  EXPECT_EQ(code([](auto& r) { r.side = Side::kNone; }), kInvalid);
  EXPECT_EQ(code([](auto& r) { r.type = OrderType::kNone; }), kInvalid);
  EXPECT_EQ(code([](auto& r) { r.order_id = ""; }), kInvalid);
  EXPECT_EQ(code([](auto& r) { r.order_id = "[sl"; }), kInvalid);
  for (const double lots : {0.0, -1.0, 0.005, 0.015, 50.01, 1e12, std::nan("")}) {
    EXPECT_EQ(code([&](auto& r) { r.volume_lots = lots; }), kInvalidVolume) << lots;
  }
  EXPECT_EQ(pending(OrderType::kLimit, Side::kBuy, 1.1002), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kLimit, Side::kBuy, 1.1001), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kLimit, Side::kSell, 1.0999), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kStop, Side::kBuy, 1.1000), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kStop, Side::kSell, 1.1001), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kStop, Side::kBuy, 1.100205), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kLimit, Side::kBuy, 0), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kLimit, Side::kBuy, std::nan("")), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kStopLimit, Side::kBuy, 1.1020, 0), kInvalidPrice);
  EXPECT_EQ(pending(OrderType::kStopLimit, Side::kBuy, 1.1020, 1.1030), kInvalidPrice);
  EXPECT_EQ(code([](auto& r) { r.stop_loss = 1.1000; }), kInvalidStops);
  EXPECT_EQ(code([](auto& r) { r.stop_loss = 1.2; }), kInvalidStops);
  EXPECT_EQ(code([](auto& r) { r.take_profit = 1.05; }), kInvalidStops);
  EXPECT_EQ(code([](auto& r) { r.stop_loss = 1.099995; }), kInvalidStops);
  EXPECT_EQ(code([](auto& r) { r.take_profit = -1; }), kInvalidStops);
  EXPECT_EQ(code([](auto& r) { r.volume_lots = 50; }), kNoMoney);
  EXPECT_EQ(code([](auto& r) { r.position_id = 99; }), kPositionClosed);
  EXPECT_EQ(code([](auto& r) {
              r.price = 1.0990;
              r.deviation_points = 5;
            }),
            kRequote);
  EXPECT_EQ(code([](auto& r) {
              r.type = OrderType::kLimit;
              r.price = 1.09;
              r.time_in_force = TimeInForce::kSpecified;
              r.expiration_ms = 5;
            }),
            kInvalidExpiration);
  EXPECT_EQ(rig.engine.deals().size(), 1u) << "only the opening balance";
  Engine quiet(configOf(MarginMode::kNetting));
  quiet.begin();
  EXPECT_EQ(quiet.place(rig.request(Side::kBuy, 0.1)).retcode, kPriceOff);
}

TEST(Refused, WithinStopsAndFreezeLevel) {
  EngineConfig config = configOf(MarginMode::kNetting);
  config.symbols[0].stops_level_points = 50;
  config.symbols[0].freeze_level_points = 30;
  Rig rig(config);
  EXPECT_EQ(rig.engine.place(rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.09961)).retcode, kInvalidPrice);
  const Result standing = rig.engine.place(rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.0996));
  ASSERT_EQ(standing.retcode, kPlaced);
  PlaceRequest close_stop = rig.request(Side::kBuy, 0.1);
  close_stop.stop_loss = 1.09951;
  EXPECT_EQ(rig.engine.place(close_stop).retcode, kInvalidStops);
  rig.tick(1.09980, 1.09989);
  EXPECT_EQ(rig.engine.cancel(standing.order.ticket, "").retcode, kFrozen);
  rig.tick(1.10000, 1.10010);
  EXPECT_EQ(rig.engine.cancel(standing.order.ticket, "").retcode, kDone);
}

TEST(Expiration, SpecifiedAndDay) {
  Rig rig(configOf(MarginMode::kNetting));
  PlaceRequest soon = rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.09);
  soon.time_in_force = TimeInForce::kSpecified;
  soon.expiration_ms = rig.time_ms + 100;
  PlaceRequest day = rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.09);
  day.time_in_force = TimeInForce::kDay;
  ASSERT_EQ(rig.engine.place(soon).retcode, kPlaced);
  ASSERT_EQ(rig.engine.place(day).retcode, kPlaced);
  // Time is everybody's: a tick of another symbol expires as well.
  rig.engine.quote(1, rig.time_ms + 100, 150, 150.01);
  EXPECT_EQ(rig.engine.find(soon.order_id, 0).order.state, OrderState::kExpired);
  rig.engine.quote(1, 86'399'999, 150, 150.01);
  EXPECT_EQ(rig.engine.find(day.order_id, 0).order.state, OrderState::kWorking);
  rig.engine.quote(1, 86'400'000, 150, 150.01);
  EXPECT_EQ(rig.engine.find(day.order_id, 0).order.state, OrderState::kExpired);
  EXPECT_TRUE(rig.engine.activeOrders().empty());
}

TEST(Manage, CancelModifyProtect) {
  Rig rig(configOf(MarginMode::kNetting));
  const PlaceRequest limit = rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.09);
  rig.engine.place(limit);
  ModifyRequest modify{.ticket = 0, .order_id = limit.order_id, .price = 1.095, .stop_loss = 1.09, .take_profit = 1.1};
  EXPECT_EQ(rig.engine.modify(modify).retcode, kDone);
  EXPECT_EQ(rig.engine.modify(modify).retcode, kNoChanges);
  modify.price = 1.2;
  EXPECT_EQ(rig.engine.modify(modify).retcode, kInvalidPrice);
  modify.price = 1.095;
  modify.stop_loss = 1.096;
  EXPECT_EQ(rig.engine.modify(modify).retcode, kInvalidStops);
  EXPECT_EQ(rig.engine.find(limit.order_id, 0).order.stop_loss, 1.09);
  EXPECT_EQ(rig.engine.cancel(0, limit.order_id).order.state, OrderState::kCancelled);
  EXPECT_EQ(rig.engine.cancel(0, limit.order_id).retcode, kNoChanges);
  EXPECT_EQ(rig.engine.cancel(0, "never").retcode, kInvalid);
  EXPECT_EQ(rig.engine.modify(modify).retcode, kOrderChanged);

  EXPECT_EQ(rig.engine.protect(0, "EURUSD", 1.09, 0).retcode, kPositionClosed);
  const Result opened = rig.market(Side::kBuy, 0.1);
  EXPECT_EQ(rig.engine.cancel(opened.order.ticket, "").retcode, kOrderChanged);
  EXPECT_EQ(rig.engine.protect(0, "EURUSD", 1.09, 1.2).retcode, kDone);
  EXPECT_EQ(rig.engine.protect(opened.order.ticket, "EURUSD", 1.09, 1.2).retcode, kNoChanges);
  EXPECT_EQ(rig.engine.protect(opened.order.ticket, "USDJPY", 1.09, 1.2).retcode, kInvalid);
  EXPECT_EQ(rig.engine.protect(opened.order.ticket, "", 1.15, 1.2).retcode, kInvalidStops);
  EXPECT_EQ(rig.engine.positions()[0].stop_loss, 1.09);
}

TEST(Idempotency, KnownOrderIdExecutesNothing) {
  Rig rig(configOf(MarginMode::kNetting));
  const PlaceRequest request = rig.request(Side::kBuy, 0.1);
  const Result first = rig.engine.place(request);
  const Result again = rig.engine.place(request);
  EXPECT_EQ(again.outcome, Outcome::kDone);
  EXPECT_EQ(again.order.ticket, first.order.ticket);
  ASSERT_EQ(again.deals.size(), 1u);
  EXPECT_EQ(again.deals[0].ticket, first.deals[0].ticket);
  PlaceRequest refused = rig.request(Side::kBuy, 0.001);
  EXPECT_EQ(rig.engine.place(refused).retcode, kInvalidVolume);
  refused.volume_lots = 0.1;
  EXPECT_EQ(rig.engine.place(refused).retcode, kInvalidVolume) << "a refusal is remembered too";
  EXPECT_EQ(rig.engine.deals().size(), 2u);
  EXPECT_EQ(rig.engine.find("never", 7).outcome, Outcome::kNotFound);
  EXPECT_EQ(rig.engine.find("", 7).outcome, Outcome::kUnknown) << "two orders carry the magic";
  EXPECT_EQ(rig.engine.find("", 8).outcome, Outcome::kNotFound);
}

TEST(Execution, RejectsSlipsAndSplitsFromItsSeed) {
  EngineConfig config = configOf(MarginMode::kNetting);
  config.execution = {.slippage_max_points = 5, .reject_probability = 0.3, .partial_fill_probability = 0.5, .seed = 11};
  const auto run = [&](uint64_t seed) {
    config.execution.seed = seed;
    Rig rig(config);
    std::string trace;
    int rejected = 0, partial = 0, slipped = 0;
    for (int i = 0; i < 100; ++i) {
      const Result r = rig.market(i % 2 ? Side::kSell : Side::kBuy, 0.1);
      rejected += r.retcode == kReject;
      if (r.retcode == kDonePartial) {
        ++partial;
        EXPECT_LT(r.order.filled, r.order.volume);
        EXPECT_EQ(r.order.filled % toVolume(0.01), 0);
        rig.tick(1.1, 1.1001);
        const Result later = rig.engine.find(r.order.order_id, 0);
        EXPECT_EQ(later.order.state, OrderState::kFilled);
        EXPECT_EQ(later.deals.size(), 2u);
        EXPECT_GT(later.deals[1].time_ms, later.deals[0].time_ms);
      }
      for (const Deal& deal : rig.engine.find(r.order.order_id, 0).deals) {
        const double worse = signOf(deal.side) * (deal.price - (deal.side == Side::kBuy ? 1.1001 : 1.1)) / 0.00001;
        EXPECT_GE(worse, -1e-6);
        EXPECT_LE(worse, 5 + 1e-6);
        slipped += worse > 0.5;
        trace += std::to_string(deal.price) + "/" + std::to_string(deal.volume) + " ";
      }
      rig.tick(1.1, 1.1001);
    }
    EXPECT_TRUE(rejected > 10 && rejected < 60) << rejected;
    EXPECT_TRUE(partial > 10 && slipped > 20) << partial << " " << slipped;
    return trace;
  };
  EXPECT_EQ(run(11), run(11));
  EXPECT_NE(run(11), run(12));
}

}  // namespace
}  // namespace troupe::terminal
