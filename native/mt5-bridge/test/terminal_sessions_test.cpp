// Outside of the trade sessions quotes come, and nothing that waits for them is executed.
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;

constexpr int64_t kHourMs = 3'600'000;

// Thursday's first hour and all of Friday, by the broker's clock, at which the rig's ticks begin.
class Sessions : public ::testing::TestWithParam<MarginMode> {
 protected:
  static EngineConfig config(MarginMode mode) {
    EngineConfig config = configOf(mode, 3000);
    config.stop_out_level_percent = 50;
    return config;
  }
  void SetUp() override { rig.engine.setTradeSessions({{4, 0, 3600}, {5, 0, 86'400}}); }
  void closes() { rig.time_ms = kHourMs; }
  void opens() { rig.time_ms = 24 * kHourMs; }
  OrderState stateOf(const Result& placed) const { return rig.engine.orderByTicket(placed.order.ticket)->state; }

  Rig rig{config(GetParam())};
};

TEST_P(Sessions, AreOpenFromTheFirstSecondToBeforeTheLast) {
  const std::vector<TradeSession> sessions = {{4, 0, 3600}, {5, 0, 86'400}};
  EXPECT_TRUE(tradesAt(sessions, 0));
  EXPECT_TRUE(tradesAt(sessions, 3599));
  EXPECT_FALSE(tradesAt(sessions, 3600));
  EXPECT_FALSE(tradesAt(sessions, 86'399));
  EXPECT_TRUE(tradesAt(sessions, 86'400));
  EXPECT_FALSE(tradesAt(sessions, 2 * 86'400));
  EXPECT_TRUE(tradesAt({}, 2 * 86'400));
}

TEST_P(Sessions, AnOrderThatWaitsIsNotFilledWhileTheMarketIsClosed) {
  const Result limit = rig.engine.place(rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.0990));
  const Result stop = rig.engine.place(rig.request(Side::kBuy, 0.1, OrderType::kStop, 1.1020));
  PlaceRequest both = rig.request(Side::kBuy, 0.1, OrderType::kStopLimit, 1.1030);
  both.stop_limit_price = 1.1025;
  const Result stop_limit = rig.engine.place(both);
  closes();
  for (const double bid : {1.0980, 1.1050, 1.1000}) rig.tick(bid, bid + 0.0001);
  for (const Result& placed : {limit, stop, stop_limit}) EXPECT_EQ(stateOf(placed), OrderState::kWorking);
  EXPECT_EQ(rig.engine.orderByTicket(stop_limit.order.ticket)->type, OrderType::kStopLimit) << "not activated either";
  EXPECT_TRUE(rig.engine.positions().empty());
  // The price of the first tick of the session decides, not what it was meanwhile.
  opens();
  rig.tick(1.0985, 1.0986);
  EXPECT_EQ(stateOf(limit), OrderState::kFilled);
  EXPECT_EQ(stateOf(stop), OrderState::kWorking);
  EXPECT_EQ(rig.engine.deals().back().price, 1.0986);
}

TEST_P(Sessions, StopsAndTargetsAreNotExecutedWhileTheMarketIsClosed) {
  PlaceRequest request = rig.request(Side::kBuy, 0.1);
  request.stop_loss = 1.0990;
  request.take_profit = 1.1030;
  rig.engine.place(request);
  closes();
  for (const double bid : {1.0980, 1.1050}) rig.tick(bid, bid + 0.0001);
  ASSERT_EQ(rig.engine.positions().size(), 1u);
  // Over night it has fallen through the stop: the gap is the holder's.
  opens();
  rig.tick(1.0970, 1.0971);
  EXPECT_TRUE(rig.engine.positions().empty());
  EXPECT_EQ(rig.engine.deals().back().reason, "stop_loss");
  EXPECT_EQ(rig.engine.deals().back().price, 1.0970);
}

TEST_P(Sessions, NobodyIsStoppedOutWhileTheMarketIsClosed) {
  rig.market(Side::kBuy, 2);
  closes();
  rig.tick(1.0900, 1.0901);
  ASSERT_EQ(rig.engine.positions().size(), 1u);
  opens();
  rig.tick(1.0900, 1.0901);
  EXPECT_TRUE(rig.engine.positions().empty());
  EXPECT_EQ(rig.engine.deals().back().reason, "stop_out");
}

TEST_P(Sessions, OrdersExpireWhileTheMarketIsClosed) {
  PlaceRequest request = rig.request(Side::kBuy, 0.1, OrderType::kLimit, 1.0990);
  request.time_in_force = TimeInForce::kSpecified;
  request.expiration_ms = kHourMs + 60'000;
  const Result placed = rig.engine.place(request);
  closes();
  rig.tick(1.0980, 1.0981);
  EXPECT_EQ(stateOf(placed), OrderState::kWorking);
  rig.time_ms = 2 * kHourMs;
  rig.tick(1.0980, 1.0981);
  EXPECT_EQ(stateOf(placed), OrderState::kExpired);
}

// The second part of an order waits for the next session; where no tick comes any more it is cancelled.
TEST_P(Sessions, TheRestOfAnOrderIsNotFilledWhileTheMarketIsClosed) {
  for (const bool goes_on : {true, false}) {
    EngineConfig partly = config(GetParam());
    partly.execution.partial_fill_probability = 1;
    Rig two{partly};
    two.engine.setTradeSessions({{4, 0, 3600}, {5, 0, 86'400}});
    const Result placed = two.market(Side::kBuy, 0.2);
    ASSERT_EQ(placed.retcode, kDonePartial);
    two.time_ms = kHourMs;
    two.tick(1.1000, 1.1001);
    const Order& order = *two.engine.orderByTicket(placed.order.ticket);
    EXPECT_EQ(order.state, OrderState::kPartial);
    if (goes_on) {
      two.time_ms = 24 * kHourMs;
      two.tick(1.1000, 1.1001);
      EXPECT_EQ(order.state, OrderState::kFilled);
    } else {
      two.engine.settle();
      EXPECT_EQ(order.state, OrderState::kCancelled);
      EXPECT_EQ(order.retcode, kMarketClosed);
      EXPECT_EQ(order.filled, placed.order.filled);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, Sessions, ::testing::Values(MarginMode::kNetting, MarginMode::kHedging),
                         [](const auto& info) { return info.param == MarginMode::kNetting ? "Netting" : "Hedging"; });

}  // namespace
}  // namespace troupe::terminal
