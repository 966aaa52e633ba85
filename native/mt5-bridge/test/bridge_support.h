// What the tests of the whole daemon stand on: child processes, a nats-server with the streams and the permissions of a
// real company, and a terminal played by the test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nats/nats.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "link/greet.h"
#include "link/text.h"

namespace troupe::bridge::testing_support {

namespace fs = std::filesystem;

// The key of every link in these tests; children inherit it.
inline const char* const kKey = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210";
inline const int kKeyIsSet = ::setenv(link::kKeyVariable, kKey, 1);

// True as soon as `condition` is; false after 20 s.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

inline std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

class Child {
 public:
  Child(std::vector<std::string> words, fs::path out, fs::path err,
        std::vector<std::pair<std::string, std::string>> environment = {}, int in = -1)
      : out_(std::move(out)), err_(std::move(err)) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (in >= 0) ::dup2(in, 0);
    ::dup2(::open(out_.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600), 1);
    ::dup2(::open(err_.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600), 2);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> args;
    for (auto& word : words) args.push_back(word.data());
    args.push_back(nullptr);
    ::execv(args[0], args.data());
    ::_exit(127);
  }
  ~Child() { end(SIGKILL); }
  void signal(int number) {
    if (pid_ > 0) ::kill(pid_, number);
  }
  // Exit status, or 128 + the signal.
  int end(int number) {
    signal(number);
    return wait();
  }
  int wait() {
    if (pid_ <= 0) return status_;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
  }
  std::string out() const { return slurp(out_); }
  std::string err() const { return slurp(err_); }

 private:
  pid_t pid_ = -1;
  int status_ = -1;
  fs::path out_, err_;
};

inline std::string findNatsServer() {
  if (const char* named = std::getenv("NATS_SERVER"); named && *named) return named;
  std::stringstream path(std::getenv("PATH") ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(path, folder, ':');)
    if (::access((folder + "/nats-server").c_str(), X_OK) == 0) return folder + "/nats-server";
  return {};
}

// An account, the source of its ticks, and whether its bridge may hear of orders before it is asked for them.
struct Served {
  std::string account, source;
  bool hears_ahead = true;
};

// With the permissions that a bridge of these accounts has.
class NatsServer {
 public:
  explicit NatsServer(fs::path folder, std::vector<Served> served = {{"ACC", "SIM"}})
      : folder_(std::move(folder)), served_(std::move(served)) {
    start(-1);
  }

  void start(int port) {
    std::string publish, subscribe;
    for (const Served& one : served_) {
      publish += "\"md.*.ticks." + one.source + ".>\", \"trade.execution." + one.account +
                 "\", \"sys.lifecycle.bridge." + one.account + "\", \"inspect.bridge." + one.account +
                 "\", \"$KV.actors.bridge." + one.account + "\", ";
      if (one.hears_ahead) subscribe += "\"ahead.broker." + one.account + "\", ";
      subscribe += "\"bridge." + one.account + ".command\", \"control.bridge." + one.account + ".*\", ";
    }
    std::ofstream(folder_ / "nats.conf") << "listen: \"127.0.0.1:" << port << "\"\n"
                                         << "jetstream { store_dir: \"" << (folder_ / "js").string() << "\" }\n"
                                         << R"(authorization { users: [
        { user: admin, password: admin }
        { user: bridge, password: secret, permissions: {
            publish: { allow: [)" << publish
                                         << R"("$KV.machines.bridge", "$JS.API.STREAM.INFO.>",
                               "$JS.API.STREAM.MSG.GET.MARKET"] }
            subscribe: { allow: [)" << subscribe
                                         << R"("$SRV.*", "$SRV.*.troupe-bridge", "$SRV.*.troupe-bridge.*",
                                 "_INBOX.bridge.>"] }
            allow_responses: true } } ] })";
    fs::remove_all(folder_ / "ports");
    fs::create_directories(folder_ / "ports");
    child_ = std::make_unique<Child>(std::vector<std::string>{findNatsServer(), "-c", (folder_ / "nats.conf").string(),
                                                              "--ports_file_dir", (folder_ / "ports").string()},
                                     folder_ / "nats.out", folder_ / "nats.err");
    ASSERT_TRUE(eventually([&] {
      for (const auto& entry : fs::directory_iterator(folder_ / "ports")) {
        const std::string text = slurp(entry.path());
        const size_t at = text.find("nats://127.0.0.1:");
        if (at == std::string::npos) continue;
        port_ = std::atoi(text.c_str() + at + 17);
        return port_ > 0;
      }
      return false;
    })) << child_->err();
    ASSERT_TRUE(eventually([&] {
      natsConnection_Destroy(admin_);
      admin_ = nullptr;
      return natsConnection_ConnectTo(&admin_, ("nats://admin:admin@127.0.0.1:" + std::to_string(port_)).c_str()) ==
             NATS_OK;
    }));
  }
  void kill() { child_->end(SIGKILL); }
  // SIGSTOP and SIGCONT: alive, and silent.
  void signal(int number) { child_->signal(number); }
  void startAgain() { start(port_); }
  ~NatsServer() {
    natsConnection_Destroy(admin_);
    child_->end(SIGKILL);
  }

  std::string request(const std::string& subject, const std::string& data, int timeout_ms = 10'000) {
    natsMsg* answer = nullptr;
    const natsStatus status = natsConnection_Request(&answer, admin_, subject.c_str(), data.data(),
                                                     static_cast<int>(data.size()), timeout_ms);
    if (status != NATS_OK) return natsStatus_GetText(status);
    std::string out(natsMsg_GetData(answer), static_cast<size_t>(natsMsg_GetDataLength(answer)));
    natsMsg_Destroy(answer);
    return out;
  }
  void stream(const std::string& name, const std::string& subjects, const std::string& more = "") {
    const std::string answer =
        request("$JS.API.STREAM.CREATE." + name, R"({"name":")" + name + R"(","subjects":[")" + subjects +
                                                     R"("],"storage":"file","retention":"limits")" + more + "}");
    EXPECT_EQ(answer.find("\"error\""), std::string::npos) << answer;
  }
  void companyStreams() {
    stream("MARKET", "md.>");
    stream("TRADING", "trade.>");
    stream("SYSTEM", "sys.>");
    stream("KV_actors", "$KV.actors.>", R"(,"max_msgs_per_subject":1)");
    stream("KV_machines", "$KV.machines.>", R"(,"max_msgs_per_subject":1)");
  }
  uint64_t messages(const std::string& stream) {
    const std::string info = request("$JS.API.STREAM.INFO." + stream, "");
    const size_t at = info.find("\"messages\":");
    return at == std::string::npos ? 0 : std::strtoull(info.c_str() + at + 11, nullptr, 10);
  }
  // Subject and raw bytes of every message that is kept.
  std::vector<std::pair<std::string, std::string>> all(const std::string& stream) {
    std::vector<std::pair<std::string, std::string>> out;
    jsCtx* js = nullptr;
    natsConnection_JetStream(&js, admin_, nullptr);
    const uint64_t count = messages(stream);
    for (uint64_t sequence = 1; out.size() < count; ++sequence) {
      natsMsg* message = nullptr;
      if (js_GetMsg(&message, js, stream.c_str(), sequence, nullptr, nullptr) != NATS_OK) {
        if (sequence > 4 * count + 1000) break;
        continue;
      }
      out.emplace_back(natsMsg_GetSubject(message),
                       std::string(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))));
      natsMsg_Destroy(message);
    }
    jsCtx_Destroy(js);
    return out;
  }
  natsConnection* admin() { return admin_; }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

 private:
  fs::path folder_;
  std::vector<Served> served_;
  std::unique_ptr<Child> child_;
  natsConnection* admin_ = nullptr;
  int port_ = 0;
};

// The terminal's end of the link.
class FakeTerminal {
 public:
  explicit FakeTerminal(uint16_t port, const link::SecureClient* secure = nullptr) {
    std::string error;
    link_ = link::Connection::connect("127.0.0.1", port, link::Peer::kBridge, 2000, error, secure);
    EXPECT_TRUE(link_) << error;
  }
  link::Connection& link() { return *link_; }
  // A feed named like the session, unless it is the same one again. Afterwards `kept` is what the bridge keeps of it.
  void greet(const std::string& session, std::vector<std::string> symbols, int32_t offset_s = 0,
             const std::string& feed = "", const std::string& login = "1") {
    link::Hello hello{};
    link::setTextCut(hello.session, session);
    link::setTextCut(hello.feed, feed.empty() ? session : feed);
    link::setTextCut(hello.login, login);
    link::setTextCut(hello.terminal, "test");
    hello.utc_offset_s = offset_s;
    link::Refused refusal{};
    ASSERT_EQ(introduce(hello, refusal), link::LinkError::kNone) << refusal.code << ": " << refusal.message;
    std::vector<link::Spec> specs(symbols.size());
    for (size_t i = 0; i < symbols.size(); ++i) link::setTextCut(specs[i].name, symbols[i]);
    link_->sendArray(link::FrameType::kSymbols, specs.data(), specs.size());
    ASSERT_TRUE(eventually([&] {
      link::FrameView frame;
      while (link_->next(frame) == link::Next::kFrame) {
        if (frame.type != link::FrameType::kResume) continue;
        kept.resize(frame.size / sizeof(uint64_t));
        std::memcpy(kept.data(), frame.data, frame.size);
        return true;
      }
      return link_->wait(20) != link::LinkError::kNone;
    }));
    ASSERT_EQ(kept.size(), symbols.size());
  }
  link::LinkError introduce(const link::Hello& hello, link::Refused& refusal, const char* key_text = kKey) {
    link::Key key;
    EXPECT_TRUE(link::parseKey(key_text, key));
    return link::greet(*link_, hello, key, refusal);
  }
  std::vector<uint64_t> kept;
  // The next frame of this type; heartbeats are skipped, others fail the test.
  template <typename T>
  std::optional<T> expect(link::FrameType type) {
    std::optional<T> out;
    eventually([&] {
      link::FrameView frame;
      while (link_->next(frame) == link::Next::kFrame) {
        if (frame.type == link::FrameType::kHeartbeat) continue;
        EXPECT_EQ(frame.type, type);
        T payload;
        if (!link::readOne(frame, payload)) return true;
        out = payload;
        return true;
      }
      return link_->wait(20) != link::LinkError::kNone;
    });
    return out;
  }
  // Sends all, as the bridge takes them.
  void ticks(const std::vector<link::Tick>& ticks, size_t batch = 500) {
    for (size_t at = 0; at < ticks.size(); at += batch) {
      const size_t n = std::min(batch, ticks.size() - at);
      link_->send(link::FrameType::kTicks, link::TickBatchHeader{static_cast<uint32_t>(n), 0, 1}, ticks.data() + at, n);
    }
  }
  void tapeEnd(uint64_t ticks) { link_->send(link::FrameType::kTapeEnd, link::TapeEnd{ticks}); }
  // Keeps the link alive and writes what waits, until `condition`.
  bool pumpUntil(const std::function<bool()>& condition) {
    auto beat = std::chrono::steady_clock::now();
    return eventually([&] {
      const auto now = std::chrono::steady_clock::now();
      if (now - beat > std::chrono::milliseconds(500)) {
        link_->send(link::FrameType::kHeartbeat, link::Heartbeat{1});
        beat = now;
      }
      link_->wait(5);
      link::FrameView frame;
      while (link_->next(frame) == link::Next::kFrame) {
      }
      return condition();
    });
  }
  bool closed() {
    return eventually([&] { return link_->wait(20) != link::LinkError::kNone; });
  }

 private:
  std::unique_ptr<link::Connection> link_;
};

}  // namespace troupe::bridge::testing_support
