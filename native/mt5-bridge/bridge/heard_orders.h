// What the desk keeps of orders that it may hear of in a commit besides being asked for them. One thread.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <unordered_set>

namespace troupe::bridge {

class HeardOrders {
 public:
  static constexpr size_t kMostHeard = 64;
  // More than can be heard and not handled yet (CommandServer::kAheadPending), so that none is forgotten before what
  // might still come.
  static constexpr size_t kMostRefused = 16'384;

  // The order of this command was placed before anybody asked for it.
  void placed(const std::string& command_id) {
    if (placed_.size() == kMostHeard) placed_.pop_front();
    placed_.push_back(command_id);
  }
  // Whether it was, and is asked for the first time.
  bool takePlaced(const std::string& command_id) {
    const auto at = std::find(placed_.begin(), placed_.end(), command_id);
    if (at == placed_.end()) return false;
    placed_.erase(at);
    return true;
  }

  // What is called refused must not be placed by what is heard late.
  void refused(const std::string& order_id) {
    if (!refused_.insert(order_id).second) return;
    oldest_.push_back(order_id);
    if (oldest_.size() <= kMostRefused) return;
    refused_.erase(oldest_.front());
    oldest_.pop_front();
  }
  bool wasRefused(const std::string& order_id) const { return refused_.contains(order_id); }

 private:
  std::deque<std::string> placed_;
  std::unordered_set<std::string> refused_;
  std::deque<std::string> oldest_;  // of the refused, first the oldest
};

}  // namespace troupe::bridge
