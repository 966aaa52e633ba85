// A program of the terminal (an Expert Advisor on a chart, or a service): its handlers, and what MetaTrader keeps for
// each program.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/types.h"
#include "terminal/mql5/service.h"
#include "terminal/shim/mql5.h"

namespace troupe::terminal {

// Handlers that a program does not have are null.
struct Program {
  std::string name;
  int (*on_init)() = nullptr;
  void (*on_deinit)(const int reason) = nullptr;
  void (*on_tick)() = nullptr;
  void (*on_timer)() = nullptr;
  void (*on_transaction)(const MqlTradeTransaction&, const MqlTradeRequest&, const MqlTradeResult&) = nullptr;
  void (*on_book)(const ::string& symbol) = nullptr;
  void (*on_start)() = nullptr;  // of a service, which has nothing else
  void (*on_chart)(const int id, const long& lparam, const double& dparam, const ::string& sparam) = nullptr;
};

struct Transaction {
  MqlTradeTransaction trans = {};
  MqlTradeRequest request = {};
  MqlTradeResult result = {};
};

struct ProgramEvent {
  enum class Kind : uint8_t { kTick, kTimer, kChart, kBook, kTransaction };
  Kind kind;
  int id = 0;
  long lparam = 0;
  double dparam = 0;
  ::string text{};
  Transaction transaction{};
};

// MetaTrader's queue of one program. Of ticks, timers and chart events one at a time, waiting or being handled;
// transactions have 1,024 places, and a new one pushes the oldest out.
class EventQueue {
 public:
  static constexpr size_t kTransactions = 1024;
  static constexpr size_t kEvents = 8192;

  // False when it was not taken, or when it has pushed another one out.
  bool push(ProgramEvent event);
  // False for one of a kind of which one is enough, and is there.
  bool takes(ProgramEvent::Kind kind) const {
    return !single(kind) || (waiting_[index(kind)] == 0 && handled_ != kind);
  }
  std::optional<ProgramEvent> begin();  // the next, which is being handled until end()
  void end();
  void clear();
  bool empty() const { return events_.empty(); }
  uint64_t displaced() const { return displaced_; }

 private:
  static constexpr size_t index(ProgramEvent::Kind kind) { return static_cast<size_t>(kind); }
  static bool single(ProgramEvent::Kind kind);

  std::deque<ProgramEvent> events_;
  size_t waiting_[5] = {};
  std::optional<ProgramEvent::Kind> handled_;
  uint64_t displaced_ = 0;
};

// What a program has selected: copies, as MetaTrader's functions read them.
struct Selection {
  std::optional<Order> order;
  std::optional<Position> position;
  std::vector<const Order*> history_orders;
  std::vector<size_t> history_deals;
};

struct Loaded {
  Program program;
  std::string chart_symbol;
  uint32_t chart_index = kNoSymbol;
  long chart_id = 0;
  EventQueue queue;
  Selection selection;
  int last_error = 0;
  bool ready = false;     // OnInit has succeeded
  bool stopping = false;  // IsStopped()
  bool remove = false;    // ExpertRemove() was called
  int64_t timer_period_us = 0, timer_at_us = 0;
  int64_t deinit_until_us = 0;  // while OnDeinit runs
  std::map<std::string, int> books;
  std::unique_ptr<Service> service;
};

}  // namespace troupe::terminal
