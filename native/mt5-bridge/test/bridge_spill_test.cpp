// The spill file, and the daemon that goes on taking ticks while its nats-server is stopped or dead.
#include <map>

#include "bridge/spill.h"
#include "bridge_support.h"
#include "troupe/market/v1/market.pb.h"

using namespace troupe;
using namespace troupe::bridge;
using namespace troupe::bridge::testing_support;

namespace {

std::string uniqueName() {
  return "spill-" + std::to_string(::getpid()) + "-" + testing::UnitTest::GetInstance()->current_test_info()->name();
}

struct SpillTest : testing::Test {
  std::string path = testing::TempDir() + uniqueName();
  std::string error;
  void SetUp() override { fs::remove(path); }
  void TearDown() override { fs::remove(path); }

  static Publication record(const std::string& id, const std::string& data) {
    return {"md.1.ticks.SIM.EURUSD", id, data.data(), data.size(), 3, 7};
  }
  std::vector<std::string> open(Spill& spill, uint64_t most = 1 << 20) {
    std::vector<std::string> ids;
    EXPECT_TRUE(spill.open(
        path, most, [&](const Publication& p) { ids.emplace_back(p.id); }, error))
        << error;
    return ids;
  }
};

TEST_F(SpillTest, firstInFirstOutAndWholeAgainAfterAnotherOpening) {
  const std::string big(700'000, 'x');
  {
    Spill spill;
    EXPECT_TRUE(open(spill, 8 << 20).empty());
    EXPECT_TRUE(spill.drained());
    for (const auto& [id, data] : {std::pair{"a.1-7", std::string("one")}, {"a.8-14", big}, {"a.15-21", big}})
      ASSERT_TRUE(spill.append(record(id, data), error)) << error;
    Publication p{};
    ASSERT_TRUE(spill.front(p, error)) << error;
    EXPECT_EQ(p.id, "a.1-7");
    EXPECT_EQ(p.subject, "md.1.ticks.SIM.EURUSD");
    EXPECT_EQ(std::string_view(static_cast<const char*>(p.data), p.size), "one");
    EXPECT_EQ(p.units, 7u);
    spill.pass();
    ASSERT_TRUE(spill.append(record("a.22-28", "four"), error));
    for (const char* id : {"a.8-14", "a.15-21", "a.22-28"}) {
      ASSERT_TRUE(spill.front(p, error)) << error;
      EXPECT_EQ(p.id, id);
      EXPECT_TRUE(p.size == 4 || std::string_view(static_cast<const char*>(p.data), p.size) == big);
      spill.pass();
    }
    EXPECT_TRUE(spill.drained());
    EXPECT_FALSE(spill.empty()) << "not acknowledged yet";
  }
  Spill again;
  EXPECT_EQ(open(again, 8 << 20), (std::vector<std::string>{"a.1-7", "a.8-14", "a.15-21", "a.22-28"}));
  EXPECT_FALSE(again.drained());
  ASSERT_TRUE(again.clear(error)) << error;
  EXPECT_TRUE(again.drained());
  EXPECT_EQ(fs::file_size(path), 8u);
}

TEST_F(SpillTest, aTornTailIsDroppedWhereverItWasCut) {
  {
    Spill spill;
    open(spill);
    ASSERT_TRUE(spill.append(record("a.1-7", "one"), error));
    ASSERT_TRUE(spill.append(record("a.8-14", "two"), error));
  }
  const std::string whole = slurp(path);
  size_t first = 0;
  for (size_t cut = whole.size() - 1; cut > 8; --cut) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, cut);
    Spill spill;
    const auto ids = open(spill);
    ASSERT_LE(ids.size(), 1u) << cut;
    if (ids.size() == 1) first = cut;
    ASSERT_EQ(fs::file_size(path), cut - spill.droppedBytes());
    ASSERT_TRUE(spill.append(record("a.15-21", "three"), error)) << "it goes on behind what is whole";
  }
  EXPECT_GT(first, 8u);
  // Damage in the middle: what stands behind cannot be trusted either.
  std::string bad = whole;
  bad[20] = static_cast<char>(bad[20] ^ 1);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bad;
  Spill spill;
  EXPECT_TRUE(open(spill).empty());
  EXPECT_EQ(spill.droppedBytes(), whole.size() - 8);
}

TEST_F(SpillTest, aFullOneTakesNothingAndSaysSo) {
  Spill spill;
  open(spill, 1000);
  int taken = 0;
  while (spill.append(record("a.1-7", std::string(100, 'x')), error)) ++taken;
  EXPECT_EQ(error, "");
  EXPECT_TRUE(spill.full());
  EXPECT_GT(taken, 4);
  EXPECT_LE(spill.bytes(), 1000u);
  ASSERT_TRUE(spill.clear(error));
  EXPECT_FALSE(spill.full());
  EXPECT_TRUE(spill.append(record("a.1-7", "x"), error));
}

TEST_F(SpillTest, aForeignFileIsRefused) {
  std::ofstream(path) << "something else";
  Spill spill;
  EXPECT_FALSE(spill.open(
      path, 1000, [](const Publication&) {}, error));
  EXPECT_NE(error.find("no spill file"), std::string::npos) << error;
  EXPECT_EQ(slurp(path), "something else");
}

struct SpillingDaemon : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / uniqueName();
  std::unique_ptr<NatsServer> nats;
  std::unique_ptr<Child> daemon;
  uint16_t port = 0;
  size_t sent = 0;

  void SetUp() override {
    if (findNatsServer().empty()) GTEST_SKIP() << "no nats-server: set NATS_SERVER or put it on PATH";
    fs::remove_all(folder);
    fs::create_directories(folder);
    nats = std::make_unique<NatsServer>(folder);
    nats->companyStreams();
  }
  void TearDown() override {
    daemon.reset();
    nats.reset();
    if (!HasFailure()) fs::remove_all(folder);
  }
  void startDaemon(const std::string& spill_mb = "256") {
    fs::remove(folder / "out");
    daemon = std::make_unique<Child>(
        std::vector<std::string>{TROUPE_BRIDGE, "--listen", "127.0.0.1:0", "--account", "ACC", "--source", "SIM",
                                 "--journal", (folder / "journal").string(), "--window", "16", "--spill-mb", spill_mb},
        folder / "out", folder / "err",
        std::vector<std::pair<std::string, std::string>>{
            {"TROUPE_NATS_URL", nats->url()}, {"TROUPE_NATS_USER", "bridge"}, {"TROUPE_NATS_PASSWORD", "secret"}});
    ASSERT_TRUE(eventually([&] { return said(R"("event":"listening")"); })) << daemon->err();
    const std::string out = daemon->out();
    port = static_cast<uint16_t>(std::atoi(out.c_str() + out.find("\"port\":") + 7));
  }
  bool said(const std::string& text) { return daemon->out().find(text) != std::string::npos; }
  bool logged(const std::string& text) { return daemon->err().find(text) != std::string::npos; }
  // The newest figure of that name in the daemon's statistics.
  uint64_t figure(const std::string& name) {
    const std::string out = daemon->out(), wanted = "\"" + name + "\":";
    const size_t at = out.rfind(wanted);
    return at == std::string::npos ? 0 : std::strtoull(out.c_str() + at + wanted.size(), nullptr, 10);
  }
  // Two symbols in turn; the bid of each tick is its number in the feed.
  void send(FakeTerminal& terminal, size_t count) {
    std::vector<link::Tick> ticks(count);
    for (size_t i = 0; i < count; ++i, ++sent)
      ticks[i] = {static_cast<int64_t>(1'700'000'000'000 + sent), static_cast<double>(sent),
                  static_cast<double>(sent) + 0.5, static_cast<uint32_t>(sent % 2), 6};
    terminal.ticks(ticks);
  }
  size_t spillSize() {
    std::error_code ignored;
    const auto size = fs::file_size(folder / "journal.spill", ignored);
    return ignored ? 0 : static_cast<size_t>(size);
  }
  void expectAllOnceAndInOrder() {
    std::map<std::string, std::pair<uint64_t, double>> at = {{"EURUSD", {0, 0}}, {"GBPUSD", {0, 1}}};
    for (const auto& [subject, bytes] : nats->all("MARKET")) {
      market::v1::TickFrame frame;
      ASSERT_TRUE(frame.ParseFromString(bytes)) << subject;
      auto& [last, next] = at.at(frame.symbol());
      ASSERT_EQ(frame.first_sequence(), static_cast<double>(last + 1)) << subject;
      last += static_cast<uint64_t>(frame.bid_size());
      for (const double bid : frame.bid()) {
        ASSERT_EQ(bid, next) << subject;
        next += 2;
      }
    }
    EXPECT_EQ(at["EURUSD"].first + at["GBPUSD"].first, sent);
  }
  void finish(FakeTerminal& terminal) {
    terminal.tapeEnd(sent);
    ASSERT_TRUE(terminal.pumpUntil([&] { return said(R"("event":"tape_end")"); })) << daemon->out() << daemon->err();
    expectAllOnceAndInOrder();
    EXPECT_TRUE(terminal.pumpUntil([&] { return spillSize() == 8; })) << "all is acknowledged, the file is empty";
  }
  void takesTicksWhileAway(FakeTerminal& terminal, size_t count) {
    send(terminal, count);
    ASSERT_TRUE(terminal.pumpUntil([&] { return figure("ticks") == sent && figure("spill_bytes") > 0; }))
        << daemon->out() << daemon->err();
    EXPECT_GT(spillSize(), 16 * count) << "two prices each";
    EXPECT_TRUE(logged("E_SPILLING"));
  }
};

TEST_F(SpillingDaemon, whileNatsStandsStillTicksGoToTheDiskAndFromThereInOrder) {
  startDaemon();
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD", "GBPUSD"});
  send(terminal, 10'000);
  nats->signal(SIGSTOP);
  takesTicksWhileAway(terminal, 100'000);
  nats->signal(SIGCONT);
  send(terminal, 10'000);
  finish(terminal);
}

TEST_F(SpillingDaemon, natsDiesTwiceAndNothingIsLostOrDoubled) {
  startDaemon();
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD", "GBPUSD"});
  for (int round = 0; round < 2; ++round) {
    send(terminal, 10'000);
    nats->kill();
    takesTicksWhileAway(terminal, 50'000);
    nats->startAgain();
  }
  send(terminal, 10'000);
  finish(terminal);
}

// The daemon is killed while ticks stand in its file alone: the next one has them, and the terminal sends none again.
TEST_F(SpillingDaemon, killedWithASpillItLosesAndDoublesNothing) {
  startDaemon();
  {
    FakeTerminal terminal(port);
    terminal.greet("s1", {"EURUSD", "GBPUSD"}, 0, "feed");
    send(terminal, 10'000);
    nats->kill();
    takesTicksWhileAway(terminal, 50'000);
    EXPECT_EQ(daemon->end(SIGKILL), 128 + SIGKILL);
  }
  nats->startAgain();
  startDaemon();
  FakeTerminal terminal(port);
  terminal.greet("s2", {"EURUSD", "GBPUSD"}, 0, "feed");
  // All that were taken, but those of the frames that were open.
  ASSERT_EQ(terminal.kept.size(), 2u);
  const size_t kept = terminal.kept[0] + terminal.kept[1];
  EXPECT_GE(kept + 2 * 256, sent);
  EXPECT_LE(kept, sent);
  // The terminal sends what is missing of each symbol.
  std::vector<link::Tick> rest;
  for (size_t i = 0; i < sent + 1000; ++i) {
    if (i / 2 < terminal.kept[i % 2]) continue;
    rest.push_back({static_cast<int64_t>(1'700'000'000'000 + i), static_cast<double>(i), static_cast<double>(i) + 0.5,
                    static_cast<uint32_t>(i % 2), 6});
  }
  sent += 1000;
  terminal.ticks(rest);
  finish(terminal);
}

TEST_F(SpillingDaemon, aFullSpillHoldsTheTerminalAndNothingIsLost) {
  startDaemon("1");
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD", "GBPUSD"});
  send(terminal, 1000);
  nats->signal(SIGSTOP);
  send(terminal, 400'000);
  ASSERT_TRUE(terminal.pumpUntil([&] { return logged("E_SPILL_FULL"); })) << daemon->err();
  EXPECT_LE(spillSize(), (1u << 20) + 8);
  EXPECT_LT(figure("ticks"), sent);
  nats->signal(SIGCONT);
  finish(terminal);
}

}  // namespace
