// Which messages are published and not yet acknowledged, in the order they were published. Pure bookkeeping.
//
// A message leaves the window only when it is acknowledged and all before it have left. On the way out its stream
// sequence is compared with that of the message before it on the same subject: had JetStream refused the first and
// taken the second, then the first, sent again, would stand behind the second. Such a message is sent once more under
// a new id, so that the subject ends with all of its messages in order.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::bridge {

struct Ack {
  bool ok = false;
  uint64_t stream_sequence = 0;
  int code = 0;                  // JetStream's err_code, 0 when ok
  std::string_view description;  // of an error, within the text that was parsed
};

// Reads a publish acknowledgement of JetStream ({"stream":..,"seq":..} or {"error":{..}}).
Ack parseAck(std::string_view json);

template <typename Message>
class AckWindow {
 public:
  struct Slot {
    Message message;
    uint32_t key;    // same subject, same key
    uint32_t units;  // what is counted (ticks)
    bool acked = false;
    bool again = false;  // sent once more for order's sake
    uint64_t stream_sequence = 0;
    int64_t sent_us = 0;
  };

  explicit AckWindow(size_t size) : size_(size) {}

  size_t size() const { return size_; }
  size_t inFlight() const { return slots_.size(); }
  size_t room() const { return size_ - slots_.size(); }
  uint64_t ackedMessages() const { return acked_messages_; }
  uint64_t ackedUnits() const { return acked_units_; }
  // Number that the next message will get; numbers name the reply subjects.
  uint64_t nextNumber() const { return first_ + slots_.size(); }

  uint64_t push(Message message, uint32_t key, uint32_t units, int64_t now_us) {
    slots_.push_back({std::move(message), key, units, false, false, 0, now_us});
    return first_ + slots_.size() - 1;
  }

  // Acknowledged. Messages that leave the window go to `released`; one that stands out of order goes to `out_of_order`
  // (at most one) and must be sent again under another id. False when the number is not in the window (a late second
  // acknowledgement).
  bool ack(uint64_t number, uint64_t stream_sequence, std::vector<Message>& released, Slot*& out_of_order) {
    out_of_order = nullptr;
    if (number < first_ || number >= first_ + slots_.size()) return false;
    Slot& slot = slots_[number - first_];
    if (slot.acked) return false;
    slot.acked = true;
    slot.stream_sequence = stream_sequence;
    while (!slots_.empty() && slots_.front().acked) {
      Slot& front = slots_.front();
      uint64_t& last = last_sequence_[front.key];
      // Only once per message: a stream that was made anew counts from 1 again, and that is no disorder.
      if (front.stream_sequence < last && !front.again) {
        front.acked = false;
        front.again = true;
        out_of_order = &front;
        return true;
      }
      last = front.stream_sequence;
      ++acked_messages_;
      acked_units_ += front.units;
      released.push_back(std::move(front.message));
      slots_.pop_front();
      ++first_;
    }
    return true;
  }

  // All that must be sent again, in order.
  template <typename Send>
  void forEachUnacked(Send send) {
    for (size_t i = 0; i < slots_.size(); ++i)
      if (!slots_[i].acked) send(slots_[i], first_ + i);
  }

  // When the oldest unacknowledged message was sent, INT64_MAX when there is none.
  int64_t oldestSentUs() const {
    for (const Slot& slot : slots_)
      if (!slot.acked) return slot.sent_us;
    return INT64_MAX;
  }

  Slot* at(uint64_t number) {
    return number < first_ || number >= first_ + slots_.size() ? nullptr : &slots_[number - first_];
  }

 private:
  size_t size_;
  uint64_t first_ = 1;
  std::deque<Slot> slots_;
  std::unordered_map<uint32_t, uint64_t> last_sequence_;
  uint64_t acked_messages_ = 0, acked_units_ = 0;
};

}  // namespace troupe::bridge
