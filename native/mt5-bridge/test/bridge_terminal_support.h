// The simulated terminal as a process, beside a daemon that is one too.
#pragma once

#include <cstring>

#include "bridge_support.h"

namespace troupe::bridge::testing_support {

// EURUSD and GBPUSD in turn. The bid of each tick is its number among those of its symbol, so that a hole or a double
// shows by itself.
inline void writeTape(const fs::path& path, uint64_t ticks) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](const auto& value) { file.write(reinterpret_cast<const char*>(&value), sizeof value); };
  file.write("TRPTAPE1", 8);
  put(uint32_t{2});
  put(int32_t{0});
  put(ticks);
  put(uint64_t{32 + 64});
  for (const char* name : {"EURUSD", "GBPUSD"}) {
    char padded[32] = {};
    std::strncpy(padded, name, 31);
    file.write(padded, 32);
  }
  for (uint64_t i = 0; i < ticks; ++i) {
    const double bid = 1.0 + static_cast<double>(i / 2) * 1e-5;
    put(link::Tick{1'700'000'000'000 + static_cast<int64_t>(i) * 10, bid, bid + 1e-5, static_cast<uint32_t>(i % 2), 6});
  }
}

// Holds the tape until it is told to play. Its history is a file of its name, and outlives it.
class TerminalProcess {
 public:
  // `more`: further keys of its configuration.
  TerminalProcess(const fs::path& folder, const std::string& name, uint16_t port, const std::string& tape,
                  const std::string& more, const std::string& login = "1") {
    std::string symbols;
    for (const char* symbol : {"EURUSD", "GBPUSD"}) {
      symbols += std::string(symbols.empty() ? "" : ",") + R"({"name":")" + symbol +
                 R"(","digits":5,"point":0.00001,"tickSize":0.00001,"contractSize":100000,"volumeMin":0.01,)" +
                 R"("volumeMax":50,"volumeStep":0.01,"currencyBase":")" + std::string(symbol).substr(0, 3) +
                 R"(","currencyProfit":"USD","currencyMargin":"USD","calcMode":"forex"})";
    }
    const fs::path config = folder / (name + ".json");
    std::ofstream(config) << R"({"bridge":"127.0.0.1:)" << port << R"(","login":")" << login
                          << R"(","currency":"USD","balance":1000000,"leverage":500,"marginMode":"netting","symbols":[)"
                          << symbols << R"(],"tape":")" << tape << R"(","history":")"
                          << (folder / (name + ".history")).string() << R"(",)" << more << "}";
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    child_ = std::make_unique<Child>(std::vector<std::string>{TROUPE_TERMINAL, "--config", config.string(), "--hold"},
                                     folder / (name + ".out"), folder / (name + ".err"),
                                     std::vector<std::pair<std::string, std::string>>{}, ends[0]);
    ::close(ends[0]);
    in_ = ends[1];
  }
  ~TerminalProcess() {
    child_.reset();
    if (in_ >= 0) ::close(in_);
  }
  bool say(const std::string& words) {
    return ::write(in_, words.data(), words.size()) == static_cast<ssize_t>(words.size());
  }
  Child& child() { return *child_; }

 private:
  std::unique_ptr<Child> child_;
  int in_ = -1;
};

}  // namespace troupe::bridge::testing_support
