// The terminal as a process, with a bridge's end of the link in the test: bytes, order, speed, kill, reconnect.
#include <map>

#include "engine/random.h"
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;
using link::FrameType;

struct Stage {
  TempFolder folder;
  FakeBridge bridge;
  std::string config;

  explicit Stage(size_t ticks, const std::string& more = "", int64_t step_ms = 10) {
    writeTape(folder.file("tape"), {"EURUSD"}, triangle(ticks, step_ms));
    config = writeText(folder.file("config.json"), configJson(bridge.port(), folder.file("tape"), more));
  }
  std::string history() const { return R"(,"history":")" + folder.file("history") + "\""; }
};

TEST(Process, PlaysTheTapeWholeAndInOrder) {
  Stage stage(20'000, R"(,"rounds":3,"utcOffsetS":3600)");
  stage.bridge.keep_ticks = true;
  Process terminal(stage.config, true);
  stage.bridge.accept();
  EXPECT_EQ(link::textOf(stage.bridge.hello.login), "1001");
  EXPECT_EQ(stage.bridge.hello.utc_offset_s, 3600);
  EXPECT_EQ(link::textOf(stage.bridge.symbols.as<link::Spec>().name), "EURUSD");
  EXPECT_EQ(terminal.heard("ready"), R"({"event":"ready"})");
  EXPECT_EQ(stage.bridge.send(stage.bridge.place("early", Side::kBuy, 0.1)).retcode, kPriceOff)
      << "held: no prices yet";
  EXPECT_EQ(stage.bridge.ticks, 0u);
  terminal.tell("play");
  EXPECT_EQ(stage.bridge.until(FrameType::kTapeEnd).as<link::TapeEnd>().ticks, 60'000u);
  EXPECT_EQ(stage.bridge.ticks, 60'000u);
  const auto tape = triangle(20'000);
  for (size_t i = 0; i < 60'000; ++i) {
    const link::Tick& sent = stage.bridge.kept[i];
    ASSERT_EQ(sent.bid, tape[i % 20'000].bid);
    ASSERT_EQ(sent.time_ms, tape[i % 20'000].time_ms + static_cast<int64_t>(i / 20'000) * 201'000);
  }
  EXPECT_NE(terminal.heard("\"ticks_sent\":60000,\"ticks_total\":60000,"), "");
  EXPECT_EQ(terminal.heard("tape_end"), R"({"event":"tape_end","ticks":60000})");
  // Frozen at the last prices, it still deals.
  const link::Result result = stage.bridge.send(stage.bridge.place("late", Side::kBuy, 0.1));
  EXPECT_EQ(result.retcode, kDone);
  EXPECT_GT(result.received_us, 0u);
  terminal.tell("quit");
  EXPECT_EQ(terminal.heard("account"), R"({"event":"account","balance":10000.00,"equity":9999.00})");
  EXPECT_EQ(terminal.wait(), 0);
}

// The bytes are the order of events: tick, deal, order, position, account; and a result after its own events.
TEST(Process, EventsStandBehindTheirTickAndBeforeTheResult) {
  Stage stage(2'000);
  Process terminal(stage.config, true);
  stage.bridge.accept();
  terminal.tell("play");
  stage.bridge.until(FrameType::kTapeEnd);
  stage.bridge.seen.clear();
  const link::Result result = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1));
  ASSERT_EQ(result.outcome, 1);
  ASSERT_EQ(stage.bridge.seen.size(), 5u);
  const FrameType order[] = {FrameType::kOrder, FrameType::kDeal, FrameType::kOrder, FrameType::kPosition,
                             FrameType::kAccount};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(stage.bridge.seen[i].type, order[i]) << i;
    EXPECT_EQ(stage.bridge.seen[i].as<link::EventHeader>().sequence, i + 1);
  }
  const auto deal = stage.bridge.seen[1].as<link::Deal>(sizeof(link::EventHeader));
  EXPECT_EQ(link::textOf(deal.order_id), "a");
  EXPECT_EQ(link::textOf(deal.reason), "expert");
  EXPECT_EQ(deal.magic, 9u);
  // The same id again: the same answer with its deal, and no event.
  stage.bridge.seen.clear();
  EXPECT_EQ(stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1)).order.ticket, result.order.ticket);
  EXPECT_TRUE(stage.bridge.seen.empty());
  // A snapshot says what there is, and up to which event.
  link::TakeSnapshot take{77, 0};
  stage.bridge.connection->send(FrameType::kSnapshot, take);
  const auto begin = stage.bridge.until(FrameType::kSnapshotBegin).as<link::SnapshotBegin>();
  EXPECT_EQ(begin.command, 77u);
  EXPECT_EQ(begin.event_sequence, 5u);
  EXPECT_EQ(begin.account.balance, 10000.0);
  EXPECT_EQ(stage.bridge.until(FrameType::kSnapshotPositions).as<link::SnapshotPart>().count, 1u);
  EXPECT_EQ(stage.bridge.until(FrameType::kSnapshotDeals).as<link::SnapshotPart>().count, 2u);
  EXPECT_EQ(stage.bridge.until(FrameType::kSnapshotEnd).as<link::SnapshotBegin>().command, 77u);
}

TEST(Process, PendingOrderFillsBehindTheTickThatReachedIt) {
  Stage stage(400'000, R"(,"speed":100)", 1);
  stage.bridge.keep_ticks = true;
  Process terminal(stage.config, false);
  stage.bridge.accept();
  stage.bridge.untilTicks(1);
  // Between the triangle's low ask and its high bid there is always a way to wait for.
  link::Place place = stage.bridge.place("limit", Side::kBuy, 0.1, OrderType::kLimit);
  place.price = 1.10011;
  link::Result result = stage.bridge.send(place);
  for (int i = 0; result.retcode != kPlaced && i < 200; ++i) {
    link::setTextCut(place.order_id, "limit" + std::to_string(i));
    place.command = ++stage.bridge.commands;
    result = stage.bridge.send(place);
  }
  ASSERT_EQ(result.retcode, kPlaced);
  const Frame frame = stage.bridge.until(FrameType::kDeal);
  const auto deal = frame.as<link::Deal>(sizeof(link::EventHeader));
  EXPECT_EQ(deal.order_ticket, result.order.ticket);
  EXPECT_EQ(stage.bridge.last_tick.time_ms, deal.time_ms) << "the last tick before the deal is the one that filled it";
  EXPECT_EQ(stage.bridge.last_tick.ask, deal.price);
  EXPECT_LE(deal.price, 1.10011);
}

TEST(Process, KilledItComesBackTheSame) {
  Stage stage(50'000'000 / 100);
  writeText(stage.config, configJson(stage.bridge.port(), stage.folder.file("tape"),
                                     stage.history() + R"(,"speed":1000,"marginMode":"netting")"));
  uint64_t sent_before = 0;
  link::Result first{};
  std::string session, feed;
  {
    Process terminal(stage.config, false);
    stage.bridge.keep_ticks = true;
    stage.bridge.accept();
    session = link::textOf(stage.bridge.hello.session);
    feed = link::textOf(stage.bridge.hello.feed);
    first = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1));
    for (int i = 0; first.retcode == kPriceOff; ++i) {
      first = stage.bridge.send(stage.bridge.place("a" + std::to_string(i), Side::kBuy, 0.1));
    }
    ASSERT_EQ(first.retcode, kDone);
    stage.bridge.untilTicks(400);
    terminal.killNow();
    while (stage.bridge.next().type != FrameType{}) {
    }
    sent_before = stage.bridge.ticks;
  }
  // Of what came, the bridge had not kept the last 300: they come again, and then the tape goes on by itself.
  ASSERT_GT(sent_before, 300u);
  stage.bridge.ticks = sent_before - 300;
  stage.bridge.kept.resize(stage.bridge.kept.size() - 300);
  Process terminal(stage.config, true);
  const std::string resumed = terminal.heard("resumed");
  EXPECT_NE(resumed.find(R"({"event":"resumed","ticks_sent":)"), std::string::npos) << resumed;
  stage.bridge.accept();
  EXPECT_NE(terminal.heard("ready"), "");
  EXPECT_NE(session, link::textOf(stage.bridge.hello.session));
  EXPECT_EQ(feed, link::textOf(stage.bridge.hello.feed));
  link::Place again = stage.bridge.place(std::string(link::textOf(first.order.order_id)), Side::kBuy, 0.1);
  const link::Result known = stage.bridge.send(again);
  EXPECT_EQ(known.order.ticket, first.order.ticket);
  EXPECT_EQ(known.deals, 1u);
  const link::Result reduce = stage.bridge.send(stage.bridge.place("b", Side::kSell, 0.05));
  EXPECT_EQ(reduce.retcode, kDone);
  EXPECT_EQ(reduce.order.position_id, first.order.position_id);
  stage.bridge.untilTicks(sent_before + 1000);
  const auto tape = triangle(500'000);
  for (size_t i = 0; i < stage.bridge.kept.size(); ++i) {
    ASSERT_EQ(stage.bridge.kept[i].time_ms, tape[i].time_ms) << "tick " << i;
    ASSERT_EQ(stage.bridge.kept[i].bid, tape[i].bid) << "tick " << i;
  }
}

TEST(Process, ABridgeThatKeepsMoreThanTheHistoryKnowsIsAFault) {
  Stage stage(1'000);
  writeText(stage.config, configJson(stage.bridge.port(), stage.folder.file("tape"), stage.history()));
  Process terminal(stage.config, true);
  stage.bridge.accept(1);
  EXPECT_EQ(terminal.wait(), 1);
}

// Killed again and again at any moment, while orders come and go: the company hears every tick of the tape once and in
// order, and what the terminal has told it has done stays done.
TEST(Process, KilledAtAnyMomentNothingIsLostOrDoneTwice) {
  constexpr size_t kTicks = 60'000;
  Stage stage(kTicks, "", 10);
  writeText(stage.config,
            configJson(stage.bridge.port(), stage.folder.file("tape"),
                       stage.history() + R"(,"speed":200,"execution":{"latencyMs":2,"partialFillProbability":0.3})"));
  stage.bridge.keep_ticks = true;
  uint64_t random = 20261122;
  std::map<std::string, link::Result> told;  // final answers that the bridge has heard
  std::vector<std::string> orders;
  for (int life = 0; life < 25 || stage.bridge.ticks < kTicks; ++life) {
    ASSERT_LT(life, 200);
    Process terminal(stage.config, life > 0);
    stage.bridge.accept();
    for (int i = 0; i < 3 && !told.empty(); ++i) {
      const auto& [id, before] = *std::next(told.begin(), static_cast<long>((random = mix64(random)) % told.size()));
      const link::Result now = stage.bridge.send(stage.bridge.place(id, Side::kBuy, 0.01));
      if (now.command == 0) break;
      ASSERT_EQ(now.order.ticket, before.order.ticket) << id << " in life " << life;
      ASSERT_GE(now.deals, before.deals) << id;
    }
    const auto kill_at =
        std::chrono::steady_clock::now() + std::chrono::microseconds((random = mix64(random)) % 60'000);
    while (std::chrono::steady_clock::now() < kill_at) {
      const std::string id = "o" + std::to_string(orders.size());
      orders.push_back(id);
      const Side side = orders.size() % 2 ? Side::kBuy : Side::kSell;
      stage.bridge.connection->send(FrameType::kPlace, stage.bridge.place(id, side, 0.01));
      const auto until = std::min(kill_at, std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
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
  const auto tape = triangle(kTicks);
  ASSERT_EQ(stage.bridge.kept.size(), kTicks);
  for (size_t i = 0; i < kTicks; ++i) ASSERT_EQ(stage.bridge.kept[i].time_ms, tape[i].time_ms) << "tick " << i;

  // The books at the end: every order once, and the position is the sum of the deals.
  Process terminal(stage.config, true);
  stage.bridge.accept();
  const link::TakeSnapshot take{1'000'000, 0};
  stage.bridge.connection->send(FrameType::kSnapshot, take);
  double lots = 0, held = 0;
  std::map<std::string, double> filled;
  for (;;) {
    const Frame frame = stage.bridge.next();
    ASSERT_NE(frame.type, FrameType{});
    if (frame.type == FrameType::kSnapshotEnd) break;
    const auto count = frame.bytes.size() < sizeof(link::SnapshotPart) ? 0 : frame.as<link::SnapshotPart>().count;
    for (size_t i = 0; frame.type == FrameType::kSnapshotDeals && i < count; ++i) {
      const auto deal = frame.as<link::Deal>(sizeof(link::SnapshotPart) + i * sizeof(link::Deal));
      if (deal.side == 0) continue;
      filled[std::string(link::textOf(deal.order_id))] += deal.volume_lots;
      lots += signOf(static_cast<Side>(deal.side)) * deal.volume_lots;
    }
    for (size_t i = 0; frame.type == FrameType::kSnapshotPositions && i < count; ++i) {
      const auto position = frame.as<link::Position>(sizeof(link::SnapshotPart) + i * sizeof(link::Position));
      held += signOf(static_cast<Side>(position.side)) * position.volume_lots;
    }
  }
  EXPECT_NEAR(lots, held, 1e-9);
  for (const auto& [id, volume] : filled) EXPECT_LE(volume, 0.01 + 1e-9) << id;
  for (const auto& [id, result] : told) {
    EXPECT_TRUE(result.deals == 0 || filled.contains(id)) << id << " was told and is forgotten";
  }
}

TEST(Process, ReconnectsWithANewSessionAndNoTickTwice) {
  Stage stage(200'000, R"(,"speed":1000)");
  stage.bridge.keep_ticks = true;
  Process terminal(stage.config, false);
  stage.bridge.accept();
  const std::string session(link::textOf(stage.bridge.hello.session));
  stage.bridge.untilTicks(stage.bridge.ticks + 1);
  const link::Result opened = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1));
  ASSERT_EQ(opened.retcode, kDone);
  stage.bridge.connection.reset();
  EXPECT_NE(terminal.heard("lost"), "");
  stage.bridge.accept();
  EXPECT_NE(std::string(link::textOf(stage.bridge.hello.session)), session);
  EXPECT_NE(terminal.heard("ready"), "");
  const link::Result known = stage.bridge.send(stage.bridge.place("a", Side::kBuy, 0.1));
  EXPECT_EQ(known.order.ticket, opened.order.ticket);
  terminal.signal(SIGTERM);
  EXPECT_NE(terminal.heard("account"), "");
  EXPECT_EQ(terminal.wait(), 0);
  const auto tape = triangle(200'000);
  for (size_t i = 0; i < stage.bridge.kept.size(); ++i) {
    ASSERT_EQ(stage.bridge.kept[i].time_ms, tape[i].time_ms) << "no tick is missing, none comes twice";
  }
}

TEST(Process, LeadLimitWaitsForTheCompany) {
  Stage stage(1'000, R"(,"leadLimitMs":50)");
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

// Nobody drains the socket; nobody applies what was sent; nobody listens at all: in each case the terminal sleeps.
TEST(Process, WaitsWithoutSpinning) {
  for (const char* more : {R"(,"rounds":100)", R"(,"leadLimitMs":50)", R"(,"bridge":"127.0.0.1:1")"}) {
    Stage stage(100'000, more);
    if (std::string(more).find("bridge") != std::string::npos) {
      writeText(stage.config, configJson(1, stage.folder.file("tape")));
    }
    Process terminal(stage.config, false);
    if (std::string(more).find("bridge") == std::string::npos) {
      stage.bridge.accept();
      ASSERT_NE(terminal.heard("ready"), "");
    }
    // Starting costs processor time as well: measure from where it has come to rest.
    double last = -1;
    for (int i = 0; i < 50 && last != terminal.cpuMs(); ++i) {
      last = terminal.cpuMs();
      ::poll(nullptr, 0, 100);
    }
    const double before = terminal.cpuMs();
    ::poll(nullptr, 0, 500);
    EXPECT_LE(terminal.cpuMs() - before, 50) << more;
  }
}

TEST(Process, LatencyHoldsTheOrderButNotTheTicks) {
  Stage stage(1'000'000, R"(,"speed":10,"execution":{"latencyMs":100})");
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

TEST(Process, GarbageClosesTheLinkAndTheTerminalComesBack) {
  Stage stage(10);
  Process terminal(stage.config, true);
  stage.bridge.accept();
  const std::string garbage(100, 'z');
  EXPECT_EQ(::write(stage.bridge.connection->fd(), garbage.data(), garbage.size()), 100);
  EXPECT_NE(terminal.heard("lost"), "");
  stage.bridge.accept();
  link::Place nan = stage.bridge.place("x", Side::kBuy, 0.1);
  nan.price = std::nan("");
  stage.bridge.connection->send(FrameType::kPlace, nan);
  EXPECT_NE(terminal.heard("lost").find("not finite"), std::string::npos);
  stage.bridge.accept();
  EXPECT_EQ(stage.bridge.send(stage.bridge.place("y", Side::kBuy, 0.1)).retcode, kPriceOff);
}

TEST(Process, ABridgeThatDoesNotKnowTheKeyIsNotObeyed) {
  Stage stage(10);
  Process terminal(stage.config, true);
  ASSERT_TRUE(stage.bridge.open());
  const link::Policy any;
  link::Key other;
  ASSERT_TRUE(link::parseKey(std::string(63, '0') + "1", other));
  link::Greeter impostor(other, any);
  ASSERT_EQ(stage.bridge.challenge(impostor), link::LinkError::kNone);
  ASSERT_EQ(stage.bridge.until(FrameType::kProof).type, FrameType::kProof);
  stage.bridge.connection->send(FrameType::kWelcome, impostor.welcome("impostor", 1));
  stage.bridge.connection->send(FrameType::kPlace, stage.bridge.place("x", Side::kBuy, 0.1));
  EXPECT_NE(terminal.heard("lost").find("does not know"), std::string::npos);
  EXPECT_EQ(stage.bridge.next().type, FrameType{}) << "neither symbols nor a result";
  stage.bridge.accept();
  EXPECT_EQ(stage.bridge.send(stage.bridge.place("y", Side::kBuy, 0.1)).retcode, kPriceOff);
}

TEST(Process, ARefusalIsSaidAndHeededAndWhereOnlyAPersonCanHelpItEnds) {
  Stage stage(10);
  Process terminal(stage.config, true);
  const auto refuse = [&](link::LinkError why, uint32_t retry_ms) {
    ASSERT_TRUE(stage.bridge.open());
    ASSERT_EQ(stage.bridge.until(FrameType::kHello).type, FrameType::kHello);
    link::Refused refused = link::refusedFor(why, "because");
    refused.retry_after_ms = retry_ms;
    stage.bridge.connection->send(FrameType::kRefused, refused);
  };
  refuse(link::LinkError::kAccountTaken, 1'300);
  EXPECT_NE(terminal.heard("lost").find("E_LINK_ACCOUNT_TAKEN: because"), std::string::npos);
  const auto from = std::chrono::steady_clock::now();
  refuse(link::LinkError::kWrongAccount, 0);
  EXPECT_GE(std::chrono::steady_clock::now() - from, std::chrono::milliseconds(1'100));
  EXPECT_EQ(terminal.wait(), 1);
}

TEST(Process, EndOfStdinIsAnOrderlyEnd) {
  Stage stage(10);
  const std::string command = std::string(TROUPE_TERMINAL) + " --config " + stage.config + " </dev/null 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  char line[256] = {};
  EXPECT_NE(fgets(line, sizeof line, pipe), nullptr);
  EXPECT_EQ(std::string(line), "{\"event\":\"account\",\"balance\":10000.00,\"equity\":10000.00}\n");
  EXPECT_EQ(pclose(pipe), 0);
}

TEST(Process, FaultsAreLinesWithCodes) {
  Stage stage(10);
  const auto run = [](const std::string& arguments, int& status) {
    FILE* pipe = popen((std::string(TROUPE_TERMINAL) + arguments + " </dev/null 2>&1").c_str(), "r");
    std::string text;
    char buffer[1024];
    while (fgets(buffer, sizeof buffer, pipe)) text += buffer;
    status = WEXITSTATUS(pclose(pipe));
    return text;
  };
  int status = 0;
  EXPECT_NE(run("", status).find("E_USAGE"), std::string::npos);
  EXPECT_EQ(status, 2);
  ::unsetenv(link::kKeyVariable);
  EXPECT_NE(run(" --config " + stage.config, status).find("TROUPE_BRIDGE_KEY is not set"), std::string::npos);
  EXPECT_EQ(status, 1);
  ::setenv(link::kKeyVariable, kKey, 1);
  EXPECT_NE(run(" --config /no/such.json", status).find("E_CONFIG"), std::string::npos);
  EXPECT_EQ(status, 1);
  writeText(stage.folder.file("tape"), "short");
  EXPECT_NE(run(" --config " + stage.config, status).find("E_TAPE_TRUNCATED"), std::string::npos);
  EXPECT_EQ(status, 1);
}

}  // namespace
}  // namespace troupe::terminal
