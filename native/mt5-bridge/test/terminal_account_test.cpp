// Netting and hedging positions, margin, stop-out, money; and random sequences that must keep the books straight.
#include <random>

#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;

TEST(Netting, AddsReducesReversesUnderOnePositionId) {
  Rig rig(configOf(MarginMode::kNetting));
  const Result first = rig.market(Side::kBuy, 0.1);
  rig.tick(1.1010, 1.1011);
  rig.market(Side::kBuy, 0.3);
  auto positions = rig.engine.positions();
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].volume, toVolume(0.4));
  EXPECT_NEAR(positions[0].open_price, 1.10085, 1e-9);
  // Reduce.
  const Result reduced = rig.market(Side::kSell, 0.25);
  EXPECT_EQ(reduced.deals[0].entry, "out");
  EXPECT_EQ(reduced.deals[0].profit, toCents((1.1010 - 1.10085) * 25000));
  // Reverse.
  const Result reversed = rig.market(Side::kSell, 0.25);
  ASSERT_EQ(reversed.deals.size(), 1u);
  EXPECT_EQ(reversed.deals[0].entry, "inout");
  EXPECT_EQ(reversed.deals[0].profit, toCents((1.1010 - 1.10085) * 15000));
  positions = rig.engine.positions();
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].position_id, first.order.ticket);
  EXPECT_EQ(positions[0].side, Side::kSell);
  EXPECT_EQ(positions[0].volume, toVolume(0.1));
  EXPECT_EQ(positions[0].open_price, 1.1010);
  // Close exactly.
  EXPECT_EQ(rig.market(Side::kBuy, 0.1).deals[0].entry, "out");
  EXPECT_TRUE(rig.engine.positions().empty());
  EXPECT_EQ(rig.engine.account().balance, sumOfDeals(rig.engine));
}

TEST(Netting, StopsFollowTheOrders) {
  Rig rig(configOf(MarginMode::kNetting));
  PlaceRequest guarded = rig.request(Side::kBuy, 0.1);
  guarded.stop_loss = 1.09;
  guarded.take_profit = 1.12;
  rig.engine.place(guarded);
  rig.market(Side::kBuy, 0.1);
  EXPECT_EQ(rig.engine.positions()[0].stop_loss, 1.09) << "adding without stops keeps them";
  rig.market(Side::kSell, 0.05);
  EXPECT_EQ(rig.engine.positions()[0].take_profit, 1.12) << "reducing keeps them";
  rig.market(Side::kSell, 0.25);
  EXPECT_EQ(rig.engine.positions()[0].stop_loss, 0) << "the old stops would be on the wrong side";
}

TEST(Netting, NamedPositionIsOnlyReduced) {
  Rig rig(configOf(MarginMode::kNetting));
  const uint64_t id = rig.market(Side::kBuy, 0.1).order.ticket;
  EXPECT_EQ(rig.close(id, Side::kSell, 0.2).retcode, kInvalidCloseVolume);
  EXPECT_EQ(rig.close(id, Side::kBuy, 0.1).retcode, kInvalid);
  EXPECT_EQ(rig.close(id, Side::kSell, 0.1).retcode, kDone);
  EXPECT_EQ(rig.close(id, Side::kSell, 0.1).retcode, kPositionClosed);
}

TEST(Hedging, OnePositionPerOrderAndPartialClose) {
  Rig rig(configOf(MarginMode::kHedging));
  const Result buy = rig.market(Side::kBuy, 0.3), sell = rig.market(Side::kSell, 0.1);
  ASSERT_EQ(rig.engine.positions().size(), 2u);
  rig.tick(1.1020, 1.1021);
  const Result part = rig.close(buy.order.ticket, Side::kSell, 0.1);
  ASSERT_EQ(part.retcode, kDone);
  EXPECT_EQ(part.deals[0].entry, "out");
  EXPECT_EQ(part.deals[0].position_id, buy.order.ticket);
  EXPECT_EQ(part.deals[0].profit, toCents((1.1020 - 1.1001) * 10000));
  EXPECT_EQ(rig.engine.positions()[0].volume, toVolume(0.2));
  EXPECT_EQ(rig.engine.positions()[1].volume, toVolume(0.1));
  EXPECT_EQ(rig.close(buy.order.ticket, Side::kSell, 0.21).retcode, kInvalidCloseVolume);
  EXPECT_EQ(rig.close(sell.order.ticket, Side::kBuy, 0.1).retcode, kDone);
  EXPECT_EQ(rig.close(sell.order.ticket, Side::kBuy, 0.1).retcode, kPositionClosed);
  EXPECT_EQ(rig.engine.positions().size(), 1u);
}

TEST(Hedging, SecondCloseWhileTheFirstIsBeingFilled) {
  EngineConfig config = configOf(MarginMode::kHedging);
  config.execution.partial_fill_probability = 1;
  Rig rig(config);
  const uint64_t id = rig.market(Side::kBuy, 0.3).order.ticket;
  rig.tick(1.1, 1.1001);
  ASSERT_EQ(rig.engine.positions()[0].volume, toVolume(0.3)) << "both parts in one position";
  const Result closing = rig.close(id, Side::kSell, 0.2);
  ASSERT_EQ(closing.retcode, kDonePartial);
  EXPECT_EQ(rig.close(id, Side::kSell, 0.1).retcode, kCloseOrderExist);
  rig.tick(1.1, 1.1001);
  EXPECT_EQ(rig.engine.positions()[0].volume, toVolume(0.1));
}

// A buy at 1.1001 and a sell at 1.1005, whatever the market says meanwhile.
struct CloseBy : ::testing::Test {
  EngineConfig config = [] {
    EngineConfig c = configOf(MarginMode::kHedging);
    c.commission_per_lot = 2;
    return c;
  }();
  std::unique_ptr<Rig> rig;
  uint64_t buy = 0, sell = 0;

  void open(double buy_lots, double sell_lots) {
    rig = std::make_unique<Rig>(config);
    buy = rig->market(Side::kBuy, buy_lots).order.ticket;
    rig->tick(1.1005, 1.1006);
    sell = rig->market(Side::kSell, sell_lots).order.ticket;
    rig->tick(1.2000, 1.2500);
    rig->engine.takeEvents();
  }
  uint32_t refused(uint64_t one, uint64_t other) {
    const size_t deals = rig->engine.deals().size(), positions = rig->engine.positions().size();
    const Result result = rig->engine.closeBy({one, other, "", 0});
    EXPECT_EQ(result.outcome, Outcome::kRejected);
    EXPECT_EQ(rig->engine.deals().size(), deals);
    EXPECT_EQ(rig->engine.positions().size(), positions);
    return result.retcode;
  }
};

TEST_F(CloseBy, CostsNoSpreadAndLeavesNothingOfEqualVolumes) {
  open(0.3, 0.3);
  const Cents before = rig->engine.account().balance;
  const Result result = rig->engine.closeBy({buy, sell, "#1 by #2", 9});
  ASSERT_EQ(result.retcode, kDone);
  EXPECT_EQ(result.order.state, OrderState::kFilled);
  EXPECT_EQ(result.order.volume, toVolume(0.3));
  ASSERT_EQ(result.deals.size(), 2u);
  const Deal &one = result.deals[0], &other = result.deals[1];
  EXPECT_EQ(one.position_id, buy);
  EXPECT_EQ(one.side, Side::kSell);
  EXPECT_EQ(other.position_id, sell);
  EXPECT_EQ(other.side, Side::kBuy);
  for (const Deal& deal : result.deals) {
    EXPECT_EQ(deal.entry, "out_by");
    EXPECT_EQ(deal.volume, toVolume(0.3));
    EXPECT_EQ(deal.order_ticket, result.order.ticket);
    EXPECT_EQ(deal.magic, 9u);
    EXPECT_EQ(deal.commission, -60);
  }
  EXPECT_EQ(one.profit + other.profit, toCents((1.1005 - 1.1001) * 30000)) << "what lay between the two openings";
  EXPECT_EQ(rig->engine.account().balance, before + 1200 - 120);
  EXPECT_TRUE(rig->engine.positions().empty());
  EXPECT_EQ(rig->engine.account().margin, 0);
  EXPECT_EQ(refused(buy, sell), kPositionClosed);
}

TEST_F(CloseBy, TheLargerKeepsItsRestAndItsStops) {
  for (const bool larger_first : {true, false}) {
    open(0.5, 0.2);
    ASSERT_EQ(rig->engine.protect(buy, "", 1.0500, 0).retcode, kDone);
    const Result result =
        larger_first ? rig->engine.closeBy({buy, sell, "", 0}) : rig->engine.closeBy({sell, buy, "", 0});
    ASSERT_EQ(result.retcode, kDone);
    EXPECT_EQ(result.deals[0].profit + result.deals[1].profit, toCents((1.1005 - 1.1001) * 20000));
    const auto left = rig->engine.positions();
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].position_id, buy);
    EXPECT_EQ(left[0].volume, toVolume(0.3));
    EXPECT_EQ(left[0].open_price, 1.1001);
    EXPECT_EQ(left[0].stop_loss, 1.05);
    EXPECT_EQ(rig->engine.account().balance, sumOfDeals(rig->engine));
  }
}

TEST_F(CloseBy, IsRefusedWhereTheTwoAreNoPair) {
  open(0.3, 0.2);
  const uint64_t second_buy = rig->market(Side::kBuy, 0.1).order.ticket;
  PlaceRequest elsewhere = rig->request(Side::kSell, 0.1);
  elsewhere.symbol = "USDJPY";
  const uint64_t yen = rig->engine.place(elsewhere).order.ticket;
  EXPECT_EQ(refused(buy, second_buy), kInvalid) << "the same side";
  EXPECT_EQ(refused(buy, buy), kInvalid);
  EXPECT_EQ(refused(buy, yen), kInvalid) << "another symbol";
  EXPECT_EQ(refused(buy, 4711), kPositionClosed);
  EXPECT_EQ(refused(4711, sell), kPositionClosed);
}

TEST_F(CloseBy, WaitsForACloseThatIsBeingFilled) {
  config.execution.partial_fill_probability = 1;
  open(0.3, 0.3);
  ASSERT_EQ(rig->engine.positions().size(), 2u);
  ASSERT_EQ(rig->close(sell, Side::kBuy, 0.2).retcode, kDonePartial);
  EXPECT_EQ(refused(buy, sell), kCloseOrderExist);
  rig->tick(1.2, 1.2001);
  EXPECT_EQ(rig->engine.closeBy({buy, sell, "", 0}).retcode, kDone);
  EXPECT_EQ(rig->engine.positions()[0].volume, toVolume(0.2));
}

TEST_F(CloseBy, NeedsAHedgingAccount) {
  config.margin_mode = MarginMode::kNetting;
  rig = std::make_unique<Rig>(config);
  buy = rig->market(Side::kBuy, 0.3).order.ticket;
  EXPECT_EQ(refused(buy, buy), kInvalidOrder);
}

TEST(Partial, TheRestFallsWithThePosition) {
  EngineConfig config = configOf(MarginMode::kHedging);
  config.execution.partial_fill_probability = 1;
  Rig rig(config);
  const uint64_t id = rig.market(Side::kBuy, 0.3).order.ticket;
  rig.tick(1.1, 1.1001);
  rig.engine.protect(id, "", 1.0990, 0);
  const Result closing = rig.close(id, Side::kSell, 0.3);
  ASSERT_EQ(closing.retcode, kDonePartial);
  rig.tick(1.0980, 1.0981);  // the second part goes first, and leaves nothing for the stop loss
  EXPECT_EQ(rig.engine.find(closing.order.order_id, 0).order.state, OrderState::kFilled);
  EXPECT_TRUE(rig.engine.positions().empty());
  EXPECT_EQ(rig.engine.deals().back().reason, "expert");
}

TEST(Partial, CancelAndSettle) {
  EngineConfig config = configOf(MarginMode::kNetting);
  config.execution.partial_fill_probability = 1;
  Rig rig(config);
  const Result first = rig.market(Side::kBuy, 0.3);
  ASSERT_EQ(first.retcode, kDonePartial);
  const Result cancelled = rig.engine.cancel(first.order.ticket, "");
  EXPECT_EQ(cancelled.order.state, OrderState::kCancelled);
  rig.tick(1.1, 1.1001);
  EXPECT_EQ(rig.engine.find(first.order.order_id, 0).deals.size(), 1u);
  const Result second = rig.market(Side::kBuy, 0.3);
  rig.engine.settle();
  EXPECT_EQ(rig.engine.find(second.order.order_id, 0).order.state, OrderState::kFilled);
}

struct MarginCase {
  const char* name;
  CalcMode mode;
  double expected;  // one lot at 1.1001, leverage 100, EUR margin for FOREX
};
class MarginTable : public ::testing::TestWithParam<MarginCase> {};
TEST_P(MarginTable, OfOneLot) {
  EngineConfig config = configOf(MarginMode::kNetting, 1e6);
  config.symbols[0].calc_mode = GetParam().mode;
  if (GetParam().mode != CalcMode::kForex) config.symbols[0].currency_margin = "USD";
  Rig rig(config);
  ASSERT_EQ(rig.market(Side::kBuy, 1).retcode, kDone);
  const Account account = rig.engine.account();
  EXPECT_EQ(account.margin, toCents(GetParam().expected));
  EXPECT_EQ(account.equity, account.balance - 1000) << "ten points of spread on one lot";
  EXPECT_EQ(account.free_margin, account.equity - account.margin);
}
INSTANTIATE_TEST_SUITE_P(Modes, MarginTable,
                         ::testing::Values(MarginCase{"Forex", CalcMode::kForex, 1100.10},
                                           MarginCase{"Cfd", CalcMode::kCfd, 110010},
                                           MarginCase{"CfdLeverage", CalcMode::kCfdLeverage, 1100.10}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Margin, HedgedLegsChargeTheLarger) {
  Rig rig(configOf(MarginMode::kHedging));
  rig.market(Side::kBuy, 0.3);
  const Cents alone = rig.engine.account().margin;
  rig.market(Side::kSell, 0.2);
  EXPECT_EQ(rig.engine.account().margin, alone);
}

TEST(Margin, ReducingNeedsNoneReversingOnlyTheRest) {
  Rig rig(configOf(MarginMode::kNetting, 1150));
  ASSERT_EQ(rig.market(Side::kBuy, 1).retcode, kDone);
  EXPECT_EQ(rig.market(Side::kBuy, 0.1).retcode, kNoMoney);
  EXPECT_EQ(rig.market(Side::kSell, 1.9).retcode, kDone);
  EXPECT_EQ(rig.engine.positions()[0].volume, toVolume(0.9));
}

TEST(Margin, PendingOrderWithoutMoneyIsCancelledWhenItIsDue) {
  Rig rig(configOf(MarginMode::kNetting, 1150));
  const PlaceRequest limit = rig.request(Side::kBuy, 2, OrderType::kLimit, 1.09);
  ASSERT_EQ(rig.engine.place(limit).retcode, kPlaced);
  rig.tick(1.0890, 1.0891);
  const Result found = rig.engine.find(limit.order_id, 0);
  EXPECT_EQ(found.order.state, OrderState::kCancelled);
  EXPECT_EQ(found.retcode, kRejectCancel);
}

TEST(Money, ProfitInYenIsConvertedAtTheSideThatCosts) {
  Rig rig(configOf(MarginMode::kNetting));
  PlaceRequest request = rig.request(Side::kBuy, 0.1);
  request.symbol = "USDJPY";
  ASSERT_EQ(rig.engine.place(request).retcode, kDone);
  rig.engine.quote(1, 2'000'000, 151.000, 151.010);
  EXPECT_EQ(rig.engine.positions()[0].profit, toCents((151.000 - 150.010) * 10000 / 151.010));
  rig.engine.quote(1, 2'000'001, 149.000, 149.010);
  EXPECT_EQ(rig.engine.positions()[0].profit, toCents((149.000 - 150.010) * 10000 / 149.000));
}

TEST(Money, CommissionOnEveryDeal) {
  EngineConfig config = configOf(MarginMode::kNetting);
  config.commission_per_lot = 3.5;
  Rig rig(config);
  EXPECT_EQ(rig.market(Side::kBuy, 0.1).deals[0].commission, -35);
  EXPECT_EQ(rig.market(Side::kSell, 0.1).deals[0].commission, -35);
  EXPECT_EQ(rig.engine.account().balance, 1000000 - 100 - 70);
  EXPECT_EQ(rig.engine.deals()[0].ticket, 1u);
  EXPECT_EQ(rig.engine.deals()[0].entry, "balance");
}

TEST(StopOut, ClosesTheWorstFirstAndOnlyAsMuchAsNeeded) {
  EngineConfig config = configOf(MarginMode::kHedging, 3000);
  config.stop_out_level_percent = 50;
  Rig rig(config);
  const uint64_t large = rig.market(Side::kBuy, 1.5).order.ticket;
  const uint64_t small = rig.market(Side::kBuy, 0.5).order.ticket;
  rig.tick(1.0905, 1.0906);  // equity 1080 of margin 2200: 49 %
  const auto positions = rig.engine.positions();
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].position_id, small);
  EXPECT_EQ(rig.engine.deals().back().position_id, large);
  EXPECT_EQ(rig.engine.deals().back().reason, "stop_out");
}

TEST(Money, MissingRateIsRefusedAtTheStart) {
  EngineConfig config = configOf(MarginMode::kNetting);
  config.symbols.push_back(forex("EURGBP", "EUR", "GBP"));
  EXPECT_THROW(Engine{config}, std::invalid_argument);
  config.currency_rates["GBP"] = 1.25;
  EXPECT_NO_THROW(Engine{config});
}

// What must hold after every single step.
void expectStraightBooks(const Engine& engine) {
  ASSERT_EQ(engine.account().balance, sumOfDeals(engine));
  std::map<uint64_t, Volume> by_position, by_order;
  uint64_t last = 0;
  for (const Deal& deal : engine.deals()) {
    ASSERT_EQ(deal.ticket, last + 1);
    last = deal.ticket;
    by_position[deal.position_id] += signOf(deal.side) * deal.volume;
    by_order[deal.order_ticket] += deal.volume;
    ASSERT_EQ(deal.volume % toVolume(0.01), 0);
  }
  std::map<uint64_t, Volume> held;
  for (const Position& position : engine.positions()) {
    ASSERT_GT(position.volume, 0);
    held[position.position_id] = signOf(position.side) * position.volume;
  }
  for (const auto& [id, volume] : by_position) {
    if (id == 0) continue;
    ASSERT_EQ(volume, held[id]) << "position " << id;
  }
  for (const Order& order : engine.orders()) {
    if (order.ticket == 0) {
      ASSERT_EQ(order.filled, 0);
      continue;
    }
    ASSERT_LE(order.filled, order.volume);
    // One order of a close-by, two deals.
    ASSERT_EQ(by_order[order.ticket], order.type == OrderType::kCloseBy ? 2 * order.filled : order.filled);
    ASSERT_EQ(order.state == OrderState::kFilled, order.filled == order.volume);
  }
}

class RandomSequence : public ::testing::TestWithParam<int> {};

TEST_P(RandomSequence, KeepsTheBooksStraight) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  EngineConfig config = configOf(GetParam() % 2 ? MarginMode::kHedging : MarginMode::kNetting, 5000);
  config.commission_per_lot = 3.33;
  config.stop_out_level_percent = 30;
  config.execution = {.slippage_max_points = 3, .reject_probability = 0.05, .partial_fill_probability = 0.3, .seed = 5};
  Rig rig(config);
  double bid = 1.1;
  std::vector<PlaceRequest> placed;
  for (int step = 0; step < 400; ++step) {
    const int action = pick(10);
    const Side side = pick(2) ? Side::kBuy : Side::kSell;
    const double lots = 0.01 * (1 + pick(60));
    if (action < 3) {
      PlaceRequest r = rig.request(side, lots);
      if (pick(2)) r.stop_loss = std::round((bid - signOf(side) * 0.001) * 1e5) / 1e5;
      if (pick(2)) r.take_profit = std::round((bid + signOf(side) * 0.001) * 1e5) / 1e5;
      rig.engine.place(r);
      placed.push_back(r);
    } else if (action < 5) {
      const auto type = static_cast<OrderType>(2 + pick(3));
      PlaceRequest r = rig.request(side, lots, type, std::round((bid + 0.0001 * (pick(40) - 20)) * 1e5) / 1e5);
      r.stop_limit_price = std::round((r.price - signOf(side) * 0.0003) * 1e5) / 1e5;
      r.time_in_force = pick(3) ? TimeInForce::kGtc : TimeInForce::kSpecified;
      r.expiration_ms = rig.time_ms + 20;
      rig.engine.place(r);
      placed.push_back(r);
    } else if (action == 5 && !rig.engine.positions().empty()) {
      const Position p =
          rig.engine.positions()[static_cast<size_t>(pick(static_cast<int>(rig.engine.positions().size())))];
      rig.close(p.position_id, opposite(p.side), std::min(lots, toLots(p.volume)));
    } else if (action == 8 && rig.engine.positions().size() > 1) {
      // Any two: most pairs are refused, and change nothing.
      const auto positions = rig.engine.positions();
      const auto any = [&] {
        return positions[static_cast<size_t>(pick(static_cast<int>(positions.size())))].position_id;
      };
      rig.engine.closeBy({any(), any(), "", 0});
    } else if (action == 6 && !placed.empty()) {
      const size_t deals = rig.engine.deals().size();
      rig.engine.place(placed[static_cast<size_t>(pick(static_cast<int>(placed.size())))]);
      ASSERT_EQ(rig.engine.deals().size(), deals) << "a known id executed";
    } else if (action == 7 && !placed.empty()) {
      rig.engine.cancel(0, placed[static_cast<size_t>(pick(static_cast<int>(placed.size())))].order_id);
    }
    bid = std::round((bid + 0.0001 * (pick(11) - 5)) * 1e5) / 1e5;
    rig.tick(bid, bid + 0.0001);
    ASSERT_NO_FATAL_FAILURE(expectStraightBooks(rig.engine)) << "step " << step;
  }
  EXPECT_GT(rig.engine.deals().size(), 50u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomSequence, ::testing::Range(1, 41));

}  // namespace
}  // namespace troupe::terminal
