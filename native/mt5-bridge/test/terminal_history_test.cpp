// The journal: everything is back after a kill, and damage is told from a tail that the kill cut short.
#include "fault.h"
#include "history/history.h"
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;

EngineConfig eventful() {
  EngineConfig config = configOf(MarginMode::kHedging);
  config.commission_per_lot = 2;
  config.execution.partial_fill_probability = 0.5;
  return config;
}

std::string codeOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const Fault& fault) {
    return fault.code();
  }
  return "";
}

// Plays a little story into a history file; the engine's state at the end is what must come back.
struct Story {
  Engine engine{eventful()};
  PlaceRequest filled, working, refused, partial;
  std::string oldest;

  explicit Story(History& history) {
    const auto keep = [&] { history.append(engine.takeEvents(), engine, 0); };
    engine.begin();
    keep();
    engine.quote(0, 1000, 1.1, 1.1001);
    for (int i = 0; i < 12; ++i) {
      PlaceRequest r = request("m" + std::to_string(i), i % 3 ? Side::kBuy : Side::kSell);
      if (i % 2) r.stop_loss = r.side == Side::kBuy ? 1.09 : 1.11;
      const Result result = engine.place(r);
      keep();
      if (result.retcode == kDone) filled = r;
      if (i < 11) engine.quote(0, 2000 + i, 1.1, 1.1001);
      keep();
    }
    // One more that is left half done.
    for (int i = 0; partial.order_id.empty(); ++i) {
      const PlaceRequest r = request("p" + std::to_string(i), Side::kBuy);
      if (engine.place(r).retcode == kDonePartial) partial = r;
      keep();
    }
    for (const double price : {1.085, 1.08, 1.09}) {
      const bool first = working.order_id.empty();
      working = request("w" + std::to_string(price), Side::kBuy);
      working.type = OrderType::kLimit;
      working.price = price;
      if (first) oldest = working.order_id;
      engine.place(working);
      keep();
    }
    // The oldest of them: it must still be filled first after a restart.
    engine.modify({.ticket = 0, .order_id = oldest, .price = 1.086, .stop_limit_price = 0, .stop_loss = 1.07});
    keep();
    refused = request("r", Side::kBuy);
    refused.volume_lots = 0.001;
    engine.place(refused);
    keep();
  }
  static PlaceRequest request(const std::string& id, Side side) {
    PlaceRequest r;
    r.order_id = id;
    r.symbol = "EURUSD";
    r.side = side;
    r.type = OrderType::kMarket;
    r.volume_lots = 0.1;
    r.magic = 3;
    return r;
  }
};

void expectSame(const Engine& a, const Engine& b) {
  EXPECT_EQ(a.account().balance, b.account().balance);
  ASSERT_EQ(a.orders().size(), b.orders().size());
  for (size_t i = 0; i < a.orders().size(); ++i) {
    EXPECT_EQ(a.orders()[i].order_id, b.orders()[i].order_id);
    EXPECT_EQ(a.orders()[i].ticket, b.orders()[i].ticket);
    EXPECT_EQ(a.orders()[i].state, b.orders()[i].state);
    EXPECT_EQ(a.orders()[i].filled, b.orders()[i].filled);
    EXPECT_EQ(a.orders()[i].price, b.orders()[i].price);
    EXPECT_EQ(a.orders()[i].deals, b.orders()[i].deals);
    EXPECT_EQ(a.orders()[i].done_ms, b.orders()[i].done_ms);
    EXPECT_EQ(a.orders()[i].type, b.orders()[i].type);
    EXPECT_EQ(a.orders()[i].position_by, b.orders()[i].position_by);
  }
  ASSERT_EQ(a.deals().size(), b.deals().size());
  const auto pa = a.positions(), pb = b.positions();
  ASSERT_EQ(pa.size(), pb.size());
  for (size_t i = 0; i < pa.size(); ++i) {
    EXPECT_EQ(pa[i].position_id, pb[i].position_id);
    EXPECT_EQ(pa[i].volume, pb[i].volume);
    EXPECT_EQ(pa[i].open_price, pb[i].open_price);
    EXPECT_EQ(pa[i].stop_loss, pb[i].stop_loss);
  }
}

TEST(History, BringsACloseByBackWithBothItsPositions) {
  TempFolder folder;
  const std::string path = folder.file("history");
  EngineConfig config = configOf(MarginMode::kHedging);
  Engine engine(config);
  {
    History history(path, "1 USD hedging", 42);
    engine.begin();
    engine.quote(0, 1000, 1.1, 1.1001);
    const uint64_t buy = engine.place(Story::request("b", Side::kBuy)).order.ticket;
    PlaceRequest larger = Story::request("s", Side::kSell);
    larger.volume_lots = 0.3;
    const uint64_t sell = engine.place(larger).order.ticket;
    ASSERT_EQ(engine.closeBy({buy, sell, "#1 by #2", 0}).retcode, kDone);
    history.append(engine.takeEvents(), engine, 0);
  }
  History again(path, "1 USD hedging", 42);
  Engine restored(config);
  EXPECT_FALSE(again.restore(restored));
  restored.begin();
  expectSame(engine, restored);
  EXPECT_EQ(restored.orders().back().type, OrderType::kCloseBy);
  EXPECT_NE(restored.orders().back().position_by, 0u);
  EXPECT_TRUE(restored.activeOrders().empty());
  ASSERT_EQ(restored.positions().size(), 1u);
  EXPECT_EQ(restored.positions()[0].volume, toVolume(0.2));
}

TEST(History, BringsEverythingBack) {
  TempFolder folder;
  const std::string path = folder.file("history");
  auto history = std::make_unique<History>(path, "1 USD hedging", 42);
  Story story(*history);
  history->setPlayed(77);
  history.reset();

  History again(path, "1 USD hedging", 42);
  EXPECT_EQ(again.played(), 77u);
  Engine restored(eventful());
  EXPECT_FALSE(again.restore(restored));
  restored.begin();
  EXPECT_FALSE(restored.hasEvents()) << "no second opening balance";
  restored.prime(0, 3000, 1.1, 1.1001);
  expectSame(story.engine, restored);
  // Known ids execute nothing; both engines go on alike.
  for (const PlaceRequest& r : {story.filled, story.working, story.refused, story.partial}) {
    EXPECT_EQ(restored.place(r).retcode, story.engine.find(r.order_id, 0).retcode) << r.order_id;
  }
  for (Engine* engine : {&story.engine, &restored}) {
    engine->quote(0, 4000, 1.0790, 1.0791);
    engine->place(Story::request("after", Side::kBuy));
    engine->quote(0, 5000, 1.0790, 1.0791);
  }
  expectSame(story.engine, restored);
  EXPECT_EQ(restored.account().balance, sumOfDeals(restored));
}

// Cut at every byte of the last group and beyond: what was whole comes back, nothing else, and writing can go on.
TEST(History, SurvivesACutAnywhere) {
  TempFolder folder;
  const std::string path = folder.file("history"), cut = folder.file("cut");
  {
    History history(path, "1 USD hedging", 42);
    Story story(history);
  }
  const auto size = std::filesystem::file_size(path);
  for (auto keep = size; keep >= 4096; keep -= keep > size - 600 ? 1 : 97) {
    std::filesystem::copy_file(path, cut, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(cut, keep);
    {
      History history(cut, "1 USD hedging", 42);
      Engine engine(eventful());
      history.restore(engine);
      engine.begin();
      ASSERT_EQ(engine.account().balance, sumOfDeals(engine));
      for (const Order& order : engine.orders()) {
        Volume filled = 0;
        for (const uint32_t at : order.deals) filled += engine.deals()[at].volume;
        ASSERT_EQ(filled, order.filled) << "an order without its deals at " << keep;
      }
      engine.prime(0, 3000, 1.1, 1.1001);
      engine.place(Story::request("new", Side::kBuy));
      history.append(engine.takeEvents(), engine, 0);
    }
    History history(cut, "1 USD hedging", 42);
    Engine engine(eventful());
    EXPECT_FALSE(history.restore(engine));
    engine.begin();
    ASSERT_NE(engine.find("new", 0).outcome, Outcome::kNotFound);
  }
  std::filesystem::resize_file(cut, 100);
  History history(cut, "1 USD hedging", 42);
  Engine engine(eventful());
  EXPECT_FALSE(history.restore(engine));
}

TEST(History, TellsDamageAndForeignFiles) {
  TempFolder folder;
  const std::string path = folder.file("history");
  {
    History history(path, "1 USD hedging", 42);
    Story story(history);
    EXPECT_EQ(codeOf([&] { History second(path, "1 USD hedging", 42); }), "E_HISTORY_LOCKED");
  }
  EXPECT_EQ(codeOf([&] { History other(path, "2 USD hedging", 42); }), "E_HISTORY_ACCOUNT");
  EXPECT_EQ(History(path, "1 USD hedging", 43).played(), 0u) << "another tape begins at its beginning";
  EXPECT_EQ(codeOf([&] { History none(folder.file("no/such/folder"), "1 USD hedging", 42); }), "E_HISTORY_OPEN");
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 + 20);
    file.put('\x7f');
  }
  EXPECT_EQ(codeOf([&] {
              History history(path, "1 USD hedging", 42);
              Engine engine(eventful());
              history.restore(engine);
            }),
            "E_HISTORY_DAMAGED");
  writeText(path, std::string(5000, 'x'));
  EXPECT_EQ(codeOf([&] { History history(path, "1 USD hedging", 42); }), "E_HISTORY_DAMAGED");
}

TEST(History, FullDiskIsAFault) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP();
  EXPECT_NE(codeOf([&] { History history("/dev/full", "1 USD hedging", 42); }), "");
}

}  // namespace
}  // namespace troupe::terminal
