// The seat of an account: who trades it now, or waits to. The door gives it, on its thread; the account's own thread
// takes whoever was given it, and leaves it when that terminal has gone and what it sent is kept.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "link/connection.h"
#include "link/handshake.h"

namespace troupe::bridge {

// A terminal that has proved the key.
struct Guest {
  std::shared_ptr<link::Connection> connection;
  link::Hello hello{};
  link::Welcome welcome{};
};

class Seat {
 public:
  enum class Answer : uint8_t { kFree, kSoon, kTaken };

  // The door's thread. kSoon: ask again, whoever has it is going; the same feed once more is the same terminal come
  // back, and its dead connection is ended for it. kTaken: `holder` says by whom. What was free stays so until give().
  Answer ask(const link::Hello& hello, int64_t now_us, std::string& holder);
  void give(Guest guest, int64_t now_us);

  // The account's thread: whoever has been given the seat, waited for up to `wait_ms`; he has it until leave().
  std::optional<Guest> take(int wait_ms);
  void leave();

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::shared_ptr<link::Connection> holder_;  // null: free
  link::Hello hello_{};
  int64_t since_us_ = 0;
  std::optional<Guest> waiting_;  // has the seat, and has not been taken yet
};

}  // namespace troupe::bridge
