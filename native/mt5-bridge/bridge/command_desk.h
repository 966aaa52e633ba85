// Commands from the broker actor to the terminal, and their answers back.
//
// Every command gets exactly one answer: what the terminal said, what the journal knows, REFUSED when the terminal
// never saw it, or UNKNOWN when nobody can tell (link lost, no answer for 5 s). An order is sent to the terminal at
// most once per client order id, ever: its journal record is on the disk before the frame leaves.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/broker_time.h"
#include "bridge/clock.h"
#include "bridge/figures.h"
#include "bridge/heard_orders.h"
#include "bridge/journal.h"
#include "bridge/retcode_class.h"
#include "link/connection.h"
#include "troupe/bridge/v1/bridge.pb.h"

namespace troupe::bridge {

// The terminal as the desk knows it, from kSymbols until the link is lost.
struct TerminalSide {
  std::shared_ptr<link::Connection> connection;
  std::string session;
  BrokerTime time = {};
  std::vector<link::Spec> symbols;
};

class CommandDesk {
 public:
  using Reply = std::function<void(const std::string& reply_to, const v1::CommandReply& reply)>;

  // An order that stands in the journal counts as NOT_FOUND only when it was received this long ago: where orders
  // travel to the server by themselves (MetaTrader), the terminal may show them late. 0 believes the terminal at once.
  CommandDesk(Journal& journal, const Clock& clock, Reply reply, int64_t not_found_after_us = 0)
      : journal_(journal), clock_(clock), reply_(std::move(reply)), not_found_after_us_(not_found_after_us) {}

  // Hears code and reason of a command that was refused, here or by the terminal, for something that the same command
  // would be refused for again; at most once a second for each code. From any thread that calls the desk.
  using Trouble = std::function<void(const std::string& code, const std::string& why)>;
  void setTrouble(Trouble trouble) { trouble_ = std::move(trouble); }

  // From NATS; one thread at a time. With `more`, another command follows at once: orders that come together are made
  // durable together, because the disk takes as long for twenty records as for one.
  void handle(const void* data, size_t size, const std::string& reply_to, bool more = false);

  // An order that its broker has committed and not asked for yet; one thread at a time with handle(). It is placed as if
  // it had been asked for, and who asks for it gets that answer. What stands in its way is answered to who asks; what was
  // refused to who asked is not placed any more, however late it is heard.
  void hear(const void* data, size_t size);

  // Hears the whole of a snapshot that nobody has asked for. From the link's thread.
  using Unasked = std::function<void(const v1::TerminalSnapshot& snapshot)>;
  void setUnasked(Unasked unasked) { unasked_heard_ = std::move(unasked); }

  // From the link's thread.
  void attach(TerminalSide terminal);
  // Who lets the terminal trade; until it has said so, it may.
  void permit(const link::TerminalStatus& status);
  void detach(const std::string& reason);
  // kResult, kSnapshotBegin..kSnapshotEnd. Anything but kNone closes the link.
  link::LinkError onFrame(const link::FrameView& frame);
  // Answers UNKNOWN to what has waited for 5 s. kOverflow, which closes the link, when the terminal leaves so much
  // without an answer that it can not be remembered any longer.
  link::LinkError pass(int64_t now_us);

  // Figures; any thread.
  uint64_t commands() const { return commands_.load(std::memory_order_relaxed); }
  uint64_t replies(v1::Outcome outcome) const { return replies_[outcome].load(std::memory_order_relaxed); }
  size_t waiting() const;
  size_t linkBytesWaiting() const;
  // The last return code of the terminal that said that it may not trade, "" once an order was taken again.
  std::string tradeBlock() const;
  // From a command coming in to its frame leaving, without the disk; and what the disk took, for orders.
  const LatencyHistogram& commandTime() const { return command_time_; }
  const LatencyHistogram& journalTime() const { return journal_time_; }

  static constexpr int64_t kTimeoutUs = 5'000'000;
  static constexpr size_t kMostTogether = 64;
  // Commands of one link that were answered UNKNOWN and whose own answer may still come.
  static constexpr size_t kMostUnanswered = 16'384;

 private:
  struct Waiter {
    std::string reply_to, command_id;
    bool replayed;
  };
  struct Pending {
    enum Kind { kPlace, kResolve, kFind, kOther, kSnapshot } kind;
    std::string order_id;  // of kPlace, kResolve (a repeated place asked of the terminal) and kFind
    std::vector<Waiter> waiters;
    int64_t deadline_us;
    bool answered = false;  // timed out; kept for a late result
    std::unique_ptr<v1::TerminalSnapshot> snapshot;
    Request request = {};  // what its return code has to be read with
  };

  // An order that stands in the journal and goes to the terminal once that is on the disk.
  struct Noted {
    link::Place order;
    std::string order_id;
    Waiter waiter;
    int64_t arrived_us;
  };

  void say(const std::string& reply_to, const v1::CommandReply& reply);
  void trouble(const std::string& code, const std::string& why);
  void take(const void* data, size_t size, const std::string& reply_to);
  void sendNoted();
  void refuse(const std::string& reply_to, const std::string& command_id, const char* code, const std::string& why);
  // Empty when the terminal may trade, otherwise where it may not.
  std::string forbidden() const;
  // The snapshot that a frame is about; null when it is about none. Under the mutex.
  std::unique_ptr<v1::TerminalSnapshot>* snapshotOf(uint64_t command);
  bool checkFence(const v1::Command& command, const std::string& reply_to);
  void place(const v1::Command& command, const std::string& reply_to);
  template <typename Message>
  void send(link::FrameType type, Message message, Pending pending, int64_t arrived_us);
  void answer(const Pending& pending, v1::CommandReply reply);
  void answerUnknown(const Pending& pending, const char* code, const std::string& why);
  link::LinkError onResult(const link::FrameView& frame);
  static void judge(const Pending& pending, v1::CommandReply& reply);
  link::LinkError onSnapshotBegin(const link::FrameView& frame);
  template <typename Item, typename Add>
  link::LinkError onSnapshotPart(const link::FrameView& frame, Add add);
  link::LinkError onSnapshotEnd(const link::FrameView& frame);
  void weighJournal(const std::string& order_id, v1::CommandReply& reply) const;
  bool tooEarly(const Journal::Entry& entry, v1::CommandReply& reply) const;

  Journal& journal_;
  const Clock& clock_;
  const Reply reply_;
  const int64_t not_found_after_us_;
  Trouble trouble_;
  Unasked unasked_heard_;
  std::vector<Noted> noted_;  // of the thread that calls handle()
  int64_t arrived_us_ = 0;    // and when what it handles came
  HeardOrders heard_;         // that thread's too
  std::atomic<uint64_t> commands_{0};
  std::array<std::atomic<uint64_t>, v1::Outcome_ARRAYSIZE> replies_{};
  LatencyHistogram command_time_, journal_time_;
  mutable std::mutex mutex_;
  std::string trade_block_;
  struct Told {
    int64_t at_us;
    uint64_t untold;
  };
  std::mutex told_mutex_;
  std::unordered_map<std::string, Told> told_;  // by code
  std::shared_ptr<const TerminalSide> terminal_;
  std::string forbidden_;
  std::unique_ptr<v1::TerminalSnapshot> unasked_;  // of which the end has not come
  uint64_t last_command_ = 0;
  std::unordered_map<uint64_t, Pending> pending_;
};

}  // namespace troupe::bridge
