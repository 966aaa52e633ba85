// What the functions of terminal/shim stand on: the terminal of this thread and the program whose handler runs.
#pragma once

#include "terminal/mql5/mql_terminal.h"

namespace troupe::terminal {

class MqlApi {
 public:
  static MqlTerminal* current();
  static void setCurrent(MqlTerminal* terminal);

  // Throws std::logic_error without a terminal.
  static MqlTerminal& terminal();
  static Loaded& running();
  static bool fail(int error);  // sets GetLastError(); false

  static Engine& engine() { return terminal().engine_; }
  static const Profile& profile() { return terminal().profile_; }
  static TradeServer& server() { return terminal().server_; }
  static TerminalClock& clock() { return terminal().clock_; }
  static const MqlTerminalOptions& options() { return terminal().options_; }
  static MqlFiles& files() { return terminal().files_; }
  static MqlSockets& sockets() { return terminal().sockets_; }
  static std::map<std::string, double>& globals() { return terminal().globals_; }
  static int64_t serverMs() { return terminal().server_ms_; }
  static int64_t serverS() { return terminal().serverS(); }
  static void note(const std::string& line) { terminal().note(line); }
  static void sleepUs(int64_t us);
  static bool chartEvent(long chart_id, const ProgramEvent& event);

  // The symbol's index; kNoSymbol with an error if it is unknown.
  static uint32_t symbol(const ::string& name);
  static bool selected(uint32_t symbol) { return terminal().selected_[symbol] != 0; }
  static void select(uint32_t symbol, bool on) { terminal().selected_[symbol] = on ? 1 : 0; }
  static TickBase& base(uint32_t symbol) { return terminal().base_[symbol]; }
  // True the first time that a symbol's ticks are asked for.
  static bool firstTicks(uint32_t symbol) { return !std::exchange(terminal().asked_[symbol], 1); }

  // What the terminal sees: without a connection, what it last saw.
  static std::vector<Order> orders();
  static std::vector<Position> positions();
  static Account account();
  static bool seen(const Order& order);  // in the history
  static bool seen(const Deal& deal);

  // Makes a call that leaves a trace outside of the program.
  template <typename F>
  static auto passing(const char* call, F make) {
    terminal().passed(call, false);
    const auto result = make();
    terminal().passed(call, true);
    return result;
  }
  static bool send(const MqlTradeRequest& request, MqlTradeResult& result, bool wait);
};

}  // namespace troupe::terminal
