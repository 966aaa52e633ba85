#include "bridge/session.h"

#include <algorithm>
#include <numeric>

#include "bridge/log.h"
#include "link/validate.h"

namespace troupe::bridge {

using link::FrameType;
using link::LinkError;
using link::Next;

LinkError Session::run(const std::atomic<bool>& stopping) {
  heard_us_ = beat_us_ = taken_us_ = room_.clock.steadyUs();
  LinkError error = welcome();
  while (error == LinkError::kNone && !stopping) {
    int64_t now = room_.clock.steadyUs();
    room_.sink.tend(now);
    if (stage_ == Stage::kReady) {
      room_.framer.pass(now);
      error = takeTicks(now);
      if (tape_ended_) finishTape();
    }
    link::FrameView frame;
    Next next = Next::kNeedMore;
    while (error == LinkError::kNone && !holding() && (next = link_.next(frame)) == Next::kFrame) {
      now = room_.clock.steadyUs();
      error = onFrame(frame, now);
      if (stage_ == Stage::kReady) room_.framer.pass(now);
    }
    if (next == Next::kError) error = link_.error();
    if (error == LinkError::kNone) error = beat(now);
    if (now - desk_us_ >= 50'000) {
      desk_us_ = now;
      const LinkError late = room_.desk.pass(now);
      if (error == LinkError::kNone) error = late;
    }
    if (error == LinkError::kNone) error = await(now);
  }
  // What was framed is kept, so that the terminal need not send it again when it comes back.
  const int64_t deadline = room_.clock.steadyUs() + 1'500'000;
  while (stage_ == Stage::kReady && !room_.framer.flush()) {
    const int64_t now = room_.clock.steadyUs();
    room_.sink.tend(now);
    if (stopping && now >= deadline) {
      logError("E_BRIDGE_STOPPED_SHORT",
               "stopped while JetStream did not take the last ticks; the terminal sends them again to the next bridge");
      break;
    }
    room_.desk.pass(now);
    link_.waitMicros(1000, false);
  }
  return error;
}

LinkError Session::await(int64_t now_us) {
  int64_t wait_us = std::min<int64_t>(50'000, beat_us_ + kHeartbeatUs - now_us);
  const bool full = stage_ == Stage::kReady && room_.sink.room() == 0;
  if (tape_ended_ || room_.feed.full()) wait_us = 1000;
  if (full) {
    // Not before a quarter of the window is free: few wide frames beat many thin ones, and few wake-ups beat many.
    const size_t wanted = std::max<size_t>(1, room_.sink.window() / 4);
    room_.ticks.armRoomListener(wanted);
    if (room_.sink.room() >= wanted) return LinkError::kNone;
  } else if (!room_.sink.drained()) {
    // What was spilled goes out as fast as JetStream takes it.
    const size_t wanted = std::max<size_t>(1, room_.sink.window() / 4);
    room_.ticks.armRoomListener(wanted);
    if (room_.ticks.room() >= wanted) wait_us = 0;
  }
  if (!full && stage_ == Stage::kReady) {
    wait_us = std::min(wait_us, room_.framer.nextDueUs() - now_us);
  }
  return link_.waitMicros(std::max<int64_t>(0, wait_us), !holding());
}

LinkError Session::beat(int64_t now_us) {
  const uint64_t bytes = link_.receivedBytes();
  // Silence counts only while we listen: under back-pressure it is us who does not read.
  if (bytes != heard_bytes_ || holding()) {
    heard_bytes_ = bytes;
    heard_us_ = now_us;
  } else if (now_us - heard_us_ > kDeadUs) {
    return LinkError::kSilent;
  }
  if (now_us - beat_us_ < kHeartbeatUs) return LinkError::kNone;
  beat_us_ = now_us;
  const link::Connection::Taken taken = link_.taken();
  if (taken.rtt_us > 0) room_.figures.rtt_us.store(taken.rtt_us, std::memory_order_relaxed);
  // A terminal may go on talking and read nothing: what it is told would pile up, and nobody would ever do it.
  if (!taken.waits || taken.bytes != taken_bytes_) {
    taken_bytes_ = taken.bytes;
    taken_us_ = now_us;
  } else if (now_us - taken_us_ > kDeadUs) {
    return LinkError::kOverflow;
  }
  return link_.send(FrameType::kHeartbeat, link::Heartbeat{static_cast<uint64_t>(room_.clock.wallUs())});
}

void Session::onHeartbeat(const link::FrameView& frame) {
  link::Heartbeat heartbeat;
  if (!link::readOne(frame, heartbeat)) return;
  const int64_t now_us = room_.clock.wallUs();
  clock_offsets_us_[heartbeats_++ % clock_offsets_us_.size()] =
      static_cast<int64_t>(std::min<uint64_t>(heartbeat.wall_us, INT64_MAX / 2)) - now_us;
  const size_t known = std::min(heartbeats_, clock_offsets_us_.size());
  room_.figures.clock_offset_us = *std::max_element(clock_offsets_us_.begin(), clock_offsets_us_.begin() + known);
  room_.figures.clock_known = true;
  room_.figures.heard_us = now_us;
}

LinkError Session::onFrame(const link::FrameView& frame, int64_t now_us) {
  if (frame.type == FrameType::kHeartbeat) {
    onHeartbeat(frame);
    return LinkError::kNone;
  }
  if (stage_ == Stage::kSymbols) return frame.type == FrameType::kSymbols ? onSymbols(frame) : LinkError::kUnexpected;
  switch (frame.type) {
    case FrameType::kTicks:
      return onTicks(frame, now_us);
    case FrameType::kTapeEnd:
      return onTapeEnd(frame);
    case FrameType::kOrder:
    case FrameType::kDeal:
    case FrameType::kPosition:
    case FrameType::kAccount: {
      link::EventHeader head;
      link::Account account;
      const LinkError error = room_.feed.onFrame(frame);
      if (error == LinkError::kNone && frame.type == FrameType::kAccount && link::readEvent(frame, head, account))
        onTradeAllowed(account.trade_allowed != 0);
      return error;
    }
    case FrameType::kSnapshotBegin: {
      link::SnapshotBegin begin;
      const LinkError error = room_.desk.onFrame(frame);
      if (error != LinkError::kNone || !link::readOne(frame, begin)) return error;
      onTradeAllowed(begin.account.trade_allowed != 0);
      room_.feed.covered(begin.event_sequence);
      return error;
    }
    case FrameType::kStatus:
      return onStatus(frame);
    case FrameType::kHello:
    case FrameType::kProof:
    case FrameType::kSymbols:
      return LinkError::kUnexpected;
    default:
      return room_.desk.onFrame(frame);
  }
}

LinkError Session::welcome() {
  LinkFigures& figures = room_.figures;
  ++figures.links;
  figures.last_tick_us = figures.tick_lag_us = figures.rtt_us = 0;
  figures.clock_known = false;
  figures.trade_allowed = figures.connected = figures.build = -1;
  figures.terminal_allows = figures.expert_allows = figures.account_allows = figures.server_allows = -1;
  figures.ping_us = -1;
  figures.heard_us = room_.clock.wallUs();
  figures.utc_offset_s = hello_.utc_offset_s;
  room_.status.step(State::kSyncing, "session " + std::string(link::textOf(hello_.session)) + " of " +
                                         std::string(link::textOf(hello_.terminal)) + ", login " +
                                         std::string(link::textOf(hello_.login)));
  return link_.send(FrameType::kWelcome, welcome_);
}

LinkError Session::onStatus(const link::FrameView& frame) {
  link::TerminalStatus status;
  if (!link::readOne(frame, status)) return LinkError::kBadSize;
  if (const LinkError e = link::validate(status); e != LinkError::kNone) return e;
  LinkFigures& figures = room_.figures;
  figures.connected = status.connected;
  figures.terminal_allows = status.terminal_allows;
  figures.expert_allows = status.expert_allows;
  figures.account_allows = status.account_allows;
  figures.server_allows = status.server_allows;
  figures.ping_us = status.ping_us == 0 ? -1 : int64_t{status.ping_us};
  figures.build = status.build == 0 ? -1 : static_cast<int32_t>(status.build & INT32_MAX);
  room_.desk.permit(status);
  return LinkError::kNone;
}

LinkError Session::onSymbols(const link::FrameView& frame) {
  const link::Spec* specs;
  size_t count;
  if (!link::readArray(frame, specs, count)) return LinkError::kBadSize;
  if (const LinkError e = link::validateSymbols(specs, count); e != LinkError::kNone) return e;
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(link::textOf(specs[i].name));
  const std::string session(link::textOf(hello_.session));
  const std::string feed(link::textOf(hello_.feed));
  std::vector<uint64_t> kept;
  if (!keptTicks(names, kept)) return LinkError::kNoStore;
  feed_ticks_ = std::accumulate(kept.begin(), kept.end(), uint64_t{0});
  // The terminal measured its broker's offset now; the rule says what it is at other times.
  const BrokerTime time(hello_.utc_offset_s, room_.daylight, room_.clock.wallUs() / 1000);
  room_.sink.begin(feed, names);
  room_.framer.begin(room_.source, feed, time, names, kept);
  room_.feed.begin(session, time);
  room_.desk.attach({connection_, session, time, std::vector<link::Spec>(specs, specs + count)});
  stage_ = Stage::kReady;
  room_.status.step(State::kReady, std::to_string(count) + " symbols, after " + std::to_string(feed_ticks_) + " ticks");
  return link_.sendArray(FrameType::kResume, kept.data(), kept.size());
}

bool Session::keptTicks(const std::vector<std::string>& symbols, std::vector<uint64_t>& kept) {
  const std::string feed(link::textOf(hello_.feed));
  // This very process has taken them: they stand in the stream, or in the publisher until they do.
  if (room_.framer.feed() == feed && room_.framer.symbols() == symbols) {
    kept = room_.framer.taken();
    return true;
  }
  // Frames of an earlier feed, or of this one under other symbols, must have arrived before the stream is asked, unless
  // the spill file tells of them.
  if (room_.ticks.inFlight() > 0 && !room_.sink.coversFlight()) return false;
  const std::vector<uint64_t> spilled = room_.sink.spilled(feed, symbols);
  std::string error;
  std::vector<std::string> subjects;
  for (const std::string& symbol : symbols) subjects.push_back(room_.sink.subjectOf(symbol));
  if (room_.store.kept(feed, subjects, kept, error)) {
    for (size_t i = 0; i < kept.size(); ++i) kept[i] = std::max(kept[i], spilled[i]);
    return true;
  }
  logWarn("E_LINK_NO_STORE", "asking for the last ticks: " + error);
  return false;
}

LinkError Session::onTicks(const link::FrameView& frame, int64_t now_us) {
  link::TickBatchHeader head;
  if (!link::readList(frame, head, ticks_at_, ticks_left_)) return LinkError::kBadSize;
  if (head.count != ticks_left_) {
    ticks_left_ = 0;
    return LinkError::kBadCount;
  }
  if (tape_ended_) return LinkError::kUnexpected;
  sent_us_ = head.sent_us;
  const int64_t wall_us = room_.clock.wallUs();
  room_.figures.last_tick_us.store(wall_us, std::memory_order_relaxed);
  room_.figures.tick_lag_us.store(wall_us - static_cast<int64_t>(std::min<uint64_t>(sent_us_, INT64_MAX / 2)),
                                  std::memory_order_relaxed);
  return takeTicks(now_us);
}

LinkError Session::takeTicks(int64_t now_us) {
  if (ticks_left_ == 0) return LinkError::kNone;
  LinkError error = LinkError::kNone;
  const size_t taken = room_.framer.add(ticks_at_, ticks_left_, sent_us_, now_us, error);
  ticks_at_ += taken;
  ticks_left_ -= taken;
  feed_ticks_ += taken;
  room_.ticks_received.fetch_add(taken, std::memory_order_relaxed);
  return error;
}

LinkError Session::onTapeEnd(const link::FrameView& frame) {
  link::TapeEnd end;
  if (!link::readOne(frame, end)) return LinkError::kBadSize;
  if (end.ticks != feed_ticks_) {
    logError("E_LINK_COUNT", "the terminal says its feed has " + std::to_string(end.ticks) + " ticks, " +
                                 std::to_string(feed_ticks_) + " came");
    return LinkError::kBadCount;
  }
  tape_ended_ = true;
  return LinkError::kNone;
}

void Session::finishTape() {
  if (!room_.framer.flush() || !room_.sink.drained() || room_.ticks.inFlight() > 0) return;
  tape_ended_ = false;
  printEvent({{"event", "tape_end"}, {"ticks", feed_ticks_}, {"account", room_.account}});
}

}  // namespace troupe::bridge
