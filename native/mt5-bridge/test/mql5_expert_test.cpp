// The expert itself, the same sources that MetaEditor compiles, in the simulated terminal.
#include "test/mql5_expert.h"

namespace mql5_test {
namespace {

class ExpertInTerminal : public ExpertTest, public ::testing::WithParamInterface<std::string> {
 protected:
  void begin() {
    use(GetParam());
    start();
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
  }
  wire::Place place(const char* id) {
    wire::Place place{};
    place.command = 1;
    std::strcpy(place.order_id, id);
    std::strcpy(place.symbol, "EURUSD");
    place.side = 1;
    place.type = 1;
    place.volume_lots = 0.1;
    place.deviation_points = 50;
    place.magic = 7;
    return place;
  }
};

TEST_P(ExpertInTerminal, TellsEveryTickOnce) {
  begin();
  for (int i = 0; i < 2000; ++i) {
    tick(i % 3 ? "EURUSD" : "GBPUSD", 1.1 + i * 0.00001, i % 4 == 0);
    if (i % 500 == 0) pass(100'000);
  }
  pass(70'000'000);
  uint64_t ticks = 0;
  for (const auto& head : fakeLink().all<wire::TickBatchHeader>(wire::FrameType::kTicks)) ticks += head.count;
  EXPECT_EQ(ticks, 2002u);
}

TEST_P(ExpertInTerminal, AnOrderIsDoneAtMostOnceAndAnswered) {
  begin();
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "order-number-" + std::to_string(i);
    const size_t before = engine->deals().size();
    const size_t answers = fakeLink().all<wire::Result>(wire::FrameType::kResult).size();
    for (int again = 0; again < 2; ++again) {
      fakeLink().say(static_cast<uint16_t>(wire::FrameType::kPlace), place(id.c_str()));
      pass(30'000'000);
    }
    EXPECT_LE(engine->deals().size() - before, 1u) << id;
    const auto results = fakeLink().all<wire::Result>(wire::FrameType::kResult);
    ASSERT_GT(results.size(), answers) << id;
    const bool executed = engine->deals().size() > before;
    done += executed ? 1 : 0;
    // Done is never said of what was not, nor the other way round.
    const auto outcome = results.back().outcome;
    if (executed) {
      EXPECT_TRUE(outcome != 3 && outcome != 5) << id << " outcome " << int{outcome};
    }
    if (!executed) {
      EXPECT_NE(outcome, 1) << id;
    }
  }
  EXPECT_GT(done, 10);
}

INSTANTIATE_TEST_SUITE_P(Profiles, ExpertInTerminal,
                         ::testing::Values("plain.json", "retail-hedging.json", "instant-netting.json", "exchange.json",
                                           "hostile.json"),
                         [](const auto& info) {
                           std::string name = info.param.substr(0, info.param.find('.'));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace mql5_test
