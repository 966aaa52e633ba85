// The terminal in which MQL5 programs run: event queues, timers, the base of ticks, requests under way to the trade
// server, connection. One thread, driven step by step: the caller brings ticks and calls step(); the clock decides what
// is due. The functions of terminal/shim work on the terminal that was made last in this thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "terminal/mql5/clock.h"
#include "terminal/mql5/files.h"
#include "terminal/mql5/profile.h"
#include "terminal/mql5/program.h"
#include "terminal/mql5/sockets.h"
#include "terminal/mql5/tick_base.h"
#include "terminal/mql5/trade_server.h"

namespace troupe::terminal {

struct MqlTerminalOptions {
  long login = 1;
  int utc_offset_s = 0;
  ENUM_ACCOUNT_TRADE_MODE trade_mode = ACCOUNT_TRADE_MODE_DEMO;
  std::string data_folder;  // files of programs are below it
  size_t base_ticks = 1 << 18;
  // For a tape, whose time is not the clock's: how late ticks come and when trade sessions are goes by the time of
  // ticks. Programs are told of no sessions, because they would look at the clock: there the server decides.
  bool market_time = false;
  int64_t server_ms = 0;  // TimeCurrent() before the first tick; 0: the engine's time
  // Everything the engine tells, before any program hears of it; for the journal of the history.
  std::function<void(const std::vector<Event>&)> remember;
  // Before and after each call of a program that leaves a trace outside of it: files, requests; and each handler.
  std::function<void(const char* call, bool done)> passed;
  std::function<void(const std::string&)> print;  // lines of Print and of the terminal's own journal
};

// A handler that MetaTrader ends by force: OnDeinit after 2.5 s, OnStart with the terminal.
struct ProgramKilled {};

class MqlTerminal {
 public:
  static constexpr int64_t kDeinitUs = 2'500'000;
  static constexpr size_t kFastTicks = 4096, kFastTicksWithBook = 65536;

  MqlTerminal(Engine& engine, Profile profile, TerminalClock& clock, MqlTerminalOptions options);
  ~MqlTerminal();
  MqlTerminal(const MqlTerminal&) = delete;
  MqlTerminal& operator=(const MqlTerminal&) = delete;

  // OnInit. The number of the program, or -1 when it refused; then it has been removed again.
  int attach(const Program& program, const std::string& chart_symbol);
  void detach(int number, int reason);
  // The terminal's process ends as if its power were cut: no handler runs, what was not flushed is lost. Requests on
  // their way to the broker arrive or not; nobody hears of them.
  void kill(bool requests_arrive);
  // New parameters, another timeframe: OnDeinit, OnInit; the program's variables keep their values.
  bool reload(int number, int reason);

  // One tick at the broker. False while it is held back as a late one.
  bool quote(uint32_t symbol, int64_t time_ms, double bid, double ask, uint32_t flags);
  // Into the base alone: what the terminal had before it was started again.
  void restoreTick(uint32_t symbol, const BaseTick& tick) { base_[symbol].add(tick); }
  // What the engine did outside of a request or tick.
  void collect();
  // A custom event for every program, as a service sends it.
  void wake(int id);
  // Everything that is due: connection, requests, timers, then all queued events.
  void step();
  // Until something is due; -1: nothing is.
  int64_t waitUs() const;

  void disconnect(int64_t for_us);
  bool connected() const { return connected_; }
  bool synchronised() const { return connected_ && clock_.nowUs() >= synchronised_at_us_; }
  // Properties are 0 until the server has been heard once.
  bool propertiesKnown() const { return known_ || synchronised(); }
  // Ticks of the symbol that no program has read.
  uint64_t unread(uint32_t symbol) const { return base_[symbol].unread(); }
  // All that are held back: no more ticks will come.
  void releaseLateTicks() { releaseLate(INT64_MAX); }
  uint64_t requestsUnderWay() const { return requests_.size(); }
  Loaded* program(int number);
  bool tradeAllowed() const { return trade_allowed_; }
  void allowTrade(bool allowed) { trade_allowed_ = allowed; }

 private:
  friend class MqlApi;
  struct Request {
    int64_t due_us;
    uint64_t number;
    MqlTradeRequest request;
    uint32_t id;
    MqlTradeResult* answer;  // of OrderSend, which waits
    bool* answered;
  };

  void connect();
  void runRequest(Request request);
  void deliver(std::vector<Transaction> batch);
  void push(const ProgramEvent& event);
  void runTimers();
  void runServices();
  void startService(Loaded& loaded);
  void passed(const char* call, bool done) const {
    if (options_.passed) options_.passed(call, done);
  }
  void runConnection();
  void releaseLate(int64_t until_us);
  int64_t lateNowUs() const { return options_.market_time ? 1000 * engine_.nowMs() : clock_.nowUs(); }
  bool dispatch();
  void handle(Loaded& loaded, const ProgramEvent& event);
  int64_t latencyUs(uint64_t number) const;
  int64_t exponentialUs(int64_t mean_us, uint64_t part);
  // What trade sessions go by.
  int64_t sessionS() const { return options_.market_time ? engine_.nowMs() / 1000 : serverS(); }
  int64_t serverS() const { return clock_.wallUs() / 1'000'000 + options_.utc_offset_s; }
  void note(const std::string& line) const;
  bool init(Loaded& loaded);
  void deinit(Loaded& loaded, int reason);
  uint64_t submit(const MqlTradeRequest& request, uint32_t id, MqlTradeResult* answer, bool* answered);

  Engine& engine_;
  Profile profile_;
  TerminalClock& clock_;
  MqlTerminalOptions options_;
  TradeServer server_;
  std::vector<TickBase> base_;
  std::vector<uint8_t> selected_, asked_;  // in the Market Watch; ticks asked for once
  struct LateTick {
    int64_t due_us;
    uint32_t symbol;
    BaseTick tick;
  };
  std::vector<LateTick> late_;
  std::vector<std::unique_ptr<Loaded>> programs_;
  Loaded* running_ = nullptr;
  Loaded outside_;                 // for calls from outside of any handler
  std::vector<Request> requests_;  // by due time
  uint32_t next_request_id_ = 1;
  uint64_t request_number_ = 0, tick_number_ = 0, batch_number_ = 0, connection_number_ = 0;
  bool connected_ = false, known_ = false, trade_allowed_ = true;
  int64_t connect_at_us_ = 0, synchronised_at_us_ = 0, disconnect_at_us_ = -1;
  int64_t server_ms_ = 0;           // TimeCurrent()
  std::vector<Order> seen_orders_;  // of a terminal without connection
  std::vector<Position> seen_positions_;
  size_t seen_deals_ = 0;
  Account seen_account_;
  std::map<uint64_t, int64_t> late_orders_, late_deals_;  // visible in the history from
  std::map<std::string, double> globals_;
  MqlFiles files_;
  MqlSockets sockets_;
  MqlTerminal* previous_;
};

}  // namespace troupe::terminal
