// The terminal as a process with the expert inside, over the real link client, with a bridge's end of the link in the
// test: the tape whole, orders once, killed at any moment.
#include <map>
#include <set>

#include "engine/random.h"
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;
using link::FrameType;

std::string expertJson(uint16_t port, const std::string& tape, const std::string& more) {
  std::string json = configJson(port, tape, more);
  const std::string native = R"("program":"native",)";
  json.erase(json.find(native), native.size());
  return json;
}

struct ExpertStage {
  TempFolder folder;
  FakeBridge bridge;
  std::string config;

  explicit ExpertStage(size_t ticks, const std::string& more = "", int64_t step_ms = 10) {
    writeTape(folder.file("tape"), {"EURUSD"}, triangle(ticks, step_ms));
    configure(more);
    bridge.keep_ticks = true;
  }
  void configure(const std::string& more) {
    config = writeText(folder.file("config.json"), expertJson(bridge.port(), folder.file("tape"), more));
  }
  std::string history() const { return R"(,"history":")" + folder.file("history") + "\""; }
  // What became of an order, when it is known.
  link::Result find(const std::string& order_id) {
    for (int tries = 0; tries < 200; ++tries) {
      link::Find find{};
      find.command = ++bridge.commands;
      link::setTextCut(find.order_id, order_id);
      bridge.connection->send(FrameType::kFind, find);
      const auto result = bridge.until(FrameType::kResult).as<link::Result>();
      if (static_cast<Outcome>(result.outcome) != Outcome::kUnknown) return result;
      bridge.soon();
    }
    return {};
  }
};

struct Books {
  double lots = 0, held = 0;
  std::map<std::string, double> filled;  // by order id
  std::set<uint64_t> deals;
};

Books snapshot(FakeBridge& bridge) {
  Books books;
  bridge.connection->send(FrameType::kSnapshot, link::TakeSnapshot{++bridge.commands, 0});
  for (;;) {
    const Frame frame = bridge.next();
    EXPECT_NE(frame.type, FrameType{});
    if (frame.type == FrameType::kSnapshotEnd || frame.type == FrameType{}) return books;
    const auto count = frame.bytes.size() < sizeof(link::SnapshotPart) ? 0 : frame.as<link::SnapshotPart>().count;
    for (size_t i = 0; frame.type == FrameType::kSnapshotDeals && i < count; ++i) {
      const auto deal = frame.as<link::Deal>(sizeof(link::SnapshotPart) + i * sizeof(link::Deal));
      EXPECT_TRUE(books.deals.insert(deal.ticket).second);
      if (deal.side == 0) continue;
      books.filled[std::string(link::textOf(deal.order_id))] += deal.volume_lots;
      books.lots += signOf(static_cast<Side>(deal.side)) * deal.volume_lots;
    }
    for (size_t i = 0; frame.type == FrameType::kSnapshotPositions && i < count; ++i) {
      const auto position = frame.as<link::Position>(sizeof(link::SnapshotPart) + i * sizeof(link::Position));
      books.held += signOf(static_cast<Side>(position.side)) * position.volume_lots;
    }
  }
}

void expectTape(const std::vector<link::Tick>& kept, size_t ticks, int64_t round_ms = 0) {
  const auto tape = triangle(ticks);
  for (size_t i = 0; i < kept.size(); ++i) {
    ASSERT_EQ(kept[i].time_ms, tape[i % ticks].time_ms + static_cast<int64_t>(i / ticks) * round_ms) << "tick " << i;
    ASSERT_EQ(kept[i].bid, tape[i % ticks].bid) << "tick " << i;
  }
}

TEST(Expert, PlaysTheTapeWholeAndInOrder) {
  ExpertStage stage(20'000, R"(,"rounds":3,"utcOffsetS":3600)");
  Process terminal(stage.config, true);
  stage.bridge.accept();
  EXPECT_EQ(link::textOf(stage.bridge.hello.login), "1001");
  EXPECT_EQ(link::textOf(stage.bridge.hello.terminal), "MT5 build 5000");
  EXPECT_EQ(link::textOf(stage.bridge.hello.margin_mode), "netting");
  EXPECT_EQ(stage.bridge.hello.utc_offset_s, 3600);
  EXPECT_EQ(link::textOf(stage.bridge.symbols.as<link::Spec>().name), "EURUSD");
  EXPECT_EQ(terminal.heard("ready"), R"({"event":"ready"})");
  EXPECT_EQ(stage.bridge.send(stage.bridge.place("early", Side::kBuy, 0.1)).retcode, kPriceOff)
      << "held: no prices yet";
  EXPECT_EQ(stage.bridge.ticks, 0u);
  terminal.tell("play");
  EXPECT_EQ(stage.bridge.until(FrameType::kTapeEnd).as<link::TapeEnd>().ticks, 60'000u);
  ASSERT_EQ(stage.bridge.kept.size(), 60'000u);
  expectTape(stage.bridge.kept, 20'000, 201'000);
  EXPECT_NE(terminal.heard("\"ticks_sent\":60000,\"ticks_total\":60000,"), "");
  EXPECT_EQ(terminal.heard("tape_end"), R"({"event":"tape_end","ticks":60000})");
  // Frozen at the last prices, it still deals, and says so.
  stage.bridge.seen.clear();
  const link::Result result = stage.bridge.send(stage.bridge.place("late", Side::kBuy, 0.1));
  EXPECT_EQ(result.retcode, kDone);
  EXPECT_EQ(link::textOf(result.order.order_id), "late");
  EXPECT_EQ(result.deals, 1u);
  EXPECT_GT(result.received_us, 0u);
  stage.bridge.until(FrameType::kAccount);
  terminal.tell("quit");
  EXPECT_EQ(terminal.heard("account"), R"({"event":"account","balance":10000.00,"equity":9999.00})");
  EXPECT_EQ(terminal.wait(), 0);
}

class KilledExpert : public ::testing::TestWithParam<const char*> {};

// Killed again and again at any moment, while orders come and go: the company hears every tick of the tape once and in
// order, what was told to be done stays done, and what became of the others is told truthfully.
TEST_P(KilledExpert, NothingIsLostOrDoneTwice) {
  constexpr size_t kTicks = 40'000;
  ExpertStage stage(kTicks);
  stage.configure(stage.history() + R"(,"speed":150,"marginMode":")" + GetParam() +
                  R"(","execution":{"latencyMs":2,"latencyJitterMs":1,"partialFillProbability":0.3})");
  uint64_t random = 20261128;
  std::map<std::string, link::Result> told;  // final answers that the bridge has heard
  std::vector<std::string> orders;
  int lives = 0;
  for (; lives < 12 || stage.bridge.ticks < kTicks; ++lives) {
    ASSERT_LT(lives, 100);
    Process terminal(stage.config, lives > 0);
    stage.bridge.accept();
    ASSERT_NE(terminal.heard("ready"), "");
    for (int i = 0; i < 3 && !told.empty(); ++i) {
      const auto& [id, before] = *std::next(told.begin(), static_cast<long>((random = mix64(random)) % told.size()));
      const link::Result now = stage.bridge.send(stage.bridge.place(id, Side::kBuy, 0.01));
      ASSERT_EQ(now.order.ticket, before.order.ticket) << id << " in life " << lives;
      ASSERT_GE(now.deals, before.deals) << id;
    }
    const auto kill_at =
        std::chrono::steady_clock::now() + std::chrono::microseconds(5'000 + (random = mix64(random)) % 300'000);
    while (std::chrono::steady_clock::now() < kill_at) {
      const std::string id = "order-number-" + std::to_string(orders.size());
      orders.push_back(id);
      const Side side = orders.size() % 2 ? Side::kBuy : Side::kSell;
      stage.bridge.connection->send(FrameType::kPlace, stage.bridge.place(id, side, 0.01));
      const auto until = std::min(kill_at, std::chrono::steady_clock::now() + std::chrono::milliseconds(8));
      while (std::chrono::steady_clock::now() < until) {
        const Frame frame = stage.bridge.soon();
        if (frame.type == FrameType::kResult) {
          const auto result = frame.as<link::Result>();
          if (result.has_order) told.emplace(std::string(link::textOf(result.order.order_id)), result);
        }
        EXPECT_TRUE(frame.type != FrameType::kTapeEnd || frame.as<link::TapeEnd>().ticks == kTicks);
      }
    }
    terminal.killNow();
    while (stage.bridge.next().type != FrameType{}) {
    }
  }
  EXPECT_GT(told.size(), 20u);
  ASSERT_EQ(stage.bridge.kept.size(), kTicks);
  expectTape(stage.bridge.kept, kTicks);

  Process terminal(stage.config, true);
  stage.bridge.accept();
  ASSERT_NE(terminal.heard("ready"), "");
  const Books books = snapshot(stage.bridge);
  EXPECT_NEAR(books.lots, books.held, 1e-9);
  size_t done = 0;
  for (const std::string& id : orders) {
    const auto filled = books.filled.find(id);
    const bool executed = filled != books.filled.end();
    EXPECT_LE(executed ? filled->second : 0, 0.01 + 1e-9) << id << " was done twice";
    done += executed ? 1 : 0;
    const auto outcome = static_cast<Outcome>(stage.find(id).outcome);
    EXPECT_EQ(outcome == Outcome::kDone, executed) << id << " outcome " << static_cast<int>(outcome);
  }
  EXPECT_GT(done, 20u);
  for (const auto& [id, result] : told)
    EXPECT_TRUE(result.deals == 0 || books.filled.contains(id)) << id << " was told and is forgotten";
}

INSTANTIATE_TEST_SUITE_P(Accounts, KilledExpert, ::testing::Values("netting", "hedging"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Expert, ReconnectsWithANewSessionAndNoTickTwice) {
  ExpertStage stage(200'000, R"(,"speed":1000)");
  Process terminal(stage.config, false);
  stage.bridge.accept();
  const std::string session(link::textOf(stage.bridge.hello.session)), feed(link::textOf(stage.bridge.hello.feed));
  stage.bridge.untilTicks(stage.bridge.ticks + 1);
  const link::Result opened = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1));
  ASSERT_EQ(opened.retcode, kDone);
  // Of what came, the last 300 were not kept.
  stage.bridge.untilTicks(400);
  stage.bridge.connection.reset();
  EXPECT_NE(terminal.heard("lost"), "");
  stage.bridge.ticks -= 300;
  stage.bridge.kept.resize(stage.bridge.kept.size() - 300);
  stage.bridge.accept();
  EXPECT_NE(std::string(link::textOf(stage.bridge.hello.session)), session);
  EXPECT_EQ(std::string(link::textOf(stage.bridge.hello.feed)), feed);
  EXPECT_NE(terminal.heard("ready"), "");
  const link::Result known = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1));
  EXPECT_EQ(known.order.ticket, opened.order.ticket);
  EXPECT_EQ(known.deals, 1u);
  terminal.signal(SIGTERM);
  EXPECT_NE(terminal.heard("account"), "");
  EXPECT_EQ(terminal.wait(), 0);
  expectTape(stage.bridge.kept, 200'000);
}

// Another tape in the same account: what was traded stays, the ticks are another feed and are counted from its first.
TEST(Expert, AnotherTapeIsAnotherFeed) {
  ExpertStage stage(500);
  stage.configure(stage.history());
  std::string feed;
  uint64_t ticket = 0;
  {
    Process terminal(stage.config, false);
    stage.bridge.accept();
    stage.bridge.until(FrameType::kTapeEnd);
    feed = link::textOf(stage.bridge.hello.feed);
    ticket = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1)).order.ticket;
    terminal.tell("quit");
    EXPECT_EQ(terminal.wait(), 0);
  }
  // Older than the first one.
  auto ticks = triangle(300, 20);
  for (link::Tick& tick : ticks) tick.time_ms -= 86'400'000;
  writeTape(stage.folder.file("tape"), {"EURUSD"}, ticks);
  stage.bridge.ticks = 0;
  stage.bridge.kept.clear();
  Process terminal(stage.config, false);
  stage.bridge.accept();
  EXPECT_NE(std::string(link::textOf(stage.bridge.hello.feed)), feed);
  EXPECT_EQ(stage.bridge.until(FrameType::kTapeEnd).as<link::TapeEnd>().ticks, 300u);
  EXPECT_EQ(stage.bridge.kept.size(), 300u);
  EXPECT_EQ(stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1)).order.ticket, ticket);
}

TEST(Expert, LeadLimitWaitsForTheCompany) {
  ExpertStage stage(1'000, R"(,"leadLimitMs":50)");
  Process terminal(stage.config, false);
  stage.bridge.accept();
  stage.bridge.untilTicks(1);
  uint64_t applied = 0;
  while (stage.bridge.ticks < 1'000) {
    ASSERT_LE(stage.bridge.ticks, applied + 6);  // 50 ms are five ticks
    applied = stage.bridge.ticks;
    terminal.tell("applied " + std::to_string(applied));
    stage.bridge.untilTicks(applied + 1);
  }
  EXPECT_NE(terminal.heard("tape_end"), "");
}

TEST(Expert, LatencyHoldsTheOrderButNotTheTicks) {
  ExpertStage stage(1'000'000, R"(,"speed":10,"execution":{"latencyMs":100})");
  Process terminal(stage.config, false);
  stage.bridge.accept();
  stage.bridge.untilTicks(1);
  const uint64_t before = stage.bridge.ticks;
  const auto start = std::chrono::steady_clock::now();
  const link::Result result = stage.bridge.send(stage.bridge.place("slow", Side::kBuy, 0.1));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(result.retcode, kDone);
  EXPECT_GE(took, std::chrono::milliseconds(100));
  EXPECT_GT(stage.bridge.ticks, before + 50);
}

// Nobody drains the socket; nobody applies what was sent; nobody listens at all: in each case the terminal rests but
// for the expert's timer.
TEST(Expert, WaitsWithoutSpinning) {
  for (const char* more : {R"(,"rounds":100)", R"(,"leadLimitMs":50)", R"(,"bridge":"127.0.0.1:1")"}) {
    ExpertStage stage(100'000, more);
    const bool alone = std::string(more).find("bridge") != std::string::npos;
    if (alone) writeText(stage.config, expertJson(1, stage.folder.file("tape"), ""));
    Process terminal(stage.config, false);
    if (!alone) {
      stage.bridge.accept();
      ASSERT_NE(terminal.heard("ready"), "");
    }
    // Starting costs processor time as well: measure from where it has come to rest.
    double before = 0, used = 1e9;
    for (int i = 0; i < 40 && used > 100; ++i) {
      before = terminal.cpuMs();
      ::poll(nullptr, 0, 500);
      used = terminal.cpuMs() - before;
    }
    EXPECT_LE(used, 100) << more;
  }
}

TEST(Expert, ARefusalThatOnlyAPersonCanHelpEndsIt) {
  ExpertStage stage(10);
  Process terminal(stage.config, true);
  const auto refuse = [&](link::LinkError why, uint32_t retry_ms) {
    ASSERT_TRUE(stage.bridge.open());
    ASSERT_EQ(stage.bridge.until(FrameType::kHello).type, FrameType::kHello);
    link::Refused refused = link::refusedFor(why, "because");
    refused.retry_after_ms = retry_ms;
    stage.bridge.connection->send(FrameType::kRefused, refused);
  };
  refuse(link::LinkError::kAccountTaken, 1'300);
  refuse(link::LinkError::kWrongAccount, 0);
  EXPECT_EQ(terminal.wait(), 1);
}

TEST(Expert, EndOfStdinIsAnOrderlyEnd) {
  ExpertStage stage(10);
  const std::string command = std::string(TROUPE_TERMINAL) + " --config " + stage.config + " </dev/null 2>/dev/null";
  FILE* pipe = popen(command.c_str(), "r");
  char line[256] = {};
  EXPECT_NE(fgets(line, sizeof line, pipe), nullptr);
  EXPECT_EQ(std::string(line), "{\"event\":\"account\",\"balance\":10000.00,\"equity\":10000.00}\n");
  EXPECT_EQ(pclose(pipe), 0);
}

}  // namespace
}  // namespace troupe::terminal
