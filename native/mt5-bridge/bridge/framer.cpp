#include "bridge/framer.h"

#include <algorithm>
#include <cmath>

#include "link/validate.h"

namespace troupe::bridge {

using link::LinkError;

namespace {
constexpr uint32_t kBothSides = 2 | 4;
}

void Framer::begin(const std::string& source, const std::string& feed, const BrokerTime& time,
                   const std::vector<std::string>& symbols, const std::vector<uint64_t>& kept) {
  feed_ = feed;
  symbols_.clear();
  symbols_.resize(symbols.size());
  open_head_ = open_tail_ = kNone;
  open_frames_ = full_ = 0;
  time_ = time;
  offset_from_ms_ = offset_until_ms_ = 0;
  names_ = symbols;
  waiting_.resize(symbols.size() * config_.max_ticks);
  frame_.set_source(source);
  frame_.set_session(feed);
  for (size_t i = 0; i < symbols.size(); ++i) symbols_[i].next_sequence = kept[i] + 1;
}

std::vector<uint64_t> Framer::taken() const {
  std::vector<uint64_t> taken;
  for (const Open& open : symbols_) taken.push_back(open.next_sequence - 1 + open.count);
  return taken;
}

size_t Framer::add(const link::Tick* ticks, size_t count, uint64_t sent_us, int64_t now_us, LinkError& error) {
  for (size_t i = 0; i < count; ++i) {
    link::Tick tick;
    std::memcpy(&tick, ticks + i, sizeof tick);
    if (tick.symbol >= symbols_.size()) {
      error = LinkError::kBadSymbol;
      return i;
    }
    if (!std::isfinite(tick.bid) || !std::isfinite(tick.ask) || !link::isTime(tick.time_ms)) {
      error = LinkError::kBadNumber;
      return i;
    }
    Open& open = symbols_[tick.symbol];
    if (tick.time_ms < offset_from_ms_ || tick.time_ms >= offset_until_ms_) setOffset(tick.time_ms);
    const int64_t utc_ms = tick.time_ms - int64_t{1000} * offset_s_;
    if (open.count > 0) {
      // Offsets never fall and have 32 bits: a tick that runs backwards, or far ahead, begins a new frame. What it
      // means is for the reader to judge; here nothing is dropped. A frame has one offset, too.
      if (!open.must_close &&
          (utc_ms < open.last_ms || utc_ms - open.base_ms > int64_t{UINT32_MAX} || open.offset_s != offset_s_))
        setMustClose(open);
      if (open.must_close && !close(tick.symbol)) return i;
    }
    if (open.count == 0) this->open(tick.symbol, utc_ms, sent_us, now_us);
    open.last_ms = utc_ms;
    open.flags_in_all &= tick.flags;
    waiting(tick.symbol)[open.count++] = {tick.bid, tick.ask, static_cast<uint32_t>(utc_ms - open.base_ms), tick.flags};
    ++ticks_;
    if (open.count == config_.max_ticks) {
      setMustClose(open);
      close(tick.symbol);
    }
  }
  return count;
}

void Framer::pass(int64_t now_us) {
  // Full frames first: each of them may be holding up the terminal.
  for (uint32_t s = open_head_; full_ > 0 && s != kNone && sink_.room() > 0;) {
    const uint32_t next = symbols_[s].next;
    if (symbols_[s].must_close && !close(s)) return;
    s = next;
  }
  // Those that leave may take so much of the window that the rest is due at once.
  while (now_us >= nextDueUs() && depart(now_us)) {
  }
}

bool Framer::depart(int64_t now_us) {
  const uint32_t departures = std::max(1u, config_.departures);
  const uint32_t most = isCalm() ? (open_frames_ + departures - 1) / departures : open_frames_;
  for (uint32_t left = 0; left < most; ++left)
    if (!close(open_head_)) return false;
  departed_us_ = now_us;
  return true;
}

bool Framer::flush() {
  while (open_head_ != kNone && sink_.room() > 0)
    if (!close(open_head_)) break;
  return open_head_ == kNone;
}

int64_t Framer::nextDueUs() const {
  if (open_head_ == kNone) return INT64_MAX;
  const int64_t linger_us = lingerUs();
  const int64_t due_us = symbols_[open_head_].opened_us + linger_us;
  return isCalm() ? std::max(due_us, departed_us_ + linger_us / std::max(1u, config_.departures)) : due_us;
}

bool Framer::isCalm() const { return sink_.room() * 2 >= sink_.window(); }

int64_t Framer::lingerUs() const {
  const auto used = static_cast<int64_t>(sink_.window() - std::min(sink_.window(), sink_.room()));
  const auto window = static_cast<int64_t>(std::max<size_t>(1, sink_.window()));
  const int64_t by_window = config_.linger_us + (config_.linger_loaded_us - config_.linger_us) * used / window;
  const int64_t by_width = std::min(config_.linger_per_open_us * open_frames_, config_.linger_most_us);
  return std::max(by_window, by_width);
}

void Framer::open(uint32_t symbol, int64_t utc_ms, uint64_t sent_us, int64_t now_us) {
  Open& open = symbols_[symbol];
  open.base_ms = utc_ms;
  open.opened_us = now_us;
  open.sent_us = sent_us;
  open.offset_s = offset_s_;
  open.flags_in_all = ~0u;
  open.previous = open_tail_;
  open.next = kNone;
  (open_tail_ == kNone ? open_head_ : symbols_[open_tail_].next) = symbol;
  open_tail_ = symbol;
  ++open_frames_;
}

void Framer::setOffset(int64_t broker_ms) {
  offset_s_ = time_.offsetAtBroker(broker_ms);
  if (time_.rule() == DaylightRule::kFixed) {
    offset_from_ms_ = INT64_MIN;
    offset_until_ms_ = INT64_MAX;
    return;
  }
  offset_from_ms_ = broker_ms - broker_ms % BrokerTime::kQuantumMs;
  offset_until_ms_ = offset_from_ms_ + BrokerTime::kQuantumMs;
}

void Framer::setMustClose(Open& open) {
  open.must_close = true;
  ++full_;
}

void Framer::fill(uint32_t symbol) {
  const Open& open = symbols_[symbol];
  const Waiting* from = waiting(symbol);
  const int count = static_cast<int>(open.count);
  frame_.set_symbol(names_[symbol]);
  frame_.set_utc_offset_s(open.offset_s);
  frame_.set_first_sequence(static_cast<double>(open.next_sequence));
  frame_.set_base_time_ms(static_cast<double>(open.base_ms));
  frame_.set_first_sent_us(static_cast<double>(open.sent_us));
  const auto column = [count](auto* field) {
    field->Clear();
    field->Reserve(count);
    return field->AddNAlreadyReserved(count);
  };
  uint32_t* const times = column(frame_.mutable_time_offset_ms());
  double* const bids = column(frame_.mutable_bid());
  double* const asks = column(frame_.mutable_ask());
  for (int i = 0; i < count; ++i) {
    times[i] = from[i].offset_ms;
    bids[i] = from[i].bid;
    asks[i] = from[i].ask;
  }
  // None: both sides in every tick.
  frame_.clear_flags();
  if ((open.flags_in_all & kBothSides) == kBothSides) return;
  uint32_t* const flags = column(frame_.mutable_flags());
  for (int i = 0; i < count; ++i) flags[i] = from[i].flags;
}

bool Framer::close(uint32_t symbol) {
  Open& open = symbols_[symbol];
  if (sink_.room() == 0) return false;
  fill(symbol);
  // Not lost where it could not be sent: it goes on growing.
  if (!sink_.publish(symbol, frame_)) return false;
  open.next_sequence += open.count;
  open.count = 0;
  if (open.must_close) --full_;
  open.must_close = false;
  unlink(symbol);
  return true;
}

void Framer::unlink(uint32_t symbol) {
  Open& open = symbols_[symbol];
  (open.previous == kNone ? open_head_ : symbols_[open.previous].next) = open.next;
  (open.next == kNone ? open_tail_ : symbols_[open.next].previous) = open.previous;
  open.next = open.previous = kNone;
  --open_frames_;
}

}  // namespace troupe::bridge
