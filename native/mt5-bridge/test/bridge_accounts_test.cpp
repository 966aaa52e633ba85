// One daemon that serves several accounts over one port: each has its own terminal, journal, subjects and state, and
// what happens to one is nothing to the others.
#include <algorithm>
#include <atomic>
#include <set>

#include "bridge_daemon_support.h"
#include "bridge_terminal_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;

namespace {

constexpr uint64_t kTicks = 4'000;

struct AccountsTest : DaemonTest {
  std::vector<std::unique_ptr<TerminalProcess>> terminals;

  void SetUp() override {
    served = {{"A", "SA"}, {"B", "SB"}, {"C", "SC"}};
    DaemonTest::SetUp();
  }
  void TearDown() override {
    terminals.clear();
    DaemonTest::TearDown();
  }
  void startTerminals() {
    writeTape(folder / "tape", kTicks);
    for (size_t i = 0; i < served.size(); ++i)
      terminals.push_back(std::make_unique<TerminalProcess>(
          folder, "terminal-" + served[i].account, port, (folder / "tape").string(),
          R"("speed":1000,"execution":{"latencyMs":1,"seed":"7"})", std::to_string(i + 1)));
  }
  std::string status(const std::string& account) {
    return nats->request("control.bridge." + account + ".status", "", 500);
  }
  bool is(const std::string& account, const std::string& state) {
    return eventually([&] { return status(account).find("\"state\":\"" + state + "\"") != std::string::npos; });
  }
  void expectAllReady() {
    for (const Served& one : served) ASSERT_TRUE(is(one.account, "ready")) << one.account << daemon->err();
  }
  // Ticks of the tape play, so that there are prices.
  void playAll() {
    for (const auto& terminal : terminals) ASSERT_TRUE(terminal->say("play\n"));
    for (const Served& one : served)
      ASSERT_TRUE(said(R"({"event":"tape_end","ticks":)" + std::to_string(kTicks) + R"(,"account":")" + one.account))
          << daemon->out();
  }
  std::string trail(const std::string& account) {
    std::string out;
    for (const auto& [subject, json] : nats->all("TRADING"))
      if (subject == "trade.execution." + account) out += json + "\n";
    return out;
  }
  // Whether the lifecycle of this account has this code as that of a refusal.
  bool refusalOf(const std::string& account, const std::string& code) {
    for (const auto& [subject, json] : nats->all("SYSTEM"))
      if (subject == "sys.lifecycle.bridge." + account && json.find(R"("event":"refused")") != std::string::npos &&
          json.find(code) != std::string::npos)
        return true;
    return false;
  }
  static int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

TEST_F(AccountsTest, eachTradesByItsOwnTerminalOnItsOwnSubjects) {
  startAll({"--metrics-port", "0"});
  startTerminals();
  expectAllReady();
  playAll();
  // The same ids everywhere: nothing of one account is taken for another's.
  for (const Served& one : served) {
    const auto reply = command(one.account, place("o1"));
    EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE) << one.account << reply.ShortDebugString();
    EXPECT_FALSE(reply.replayed()) << one.account;
  }
  for (const Served& one : served) {
    ASSERT_TRUE(eventually([&] { return trail(one.account).find(R"("deal":{)") != std::string::npos; })) << one.account;
    const std::string own = trail(one.account);
    EXPECT_NE(own.find(R"("account":")" + one.account), std::string::npos) << own;
    EXPECT_TRUE(fs::exists(folder / (one.account + ".journal")));
  }
  // Every tick of each stands once under its own source.
  std::map<std::string, uint64_t> ticks;
  for (const auto& [subject, bytes] : nats->all("MARKET")) {
    market::v1::TickFrame frame;
    ASSERT_TRUE(frame.ParseFromString(bytes));
    uint64_t& last = ticks[subject];
    ASSERT_EQ(frame.first_sequence(), static_cast<double>(last + 1)) << subject;
    last += static_cast<uint64_t>(frame.bid_size());
  }
  EXPECT_EQ(ticks.size(), 2 * served.size());
  for (const auto& [subject, count] : ticks) EXPECT_EQ(count, kTicks / 2) << subject;

  // Each is a service, a level and a lifecycle of its own, and knows whom it shares the daemon with.
  std::set<std::string> levels;
  for (const auto& [subject, json] : nats->all("KV_actors")) {
    levels.insert(subject);
    EXPECT_NE(json.find(R"("state":"ready")"), std::string::npos) << json;
  }
  EXPECT_EQ(levels, (std::set<std::string>{"$KV.actors.bridge.A", "$KV.actors.bridge.B", "$KV.actors.bridge.C"}));
  EXPECT_NE(status("B").find(R"("id":"B")"), std::string::npos);
  EXPECT_NE(status("B").find(R"("accounts":["A","B","C"])"), std::string::npos) << status("B");
  EXPECT_EQ(daemon->end(SIGTERM), 0) << daemon->err();
  for (const auto& [subject, json] : nats->all("KV_actors"))
    EXPECT_NE(json.find(R"("state":"stopped")"), std::string::npos) << subject << json;
}

TEST_F(AccountsTest, killedInTheMiddleEachAnswersFromItsOwnJournal) {
  startAll();
  startTerminals();
  expectAllReady();
  playAll();
  std::map<std::string, bridge::v1::CommandReply> before;
  for (int i = 0; i < 5; ++i)
    for (const Served& one : served) {
      const std::string id = "o" + std::to_string(i);
      before[one.account + id] = command(one.account, place(id));
      ASSERT_EQ(before[one.account + id].outcome(), bridge::v1::OUTCOME_DONE);
    }
  bridge::v1::Command newer = place("fenced");
  newer.set_fence(7);
  EXPECT_EQ(command("B", newer).outcome(), bridge::v1::OUTCOME_DONE);
  // More on their way in all accounts while it dies.
  std::vector<std::thread> senders;
  std::atomic<bool> dying{false};
  std::atomic<int> sent{0};
  for (const Served& one : served)
    senders.emplace_back([&, account = one.account] {
      for (int i = 0; !dying; ++i, ++sent) {
        bridge::v1::Command c = place("m" + std::to_string(i));
        c.set_fence(9);
        nats->request("bridge." + account + ".command", c.SerializeAsString(), 200);
      }
    });
  EXPECT_TRUE(eventually([&] { return sent > 10; }));
  EXPECT_EQ(daemon->end(SIGKILL), 128 + SIGKILL);
  dying = true;
  for (std::thread& sender : senders) sender.join();
  listen_port = port;  // where the terminals look for it
  startDaemon();
  expectAllReady();
  for (const Served& one : served) {
    EXPECT_EQ(command(one.account, place("o0")).code(), "FENCED") << one.account;
    bridge::v1::Command take = place("x");
    take.set_fence(9);
    take.mutable_snapshot();
    const auto snapshot = command(one.account, take).snapshot();
    std::map<std::string, double> executed;
    for (const auto& deal : snapshot.deals()) executed[deal.order_id()] += deal.volume_lots();
    for (int i = 0; i < 5; ++i) {
      const std::string id = "o" + std::to_string(i);
      bridge::v1::Command again = place(id);
      again.set_fence(9);
      const auto reply = command(one.account, again);
      EXPECT_TRUE(reply.replayed()) << one.account << id << reply.ShortDebugString();
      EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE);
      EXPECT_EQ(reply.order().ticket(), before[one.account + id].order().ticket()) << one.account << id;
    }
    for (const auto& [id, lots] : executed)
      if (!id.empty()) {
        EXPECT_NEAR(lots, 0.1, 1e-9) << one.account << " executed " << id << " twice";
      }
    EXPECT_EQ(executed.count("fenced"), one.account == "B" ? 1u : 0u);
  }
}

TEST_F(AccountsTest, whoIsNotWantedIsToldWhyAndSoAreTheirPeople) {
  served = {{"A", "SA"}, {"B", "SB"}};
  startAll({"--margin-mode", "netting"});  // behind the last account: B's
  const auto hello = [](const char* login, const char* mode, const char* session) {
    link::Hello h = helloOf(session);
    link::setTextCut(h.login, login);
    link::setTextCut(h.margin_mode, mode);
    return h;
  };
  FakeTerminal a(port), b(port);
  link::Refused refusal{};
  ASSERT_EQ(a.introduce(hello("1", "hedging", "a"), refusal), link::LinkError::kNone) << refusal.message;
  ASSERT_EQ(b.introduce(hello("2", "netting", "b"), refusal), link::LinkError::kNone) << refusal.message;
  const auto refused = [&](const link::Hello& h) {
    FakeTerminal terminal(port);
    link::Refused why{};
    EXPECT_EQ(terminal.introduce(h, why), link::LinkError::kRefused);
    EXPECT_TRUE(logged(why.code));
    return std::string(why.code);
  };
  EXPECT_EQ(refused(hello("1", "hedging", "a2")), "E_LINK_ACCOUNT_TAKEN");
  EXPECT_TRUE(eventually([&] { return refusalOf("A", "E_LINK_ACCOUNT_TAKEN"); }));
  EXPECT_EQ(refused(hello("2", "hedging", "b2")), "E_LINK_MARGIN_MODE");
  EXPECT_TRUE(eventually([&] { return refusalOf("B", "E_LINK_MARGIN_MODE"); }));
  EXPECT_FALSE(refusalOf("B", "E_LINK_ACCOUNT_TAKEN")) << "that was A's";
  EXPECT_FALSE(refusalOf("A", "E_LINK_MARGIN_MODE")) << "that was B's";
  EXPECT_EQ(refused(hello("3", "netting", "c")), "E_LINK_WRONG_ACCOUNT");
  EXPECT_TRUE(eventually([&] {
    return refusalOf("A", "E_LINK_WRONG_ACCOUNT") && refusalOf("B", "E_LINK_WRONG_ACCOUNT");
  })) << "nobody knows whose it was";
  EXPECT_FALSE(a.link().peerClosed());
  EXPECT_FALSE(b.link().peerClosed());
  // Lines of the log name the account.
  const std::string err = daemon->err();
  const size_t taken = err.find("E_LINK_ACCOUNT_TAKEN");
  EXPECT_NE(err.substr(taken, err.find('\n', taken) - taken).find(R"("account":"A")"), std::string::npos) << err;
}

// The terminal of A is stopped: it neither reads nor writes, and its orders have no answer for 5 s. B goes on at once.
TEST_F(AccountsTest, aFrozenTerminalHoldsUpNobodyElse) {
  startAll();
  startTerminals();
  expectAllReady();
  playAll();
  terminals[0]->child().signal(SIGSTOP);
  std::vector<std::thread> stuck;
  std::atomic<bool> done{false};
  for (int i = 0; i < 4; ++i)
    stuck.emplace_back([&, i] {
      for (int n = 0; !done; ++n)
        nats->request("bridge.A.command", place("a" + std::to_string(i) + "-" + std::to_string(n)).SerializeAsString(),
                      300);
    });
  ASSERT_TRUE(eventually([&] {
    const std::string told = status("A");
    return told.find(R"("commands_waiting":0)") == std::string::npos &&
           told.find("commands_waiting") != std::string::npos;
  }));
  std::vector<int64_t> took_ms;
  for (int i = 0; i < 100; ++i) {
    const int64_t from_ms = nowMs();
    const auto reply = command("B", place("b" + std::to_string(i)));
    took_ms.push_back(nowMs() - from_ms);
    ASSERT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE) << reply.ShortDebugString();
  }
  std::sort(took_ms.begin(), took_ms.end());
  // What A's orders wait is 5 s. B's have the bound that they always have, on however busy a machine.
  EXPECT_LT(took_ms[50], 100) << "median";
  EXPECT_LT(took_ms.back(), 2'000) << "the slowest";
  // A new terminal of C is let in as ever, and its ticks come.
  terminals[2].reset();
  ASSERT_TRUE(is("C", "lost"));
  FakeTerminal fresh(port);
  link::Hello hello = helloOf("fresh");
  link::setTextCut(hello.login, "3");
  link::Refused refusal{};
  const int64_t from_ms = nowMs();
  EXPECT_EQ(fresh.introduce(hello, refusal), link::LinkError::kNone) << refusal.message;
  EXPECT_LT(nowMs() - from_ms, 2'000);
  done = true;
  for (std::thread& thread : stuck) thread.join();
  // A is lost by its silence, and back when it goes on.
  EXPECT_TRUE(is("A", "lost")) << status("A");
  EXPECT_TRUE(is("B", "ready"));
  terminals[0]->child().signal(SIGCONT);
  EXPECT_TRUE(is("A", "ready")) << daemon->err();
  std::printf("B while A is frozen: median %lld ms, slowest %lld ms\n", static_cast<long long>(took_ms[50]),
              static_cast<long long>(took_ms.back()));
}

}  // namespace
