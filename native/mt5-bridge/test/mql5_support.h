// A simulated MetaTrader on virtual time, with a program that writes down what its handlers get.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "terminal/mql5/mql_terminal.h"

namespace mql5_test {

using namespace troupe::terminal;

// What the handlers of the watching program have been given. One for each test.
struct Watch {
  std::vector<std::string> calls;  // init, tick, timer, chart 1001, book EURUSD, deinit 1
  std::vector<Transaction> transactions;
  std::function<void(const std::string&)> during;  // called in every handler with its name
  int init_result = INIT_SUCCEEDED;
};
inline Watch& watch() {
  static Watch it;
  return it;
}
inline void called(const std::string& what) {
  watch().calls.push_back(what);
  if (watch().during) watch().during(what);
}

inline Program watching() {
  Program program;
  program.name = "watch";
  program.on_init = [] {
    called("init");
    return watch().init_result;
  };
  program.on_deinit = [](const int reason) { called("deinit " + std::to_string(reason)); };
  program.on_tick = [] { called("tick"); };
  program.on_timer = [] { called("timer"); };
  program.on_book = [](const ::string& symbol) { called("book " + symbol.utf8()); };
  program.on_chart = [](const int id, const long&, const double&, const ::string&) {
    called("chart " + std::to_string(id));
  };
  program.on_transaction = [](const MqlTradeTransaction& trans, const MqlTradeRequest& request,
                              const MqlTradeResult& result) {
    watch().transactions.push_back({trans, request, result});
    called("transaction");
  };
  return program;
}

inline Spec forex(const std::string& name, double point, uint32_t digits) {
  Spec spec;
  spec.name = name;
  spec.digits = digits;
  spec.point = spec.tick_size = point;
  spec.contract_size = 100'000;
  spec.volume_min = spec.volume_step = toVolume(0.01);
  spec.volume_max = toVolume(50);
  spec.currency_base = name.substr(0, 3);
  spec.currency_profit = name.substr(3, 3);
  spec.currency_margin = spec.currency_base;
  return spec;
}

class MqlTest : public ::testing::Test {
 protected:
  // A Wednesday, 10:00 of the server's clock.
  static constexpr int64_t kStartMs = 1'700'042'400'000;

  void SetUp() override {
    watch() = Watch();
    folder_ = std::filesystem::temp_directory_path() / ("troupe-mql5-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    config.currency = "USD";
    config.balance = toCents(10'000);
    config.leverage = 100;
    config.margin_mode = MarginMode::kHedging;
    config.symbols = {forex("EURUSD", 0.00001, 5), forex("GBPUSD", 0.00001, 5)};
    config.client_ids = false;
    config.start_ms = kStartMs;
  }
  void TearDown() override {
    terminal.reset();
    std::filesystem::remove_all(folder_);
  }
  // Starts the terminal with the watching program on EURUSD.
  int start() {
    if (!engine) {
      if (profile.margin_mode != ACCOUNT_MARGIN_MODE_RETAIL_HEDGING) config.margin_mode = MarginMode::kNetting;
      engine = std::make_unique<Engine>(config);
      engine->begin();
    }
    MqlTerminalOptions options;
    options.login = 4711;
    options.trade_mode = trade_mode;
    options.data_folder = folder_.string();
    options.base_ticks = base_ticks;
    options.market_time = market_time;
    options.print = [this](const std::string& line) { printed.push_back(line); };
    options.passed = passed;
    options.remember = remember;
    terminal.reset();
    terminal = std::make_unique<MqlTerminal>(*engine, profile, clock, options);
    terminal->collect();
    return terminal->attach(watching(), "EURUSD");
  }
  void tick(const std::string& name, double bid, int64_t after_ms = 1) {
    now_ms += after_ms;
    terminal->quote(engine->symbolIndex(name), now_ms, bid, bid + 0.0001, 6);
  }
  void quotes() {
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
    terminal->step();
    watch().calls.clear();
  }
  // Lets time pass in steps as long as something is due.
  void pass(int64_t us) {
    const int64_t until = clock.nowUs() + us;
    terminal->step();
    for (;;) {
      const int64_t wait = terminal->waitUs();
      if (wait < 0 || clock.nowUs() + wait > until) break;
      clock.sleepUs(std::max<int64_t>(wait, 1));
      terminal->step();
    }
    clock.sleepUs(until - clock.nowUs());
    terminal->step();
  }
  static MqlTradeRequest market(ENUM_ORDER_TYPE type, double lots, ulong position = 0) {
    MqlTradeRequest request = {};
    request.action = TRADE_ACTION_DEAL;
    request.symbol = "EURUSD";
    request.volume = lots;
    request.type = type;
    request.type_filling = ORDER_FILLING_IOC;
    request.comment = "client-1";
    request.magic = 7;
    request.position = position;
    return request;
  }
  static MqlTradeRequest limit(double price, double lots = 0.1) {
    MqlTradeRequest request = market(ORDER_TYPE_BUY_LIMIT, lots);
    request.action = TRADE_ACTION_PENDING;
    request.type_filling = ORDER_FILLING_RETURN;
    request.price = price;
    return request;
  }
  // Sends, waits for what comes of it and gives it back; empty when nothing was sent.
  std::vector<Transaction> send(const MqlTradeRequest& request) {
    watch().transactions.clear();
    MqlTradeResult result = {};
    sent = OrderSendAsync(request, result);
    sent_result = result;
    pass(1'000'000);
    return watch().transactions;
  }
  static std::vector<ENUM_TRADE_TRANSACTION_TYPE> types(const std::vector<Transaction>& all) {
    std::vector<ENUM_TRADE_TRANSACTION_TYPE> types;
    for (const Transaction& t : all) types.push_back(t.trans.type);
    return types;
  }
  static const Transaction* find(const std::vector<Transaction>& all, ENUM_TRADE_TRANSACTION_TYPE type) {
    for (const Transaction& t : all)
      if (t.trans.type == type) return &t;
    return nullptr;
  }
  static MqlTradeResult answer(const std::vector<Transaction>& all) {
    const Transaction* found = find(all, TRADE_TRANSACTION_REQUEST);
    EXPECT_NE(found, nullptr);
    return found ? found->result : MqlTradeResult{};
  }

  EngineConfig config;
  Profile profile;
  size_t base_ticks = 1 << 18;
  bool market_time = false;
  ENUM_ACCOUNT_TRADE_MODE trade_mode = ACCOUNT_TRADE_MODE_DEMO;
  VirtualClock clock{kStartMs * 1000};
  std::unique_ptr<Engine> engine;
  std::unique_ptr<MqlTerminal> terminal;
  int64_t now_ms = kStartMs;
  std::vector<std::string> printed;
  // See MqlTerminalOptions.
  std::function<void(const char*, bool)> passed;
  std::function<void(const std::vector<Event>&)> remember;
  bool sent = false;
  MqlTradeResult sent_result = {};
  std::filesystem::path folder_;
};

}  // namespace mql5_test
