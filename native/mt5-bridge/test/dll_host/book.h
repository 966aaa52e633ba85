// The trade server of the tests' terminal: what was executed, in a file that survives whoever is killed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include "link/messages.h"

namespace troupe::dll::host {

class Book {
 public:
  ~Book();
  // An empty path keeps it in memory only. A line that was cut by a kill was never executed.
  bool open(const std::string& path, bool hedging);
  // Executes the order, once more whenever it is told to: that nobody tells it twice is what is tested. Its line is in
  // the file when this returns.
  void execute(const link::Place& place, int64_t time_ms);
  bool knows(const std::string& order_id) const;
  // A change of the order `order_id`, or of the stops of the position that it opened.
  struct Change {
    enum Kind { kCancel, kModify, kProtect } kind;
    std::string order_id;
    double price, stop_loss, take_profit;
  };
  // The order that opened the position; with 0 that of the only one there is.
  std::string openedBy(uint64_t position) const;
  bool stands(const Change& change) const;
  // Makes the change, once more whenever it is told to.
  void make(const Change& change);
  // What became of it, as an answer to `command`.
  link::Result resultOf(uint64_t command, const std::string& order_id) const;
  link::Deal dealOf(const std::string& order_id) const;

 private:
  struct Execution {
    uint64_t ticket, position;
    uint8_t side;
    double lots;
    int times;
    bool waits, cancelled;  // an order that waits for its price
    double price, stop_loss, take_profit;
  };
  // A line of the file: what has happened.
  bool read(const std::string& line);
  void write(const std::string& line);
  Execution& note(const std::string& order_id, uint64_t ticket, uint8_t side, double lots);

  mutable std::mutex mutex_;
  std::FILE* file_ = nullptr;
  bool hedging_ = false;
  uint64_t last_ticket_ = 1000;
  uint64_t net_position_ = 0;
  std::map<std::string, Execution> orders_;
};

}  // namespace troupe::dll::host
