// The daemon as it runs: its process, a real nats-server with the permissions of production, a terminal over TCP.
#include <sys/socket.h>

#include <map>
#include <optional>

#include "bridge_daemon_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;
using link::FrameType;

namespace {

TEST_F(DaemonTest, waitsForStreamsThenPublishesEveryTick) {
  startDaemon();
  EXPECT_TRUE(logged("stream MARKET does not exist yet")) << daemon->err();
  nats->companyStreams();
  ASSERT_TRUE(said(R"("state":"waiting")")) << daemon->err();
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD", "EURUSD.m", "BRK B"}, 7200);
  ASSERT_TRUE(said(R"("state":"ready")")) << daemon->err();
  terminal.ticks(ticks(30'000, 3));
  terminal.tapeEnd(30'000);
  ASSERT_TRUE(terminal.pumpUntil([&] {
    return daemon->out().find(R"({"event":"tape_end","ticks":30000,"account":"ACC"})") != std::string::npos;
  })) << daemon->out()
      << daemon->err();
  expectAllTicks(30'000, 3);
  std::map<std::string, int> subjects;
  for (const auto& [subject, bytes] : nats->all("MARKET")) ++subjects[subject];
  EXPECT_EQ(subjects.count("md.9.ticks.SIM.EURUSD"), 1u);
  EXPECT_EQ(subjects.count("md.4.ticks.SIM.EURUSD=2Em"), 1u);
  EXPECT_EQ(subjects.count("md.8.ticks.SIM.BRK=20B"), 1u);

  // What the company sees of the bridge.
  EXPECT_NE(nats->all("KV_machines").at(0).second.find(R"("initial":"waiting")"), std::string::npos);
  const auto level = nats->all("KV_actors").at(0);
  EXPECT_EQ(level.first, "$KV.actors.bridge.ACC");
  EXPECT_NE(level.second.find(R"("state":"ready")"), std::string::npos) << level.second;
  std::string lifecycle;
  for (const auto& [subject, json] : nats->all("SYSTEM")) {
    EXPECT_EQ(subject, "sys.lifecycle.bridge.ACC");
    lifecycle += json;
  }
  for (const char* event : {"started", "syncing", "ready"})
    EXPECT_NE(lifecycle.find(std::string(R"("event":")") + event), std::string::npos) << lifecycle;

  EXPECT_EQ(daemon->end(SIGTERM), 0) << daemon->err();
  EXPECT_NE(nats->all("KV_actors").at(0).second.find(R"("state":"stopped")"), std::string::npos);
}

TEST_F(DaemonTest, commandsEventsAndRepeats) {
  startAll();
  EXPECT_EQ(command(place("o0")).code(), "NO_TERMINAL");
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD"}, 3600);
  ASSERT_TRUE(said(R"("state":"ready")"));
  // The terminal fills whatever it is told, and tells of it before it answers.
  std::thread desk([&] {
    const auto order = terminal.expect<link::Place>(FrameType::kPlace);
    ASSERT_TRUE(order);
    link::Deal deal{};
    deal.ticket = 9'007'199'254'740'993;  // above 2^53: must survive JSON
    link::setTextCut(deal.order_id, "o1");
    link::setTextCut(deal.entry, "in");
    deal.time_ms = 3'600'000 + 1234;
    terminal.link().send(FrameType::kDeal, link::EventHeader{1, 3'600'000 + 1234}, &deal, 1);
    link::Result result{};
    result.command = order->command;
    result.outcome = bridge::v1::OUTCOME_DONE;
    result.retcode = 10009;
    terminal.link().send(FrameType::kResult, result);
  });
  const auto reply = command(place("o1"));
  desk.join();
  EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE) << reply.ShortDebugString();
  EXPECT_EQ(reply.command_id(), "cmd-o1");
  const auto again = command(place("o1"));
  EXPECT_TRUE(again.replayed());
  EXPECT_EQ(again.outcome(), bridge::v1::OUTCOME_DONE);

  std::string trail;
  ASSERT_TRUE(eventually([&] {
    trail.clear();
    for (const auto& [subject, json] : nats->all("TRADING")) trail += subject + " " + json + "\n";
    return trail.find("9007199254740993") != std::string::npos;
  }));
  EXPECT_NE(trail.find("trade.execution.ACC"), std::string::npos);
  EXPECT_NE(trail.find(R"("session":"s1","sequence":1,"timeMs":1234,"deal":{"ticket":"9007199254740993")"),
            std::string::npos)
      << trail;
  EXPECT_NE(trail.find(R"("link":{"state":"ready")"), std::string::npos) << trail;

  // An order on its way when the link is lost.
  std::thread loser([&] {
    EXPECT_TRUE(terminal.expect<link::Place>(FrameType::kPlace));
    terminal.link().shutdown();
  });
  const auto unknown = command(place("o2"));
  loser.join();
  EXPECT_EQ(unknown.outcome(), bridge::v1::OUTCOME_UNKNOWN) << unknown.ShortDebugString();
  EXPECT_EQ(unknown.code(), "LINK_LOST");

  // Killed and started again: asked, not sent.
  EXPECT_EQ(daemon->end(SIGKILL), 128 + SIGKILL);
  startDaemon();
  FakeTerminal back(port);
  back.greet("s2", {"EURUSD"}, 3600);
  ASSERT_TRUE(said(R"("state":"ready")"));
  std::thread finder([&] {
    const auto find = back.expect<link::Find>(FrameType::kFind);
    ASSERT_TRUE(find);
    link::Result result{};
    result.command = find->command;
    result.outcome = bridge::v1::OUTCOME_DONE;
    back.link().send(FrameType::kResult, result);
  });
  const auto found = command(place("o2"));
  finder.join();
  EXPECT_EQ(found.outcome(), bridge::v1::OUTCOME_DONE) << found.ShortDebugString();
  EXPECT_TRUE(found.replayed());
}

// An older owner of the account stays out, also when the bridge was killed after the newer one spoke.
TEST_F(DaemonTest, anOldFenceIsRefusedAcrossAKill) {
  startAll();
  const auto withFence = [&](double fence) {
    bridge::v1::Command c = place("fenced-" + std::to_string(fence));
    c.set_fence(fence);
    return command(c).code();
  };
  EXPECT_EQ(withFence(41), "NO_TERMINAL");
  EXPECT_EQ(withFence(40), "FENCED");
  EXPECT_EQ(daemon->end(SIGKILL), 128 + SIGKILL);
  startDaemon();
  ASSERT_TRUE(said(R"("state":"waiting")"));
  EXPECT_EQ(withFence(40), "FENCED");
  bridge::v1::Command ask = place("x");
  ask.set_fence(1);
  ask.mutable_snapshot();
  EXPECT_EQ(command(ask).code(), "FENCED") << "questions too: who is fenced must learn of it";
  EXPECT_EQ(withFence(41), "NO_TERMINAL");
}

TEST_F(DaemonTest, operatorsSeeAndOperateIt) {
  startAll();
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  ASSERT_TRUE(eventually([&] {
    return nats->request("$SRV.PING", "", 200).find("troupe-bridge") != std::string::npos;
  })) << daemon->err();
  has(nats->request("$SRV.PING.troupe-bridge", ""), R"("type":"io.nats.micro.v1.ping_response")");
  const std::string info = nats->request("$SRV.INFO.troupe-bridge", "");
  has(info, R"("type":"io.nats.micro.v1.info_response")");
  has(info, R"("subject":"control.bridge.ACC.status")");
  const size_t at = info.find("\"id\":\"") + 6;
  const std::string id = info.substr(at, info.find('"', at) - at);
  has(nats->request("$SRV.INFO.troupe-bridge." + id, ""), id);
  has(nats->request("control.bridge.ACC.status", ""), R"({"ok":true,"kind":"bridge","id":"ACC","state":"waiting")");
  const std::string wrong = nats->request("control.bridge.ACC.dance", "{}");
  has(wrong, R"({"ok":false,"code":"CONTROL_VERB","field":"verb",)");
  has(nats->request("control.bridge.ACC.status", "[1]"), R"("code":"CONTROL_PAYLOAD")");
  const std::string stats = nats->request("$SRV.STATS.troupe-bridge", "");
  has(stats, R"("num_requests":2,"num_errors":1)");
  // NATS goes and comes back: it is served again.
  nats->kill();
  nats->startAgain();
  ASSERT_TRUE(eventually([&] {
    return nats->request("control.bridge.ACC.status", " {} ", 200).find(R"("ok":true)") != std::string::npos;
  })) << daemon->err();
  has(nats->request("control.bridge.ACC.kill", ""), R"("ok":true)");
  EXPECT_EQ(daemon->wait(), 128 + SIGKILL);
  startDaemon();
  ASSERT_TRUE(eventually([&] {
    return nats->request("control.bridge.ACC.restart", "", 200).find(R"("ok":true)") != std::string::npos;
  })) << daemon->err();
  EXPECT_EQ(daemon->wait(), 0);
}

TEST_F(DaemonTest, subjectsOfDifferentStreamsHaveNoOrderAmongThem) {
  nats->companyStreams();
  // Other actors have written their levels: KV `actors` counts far ahead of SYSTEM, where the lifecycle stands.
  for (int i = 0; i < 50; ++i) nats->request("$KV.actors.symbol.OTHER", "{}");
  startDaemon();
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD"}, 0);
  ASSERT_TRUE(said(R"("state":"ready")")) << daemon->err();
  EXPECT_EQ(daemon->end(SIGTERM), 0) << daemon->err();
  EXPECT_EQ(daemon->err().find("E_NATS_ORDER"), std::string::npos) << daemon->err();
}

TEST_F(DaemonTest, oneTerminalAtATimeAndBadOnesAreClosedWithTheirCode) {
  startAll();
  {
    FakeTerminal first(port);
    first.greet("s1", {"EURUSD"});
    ASSERT_TRUE(said(R"("state":"ready")"));
    FakeTerminal second(port);
    link::Refused refusal{};
    EXPECT_EQ(second.introduce(helloOf("s1b"), refusal), link::LinkError::kRefused);
    EXPECT_STREQ(refusal.code, "E_LINK_ACCOUNT_TAKEN");
    EXPECT_NE(std::string(refusal.message).find("taken by test, login 1"), std::string::npos) << refusal.message;
    EXPECT_EQ(uint32_t{refusal.retry_after_ms}, 5'000u);
    EXPECT_TRUE(logged("E_LINK_ACCOUNT_TAKEN"));
    EXPECT_TRUE(first.pumpUntil([&] { return lifecycle("E_LINK_ACCOUNT_TAKEN"); })) << "who has the seat keeps it";
    // A symbol outside the list.
    first.ticks({{1, 1.0, 2.0, 1, 6}});
    EXPECT_TRUE(first.closed());
    EXPECT_TRUE(logged("E_LINK_SYMBOL"));
    EXPECT_TRUE(said(R"("state":"lost","reason":"E_LINK_SYMBOL)"));
  }
  {
    FakeTerminal early(port);
    early.ticks({{1, 1.0, 2.0, 0, 6}});
    EXPECT_TRUE(early.closed());
    EXPECT_TRUE(logged("E_LINK_UNEXPECTED"));
  }
  {
    FakeTerminal hole(port);
    hole.greet("s2", {"EURUSD"});
    const link::Account account{};
    hole.link().send(FrameType::kAccount, link::EventHeader{5, 1}, &account, 1);
    hole.link().send(FrameType::kAccount, link::EventHeader{7, 1}, &account, 1);
    EXPECT_TRUE(hole.closed());
    EXPECT_TRUE(logged("E_LINK_EVENT_GAP"));
  }
  {
    FakeTerminal liar(port);
    liar.greet("s3", {"EURUSD"});
    liar.tapeEnd(1);
    EXPECT_TRUE(liar.closed());
    EXPECT_TRUE(logged("E_LINK_COUNT"));
  }
  // The same feed again, by another link: its numbers go on.
  for (const size_t count : {size_t{1}, size_t{2}}) {
    FakeTerminal same(port);
    same.greet("s9-" + std::to_string(count), {"EURUSD"}, 0, "feed");
    EXPECT_EQ(same.kept, std::vector<uint64_t>{count - 1});
    same.ticks({{1, 1.0, 2.0, 0, 6}});
    EXPECT_TRUE(same.pumpUntil([&] { return nats->messages("MARKET") == count; })) << count;
  }
}

TEST_F(DaemonTest, aTerminalThatIsNotTheRightOneIsToldWhy) {
  startAll({"--login", "1", "--margin-mode", "netting"});
  const auto refused = [&](const link::Hello& hello, const char* key) {
    FakeTerminal terminal(port);
    link::Refused refusal{};
    EXPECT_EQ(terminal.introduce(hello, refusal, key), link::LinkError::kRefused);
    EXPECT_TRUE(terminal.closed());
    EXPECT_TRUE(logged(refusal.code));
    EXPECT_TRUE(eventually([&] { return lifecycle(refusal.code); })) << refusal.code;
    return std::string(refusal.code);
  };
  const std::string other(64, 'a');
  EXPECT_EQ(refused(helloOf("s"), (other.substr(1) + "b").c_str()), "E_LINK_KEY");
  link::Hello hello = helloOf("s");
  link::setTextCut(hello.login, "2");
  EXPECT_EQ(refused(hello, kKey), "E_LINK_WRONG_ACCOUNT");
  hello = helloOf("s");
  link::setTextCut(hello.margin_mode, "hedging");
  EXPECT_EQ(refused(hello, kKey), "E_LINK_MARGIN_MODE");
  // A version of the link that this bridge does not speak, in the frame itself.
  FakeTerminal old(port);
  const link::FrameHeader header{sizeof(link::Hello), 1, 2, 1, 0};
  ASSERT_EQ(::send(old.link().fd(), &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  const auto told = old.expect<link::Refused>(FrameType::kRefused);
  ASSERT_TRUE(told);
  EXPECT_STREQ(told->code, "E_LINK_VERSION");
  EXPECT_EQ(daemon->out().find("syncing"), std::string::npos) << "none of them was let in";
  EXPECT_EQ(daemon->err().find(kKey), std::string::npos);
  EXPECT_EQ(daemon->out().find(kKey), std::string::npos);
}

TEST_F(DaemonTest, withoutAKeyItDoesNotStart) {
  for (const auto& [key, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "64 hex digits"}, {std::string(64, '0'), "64 hex digits"}}) {
    Child child({TROUPE_BRIDGE, "--listen", "127.0.0.1:0", "--account", "A", "--source", "S", "--journal",
                 (folder / "j").string()},
                folder / "o", folder / "e", {{"TROUPE_NATS_URL", nats->url()}, {link::kKeyVariable, key}});
    EXPECT_EQ(child.wait(), 2);
    EXPECT_NE(child.err().find(R"("code":"E_CONFIG")"), std::string::npos);
    EXPECT_NE(child.err().find(message), std::string::npos) << child.err();
  }
}

TEST_F(DaemonTest, nothingIsLostWhenNatsIsKilled) {
  startAll({"--window", "32"});
  FakeTerminal terminal(port);
  terminal.greet("s1", {"A", "B", "C"});
  ASSERT_TRUE(said(R"("state":"ready")"));
  const auto all = ticks(600'000, 3);
  terminal.ticks(std::vector<link::Tick>(all.begin(), all.begin() + 300'000));
  ASSERT_TRUE(terminal.pumpUntil([&] { return nats->messages("MARKET") > 100; }));
  nats->kill();
  terminal.ticks(std::vector<link::Tick>(all.begin() + 300'000, all.end()));
  EXPECT_TRUE(terminal.pumpUntil([&] { return daemon->err().find("E_NATS_LOST") != std::string::npos; }));
  EXPECT_GT(terminal.link().pendingBytes(), 0u) << "the terminal is held while nothing can be published";
  nats->startAgain();
  terminal.tapeEnd(all.size());
  ASSERT_TRUE(terminal.pumpUntil([&] { return daemon->out().find(R"("event":"tape_end")") != std::string::npos; }))
      << daemon->out() << daemon->err();
  expectAllTicks(all.size(), 3);
}

TEST_F(DaemonTest, aFullDiskIsSaidOnceAndNothingIsLost) {
  // The stream refuses what does not fit, exactly as it does when the disk is full.
  nats->stream("MARKET", "md.>", R"(,"max_bytes":500000,"discard":"new")");
  nats->stream("TRADING", "trade.>");
  nats->stream("SYSTEM", "sys.>");
  nats->stream("KV_actors", "$KV.actors.>");
  nats->stream("KV_machines", "$KV.machines.>");
  startDaemon({"--window", "16"});
  FakeTerminal terminal(port);
  terminal.greet("s1", {"A", "B"});
  ASSERT_TRUE(said(R"("state":"ready")"));
  const auto all = ticks(300'000, 2);
  terminal.ticks(all);
  terminal.tapeEnd(all.size());
  ASSERT_TRUE(terminal.pumpUntil([&] { return daemon->err().find("E_NATS_STORAGE_FULL") != std::string::npos; }))
      << daemon->err();
  const std::string answer = nats->request(
      "$JS.API.STREAM.UPDATE.MARKET",
      R"({"name":"MARKET","subjects":["md.>"],"storage":"file","retention":"limits","max_bytes":-1,"discard":"new"})");
  ASSERT_EQ(answer.find("\"error\""), std::string::npos) << answer;
  ASSERT_TRUE(terminal.pumpUntil([&] { return daemon->out().find(R"("event":"tape_end")") != std::string::npos; }))
      << daemon->out() << daemon->err();
  expectAllTicks(all.size(), 2);
  const std::string err = daemon->err();
  const size_t first = err.find("E_NATS_STORAGE_FULL");
  EXPECT_EQ(err.find("E_NATS_STORAGE_FULL", first + 1), std::string::npos) << "one clear line:\n" << err;
}

TEST_F(DaemonTest, stopsInOrderWhateverItIsDoing) {
  startDaemon();  // no streams yet
  EXPECT_TRUE(logged("E_NATS_NO_STREAM"));
  EXPECT_EQ(daemon->end(SIGINT), 0);
  nats->companyStreams();
  startDaemon();
  FakeTerminal terminal(port);
  terminal.greet("s1", {"A"});
  ASSERT_TRUE(said(R"("state":"ready")"));
  terminal.ticks(ticks(1000, 1));
  ASSERT_TRUE(terminal.pumpUntil([&] { return daemon->out().find(R"("acked_ticks":1000)") != std::string::npos; }));
  const auto from = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon->end(SIGTERM), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(3));
}

TEST(DaemonUsage, faultsEndWithTwoAndUnusableFilesWithOne) {
  const fs::path folder = fs::path(testing::TempDir()) / ("usage-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  Child bad({TROUPE_BRIDGE, "--listen", "nowhere"}, folder / "o1", folder / "e1");
  EXPECT_EQ(bad.wait(), 2);
  EXPECT_NE(bad.err().find(R"("code":"E_USAGE")"), std::string::npos);
  std::ofstream(folder / "j") << "something else";
  Child journal({TROUPE_BRIDGE, "--listen", "127.0.0.1:0", "--account", "A", "--source", "S", "--journal",
                 (folder / "j").string()},
                folder / "o2", folder / "e2", {{"TROUPE_NATS_URL", "nats://127.0.0.1:1"}});
  EXPECT_EQ(journal.wait(), 1);
  EXPECT_NE(journal.err().find(R"("code":"E_JOURNAL")"), std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
