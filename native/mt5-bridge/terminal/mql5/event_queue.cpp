#include <algorithm>

#include "terminal/mql5/program.h"

namespace troupe::terminal {

bool EventQueue::single(ProgramEvent::Kind kind) {
  return kind == ProgramEvent::Kind::kTick || kind == ProgramEvent::Kind::kTimer || kind == ProgramEvent::Kind::kChart;
}

bool EventQueue::push(ProgramEvent event) {
  const ProgramEvent::Kind kind = event.kind;
  if (!takes(kind)) return false;
  bool whole = true;
  if (kind == ProgramEvent::Kind::kTransaction && waiting_[index(kind)] >= kTransactions) {
    const auto oldest = std::find_if(events_.begin(), events_.end(),
                                     [](const ProgramEvent& e) { return e.kind == ProgramEvent::Kind::kTransaction; });
    events_.erase(oldest);
    --waiting_[index(kind)];
    ++displaced_;
    whole = false;
  }
  if (events_.size() >= kEvents) return false;
  ++waiting_[index(kind)];
  events_.push_back(std::move(event));
  return whole;
}

std::optional<ProgramEvent> EventQueue::begin() {
  if (events_.empty()) return std::nullopt;
  ProgramEvent event = std::move(events_.front());
  events_.pop_front();
  --waiting_[index(event.kind)];
  handled_ = event.kind;
  return event;
}

void EventQueue::end() { handled_.reset(); }

void EventQueue::clear() {
  events_.clear();
  std::fill(std::begin(waiting_), std::end(waiting_), 0);
}

}  // namespace troupe::terminal
