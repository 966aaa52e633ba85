// The expert without a DLL, in the terminal as a process, against the daemon itself and NATS: on MQL5's sockets, plain
// and under TLS, over a daemon that is killed and comes back.
#include "bridge_daemon_support.h"
#include "tls_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;
using link::testing_support::TestCa;

namespace {

constexpr size_t kTicks = 40'000;

double bidOf(size_t i) {
  const size_t phase = i % 200;
  return 1.1 + 0.00001 * static_cast<double>(phase < 100 ? phase : 200 - phase);
}

struct SocketsExpertTest : DaemonTest {
  std::unique_ptr<TestCa> ca;
  std::unique_ptr<Child> terminal;
  int stdin_fds[2] = {-1, -1};

  void SetUp() override {
    DaemonTest::SetUp();
    if (IsSkipped()) return;
    ca = std::make_unique<TestCa>(folder);
    ASSERT_EQ(::pipe2(stdin_fds, O_CLOEXEC), 0);
    std::ofstream tape(folder / "tape", std::ios::binary);
    const auto put = [&](const auto& value) { tape.write(reinterpret_cast<const char*>(&value), sizeof value); };
    tape.write("TRPTAPE1", 8);
    put(uint32_t{1});
    put(int32_t{0});
    put(uint64_t{kTicks});
    put(uint64_t{64});
    char name[32] = "EURUSD";
    tape.write(name, sizeof name);
    for (size_t i = 0; i < kTicks; ++i)
      put(link::Tick{static_cast<int64_t>(1'700'000'000'000 + 10 * i), bidOf(i), bidOf(i) + 0.0001, 0, 6});
  }
  void TearDown() override {
    terminal.reset();
    for (const int fd : stdin_fds)
      if (fd >= 0) ::close(fd);
    DaemonTest::TearDown();
  }
  void startTerminal(std::vector<std::pair<std::string, std::string>> environment = {},
                     const std::string& margin_mode = "netting") {
    std::ofstream(folder / "terminal.json")
        << R"({"program":"expert-sockets","bridge":"127.0.0.1:)" << port << R"(","login":"1001","currency":"USD",
      "balance":10000,"leverage":100,"speed":100,"marginMode":")"
        << margin_mode << R"(","tape":")" << (folder / "tape").string() << R"(","history":")"
        << (folder / "history").string() << R"(","symbols":[{"name":"EURUSD","digits":5,"point":0.00001,
      "tickSize":0.00001,"contractSize":100000,"volumeMin":0.01,"volumeMax":50,"volumeStep":0.01,"currencyBase":"EUR",
      "currencyProfit":"USD","currencyMargin":"EUR","calcMode":"forex"}]})";
    terminal = std::make_unique<Child>(
        std::vector<std::string>{TROUPE_TERMINAL, "--config", (folder / "terminal.json").string()},
        folder / "terminal.out", folder / "terminal.err", std::move(environment), stdin_fds[0]);
  }
  // The environment of a machine that trusts this test's CA.
  std::vector<std::pair<std::string, std::string>> trustingMachine() const {
    return {{link::kCaVariable, link::Trust::kSystem}, {"SSL_CERT_FILE", ca->file}};
  }
  bool terminalSaid(const std::string& text) {
    return eventually([&] { return terminal->out().find(text) != std::string::npos; });
  }
  bool terminalLogged(const std::string& text) {
    return eventually([&] { return terminal->err().find(text) != std::string::npos; });
  }
  uint64_t progress() const {
    const std::string out = terminal->out(), key = "\"ticks_sent\":";
    const size_t at = out.rfind(key);
    return at == std::string::npos ? 0 : std::strtoull(out.c_str() + at + key.size(), nullptr, 10);
  }
  bridge::v1::CommandReply done(const std::string& id) {
    auto reply = command(place(id));
    EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE) << reply.ShortDebugString() << terminal->err();
    return reply;
  }
  // Bids of the whole feed, as MARKET has kept it.
  std::vector<double> bids() {
    std::vector<double> out;
    for (const auto& [subject, bytes] : nats->all("MARKET")) {
      market::v1::TickFrame frame;
      EXPECT_TRUE(frame.ParseFromString(bytes)) << subject;
      EXPECT_EQ(frame.first_sequence(), static_cast<double>(out.size() + 1)) << subject;
      out.insert(out.end(), frame.bid().begin(), frame.bid().end());
    }
    return out;
  }

  // Ticks and orders before, during and after the daemon's death; `more` are its options.
  void playsThroughAKill(const std::vector<std::string>& more,
                         const std::vector<std::pair<std::string, std::string>>& environment,
                         const std::string& margin_mode) {
    std::vector<std::string> options{"--login", "1001", "--margin-mode", margin_mode};
    options.insert(options.end(), more.begin(), more.end());
    startAll(options);
    startTerminal(environment, margin_mode);
    ASSERT_TRUE(said(R"("state":"ready")")) << daemon->err() << terminal->err();
    ASSERT_TRUE(eventually([&] { return progress() > 1000; })) << terminal->err();
    const auto first = done("first");
    EXPECT_EQ(done("first").order().ticket(), first.order().ticket()) << "the journal answers";

    daemon->end(SIGKILL);
    ASSERT_TRUE(terminalSaid(R"("event":"lost")")) << terminal->err();
    listen_port = port;
    startDaemon(options);
    ASSERT_TRUE(said(R"("state":"ready")")) << daemon->err() << terminal->err();
    const uint64_t resumed = progress();
    EXPECT_LT(resumed, kTicks) << "the kill came too late to show anything";
    EXPECT_EQ(done("first").order().ticket(), first.order().ticket()) << "executed once";
    const auto second = done("second");
    EXPECT_NE(second.order().ticket(), first.order().ticket());

    ASSERT_TRUE(said(R"("tape_end","ticks":)" + std::to_string(kTicks))) << daemon->err() << terminal->err();
    const std::vector<double> got = bids();
    ASSERT_EQ(got.size(), kTicks);
    for (size_t i = 0; i < kTicks; ++i) ASSERT_EQ(got[i], bidOf(i)) << i;
    // Two orders of 0.1 lots are all that was executed.
    bridge::v1::Command ask;
    ask.set_command_id("snapshot");
    ask.set_fence(1);
    ask.mutable_snapshot();
    const auto books = command(ask);
    double lots = 0;
    for (const auto& position : books.snapshot().positions()) lots += position.volume_lots();
    EXPECT_NEAR(lots, 0.2, 1e-9) << books.ShortDebugString();
    EXPECT_EQ(terminal->end(SIGTERM), 0) << terminal->err();
    EXPECT_NE(terminal->out().find(R"("event":"account")"), std::string::npos);
  }
};

TEST_F(SocketsExpertTest, everyTickAndOrderOnceOverAKilledDaemon) { playsThroughAKill({}, {}, "netting"); }

TEST_F(SocketsExpertTest, everyTickAndOrderOnceOverAKilledDaemonUnderTls) {
  const auto issued = ca->issue("bridge", "IP:127.0.0.1");
  playsThroughAKill({"--link-tls-cert", issued.certificate, "--link-tls-key", issued.key}, trustingMachine(),
                    "hedging");
}

TEST_F(SocketsExpertTest, aCertificateThatTheMachineDoesNotTrustEndsInOneErrorAndNothingElse) {
  const auto issued = TestCa(folder, "other").issue("bridge", "IP:127.0.0.1");
  startAll({"--link-tls-cert", issued.certificate, "--link-tls-key", issued.key});
  startTerminal(trustingMachine());
  ASSERT_TRUE(terminalLogged("E_LINK_TLS_FAILED")) << terminal->err();
  ASSERT_TRUE(eventually([&] { return lifecycle("E_LINK_TLS_REJECTED"); })) << daemon->err();
  // It tries again in silence, and never says a word in the clear.
  ASSERT_TRUE(eventually([&] {
    const std::string log = daemon->err();
    const size_t once = log.find("E_LINK_TLS_REJECTED");
    return log.find("E_LINK_TLS_REJECTED", once + 1) != std::string::npos;
  })) << daemon->err();
  const std::string log = terminal->err();
  EXPECT_EQ(log.find("E_LINK_TLS_FAILED"), log.rfind("E_LINK_TLS_FAILED")) << log;
  EXPECT_EQ(terminal->out().find("ready"), std::string::npos);
}

TEST_F(SocketsExpertTest, aPlainExpertAtADaemonWithTlsIsRefusedForGood) {
  const auto issued = ca->issue("bridge", "IP:127.0.0.1");
  startAll({"--link-tls-cert", issued.certificate, "--link-tls-key", issued.key});
  startTerminal();
  EXPECT_EQ(terminal->wait(), 1);
  EXPECT_NE(terminal->err().find("E_LINK_TLS_MISSING"), std::string::npos) << terminal->err();
}

TEST_F(SocketsExpertTest, trustThatTheSocketsDoNotKnowIsAFaultAtTheStart) {
  port = 1;
  startTerminal({{link::kFingerprintVariable, std::string(63, 'a') + "b"}});
  EXPECT_EQ(terminal->wait(), 1);
  EXPECT_NE(terminal->err().find("TROUPE_BRIDGE_TLS_FINGERPRINT: the program expert-sockets knows no fingerprints"),
            std::string::npos)
      << terminal->err();
  startTerminal({{link::kCaVariable, ca->file}});
  EXPECT_EQ(terminal->wait(), 1);
  EXPECT_NE(terminal->err().find("the program expert-sockets allows only system"), std::string::npos)
      << terminal->err();
}

}  // namespace
