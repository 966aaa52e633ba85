// What the terminal's tests share: symbols, engines, tapes, and a bridge's end of the link.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "link/connection.h"
#include "link/handshake.h"
#include "link/text.h"
#include "tape/tape.h"

extern char** environ;

namespace troupe::terminal::testing {

// The key of every link in these tests; children inherit it.
inline const char* const kKey = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210";
inline const int kKeyIsSet = ::setenv(link::kKeyVariable, kKey, 1);

inline Spec forex(const std::string& name, const std::string& base, const std::string& quote, uint32_t digits = 5) {
  Spec spec;
  spec.name = name;
  spec.digits = digits;
  spec.point = spec.tick_size = digits == 5 ? 0.00001 : 0.001;
  spec.contract_size = 100000;
  spec.volume_min = toVolume(0.01);
  spec.volume_max = toVolume(50);
  spec.volume_step = toVolume(0.01);
  spec.currency_base = spec.currency_margin = base;
  spec.currency_profit = quote;
  return spec;
}

inline EngineConfig configOf(MarginMode mode, double balance = 10000) {
  EngineConfig config;
  config.currency = "USD";
  config.balance = toCents(balance);
  config.leverage = 100;
  config.margin_mode = mode;
  config.symbols = {forex("EURUSD", "EUR", "USD"), forex("USDJPY", "USD", "JPY", 3)};
  return config;
}

// An engine with prices in both symbols, and short words for what tests ask of it.
struct Rig {
  Engine engine;
  int64_t time_ms = 1'000'000;
  int orders = 0;

  explicit Rig(const EngineConfig& config) : engine(config) {
    engine.begin();
    engine.takeEvents();
    tick(1.10000, 1.10010);
    engine.quote(1, time_ms, 150.000, 150.010);
  }
  void tick(double bid, double ask) { engine.quote(0, ++time_ms, bid, ask); }

  PlaceRequest request(Side side, double lots, OrderType type = OrderType::kMarket, double price = 0) {
    PlaceRequest r;
    r.order_id = "o" + std::to_string(++orders);
    r.symbol = "EURUSD";
    r.side = side;
    r.type = type;
    r.volume_lots = lots;
    r.price = price;
    r.magic = 7;
    return r;
  }
  Result market(Side side, double lots) { return engine.place(request(side, lots)); }
  Result close(uint64_t position_id, Side side, double lots) {
    PlaceRequest r = request(side, lots);
    r.position_id = position_id;
    return engine.place(r);
  }
};

inline Cents sumOfDeals(const Engine& engine) {
  Cents sum = 0;
  for (const Deal& deal : engine.deals()) sum += deal.profit + deal.commission + deal.swap + deal.fee;
  return sum;
}

struct TempFolder {
  std::filesystem::path path;
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "troupe-terminal-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

inline void writeTape(const std::string& path, const std::vector<std::string>& names,
                      const std::vector<link::Tick>& ticks) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](const auto& value) { file.write(reinterpret_cast<const char*>(&value), sizeof value); };
  file.write("TRPTAPE1", 8);
  put(static_cast<uint32_t>(names.size()));
  put(int32_t{0});
  put(static_cast<uint64_t>(ticks.size()));
  put(static_cast<uint64_t>(32 + 32 * names.size()));
  for (const std::string& name : names) {
    char padded[32] = {};
    std::memcpy(padded, name.data(), std::min<size_t>(name.size(), 32));
    file.write(padded, 32);
  }
  file.write(reinterpret_cast<const char*>(ticks.data()),
             static_cast<std::streamsize>(ticks.size() * sizeof(link::Tick)));
}

// A slow triangle in EURUSD, 10 ms a tick.
inline std::vector<link::Tick> triangle(size_t count, int64_t step_ms = 10) {
  std::vector<link::Tick> ticks;
  for (size_t i = 0; i < count; ++i) {
    const size_t phase = i % 200;
    const double bid = 1.10000 + static_cast<double>(phase < 100 ? phase : 200 - phase) * 0.00001;
    ticks.push_back({1'700'000'000'000 + static_cast<int64_t>(i) * step_ms, bid, bid + 0.0001, 0, 6});
  }
  return ticks;
}

// The terminal as a process, with pipes on its stdin and stdout.
class Process {
 public:
  Process(const std::string& config, bool hold) {
    int in[2], out[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string program = TROUPE_TERMINAL, flag = "--config", file = config, held = "--hold";
    char* argv[] = {program.data(), flag.data(), file.data(), hold ? held.data() : nullptr, nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }
  ~Process() {
    if (pid_ > 0) killNow();
    ::close(to_);
    ::close(from_);
  }
  void tell(const std::string& line) {
    const std::string text = line + "\n";
    EXPECT_EQ(::write(to_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Waits for a line of stdout that holds `text`; empty after 10 s or at the end.
  std::string heard(const std::string& text) {
    for (;;) {
      for (size_t end; (end = rest_.find('\n')) != std::string::npos;) {
        const std::string line = rest_.substr(0, end);
        rest_.erase(0, end + 1);
        if (line.find(text) != std::string::npos) return line;
      }
      pollfd readable{from_, POLLIN, 0};
      if (::poll(&readable, 1, 10'000) != 1) return "";
      char buffer[4096];
      const ssize_t got = ::read(from_, buffer, sizeof buffer);
      if (got <= 0) return "";
      rest_.append(buffer, static_cast<size_t>(got));
    }
  }
  void killNow() {
    ::kill(pid_, SIGKILL);
    wait();
  }
  // Processor time used so far.
  double cpuMs() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string field;
    double ticks = 0;
    for (int i = 1; i <= 15 && file >> field; ++i) {
      if (i >= 14) ticks += std::stod(field);
    }
    return ticks * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  void signal(int number) { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::string rest_;
};

// A frame kept beyond the decoder's buffer.
struct Frame {
  link::FrameType type;
  std::vector<uint8_t> bytes;
  link::FrameView view() const { return {type, 1, bytes.data(), bytes.size()}; }
  template <typename T>
  T as(size_t offset = 0) const {
    T value{};
    EXPECT_GE(bytes.size(), offset + sizeof(T));
    if (bytes.size() >= offset + sizeof(T)) std::memcpy(static_cast<void*>(&value), bytes.data() + offset, sizeof(T));
    return value;
  }
};

// The bridge's end: accepts, welcomes, and keeps what it hears.
class FakeBridge {
 public:
  explicit FakeBridge(uint16_t port = 0) {
    std::string error;
    EXPECT_TRUE(listener_.listen("127.0.0.1", port, error)) << error;
  }
  uint16_t port() const { return listener_.port(); }

  // Only the connection.
  bool open() {
    pollfd readable{listener_.fd(), POLLIN, 0};
    if (::poll(&readable, 1, 10'000) != 1) return false;
    connection = std::make_unique<link::Connection>(listener_.accept(), link::Peer::kTerminal);
    welcomed_ = false;
    return true;
  }
  link::LinkError challenge(link::Greeter& greeter) {
    link::Challenge challenge;
    const link::LinkError bad = greeter.onHello(until(link::FrameType::kHello).view(), challenge);
    return bad == link::LinkError::kNone ? connection->send(link::FrameType::kChallenge, challenge) : bad;
  }

  // `keeps`: ticks of the first symbol that this bridge says it has kept; all that have come so far, unless told
  // otherwise.
  void accept(std::optional<uint64_t> keeps = {}) {
    ASSERT_TRUE(open());
    const link::Policy any;
    link::Key key;
    ASSERT_TRUE(link::parseKey(kKey, key));
    link::Greeter greeter(key, any);
    std::string detail;
    ASSERT_EQ(challenge(greeter), link::LinkError::kNone);
    const Frame proof = until(link::FrameType::kProof);
    ASSERT_EQ(greeter.onProof(proof.view(), detail), link::LinkError::kNone) << detail;
    hello = greeter.hello();
    connection->send(link::FrameType::kWelcome, greeter.welcome("test", 1));
    welcomed_ = true;
    symbols = until(link::FrameType::kSymbols);
    std::vector<uint64_t> all(std::max<size_t>(1, symbols.bytes.size() / sizeof(link::Spec)), 0);
    all[0] = keeps.value_or(ticks);
    connection->sendArray(link::FrameType::kResume, all.data(), all.size());
  }

  // Next frame but heartbeats and ticks (those are counted); type 0 after 10 s, when the link broke, or when
  // `enough` ticks have come.
  Frame next(uint64_t enough = UINT64_MAX) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < end && ticks < enough) {
      beat();
      link::FrameView view;
      link::Next got = connection->next(view);
      if (got == link::Next::kNeedMore) {
        const link::LinkError failed = connection->wait(100);
        got = connection->next(view);
        if (got != link::Next::kFrame && failed != link::LinkError::kNone) break;
      }
      if (got == link::Next::kError) break;
      if (got == link::Next::kNeedMore || view.type == link::FrameType::kHeartbeat) continue;
      if (view.type != link::FrameType::kTicks) return {view.type, {view.data, view.data + view.size}};
      if (!take(view)) break;
    }
    return {};
  }
  bool take(const link::FrameView& view) {
    link::TickBatchHeader head;
    const link::Tick* items;
    size_t count;
    if (!link::readList(view, head, items, count)) return false;
    ticks += count;
    last_tick = items[count - 1];
    if (keep_ticks) kept.insert(kept.end(), items, items + count);
    return true;
  }
  // What is there within a millisecond; type 0 when nothing is.
  Frame soon() {
    beat();
    for (int tries = 0; tries < 2; ++tries) {
      link::FrameView view;
      if (connection->next(view) == link::Next::kFrame) {
        if (view.type == link::FrameType::kTicks) {
          take(view);
          return {};
        }
        return {view.type, {view.data, view.data + view.size}};
      }
      if (tries == 0) connection->wait(1);
    }
    return {};
  }
  Frame until(link::FrameType type) {
    for (;;) {
      Frame frame = next();
      if (frame.type == type || frame.type == link::FrameType{}) return frame;
      seen.push_back(frame);
    }
  }
  void untilTicks(uint64_t n) {
    while (ticks < n && next(n).type != link::FrameType{}) {
    }
    ASSERT_GE(ticks, n);
  }
  void beat() {
    const auto now = std::chrono::steady_clock::now();
    if (!welcomed_ || now - beaten_ < std::chrono::milliseconds(500)) return;
    beaten_ = now;
    connection->send(link::FrameType::kHeartbeat, link::Heartbeat{});
  }

  link::Place place(const std::string& order_id, Side side, double lots, OrderType type = OrderType::kMarket) {
    link::Place place{};
    place.command = ++commands;
    link::setTextCut(place.order_id, order_id);
    link::setTextCut(place.symbol, "EURUSD");
    place.side = static_cast<uint8_t>(side);
    place.type = static_cast<uint8_t>(type);
    place.volume_lots = lots;
    place.magic = 9;
    return place;
  }
  link::Result send(const link::Place& place) {
    connection->send(link::FrameType::kPlace, place);
    return until(link::FrameType::kResult).as<link::Result>();
  }

  std::unique_ptr<link::Connection> connection;
  link::Hello hello{};
  Frame symbols;
  std::vector<Frame> seen;  // frames that until() went past
  uint64_t ticks = 0, commands = 0;
  link::Tick last_tick{};
  bool keep_ticks = false;
  std::vector<link::Tick> kept;

 private:
  link::Listener listener_;
  bool welcomed_ = false;  // nothing but the handshake is said before
  std::chrono::steady_clock::time_point beaten_ = std::chrono::steady_clock::now();
};

inline std::string configJson(uint16_t port, const std::string& tape, const std::string& more = "") {
  return R"({"bridge":"127.0.0.1:)" + std::to_string(port) +
         R"(","program":"native","login":"1001","currency":"USD","balance":10000,
    "leverage":100,"marginMode":"netting","symbols":[{"name":"EURUSD","digits":5,"point":0.00001,"tickSize":0.00001,
    "contractSize":100000,"volumeMin":0.01,"volumeMax":50,"volumeStep":0.01,"currencyBase":"EUR",
    "currencyProfit":"USD","currencyMargin":"EUR","calcMode":"forex"}],"tape":")" +
         tape + "\"" + more + "}";
}

inline std::string writeText(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

}  // namespace troupe::terminal::testing
