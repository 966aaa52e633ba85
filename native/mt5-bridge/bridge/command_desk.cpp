#include "bridge/command_desk.h"

#include <algorithm>

#include "bridge/convert.h"
#include "bridge/log.h"
#include "bridge/volume_grid.h"
#include "link/crash_point.h"
#include "link/validate.h"

namespace troupe::bridge {

using link::FrameType;
using link::LinkError;

namespace {

// The server or the terminal lets nobody trade, whatever the order.
bool saysNoTrading(uint32_t retcode) { return retcode == 10017 || retcode == 10026 || retcode == 10027; }

}  // namespace

void CommandDesk::refuse(const std::string& reply_to, const std::string& command_id, const char* code,
                         const std::string& why) {
  if (reply_to.empty()) return;
  v1::CommandReply reply;
  reply.set_command_id(command_id);
  reply.set_outcome(v1::OUTCOME_REFUSED);
  reply.set_code(code);
  reply.set_message(why);
  say(reply_to, reply);
  // Who asks where no terminal is, or with an older fence, is told so often enough by its answer.
  const std::string_view known(code);
  if (known == "BAD_COMMAND" || known == "UNKNOWN_SYMBOL" || known == "INVALID_VOLUME" || known == "JOURNAL_FAILED" ||
      known == "TRADING_DISABLED")
    trouble(code, why);
}

void CommandDesk::say(const std::string& reply_to, const v1::CommandReply& reply) {
  if (reply_to.empty()) return;
  if (v1::Outcome_IsValid(reply.outcome())) replies_[reply.outcome()].fetch_add(1, std::memory_order_relaxed);
  reply_(reply_to, reply);
}

void CommandDesk::trouble(const std::string& code, const std::string& why) {
  if (!trouble_) return;
  constexpr int64_t kTellUs = 1'000'000;
  uint64_t untold = 0;
  {
    std::lock_guard lock(told_mutex_);
    const int64_t now_us = clock_.steadyUs();
    const auto [told, first] = told_.try_emplace(code, Told{now_us, 0});
    if (!first && now_us - told->second.at_us < kTellUs) {
      ++told->second.untold;
      return;
    }
    untold = told->second.untold;
    told->second = {now_us, 0};
  }
  trouble_(code, untold == 0 ? why : why + " (and " + std::to_string(untold) + " more)");
}

void CommandDesk::handle(const void* data, size_t size, const std::string& reply_to, bool more) {
  arrived_us_ = clock_.steadyUs();
  // Who cannot be answered is not obeyed.
  if (!reply_to.empty()) take(data, size, reply_to);
  if (!more || noted_.size() >= kMostTogether) sendNoted();
}

void CommandDesk::hear(const void* data, size_t size) {
  arrived_us_ = clock_.steadyUs();
  v1::Command command;
  if (!command.ParseFromArray(data, static_cast<int>(size)) || !command.has_place()) return;
  const std::string& id = command.place().order_id();
  Journal::Entry known;
  if (id.empty() || journal_.find(id, known) || command.fence() != journal_.highestFence()) return;
  if (heard_.wasRefused(id)) return;
  const size_t before = noted_.size();
  place(command, "");
  if (noted_.size() == before) return;
  sendNoted();
  if (!journal_.find(id, known)) return;  // the disk failed
  heard_.placed(command.command_id());
}

void CommandDesk::sendNoted() {
  if (noted_.empty()) return;
  std::vector<Noted> noted;
  noted.swap(noted_);
  std::string error;
  const int64_t from_us = clock_.steadyUs();
  const bool durable = journal_.durable(error);
  const int64_t disk_us = clock_.steadyUs() - from_us;
  journal_time_.add(disk_us);
  if (!durable) {
    logError("E_JOURNAL", error);
    for (const Noted& one : noted) {
      journal_.forget(one.order_id);
      if (!one.waiter.reply_to.empty()) heard_.refused(one.order_id);
      refuse(one.waiter.reply_to, one.waiter.command_id, "JOURNAL_FAILED", error);
    }
    return;
  }
  TROUPE_CRASH_POINT(kDaemonDurable);
  for (const Noted& one : noted)
    send(FrameType::kPlace, one.order,
         Pending{
             Pending::kPlace, one.order_id, {one.waiter}, 0, false, nullptr, {.is_close = one.order.position_id != 0}},
         one.arrived_us + disk_us);
  TROUPE_CRASH_POINT(kDaemonSent);
}

void CommandDesk::take(const void* data, size_t size, const std::string& reply_to) {
  commands_.fetch_add(1, std::memory_order_relaxed);
  v1::Command command;
  if (!command.ParseFromArray(data, static_cast<int>(size)))
    return refuse(reply_to, "", "BAD_COMMAND", "these bytes are no bridge.v1.Command");
  if (!checkFence(command, reply_to)) {
    if (command.has_place()) heard_.refused(command.place().order_id());
    return;
  }
  std::shared_ptr<const TerminalSide> terminal;
  {
    std::lock_guard lock(mutex_);
    terminal = terminal_;
  }
  const BrokerTime time = terminal ? terminal->time : BrokerTime();
  const auto pending = [&](Pending::Kind kind) {
    return Pending{kind,  {},      {{reply_to, command.command_id(), false}}, 0,
                   false, nullptr, {.is_change = kind == Pending::kOther}};
  };
  const auto bad = [&](const std::string& why) { refuse(reply_to, command.command_id(), "BAD_COMMAND", why); };
  std::string why;
  // A repeated order is answered from the journal even while no terminal is linked.
  if (command.body_case() == v1::Command::kPlace) return place(command, reply_to);
  // Whatever else is asked comes after the orders before it.
  sendNoted();
  if (!terminal) return refuse(reply_to, command.command_id(), "NO_TERMINAL", "no terminal is linked to this bridge");
  const bool trades = command.has_cancel() || command.has_modify() || command.has_protect();
  if (trades && !(why = forbidden()).empty()) return refuse(reply_to, command.command_id(), "TRADING_DISABLED", why);
  // Not noted, and sent again whenever it is asked for again: the expert tells what stands already
  // (expert/changes.mqh).
  const auto change = [&](FrameType type, const auto& from, auto out) {
    if (!(why = toLink(from, out)).empty()) return bad(why);
    TROUPE_CRASH_POINT(kDaemonCommandReceived);
    send(type, out, pending(Pending::kOther), arrived_us_);
    TROUPE_CRASH_POINT(kDaemonSent);
  };
  switch (command.body_case()) {
    case v1::Command::kCancel:
      return change(FrameType::kCancel, command.cancel(), link::Cancel{});
    case v1::Command::kModify:
      return change(FrameType::kModify, command.modify(), link::Modify{});
    case v1::Command::kProtect:
      return change(FrameType::kProtect, command.protect(), link::Protect{});
    case v1::Command::kFind: {
      link::Find out;
      if (!(why = toLink(command.find(), out)).empty()) return bad(why);
      Pending waiting = pending(Pending::kFind);
      waiting.order_id = command.find().order_id();
      return send(FrameType::kFind, out, std::move(waiting), arrived_us_);
    }
    case v1::Command::kSnapshot: {
      const double since = command.snapshot().deals_since_ms();
      if (!(since >= 0 && since <= 1e15)) return bad("deals_since_ms: outside 0..1e15");
      return send(FrameType::kSnapshot, link::TakeSnapshot{0, std::max<int64_t>(0, brokerMs(since, time))},
                  pending(Pending::kSnapshot), arrived_us_);
    }
    default:
      return bad("body: none is set");
  }
}

bool CommandDesk::checkFence(const v1::Command& command, const std::string& reply_to) {
  const double highest = journal_.highestFence();
  if (!(command.fence() >= 0 && command.fence() <= kMostFence)) {
    refuse(reply_to, command.command_id(), "BAD_COMMAND", "fence: not a number in 0..9007199254740992");
    return false;
  }
  if (command.fence() < highest) {
    Journal::Entry known;
    if (command.has_place() && journal_.find(command.place().order_id(), known)) {
      // It was heard of under that fence before the newer one came: this copy is not obeyed, but the order may stand.
      v1::CommandReply reply;
      reply.set_command_id(command.command_id());
      reply.set_outcome(v1::OUTCOME_UNKNOWN);
      reply.set_code("FENCED");
      reply.set_message("the order was placed under an older fence; ask what became of it");
      say(reply_to, reply);
      return false;
    }
    refuse(reply_to, command.command_id(), "FENCED",
           "fence " + std::to_string(static_cast<uint64_t>(command.fence())) + " is below " +
               std::to_string(static_cast<uint64_t>(highest)) + ": a newer owner of this account has spoken");
    return false;
  }
  // On the disk before anything is done under it: a restart must not let the older owner in again.
  std::string error;
  if (command.fence() > highest && !journal_.fence(command.fence(), error)) {
    logError("E_JOURNAL", error);
    refuse(reply_to, command.command_id(), "JOURNAL_FAILED", error);
    return false;
  }
  return true;
}

void CommandDesk::place(const v1::Command& command, const std::string& reply_to) {
  const v1::PlaceOrder& order = command.place();
  const std::string& id = order.order_id();
  Journal::Entry entry;
  if (!id.empty() && journal_.find(id, entry)) {
    const bool repeated = !heard_.takePlaced(command.command_id());
    // It may be one of those that have not left yet.
    sendNoted();
    {
      std::lock_guard lock(mutex_);
      for (auto& [number, pending] : pending_) {
        if (pending.kind != Pending::kPlace || pending.order_id != id || pending.answered) continue;
        pending.waiters.push_back({reply_to, command.command_id(), repeated});
        return;
      }
    }
    // Its result is noted before it is forgotten there.
    if (journal_.find(id, entry) && !entry.reply.empty()) {
      v1::CommandReply reply;
      reply.ParseFromString(entry.reply);
      reply.set_command_id(command.command_id());
      reply.set_replayed(repeated);
      return say(reply_to, reply);
    }
    link::Find find;
    v1::FindOrder question;
    question.set_order_id(id);
    question.set_magic(order.magic());
    if (const std::string why = toLink(question, find); !why.empty())
      return refuse(reply_to, command.command_id(), "BAD_COMMAND", why);
    return send(FrameType::kFind, find,
                Pending{Pending::kResolve, id, {{reply_to, command.command_id(), true}}, 0, false, nullptr},
                arrived_us_);
  }
  const auto no = [&](const char* code, const std::string& why) {
    if (!reply_to.empty()) heard_.refused(id);
    refuse(reply_to, command.command_id(), code, why);
  };
  std::shared_ptr<const TerminalSide> terminal;
  {
    std::lock_guard lock(mutex_);
    terminal = terminal_;
  }
  if (!terminal) return no("NO_TERMINAL", "no terminal is linked to this bridge");
  link::Place out;
  if (const std::string why = toLink(order, terminal->time, out); !why.empty())
    return no("BAD_COMMAND", why);
  const auto spec = std::find_if(terminal->symbols.begin(), terminal->symbols.end(),
                                 [&](const link::Spec& s) { return link::textOf(s.name) == order.symbol(); });
  if (spec == terminal->symbols.end())
    return no("UNKNOWN_SYMBOL", "symbol: the terminal has none that is called " + order.symbol());
  if (const std::string why = offGrid(order.volume_lots(), *spec); !why.empty())
    return no("INVALID_VOLUME", why);
  if (const std::string why = forbidden(); !why.empty())
    return no("TRADING_DISABLED", why);
  TROUPE_CRASH_POINT(kDaemonCommandReceived);
  std::string error;
  if (!journal_.note(id, command.command_id(), command.fence(), clock_.wallUs(), error)) {
    logError("E_JOURNAL", error);
    return no("JOURNAL_FAILED", error);
  }
  TROUPE_CRASH_POINT(kDaemonNoted);
  noted_.push_back({out, id, {reply_to, command.command_id(), false}, arrived_us_});
}

template <typename Message>
void CommandDesk::send(FrameType type, Message message, Pending pending, int64_t arrived_us) {
  std::unique_lock lock(mutex_);
  if (!terminal_) {
    lock.unlock();
    return answerUnknown(pending, "NO_TERMINAL", "no terminal is linked to this bridge, so nobody can be asked");
  }
  message.command = ++last_command_;
  pending.deadline_us = clock_.steadyUs() + kTimeoutUs;
  const LinkError error = terminal_->connection->send(type, message);
  if (error == LinkError::kNone) {
    pending_.emplace(last_command_, std::move(pending));
    command_time_.add(clock_.steadyUs() - arrived_us);
    return;
  }
  lock.unlock();
  answerUnknown(pending, "LINK_LOST", link::messageOf(error));
}

void CommandDesk::answer(const Pending& pending, v1::CommandReply reply) {
  for (const Waiter& waiter : pending.waiters) {
    reply.set_command_id(waiter.command_id);
    reply.set_replayed(waiter.replayed);
    say(waiter.reply_to, reply);
  }
}

void CommandDesk::answerUnknown(const Pending& pending, const char* code, const std::string& why) {
  v1::CommandReply reply;
  reply.set_outcome(v1::OUTCOME_UNKNOWN);
  reply.set_code(code);
  reply.set_message(why);
  answer(pending, std::move(reply));
}

size_t CommandDesk::waiting() const {
  std::lock_guard lock(mutex_);
  size_t out = 0;
  for (const auto& [number, pending] : pending_) out += pending.answered ? 0 : 1;
  return out;
}

size_t CommandDesk::linkBytesWaiting() const {
  std::lock_guard lock(mutex_);
  return terminal_ ? terminal_->connection->pendingBytes() : 0;
}

std::string CommandDesk::tradeBlock() const {
  std::lock_guard lock(mutex_);
  return trade_block_;
}

void CommandDesk::attach(TerminalSide terminal) {
  std::lock_guard lock(mutex_);
  terminal_ = std::make_shared<const TerminalSide>(std::move(terminal));
  forbidden_.clear();
  unasked_.reset();
}

void CommandDesk::permit(const link::TerminalStatus& status) {
  std::string where;
  const auto no = [&](uint8_t allowed, const char* text) {
    if (allowed == 0) where += (where.empty() ? "trading is disabled " : ", ") + std::string(text);
  };
  no(status.terminal_allows, "in the terminal (Algo Trading is off)");
  no(status.expert_allows, "for the expert (its own settings)");
  no(status.account_allows, "for the account (investor login, or disabled)");
  no(status.server_allows, "by the server (no experts on this account)");
  std::lock_guard lock(mutex_);
  forbidden_ = where;
}

std::string CommandDesk::forbidden() const {
  std::lock_guard lock(mutex_);
  return forbidden_;
}

std::unique_ptr<v1::TerminalSnapshot>* CommandDesk::snapshotOf(uint64_t command) {
  if (command == 0) return &unasked_;
  const auto at = pending_.find(command);
  return at == pending_.end() || at->second.kind != Pending::kSnapshot ? nullptr : &at->second.snapshot;
}

void CommandDesk::detach(const std::string& reason) {
  std::unordered_map<uint64_t, Pending> lost;
  {
    std::lock_guard lock(mutex_);
    terminal_ = nullptr;
    forbidden_.clear();
    unasked_.reset();
    lost.swap(pending_);
  }
  for (const auto& [number, pending] : lost)
    if (!pending.answered) answerUnknown(pending, "LINK_LOST", "the link was lost before the answer came: " + reason);
}

LinkError CommandDesk::pass(int64_t now_us) {
  std::vector<Pending> late;
  size_t unanswered = 0;
  {
    std::lock_guard lock(mutex_);
    for (auto& [number, pending] : pending_) {
      const bool is_late = !pending.answered && now_us >= pending.deadline_us;
      if (pending.answered || is_late) ++unanswered;
      if (!is_late) continue;
      pending.answered = true;
      late.push_back({pending.kind, pending.order_id, std::move(pending.waiters), 0, true, nullptr, pending.request});
      pending.waiters.clear();
    }
  }
  for (const Pending& pending : late)
    answerUnknown(pending, "TERMINAL_TIMEOUT", "the terminal did not answer within 5 s");
  return unanswered > kMostUnanswered ? LinkError::kOverflow : LinkError::kNone;
}

LinkError CommandDesk::onFrame(const link::FrameView& frame) {
  switch (frame.type) {
    case FrameType::kResult:
      return onResult(frame);
    case FrameType::kSnapshotBegin:
      return onSnapshotBegin(frame);
    case FrameType::kSnapshotOrders:
      return onSnapshotPart<link::Order>(frame, [](auto& s) { return s.add_orders(); });
    case FrameType::kSnapshotPositions:
      return onSnapshotPart<link::Position>(frame, [](auto& s) { return s.add_positions(); });
    case FrameType::kSnapshotDeals:
      return onSnapshotPart<link::Deal>(frame, [](auto& s) { return s.add_deals(); });
    case FrameType::kSnapshotEnd:
      return onSnapshotEnd(frame);
    default:
      return LinkError::kUnexpected;
  }
}

LinkError CommandDesk::onResult(const link::FrameView& frame) {
  link::Result result;
  const link::Deal* deals;
  size_t count;
  if (!link::readList(frame, result, deals, count)) return LinkError::kBadSize;
  if (count != result.deals) return LinkError::kBadCount;
  if (const LinkError e = link::validate(result); e != LinkError::kNone) return e;
  for (size_t i = 0; i < count; ++i)
    if (const LinkError e = link::validate(deals[i]); e != LinkError::kNone) return e;
  TROUPE_CRASH_POINT(kDaemonResultReceived);
  // Nobody but this thread takes anything out, and of what is in others change the waiters only.
  const Pending* waited = nullptr;
  BrokerTime time;
  {
    std::lock_guard lock(mutex_);
    const auto at = pending_.find(result.command);
    if (at == pending_.end() || at->second.kind == Pending::kSnapshot) return LinkError::kUnexpected;
    waited = &at->second;
    if (terminal_) time = terminal_->time;
  }
  const Pending& pending = *waited;
  v1::CommandReply reply;
  reply.set_outcome(static_cast<v1::Outcome>(result.outcome));
  reply.set_retcode(result.retcode);
  reply.set_message(std::string(link::textOf(result.message)));
  reply.set_received_us(static_cast<double>(result.received_us));
  if (result.has_order) toProto(result.order, time, *reply.mutable_order());
  for (size_t i = 0; i < count; ++i) toProto(deals[i], time, *reply.add_deals());
  judge(pending, reply);
  const v1::Outcome outcome = reply.outcome();
  const bool success = outcome == v1::OUTCOME_DONE || outcome == v1::OUTCOME_ACCEPTED;
  const bool final = success || outcome == v1::OUTCOME_REJECTED;
  const bool nothing_left = success && pending.request.is_close && result.retcode == kPositionClosed;
  if ((!success && outcome != v1::OUTCOME_NOT_FOUND) || nothing_left) reply.set_code(retcodeName(result.retcode));
  if (pending.kind == Pending::kPlace) {
    std::lock_guard lock(mutex_);
    if (success) trade_block_.clear();
    if (saysNoTrading(result.retcode)) trade_block_ = retcodeName(result.retcode);
  }
  // Remembered before anybody hears it, so that a repeated order hears the same.
  if (final && (pending.kind == Pending::kPlace || pending.kind == Pending::kResolve))
    journal_.result(pending.order_id, reply.SerializeAsString());
  TROUPE_CRASH_POINT(kDaemonResultNoted);
  const bool looked_up = pending.kind == Pending::kFind || pending.kind == Pending::kResolve;
  // Who has looked and cannot tell without a reason of the server has found more than one.
  if (looked_up && outcome == v1::OUTCOME_UNKNOWN && result.retcode == 0) reply.set_code("AMBIGUOUS");
  if (outcome == v1::OUTCOME_NOT_FOUND && !pending.order_id.empty()) weighJournal(pending.order_id, reply);
  const bool no = outcome == v1::OUTCOME_REJECTED && reply.retcode_class() == v1::RETCODE_CLASS_NO;
  const std::string code = reply.code(), why = reply.message();
  // Until here whoever repeats the order waits with the others; from here on the journal answers.
  Pending done;
  {
    std::lock_guard lock(mutex_);
    const auto at = pending_.find(result.command);
    done = std::move(at->second);
    pending_.erase(at);
  }
  answer(done, std::move(reply));
  TROUPE_CRASH_POINT(kDaemonAnswered);
  if (no && !looked_up) trouble(code, why.empty() ? "the terminal refused it" : why);
  return LinkError::kNone;
}

// What the terminal says became of a command, checked against what its return code can mean. A contradiction that no
// record settles is nobody's knowledge.
void CommandDesk::judge(const Pending& pending, v1::CommandReply& reply) {
  if (reply.retcode() == 0) return;
  const v1::Outcome said = reply.outcome();
  Request request = pending.request;
  request.was_sent = said != v1::OUTCOME_REFUSED;
  reply.set_retcode_class(static_cast<v1::RetcodeClass>(classOf(reply.retcode(), request)));
  // Who was asked about an order has looked at its records; the code is that with which the order ended.
  if (pending.kind == Pending::kFind || pending.kind == Pending::kResolve) return;
  if (said != v1::OUTCOME_DONE && said != v1::OUTCOME_ACCEPTED && said != v1::OUTCOME_REJECTED) return;
  const v1::Outcome meant = outcomeOf(reply.retcode(), request);
  if (meant == said || reply.deals_size() > 0) return;
  // Already as it was asked to be: a refusal only in name.
  const bool so_already = reply.retcode() == kNoChanges || reply.retcode() == kPositionClosed;
  if (meant == v1::OUTCOME_DONE && so_already) {
    reply.set_outcome(v1::OUTCOME_DONE);
  } else if (meant == v1::OUTCOME_UNKNOWN || !reply.has_order()) {
    reply.set_outcome(v1::OUTCOME_UNKNOWN);
  }
}

// The terminal knows nothing of an order. If the journal holds its execution, one of the two is wrong, and saying
// NOT_FOUND might have the order traded twice.
void CommandDesk::weighJournal(const std::string& order_id, v1::CommandReply& reply) const {
  Journal::Entry entry;
  if (!journal_.find(order_id, entry)) return;
  if (entry.settled && entry.reply.empty()) {
    reply.set_outcome(v1::OUTCOME_UNKNOWN);
    reply.set_code("JOURNAL_DISAGREES");
    return reply.set_message("the terminal does not know this order, but the journal says that it was settled");
  }
  if (entry.reply.empty()) {
    if (!tooEarly(entry, reply)) reply.set_message("the bridge received this order, but the terminal never had it");
    return;
  }
  v1::CommandReply before;
  before.ParseFromString(entry.reply);
  if (before.outcome() == v1::OUTCOME_REJECTED || before.retcode() == kPositionClosed) return;
  reply.set_outcome(v1::OUTCOME_UNKNOWN);
  reply.set_code("JOURNAL_DISAGREES");
  reply.set_message("the terminal does not know this order, but the journal holds its " +
                    v1::Outcome_Name(before.outcome()));
}

// An order that has left here may still be on its way to where the terminal would see it.
bool CommandDesk::tooEarly(const Journal::Entry& entry, v1::CommandReply& reply) const {
  const int64_t age_us = clock_.wallUs() - entry.received_us;
  if (age_us >= not_found_after_us_) return false;
  reply.set_outcome(v1::OUTCOME_UNKNOWN);
  reply.set_code("TOO_EARLY");
  reply.set_message("the terminal does not show this order " + std::to_string(age_us / 1000) +
                    " ms after the bridge received it; not found is said after " +
                    std::to_string(not_found_after_us_ / 1000) + " ms");
  return true;
}

LinkError CommandDesk::onSnapshotBegin(const link::FrameView& frame) {
  link::SnapshotBegin begin;
  if (!link::readOne(frame, begin)) return LinkError::kBadSize;
  if (const LinkError e = link::validate(begin); e != LinkError::kNone) return e;
  std::lock_guard lock(mutex_);
  std::unique_ptr<v1::TerminalSnapshot>* to = snapshotOf(begin.command);
  // One that nobody has asked for may begin anew: the terminal has dropped events again, or been asked meanwhile.
  if (to == nullptr || (*to && begin.command != 0) || !terminal_) return LinkError::kUnexpected;
  auto snapshot = std::make_unique<v1::TerminalSnapshot>();
  toProto(begin.account, terminal_->time, *snapshot->mutable_account());
  for (const link::Spec& spec : terminal_->symbols) toProto(spec, *snapshot->add_symbols());
  snapshot->set_event_sequence(static_cast<double>(begin.event_sequence));
  snapshot->set_session(terminal_->session);
  snapshot->set_time_ms(utcMs(begin.time_ms, terminal_->time));
  snapshot->set_deals_since_ms(begin.deals_since_ms == 0 ? 0 : utcMs(begin.deals_since_ms, terminal_->time));
  *to = std::move(snapshot);
  return LinkError::kNone;
}

template <typename Item, typename Add>
LinkError CommandDesk::onSnapshotPart(const link::FrameView& frame, Add add) {
  link::SnapshotPart part;
  const Item* items;
  size_t count;
  if (!link::readList(frame, part, items, count)) return LinkError::kBadSize;
  if (count != part.count) return LinkError::kBadCount;
  std::lock_guard lock(mutex_);
  const std::unique_ptr<v1::TerminalSnapshot>* to = snapshotOf(part.command);
  if (to == nullptr || !*to || !terminal_) return LinkError::kUnexpected;
  for (size_t i = 0; i < count; ++i) {
    if (const LinkError e = link::validate(items[i]); e != LinkError::kNone) return e;
    toProto(items[i], terminal_->time, *add(**to));
  }
  return LinkError::kNone;
}

LinkError CommandDesk::onSnapshotEnd(const link::FrameView& frame) {
  link::SnapshotBegin end;
  if (!link::readOne(frame, end)) return LinkError::kBadSize;
  Pending pending;
  if (end.command == 0) {
    std::unique_ptr<v1::TerminalSnapshot> unasked;
    {
      std::lock_guard lock(mutex_);
      unasked.swap(unasked_);
    }
    if (!unasked) return LinkError::kUnexpected;
    if (unasked_heard_) unasked_heard_(*unasked);
    return LinkError::kNone;
  }
  {
    std::lock_guard lock(mutex_);
    const auto at = pending_.find(end.command);
    if (at == pending_.end() || !at->second.snapshot) return LinkError::kUnexpected;
    pending = std::move(at->second);
    pending_.erase(at);
  }
  v1::CommandReply reply;
  reply.set_outcome(v1::OUTCOME_DONE);
  *reply.mutable_snapshot() = std::move(*pending.snapshot);
  answer(pending, std::move(reply));
  return LinkError::kNone;
}

}  // namespace troupe::bridge
