// The expert itself, the same sources that MetaEditor compiles, in the simulated terminal.
#include <cstring>
#include <deque>

#include "dll/troupe_link.h"
#include "link/messages.h"
#include "terminal/shim/mql5.h"
#include "test/mql5_support.h"

namespace mql5_expert {
#include "expert/TroupeBridge.mq5"
}  // namespace mql5_expert

namespace {

namespace wire = troupe::link;

// The link client: keeps what the expert sends, and says what a bridge would.
struct Line {
  std::deque<std::vector<uint8_t>> incoming;
  std::vector<std::pair<uint16_t, std::vector<uint8_t>>> sent;
  int starts = 0;
  template <typename T>
  void say(uint16_t type, const T& body) {
    std::vector<uint8_t> bytes(4 + sizeof(T));
    std::memcpy(bytes.data(), &type, 2);
    std::memcpy(bytes.data() + 4, &body, sizeof(T));
    incoming.push_back(std::move(bytes));
  }
  template <typename T>
  std::vector<T> all(wire::FrameType type, size_t from = 0) const {
    std::vector<T> found;
    for (const auto& [kind, bytes] : sent) {
      if (kind != static_cast<uint16_t>(type) || bytes.size() < from + sizeof(T)) continue;
      std::memcpy(&found.emplace_back(), bytes.data() + from, sizeof(T));
    }
    return found;
  }
};
Line g_line;

}  // namespace

int32_t troupe_start(const uint8_t*, int32_t) { return ++g_line.starts; }
int32_t troupe_send(int32_t, const uint8_t* message, int32_t length) {
  uint16_t type;
  std::memcpy(&type, message, 2);
  g_line.sent.emplace_back(type, std::vector<uint8_t>(message + 4, message + length));
  return 1;
}
int32_t troupe_receive(int32_t, uint8_t* buffer, int32_t capacity) {
  if (g_line.incoming.empty()) return 0;
  const std::vector<uint8_t> next = g_line.incoming.front();
  if (next.size() > static_cast<size_t>(capacity)) return TROUPE_E_BUFFER;
  std::memcpy(buffer, next.data(), next.size());
  g_line.incoming.pop_front();
  return static_cast<int32_t>(next.size());
}
int32_t troupe_stop(int32_t) { return 0; }
int32_t troupe_error_text(int32_t, uint8_t* buffer, int32_t) {
  std::memcpy(buffer, "E", 2);
  return 1;
}

namespace mql5_test {
namespace {

Program expert() {
  mql5_expert::InpKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  mql5_expert::InpLogMb = 4;
  Program program;
  program.name = "TroupeBridge";
  program.on_init = mql5_expert::OnInit;
  program.on_deinit = mql5_expert::OnDeinit;
  program.on_tick = mql5_expert::OnTick;
  program.on_timer = mql5_expert::OnTimer;
  program.on_transaction = mql5_expert::OnTradeTransaction;
  program.on_chart = mql5_expert::OnChartEvent;
  return program;
}

class ExpertInTerminal : public MqlTest, public ::testing::WithParamInterface<std::string> {
 protected:
  void link() {
    g_line = Line();
    std::vector<std::string> faults;
    profile = loadProfile(std::string(TROUPE_PROFILES) + "/" + GetParam(), faults);
    ASSERT_TRUE(faults.empty());
    profile.sessions.clear();
    start();
    ASSERT_GE(terminal->attach(expert(), "EURUSD"), 0);
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
    for (int i = 0; i < 600 && g_line.starts == 0; ++i) pass(100'000);
    ASSERT_GT(g_line.starts, 0) << (printed.empty() ? "" : printed.back());
    g_line.say(TROUPE_LINK_UP, TroupeLinkUp{"bridge", 3, 0, 0, "session", 1});
    pass(200'000);
    const uint64_t kept[2] = {0, 0};
    g_line.say(static_cast<uint16_t>(wire::FrameType::kResume), kept);
    pass(200'000);
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
  link();
  for (int i = 0; i < 2000; ++i) {
    tick(i % 3 ? "EURUSD" : "GBPUSD", 1.1 + i * 0.00001, i % 4 == 0);
    // Late ticks come half a second later, and the expert knows the last 256 of a symbol.
    if (i % 50 == 0) pass(500'000);
  }
  pass(20'000'000);
  uint64_t ticks = 0;
  for (const auto& head : g_line.all<wire::TickBatchHeader>(wire::FrameType::kTicks)) ticks += head.count;
  EXPECT_EQ(ticks, 2002u);
}

TEST_P(ExpertInTerminal, AnOrderIsDoneAtMostOnceAndAnswered) {
  link();
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "order-number-" + std::to_string(i);
    const size_t before = engine->deals().size();
    const size_t answers = g_line.all<wire::Result>(wire::FrameType::kResult).size();
    for (int again = 0; again < 2; ++again) {
      g_line.say(static_cast<uint16_t>(wire::FrameType::kPlace), place(id.c_str()));
      pass(30'000'000);
    }
    EXPECT_LE(engine->deals().size() - before, 1u) << id;
    const auto results = g_line.all<wire::Result>(wire::FrameType::kResult);
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
