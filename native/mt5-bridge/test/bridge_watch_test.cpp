// How the daemon is watched: figures for Prometheus, its machine for a visualizer, its status for the doctor.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <mutex>

#include "bridge/inspection.h"
#include "bridge/metrics_page.h"
#include "bridge/metrics_server.h"
#include "bridge_support.h"
#include "troupe/bridge/v1/bridge.pb.h"

using namespace troupe;
using namespace troupe::bridge;
using namespace troupe::bridge::testing_support;

namespace {

// What one GET of 127.0.0.1 answers, or whatever else is sent.
std::string http(uint16_t port, const std::string& request) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  std::string out;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    for (size_t done = 0; done < request.size();) {
      const ssize_t n = ::send(fd, request.data() + done, request.size() - done, MSG_NOSIGNAL);
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    char bytes[4096];
    for (ssize_t n; (n = ::recv(fd, bytes, sizeof bytes, 0)) > 0;) out.append(bytes, static_cast<size_t>(n));
  }
  ::close(fd);
  return out;
}
std::string get(uint16_t port, const std::string& path) {
  return http(port, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

TEST(LatencyHistogram, countsWhatFallsIntoEachBucket) {
  LatencyHistogram histogram;
  for (const int64_t us : {-5, 0, 10, 11, 200, 201, 2'000'000}) histogram.add(us);
  const auto reading = histogram.read();
  EXPECT_EQ(reading.count, 7u);
  EXPECT_EQ(reading.buckets[0], 3u) << "up to 10 us";
  EXPECT_EQ(reading.buckets[1], 1u) << "up to 20 us";
  EXPECT_EQ(reading.buckets[5], 1u) << "up to 200 us";
  EXPECT_EQ(reading.buckets[6], 1u) << "up to 300 us";
  EXPECT_EQ(reading.buckets.back(), 1u) << "longer than a second";
  EXPECT_EQ(reading.sum_us, 2'000'422u);
}

TEST(MetricsPage, hasEveryMetricWithItsHelpAndType) {
  DaemonReading daemon;
  daemon.accounts.resize(1);
  MetricsReading& reading = daemon.accounts[0];
  reading.account = "A\"1";
  reading.state = State::kReady;
  reading.ticks = 12'345'678'901;
  reading.replies = {{"done", 3}, {"unknown", 1}};
  reading.refusals = {{"E_LINK_KEY", 2}};
  reading.trade_allowed = 0;
  LatencyHistogram histogram;
  histogram.add(150);
  reading.command = histogram.read();
  const std::string page = metricsPage(daemon);
  for (const char* line :
       {"# TYPE troupe_bridge_ticks_total counter\ntroupe_bridge_ticks_total{account=\"A\\\"1\"} 12345678901\n",
        "troupe_bridge_state{account=\"A\\\"1\",state=\"ready\"} 1\n",
        "troupe_bridge_state{account=\"A\\\"1\",state=\"lost\"} 0\n",
        "troupe_bridge_replies_total{account=\"A\\\"1\",outcome=\"unknown\"} 1\n",
        "troupe_bridge_refusals_total{account=\"A\\\"1\",code=\"E_LINK_KEY\"} 2\n",
        "troupe_bridge_command_seconds_bucket{account=\"A\\\"1\",le=\"0.0001\"} 0\n",
        "troupe_bridge_command_seconds_bucket{account=\"A\\\"1\",le=\"0.00015\"} 1\n",
        "troupe_bridge_command_seconds_bucket{account=\"A\\\"1\",le=\"+Inf\"} 1\n",
        "troupe_bridge_command_seconds_sum{account=\"A\\\"1\"} 0.000150\n",
        "troupe_bridge_trade_allowed{account=\"A\\\"1\"} 0\n"})
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  // One HELP for each that has values.
  size_t helps = 0, types = 0;
  for (size_t at = 0; (at = page.find("# HELP ", at)) != std::string::npos; ++at) ++helps;
  for (size_t at = 0; (at = page.find("# TYPE ", at)) != std::string::npos; ++at) ++types;
  EXPECT_EQ(helps, 25u);
  EXPECT_EQ(types, 25u);
  EXPECT_EQ(metricsPage(daemon).find("troupe_bridge_permission{"), std::string::npos) << "nobody knows";
  reading.permissions = {{"terminal", 1}, {"expert", 0}, {"account", -1}};
  reading.connected = 1;
  reading.ping_s = 0.0123;
  reading.build = 4885;
  const std::string told = metricsPage(daemon);
  for (const char* line : {"troupe_bridge_permission{account=\"A\\\"1\",where=\"terminal\"} 1\n",
                           "troupe_bridge_permission{account=\"A\\\"1\",where=\"expert\"} 0\n",
                           "troupe_bridge_trade_server_connected{account=\"A\\\"1\"} 1\n",
                           "troupe_bridge_trade_server_ping_seconds{account=\"A\\\"1\"} 0.0123",
                           "troupe_bridge_terminal_build{account=\"A\\\"1\"} 4885\n"})
    EXPECT_NE(told.find(line), std::string::npos) << line << told;
  EXPECT_EQ(told.find("where=\"account\""), std::string::npos);
  reading.trade_allowed = -1;
  EXPECT_EQ(metricsPage(daemon).find("troupe_bridge_trade_allowed"), std::string::npos) << "nobody knows";
}

TEST(MetricsServer, answersWhatItKnowsAndRefusesTheRest) {
  std::atomic<bool> healthy{true};
  MetricsServer server([] { return std::string("page\n"); }, [&] { return healthy.load(); });
  std::string error;
  ASSERT_TRUE(server.start(0, error)) << error;
  const uint16_t port = server.port();
  EXPECT_NE(get(port, "/metrics").find("\r\n\r\npage\n"), std::string::npos);
  EXPECT_NE(get(port, "/metrics?x=1").find("HTTP/1.1 200"), std::string::npos);
  EXPECT_NE(get(port, "/health").find("{\"ok\":true}"), std::string::npos);
  healthy = false;
  EXPECT_NE(get(port, "/health").find("HTTP/1.1 503"), std::string::npos);
  EXPECT_NE(get(port, "/other").find("HTTP/1.1 404"), std::string::npos);
  EXPECT_NE(http(port, "POST /metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 405"), std::string::npos);
  EXPECT_NE(http(port, "nonsense\r\n\r\n").find("HTTP/1.1 400"), std::string::npos);
  EXPECT_NE(http(port, "GET /" + std::string(100'000, 'x')).find("HTTP/1.1 431"), std::string::npos);
  // Who asks nothing is not waited for: the next is served.
  const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  ASSERT_EQ(::connect(silent, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_NE(get(port, "/metrics").find("page"), std::string::npos);
  ::close(silent);
  MetricsServer second([] { return std::string(); }, [] { return true; });
  EXPECT_FALSE(second.start(port, error)) << "one port, one server";
}

TEST(Inspection, hasTheShapeOfXStatesProtocol) {
  const InspectHead head{"ACC", "host", 1234};
  EXPECT_EQ(
      inspectActor(head, State::kReady),
      R"({"type":"@xstate.actor","rootId":"bridge.ACC","actorRef":{"id":"ACC","sessionId":"bridge.ACC"},)"
      R"("sessionId":"bridge.ACC","createdAt":"1234","node":"host","snapshot":{"status":"active","value":"ready"}})");
  const std::string micro = inspectMicrostep(head, "LOST", State::kReady, State::kLost);
  EXPECT_NE(micro.find(R"("event":{"type":"LOST"},"snapshot":{"status":"active","value":"lost"},)"
                       R"("_transitions":[{"eventType":"LOST","source":"bridge.ready","target":["bridge.lost"]}])"),
            std::string::npos)
      << micro;
  EXPECT_NE(inspectEvent(head, "LOST", "why").find(R"("event":{"type":"LOST","reason":"why"})"), std::string::npos);
  EXPECT_NE(inspectSnapshot(head, "LOST", State::kLost, "why")
                .find(R"("snapshot":{"status":"active","value":"lost","context":{"reason":"why"}})"),
            std::string::npos);
}

// The daemon as it runs.
struct WatchTest : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / ("watch-" + std::to_string(::getpid()) + "-" +
                                                    testing::UnitTest::GetInstance()->current_test_info()->name());
  std::unique_ptr<NatsServer> nats;
  std::unique_ptr<Child> daemon;
  uint16_t port = 0;

  void SetUp() override {
    if (findNatsServer().empty()) GTEST_SKIP() << "no nats-server: set NATS_SERVER or put it on PATH";
    fs::remove_all(folder);
    fs::create_directories(folder);
    nats = std::make_unique<NatsServer>(folder);
    nats->companyStreams();
    daemon = std::make_unique<Child>(
        std::vector<std::string>{TROUPE_BRIDGE, "--listen", "127.0.0.1:0", "--account", "ACC", "--source", "SIM",
                                 "--journal", (folder / "journal").string(), "--metrics-port", "0"},
        folder / "out", folder / "err",
        std::vector<std::pair<std::string, std::string>>{
            {"TROUPE_NATS_URL", nats->url()}, {"TROUPE_NATS_USER", "bridge"}, {"TROUPE_NATS_PASSWORD", "secret"}});
    ASSERT_TRUE(eventually([&] { return number("listening") != 0 && number("metrics") != 0; })) << daemon->err();
    port = number("listening");
  }
  void TearDown() override {
    daemon.reset();
    nats.reset();
    if (!HasFailure()) fs::remove_all(folder);
  }
  // The port in the event of this name, 0 while it has not been told.
  uint16_t number(const std::string& event) {
    const std::string out = daemon->out(), head = R"({"event":")" + event + R"(","port":)";
    const size_t at = out.find(head);
    return at == std::string::npos ? uint16_t{0} : static_cast<uint16_t>(std::atoi(out.c_str() + at + head.size()));
  }
  bool said(const std::string& text) {
    return eventually([&] { return daemon->out().find(text) != std::string::npos; });
  }
  static bridge::v1::Command place(const std::string& id, double volume_lots) {
    bridge::v1::Command c;
    c.set_command_id("cmd-" + id);
    c.set_fence(1);
    auto& p = *c.mutable_place();
    p.set_order_id(id);
    p.set_symbol("EURUSD");
    p.set_side(trading::v1::SIDE_BUY);
    p.set_type(trading::v1::ORDER_TYPE_MARKET);
    p.set_volume_lots(volume_lots);
    return c;
  }
  bridge::v1::CommandReply command(const bridge::v1::Command& c) {
    bridge::v1::CommandReply reply;
    reply.ParseFromString(nats->request("bridge.ACC.command", c.SerializeAsString()));
    return reply;
  }
  // Whether sys.lifecycle has this event with this in its cause.
  bool lifecycle(const std::string& event, const std::string& cause) {
    for (const auto& [subject, json] : nats->all("SYSTEM"))
      if (json.find(R"("event":")" + event + "\"") != std::string::npos && json.find(cause) != std::string::npos)
        return true;
    return false;
  }
};

TEST_F(WatchTest, prometheusSeesTheLinkAndTheCommands) {
  const uint16_t metrics = number("metrics");
  EXPECT_NE(get(metrics, "/health").find("503"), std::string::npos) << "no terminal yet";
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD"}, 7200);
  ASSERT_TRUE(said(R"("state":"ready")"));
  EXPECT_NE(get(metrics, "/health").find("200"), std::string::npos);
  terminal.ticks({{1, 1.0, 2.0, 0, 6}, {2, 1.0, 2.0, 0, 6}});
  link::Account account{};
  account.trade_allowed = 1;
  terminal.link().send(link::FrameType::kAccount, link::EventHeader{1, 1}, &account, 1);
  std::thread desk([&] {
    const auto order = terminal.expect<link::Place>(link::FrameType::kPlace);
    ASSERT_TRUE(order);
    link::Result result{};
    result.command = order->command;
    result.outcome = bridge::v1::OUTCOME_REJECTED;
    result.retcode = 10017;
    terminal.link().send(link::FrameType::kResult, result);
  });
  const auto reply = command(place("o1", 0.1));
  desk.join();
  EXPECT_EQ(reply.code(), "TRADE_DISABLED") << reply.ShortDebugString();
  std::string page;
  EXPECT_TRUE(terminal.pumpUntil([&] {
    page = get(metrics, "/metrics");
    return page.find("troupe_bridge_ticks_acknowledged_total{account=\"ACC\"} 2\n") != std::string::npos;
  })) << page;
  for (const char* line :
       {"troupe_bridge_state{account=\"ACC\",state=\"ready\"} 1\n", "troupe_bridge_ticks_total{account=\"ACC\"} 2\n",
        "troupe_bridge_commands_total{account=\"ACC\"} 1\n",
        "troupe_bridge_replies_total{account=\"ACC\",outcome=\"rejected\"} 1\n",
        "troupe_bridge_command_seconds_count{account=\"ACC\"} 1\n", "troupe_bridge_journal_orders{account=\"ACC\"} 1\n",
        "troupe_bridge_utc_offset_seconds{account=\"ACC\"} 7200\n", "troupe_bridge_trade_allowed{account=\"ACC\"} 1\n"})
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  EXPECT_TRUE(lifecycle("command_refused", "TRADE_DISABLED"));
  const std::string status = nats->request("control.bridge.ACC.status", "");
  EXPECT_NE(status.find(R"("trade_allowed":1,"trade_block":"TRADE_DISABLED")"), std::string::npos) << status;
}

TEST_F(WatchTest, whatIsWrongWithACommandIsSaidOnItsAnswerAndOnLifecycle) {
  FakeTerminal terminal(port);
  link::Hello hello{};
  link::setTextCut(hello.session, "s1");
  link::setTextCut(hello.feed, "s1");
  link::Refused refusal{};
  ASSERT_EQ(terminal.introduce(hello, refusal), link::LinkError::kNone);
  link::Spec spec{};
  link::setTextCut(spec.name, "EURUSD");
  spec.volume_min = 0.01;
  spec.volume_max = 50;
  spec.volume_step = 0.01;
  terminal.link().sendArray(link::FrameType::kSymbols, &spec, 1);
  ASSERT_TRUE(said(R"("state":"ready")"));
  for (const double volume_lots : {0.015, 0.001, 50.01}) {
    const auto reply = command(place("v", volume_lots));
    EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_REFUSED);
    EXPECT_EQ(reply.code(), "INVALID_VOLUME") << volume_lots;
    EXPECT_NE(reply.message().find("allowed for EURUSD: 0.01 to 50 in steps of 0.01"), std::string::npos)
        << reply.message();
  }
  bridge::v1::Command unknown = place("u", 0.1);
  unknown.mutable_place()->set_symbol("NOPE");
  EXPECT_EQ(command(unknown).code(), "UNKNOWN_SYMBOL");
  EXPECT_TRUE(terminal.pumpUntil([&] {
    return lifecycle("command_refused", "INVALID_VOLUME: volume_lots: 0.015") &&
           lifecycle("command_refused", "UNKNOWN_SYMBOL");
  }));
  // What only the terminal can judge: each is answered with its code, and told.
  const std::pair<uint32_t, const char*> codes[] = {{10014, "INVALID_VOLUME"},
                                                    {10016, "INVALID_STOPS"},
                                                    {10017, "TRADE_DISABLED"},
                                                    {10026, "SERVER_DISABLES_AT"},
                                                    {10027, "CLIENT_DISABLES_AT"}};
  for (const auto& [retcode, name] : codes) {
    std::thread desk([&, code = retcode] {
      const auto order = terminal.expect<link::Place>(link::FrameType::kPlace);
      ASSERT_TRUE(order);
      link::Result result{};
      result.command = order->command;
      result.outcome = bridge::v1::OUTCOME_REJECTED;
      result.retcode = code;
      terminal.link().send(link::FrameType::kResult, result);
    });
    // Every volume of the grid passes, also those that doubles miss by a little.
    EXPECT_EQ(command(place(std::string("o") + name, 0.07)).code(), name);
    desk.join();
    EXPECT_TRUE(terminal.pumpUntil([&, n = name] { return lifecycle("command_refused", n); })) << name;
  }
}

TEST_F(WatchTest, whereTradingIsDisabledIsSaidByTheTerminalAndShownEverywhere) {
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD"});
  ASSERT_TRUE(said(R"("state":"ready")"));
  const std::string silent = nats->request("control.bridge.ACC.status", "");
  EXPECT_NE(silent.find(R"("terminal_allows":-1)"), std::string::npos) << silent;
  link::TerminalStatus status{};
  status.build = 4885;
  status.ping_us = 12'300;
  status.connected = status.terminal_allows = status.account_allows = status.server_allows = 1;
  terminal.link().send(link::FrameType::kStatus, status);
  std::string told;
  EXPECT_TRUE(terminal.pumpUntil([&] {
    told = nats->request("control.bridge.ACC.status", "");
    return told.find(R"("expert_allows":0)") != std::string::npos;
  }));
  for (const char* part : {R"("terminal_build":4885)", R"("terminal_connected":1)", R"("terminal_ping_us":12300)",
                           R"("terminal_allows":1)", R"("account_allows":1)", R"("server_allows":1)", R"("tls":0)"})
    EXPECT_NE(told.find(part), std::string::npos) << part << told;
  const auto reply = command(place("o1", 0.1));
  EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_REFUSED);
  EXPECT_EQ(reply.code(), "TRADING_DISABLED");
  EXPECT_EQ(reply.message(), "trading is disabled for the expert (its own settings)");
  EXPECT_TRUE(terminal.pumpUntil(
      [&] { return lifecycle("command_refused", "TRADING_DISABLED: trading is disabled for the expert"); }));
  const std::string page = get(number("metrics"), "/metrics");
  for (const char* line : {"troupe_bridge_permission{account=\"ACC\",where=\"expert\"} 0\n",
                           "troupe_bridge_permission{account=\"ACC\",where=\"terminal\"} 1\n",
                           "troupe_bridge_trade_server_connected{account=\"ACC\"} 1\n",
                           "troupe_bridge_terminal_build{account=\"ACC\"} 4885\n"})
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  // A flag that is neither yes nor no closes the link, as any content that cannot be.
  status.connected = 2;
  terminal.link().send(link::FrameType::kStatus, status);
  EXPECT_TRUE(terminal.closed());
  EXPECT_TRUE(said(R"("state":"lost","reason":"E_LINK_ENUM)"));
}

TEST_F(WatchTest, aSnapshotThatNobodyAskedForIsToldAsAnEventAndFillsTheHole) {
  FakeTerminal terminal(port);
  terminal.greet("s1", {"EURUSD"});
  ASSERT_TRUE(said(R"("state":"ready")"));
  link::Account account{};
  const auto event = [&](uint64_t sequence) {
    terminal.link().send(link::FrameType::kAccount, link::EventHeader{sequence, 1}, &account, 1);
  };
  event(1);
  link::SnapshotBegin begin{};
  begin.event_sequence = 9;
  begin.time_ms = 77;
  terminal.link().send(link::FrameType::kSnapshotBegin, begin);
  link::Position position{};
  position.position_id = 5;
  position.volume_lots = 0.5;
  terminal.link().send(link::FrameType::kSnapshotPositions, link::SnapshotPart{0, 1, 0}, &position, 1);
  terminal.link().send(link::FrameType::kSnapshotEnd, begin);
  event(10);
  std::vector<std::string> told;
  EXPECT_TRUE(terminal.pumpUntil([&] {
    told.clear();
    for (const auto& [subject, bytes] : nats->all("TRADING"))
      if (bytes.find(R"("session":"s1")") != std::string::npos) told.push_back(bytes);
    return told.size() == 3;
  })) << told.size()
      << daemon->err();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_NE(told[1].find(R"("sequence":9)"), std::string::npos) << told[1];
  EXPECT_NE(told[1].find(R"("snapshot":{)"), std::string::npos) << told[1];
  EXPECT_NE(told[1].find(R"("positionId":"5")"), std::string::npos) << told[1];
  EXPECT_NE(told[2].find(R"("sequence":10)"), std::string::npos) << told[2];
  // One that is too long for a message says only that there is something to be asked for.
  begin.event_sequence = 20;
  terminal.link().send(link::FrameType::kSnapshotBegin, begin);
  const std::vector<link::Position> many(4096, position);
  for (int i = 0; i < 8; ++i)
    terminal.link().send(link::FrameType::kSnapshotPositions, link::SnapshotPart{0, 4096, 0}, many.data(), many.size());
  terminal.link().send(link::FrameType::kSnapshotEnd, begin);
  std::string last;
  EXPECT_TRUE(terminal.pumpUntil([&] {
    last = nats->all("TRADING").back().second;
    return last.find(R"("sequence":20)") != std::string::npos;
  })) << last;
  EXPECT_EQ(last.find("positionId"), std::string::npos);
  // And a hole without a snapshot is one.
  event(22);
  EXPECT_TRUE(terminal.closed());
  EXPECT_TRUE(said(R"("state":"lost","reason":"E_LINK_EVENT_GAP)"));
}

TEST_F(WatchTest, itsMachineIsShownWhileSomebodyWatches) {
  struct Heard {
    std::mutex mutex;
    std::string all;
    bool has(const std::string& text) {
      std::lock_guard lock(mutex);
      return all.find(text) != std::string::npos;
    }
  } heard;
  natsSubscription* watch = nullptr;
  ASSERT_EQ(natsConnection_Subscribe(
                &watch, nats->admin(), "inspect.bridge.ACC",
                [](natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
                  auto* to = static_cast<Heard*>(closure);
                  std::lock_guard lock(to->mutex);
                  to->all.append(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))) += '\n';
                  natsMsg_Destroy(message);
                },
                &heard),
            NATS_OK);
  EXPECT_TRUE(eventually([&] {
    return heard.has(R"("event":{"type":"xstate.init"},"snapshot":{"status":"active","value":"waiting")");
  })) << daemon->err();
  {
    FakeTerminal terminal(port);
    terminal.greet("s1", {"EURUSD"});
    EXPECT_TRUE(
        eventually([&] { return heard.has(R"("type":"@xstate.event")") && heard.has(R"({"type":"SYMBOLS")"); }));
    EXPECT_TRUE(eventually([&] {
      return heard.has(
          R"("_transitions":[{"eventType":"HELLO","source":"bridge.waiting","target":["bridge.syncing"]}])");
    }));
  }
  EXPECT_TRUE(
      eventually([&] { return heard.has(R"("event":{"type":"LOST"},"snapshot":{"status":"active","value":"lost")"); }));
  natsSubscription_Destroy(watch);
}

}  // namespace
