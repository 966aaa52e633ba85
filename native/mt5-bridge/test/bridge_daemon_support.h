// A daemon of its own for each test, with the permissions of production.
#pragma once

#include <map>

#include "bridge_support.h"
#include "troupe/bridge/v1/bridge.pb.h"
#include "troupe/market/v1/market.pb.h"

namespace troupe::bridge::testing_support {

struct DaemonTest : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / ("bridge-" + std::to_string(::getpid()) + "-" +
                                                    testing::UnitTest::GetInstance()->current_test_info()->name());
  std::unique_ptr<NatsServer> nats;
  std::unique_ptr<Child> daemon;
  uint16_t port = 0;
  uint16_t listen_port = 0;  // 0: any that is free
  std::string listen_host = "127.0.0.1";
  // What the daemon serves; of several the logins are 1, 2, 3.
  std::vector<Served> served{{"ACC", "SIM"}};

  void SetUp() override {
    if (findNatsServer().empty()) GTEST_SKIP() << "no nats-server: set NATS_SERVER or put it on PATH";
    fs::remove_all(folder);
    fs::create_directories(folder);
    nats = std::make_unique<NatsServer>(folder, served);
  }
  void TearDown() override {
    daemon.reset();
    nats.reset();
    if (!HasFailure()) fs::remove_all(folder);
  }

  void startDaemon(std::vector<std::string> more = {}) {
    fs::remove(folder / "out");
    std::vector<std::string> words{TROUPE_BRIDGE, "--listen", listen_host + ":" + std::to_string(listen_port)};
    for (size_t i = 0; i < served.size(); ++i) {
      const std::string journal = served.size() == 1 ? "journal" : served[i].account + ".journal";
      for (const std::string& word : {std::string("--account"), served[i].account, std::string("--source"),
                                      served[i].source, std::string("--journal"), (folder / journal).string()})
        words.push_back(word);
      if (served.size() > 1) words.insert(words.end(), {"--login", std::to_string(i + 1)});
    }
    words.insert(words.end(), more.begin(), more.end());
    daemon = std::make_unique<Child>(
        words, folder / "out", folder / "err",
        std::vector<std::pair<std::string, std::string>>{
            {"TROUPE_NATS_URL", nats->url()}, {"TROUPE_NATS_USER", "bridge"}, {"TROUPE_NATS_PASSWORD", "secret"}});
    ASSERT_TRUE(said(R"("event":"listening")")) << daemon->err();
    const std::string out = daemon->out();
    port = static_cast<uint16_t>(std::atoi(out.c_str() + out.find("\"port\":") + 7));
  }
  bool said(const std::string& text) {
    return eventually([&] { return daemon->out().find(text) != std::string::npos; });
  }
  bool logged(const std::string& text) {
    return eventually([&] { return daemon->err().find(text) != std::string::npos; });
  }
  void startAll(std::vector<std::string> more = {}) {
    nats->companyStreams();
    startDaemon(std::move(more));
    ASSERT_TRUE(said(R"("state":"waiting")")) << daemon->err();
  }

  static link::Hello helloOf(const std::string& session) {
    link::Hello hello{};
    link::setTextCut(hello.session, session);
    link::setTextCut(hello.feed, session);
    link::setTextCut(hello.login, "1");
    link::setTextCut(hello.terminal, "test");
    link::setTextCut(hello.margin_mode, "netting");
    return hello;
  }
  // Whether sys.lifecycle has a refusal with this code.
  bool lifecycle(const std::string& code) {
    for (const auto& [subject, bytes] : nats->all("SYSTEM")) {
      if (bytes.find(R"("event":"refused")") != std::string::npos && bytes.find(code) != std::string::npos) return true;
    }
    return false;
  }
  static std::vector<link::Tick> ticks(size_t count, uint32_t symbols) {
    std::vector<link::Tick> out(count);
    for (size_t i = 0; i < count; ++i)
      out[i] = {static_cast<int64_t>(1'700'000'000'000 + i), static_cast<double>(i), static_cast<double>(i) + 0.5,
                static_cast<uint32_t>(i % symbols), 6};
    return out;
  }
  // Every tick of `ticks(count, symbols)` stands in MARKET once, in order for its symbol, numbered without a hole.
  void expectAllTicks(size_t count, uint32_t symbols) {
    std::map<std::string, std::pair<uint64_t, std::vector<double>>> got;
    for (const auto& [subject, bytes] : nats->all("MARKET")) {
      market::v1::TickFrame frame;
      ASSERT_TRUE(frame.ParseFromString(bytes)) << subject;
      auto& [last, bids] = got[frame.symbol()];
      ASSERT_EQ(frame.first_sequence(), static_cast<double>(last + 1)) << subject;
      last += static_cast<uint64_t>(frame.bid_size());
      bids.insert(bids.end(), frame.bid().begin(), frame.bid().end());
    }
    ASSERT_EQ(got.size(), symbols);
    size_t total = 0;
    for (const auto& [symbol, state] : got) {
      const auto& bids = state.second;
      for (size_t i = 1; i < bids.size(); ++i) ASSERT_EQ(bids[i] - bids[i - 1], symbols) << symbol;
      total += bids.size();
    }
    EXPECT_EQ(total, count);
  }
  bridge::v1::CommandReply command(const bridge::v1::Command& c) { return command("ACC", c); }
  bridge::v1::CommandReply command(const std::string& account, const bridge::v1::Command& c) {
    bridge::v1::CommandReply reply;
    reply.ParseFromString(nats->request("bridge." + account + ".command", c.SerializeAsString()));
    return reply;
  }
  static bridge::v1::Command place(const std::string& id) {
    bridge::v1::Command c;
    c.set_command_id("cmd-" + id);
    c.set_fence(1);
    auto& p = *c.mutable_place();
    p.set_order_id(id);
    p.set_symbol("EURUSD");
    p.set_side(trading::v1::SIDE_BUY);
    p.set_type(trading::v1::ORDER_TYPE_MARKET);
    p.set_volume_lots(0.1);
    return c;
  }
};

}  // namespace troupe::bridge::testing_support
