// Bridge, terminal and NATS as the company runs them, each killed again and again while ticks and orders flow. At the
// end the streams, the terminal's books and what the bridge answered must agree.
#include <algorithm>
#include <map>
#include <random>

#include "bridge_support.h"
#include "bridge_terminal_support.h"
#include "troupe/bridge/v1/bridge.pb.h"
#include "troupe/market/v1/market.pb.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;

namespace {

constexpr uint64_t kTicks = 120'000;

struct Company : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / ("company-" + std::to_string(::getpid()));
  std::unique_ptr<NatsServer> nats;
  std::unique_ptr<Child> bridge;
  std::unique_ptr<TerminalProcess> terminal;
  uint16_t port = 0;
  int bridge_life = 0;

  void SetUp() override {
    if (findNatsServer().empty()) GTEST_SKIP() << "no nats-server: set NATS_SERVER or put it on PATH";
    fs::remove_all(folder);
    fs::create_directories(folder);
    nats = std::make_unique<NatsServer>(folder);
    nats->companyStreams();
    writeTape(folder / "tape", kTicks);
  }
  void TearDown() override {
    terminal.reset();
    bridge.reset();
    nats.reset();
    if (!HasFailure()) fs::remove_all(folder);
  }

  void startBridge() {
    const fs::path out = folder / ("bridge.out" + std::to_string(++bridge_life));
    bridge = std::make_unique<Child>(
        std::vector<std::string>{TROUPE_BRIDGE, "--listen", "127.0.0.1:" + std::to_string(port), "--account", "ACC",
                                 "--source", "SIM", "--journal", (folder / "journal").string(), "--window", "16"},
        out, folder / "bridge.err",
        std::vector<std::pair<std::string, std::string>>{
            {"TROUPE_NATS_URL", nats->url()}, {"TROUPE_NATS_USER", "bridge"}, {"TROUPE_NATS_PASSWORD", "secret"}});
    ASSERT_TRUE(eventually([&] { return bridge->out().find(R"("event":"listening")") != std::string::npos; }));
    const std::string text = bridge->out();
    port = static_cast<uint16_t>(std::atoi(text.c_str() + text.find("\"port\":") + 7));
  }
  void startTerminal() {
    terminal = std::make_unique<TerminalProcess>(
        folder, "terminal", port, (folder / "tape").string(),
        R"("speed":200,"execution":{"latencyMs":1,"partialFillProbability":0.3,"rejectProbability":0.1,"seed":"7"})");
  }
  bool ready() {
    return eventually([&] { return bridge->out().find(R"("state":"ready")") != std::string::npos; });
  }
  bridge::v1::CommandReply ask(const bridge::v1::Command& command, int timeout_ms) {
    bridge::v1::CommandReply reply;
    const std::string bytes = nats->request("bridge.ACC.command", command.SerializeAsString(), timeout_ms);
    if (!reply.ParseFromString(bytes) || reply.command_id() != command.command_id()) reply.Clear();
    return reply;
  }
  static bridge::v1::Command place(const std::string& id, bool buy) {
    bridge::v1::Command command;
    command.set_command_id("p-" + id);
    command.set_fence(1);
    auto& order = *command.mutable_place();
    order.set_order_id(id);
    order.set_symbol("EURUSD");
    order.set_side(buy ? trading::v1::SIDE_BUY : trading::v1::SIDE_SELL);
    order.set_type(trading::v1::ORDER_TYPE_MARKET);
    order.set_volume_lots(0.02);
    order.set_magic(1);
    return command;
  }
};

TEST_F(Company, KilledAtAnyMomentItLosesAndDoublesNothing) {
  startBridge();
  startTerminal();
  ASSERT_TRUE(ready()) << bridge->err();
  ASSERT_TRUE(terminal->say("play\n"));

  std::mt19937 random(20261122);
  std::map<std::string, bridge::v1::CommandReply> answers;
  int orders = 0, kills[3] = {};
  const auto trade = [&](int until_ms) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(until_ms);
    while (std::chrono::steady_clock::now() < end) {
      const std::string id = "o" + std::to_string(orders++);
      answers[id] = ask(place(id, orders % 2 == 0), 20);
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  };
  for (int round = 0; round < 15; ++round) {
    trade(static_cast<int>(random() % 150));
    const int victim = round % 3;
    ++kills[victim];
    if (victim == 0) {
      bridge->end(SIGKILL);
      trade(static_cast<int>(random() % 30));
      startBridge();
    } else if (victim == 1) {
      terminal->child().end(SIGKILL);
      trade(static_cast<int>(random() % 30));
      startTerminal();
    } else {
      nats->kill();
      nats->startAgain();
    }
  }
  // Orders that are done are what the rest is about: on a slow machine these take longer.
  ASSERT_TRUE(eventually([&] {
    trade(20);
    return std::count_if(answers.begin(), answers.end(),
                         [](const auto& one) { return one.second.outcome() == bridge::v1::OUTCOME_DONE; }) > 20;
  })) << bridge->out();

  // The tape is played to its end, and the bridge counts all of it, whatever it has seen itself.
  const std::string whole = R"({"event":"tape_end","ticks":)" + std::to_string(kTicks) + ",";
  ASSERT_TRUE(eventually([&] { return bridge->out().find(whole) != std::string::npos; }))
      << bridge->out() << slurp(folder / "terminal.err");
  std::map<std::string, uint64_t> last;
  uint64_t doubles = 0;
  for (const auto& [subject, bytes] : nats->all("MARKET")) {
    market::v1::TickFrame frame;
    ASSERT_TRUE(frame.ParseFromString(bytes)) << subject;
    uint64_t& seen = last[frame.symbol()];
    const auto first = static_cast<uint64_t>(frame.first_sequence());
    ASSERT_LE(first, seen + 1) << "a hole in " << frame.symbol();
    for (int i = 0; i < frame.bid_size(); ++i) {
      ASSERT_NEAR(frame.bid(i), 1.0 + static_cast<double>(first + static_cast<uint64_t>(i) - 1) * 1e-5, 1e-9)
          << "another tick under the number of one, in " << frame.symbol();
    }
    const uint64_t end = first + static_cast<uint64_t>(frame.bid_size()) - 1;
    doubles += first <= seen ? std::min(end, seen) - first + 1 : 0;
    seen = std::max(seen, end);
  }
  EXPECT_EQ(last["EURUSD"], kTicks / 2);
  EXPECT_EQ(last["GBPUSD"], kTicks / 2);
  EXPECT_EQ(doubles, 0u) << "stored under two frames";

  // What became of every order: asked again, each has one answer, and it is the one that was given before.
  std::map<std::string, double> answered;
  for (const auto& [id, before] : answers) {
    bridge::v1::Command find;
    find.set_command_id("f-" + id);
    find.set_fence(1);
    find.mutable_find()->set_order_id(id);
    const auto now = ask(find, 5000);
    ASSERT_TRUE(now.outcome() == bridge::v1::OUTCOME_DONE || now.outcome() == bridge::v1::OUTCOME_REJECTED ||
                now.outcome() == bridge::v1::OUTCOME_NOT_FOUND)
        << id << ": " << now.ShortDebugString();
    if (before.outcome() == bridge::v1::OUTCOME_DONE || before.outcome() == bridge::v1::OUTCOME_REJECTED) {
      ASSERT_EQ(now.outcome(), before.outcome()) << id << ": " << now.ShortDebugString();
      ASSERT_EQ(now.order().ticket(), before.order().ticket()) << id;
    }
    if (now.outcome() == bridge::v1::OUTCOME_DONE) answered[id] = now.order().filled_lots();
    // Sent again, as a broker that was killed may do: not executed a second time.
    const auto again = ask(place(id, true), 5000);
    if (now.outcome() == bridge::v1::OUTCOME_DONE) {
      ASSERT_EQ(again.outcome(), now.outcome()) << id;
    }
  }
  bridge::v1::Command take;
  take.set_command_id("snapshot");
  take.set_fence(1);
  take.mutable_snapshot();
  const auto snapshot = ask(take, 5000).snapshot();
  std::map<std::string, double> executed;
  std::map<std::string, int> tickets;
  double lots = 0, held = 0;
  for (const auto& deal : snapshot.deals()) {
    EXPECT_EQ(++tickets[std::to_string(deal.ticket())], 1) << "one ticket, one deal";
    if (deal.symbol().empty()) continue;
    executed[deal.order_id()] += deal.volume_lots();
    lots += deal.side() == trading::v1::SIDE_BUY ? deal.volume_lots() : -deal.volume_lots();
  }
  for (const auto& position : snapshot.positions())
    held += position.side() == trading::v1::SIDE_BUY ? position.volume_lots() : -position.volume_lots();
  EXPECT_NEAR(lots, held, 1e-9);
  for (const auto& [id, volume] : executed) EXPECT_LE(volume, 0.02 + 1e-9) << id << " was executed twice";
  for (const auto& [id, volume] : answered) EXPECT_NEAR(executed[id], volume, 1e-9) << id;
  EXPECT_GT(answered.size(), 20u);
  std::printf("%d orders, %zu executed; killed: bridge %d, terminal %d, NATS %d times\n", orders, executed.size(),
              kills[0], kills[1], kills[2]);
}

}  // namespace
