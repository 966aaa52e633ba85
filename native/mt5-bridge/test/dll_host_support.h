// Daemons, and the host program that uses the link client as a terminal with several experts does: built for Linux, or
// for Windows and run by Wine, where TROUPE_DLL_HOST_COMMAND (a word a line) and TROUPE_DLL_LIBRARY say so.
#pragma once

#include <algorithm>
#include <map>

#include "bridge_support.h"
#include "troupe/bridge/v1/bridge.pb.h"
#include "troupe/market/v1/market.pb.h"

namespace troupe::dll::testing_support {

using namespace troupe::bridge::testing_support;

inline std::vector<std::string> hostCommand() {
  std::vector<std::string> words;
  const char* named = std::getenv("TROUPE_DLL_HOST_COMMAND");
  std::stringstream lines(named != nullptr ? named : TROUPE_DLL_HOST);
  for (std::string word; std::getline(lines, word);) words.push_back(word);
  return words;
}

inline std::string libraryPath() {
  const char* named = std::getenv("TROUPE_DLL_LIBRARY");
  return named != nullptr ? named : "linked in";
}

using Environment = std::vector<std::pair<std::string, std::string>>;

class Daemon {
 public:
  Daemon(fs::path folder, std::string account, const NatsServer& nats, std::string program = TROUPE_BRIDGE)
      : folder_(std::move(folder)), account_(std::move(account)), program_(std::move(program)), url_(nats.url()) {}

  // On the port it had, if it had one.
  void start(const Environment& more = {}) {
    const std::string name = account_ + "." + std::to_string(++life_);
    Environment environment{
        {"TROUPE_NATS_URL", url_}, {"TROUPE_NATS_USER", "admin"}, {"TROUPE_NATS_PASSWORD", "admin"}};
    environment.insert(environment.end(), more.begin(), more.end());
    std::vector<std::string> words{program_,         "--listen",  "127.0.0.1:" + std::to_string(port),
                                   "--account",      account_,    "--source",
                                   "SIM" + account_, "--journal", (folder_ / (account_ + ".journal")).string()};
    words.insert(words.end(), options.begin(), options.end());
    child = std::make_unique<Child>(words, folder_ / (name + ".out"), folder_ / (name + ".err"), environment);
    ASSERT_TRUE(eventually([&] { return child->out().find(R"("event":"listening")") != std::string::npos; }))
        << child->err();
    const std::string text = child->out();
    port = static_cast<uint16_t>(std::atoi(text.c_str() + text.find("\"port\":") + 7));
  }
  bool ready() {
    return eventually([&] { return child->out().find(R"("state":"ready")") != std::string::npos; });
  }
  bool sees(const std::string& text) {
    return eventually([&] { return (child->out() + child->err()).find(text) != std::string::npos; });
  }

  std::unique_ptr<Child> child;
  uint16_t port = 0;
  std::vector<std::string> options;  // more of them

 private:
  const fs::path folder_;
  const std::string account_, program_, url_;
  int life_ = 0;
};

class Host {
 public:
  Host(const fs::path& folder, std::vector<std::string> options, const Environment& environment = {},
       std::vector<std::string> command = hostCommand()) {
    static int life = 0;
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    std::vector<std::string> words = std::move(command);
    for (const char* word : {"--library"}) words.emplace_back(word);
    words.push_back(libraryPath());
    words.insert(words.end(), options.begin(), options.end());
    const std::string name = "host" + std::to_string(++life);
    child = std::make_unique<Child>(words, folder / (name + ".out"), folder / (name + ".err"), environment, ends[0]);
    ::close(ends[0]);
    to_ = ends[1];
  }
  ~Host() {
    child.reset();
    ::close(to_);
  }
  void say(const std::string& line) {
    ASSERT_EQ(::write(to_, (line + "\n").data(), line.size() + 1), static_cast<ssize_t>(line.size() + 1));
  }
  // The first line that has all of these, once there are `count` of them; empty when they do not come.
  std::string line(std::vector<std::string> parts, int count = 1) {
    std::string found;
    eventually([&] {
      int seen = 0;
      std::stringstream lines(child->out());
      for (std::string line; std::getline(lines, line);) {
        if (!std::all_of(parts.begin(), parts.end(),
                         [&](const std::string& part) { return line.find(part) != std::string::npos; }))
          continue;
        found = line;
        if (++seen == count) return true;
      }
      found.clear();
      return false;
    });
    return found;
  }
  static double number(const std::string& line, const std::string& name) {
    const size_t at = line.find("\"" + name + "\":");
    return at == std::string::npos ? -1 : std::atof(line.c_str() + at + name.size() + 3);
  }
  int stop() {
    say("stop");
    return child->wait();
  }

  std::unique_ptr<Child> child;

 private:
  int to_;
};

// Every tick of a source's only symbol, one by one: how many there are, with a failure for each hole and each double.
inline uint64_t countTicks(NatsServer& nats, const std::string& source) {
  uint64_t seen = 0;
  for (const auto& [subject, bytes] : nats.all("MARKET")) {
    if (subject.find(".ticks." + source + ".") == std::string::npos) continue;
    market::v1::TickFrame frame;
    EXPECT_TRUE(frame.ParseFromString(bytes)) << subject;
    EXPECT_EQ(static_cast<uint64_t>(frame.first_sequence()), seen + 1) << "a hole or a double in " << subject;
    for (int i = 0; i < frame.bid_size(); ++i, ++seen)
      EXPECT_NEAR(frame.bid(i), 1.0 + static_cast<double>(seen) * 1e-5, 1e-9) << subject;
  }
  return seen;
}

inline bridge::v1::CommandReply ask(NatsServer& nats, const std::string& account, const bridge::v1::Command& command,
                                    int timeout_ms = 10'000) {
  bridge::v1::CommandReply reply;
  const std::string bytes = nats.request("bridge." + account + ".command", command.SerializeAsString(), timeout_ms);
  if (!reply.ParseFromString(bytes) || reply.command_id() != command.command_id()) reply.Clear();
  return reply;
}

inline bridge::v1::Command placeOf(const std::string& id) {
  bridge::v1::Command command;
  command.set_command_id("p-" + id);
  command.set_fence(1);
  auto& order = *command.mutable_place();
  order.set_order_id(id);
  order.set_symbol("EURUSD");
  order.set_side(trading::v1::SIDE_BUY);
  order.set_type(trading::v1::ORDER_TYPE_MARKET);
  order.set_volume_lots(0.02);
  order.set_magic(1);
  return command;
}

inline bridge::v1::Command findCommand(const std::string& id) {
  bridge::v1::Command command;
  command.set_command_id("f-" + id);
  command.set_fence(1);
  command.mutable_find()->set_order_id(id);
  return command;
}

// A nats-server with the company's streams, in a folder of its own.
struct HostTest : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / ("dll-host-" + std::to_string(::getpid()));
  std::unique_ptr<NatsServer> nats;

  void SetUp() override {
    if (findNatsServer().empty()) GTEST_SKIP() << "no nats-server: set NATS_SERVER or put it on PATH";
    fs::remove_all(folder);
    fs::create_directories(folder);
    nats = std::make_unique<NatsServer>(folder);
    nats->companyStreams();
  }
  void TearDown() override {
    nats.reset();
    if (!HasFailure()) fs::remove_all(folder);
  }
};

}  // namespace troupe::dll::testing_support
