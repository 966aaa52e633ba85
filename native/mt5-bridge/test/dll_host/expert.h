// What an expert does with the library, in a thread of its own as in a terminal: says its symbol, sends ticks from
// where the bridge says, answers orders from the book.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "test/dll_host/book.h"
#include "test/dll_host/library.h"

namespace troupe::dll::host {

class Expert {
 public:
  struct Plan {
    std::string name;
    uint16_t port = 0;
    std::string key, feed, margin_mode;
    uint64_t ticks = 0;
    uint32_t batch = 100;
    std::string host, fingerprint, ca;
  };
  Expert(const Library& library, Plan plan, Book& book) : library_(library), plan_(std::move(plan)), book_(book) {}

  void begin() {
    thread_ = std::thread([this] { run(); });
  }
  // Ends the thread and then the handle, as OnDeinit does. Prints how long that took.
  void end();
  // Ends the thread without a word to the library: an expert that was removed without its OnDeinit.
  void abandon();
  bool wasUp() const { return was_up_; }

 private:
  void run();
  bool receive();
  void onMessage(uint16_t type, const uint8_t* payload, size_t size);
  void onResume(const uint8_t* payload, size_t size);
  void onPlace(const link::Place& place);
  void onChange(uint64_t command, const Book::Change& change);
  void answer(uint64_t command, const std::string& order_id);
  bool pushTicks();
  void say(uint16_t type, const void* payload, size_t size);
  void tellPushes();

  const Library& library_;
  const Plan plan_;
  Book& book_;
  std::thread thread_;
  std::atomic<bool> ending_{false}, was_up_{false};
  int32_t handle_ = 0;
  std::vector<uint8_t> buffer_, message_;
  bool flowing_ = false, told_ = false;
  uint64_t next_ = 0;  // number of the next tick, from 0
  // Nanoseconds for a tick, of each turn of pushes that was taken.
  std::vector<float> costs_, copies_;
};

// One line of JSON, whole even when several threads speak.
void print(const std::string& line);

}  // namespace troupe::dll::host
