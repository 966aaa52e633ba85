#include "session/terminal.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "fault.h"
#include "link/text.h"
#include "link/validate.h"
#include "session/clock.h"
#include "session/encode.h"

namespace troupe::terminal {

using link::FrameType;

namespace {

// More waiting than this, and no ticks are added: answers to commands would queue behind them.
constexpr size_t kMaxPendingBytes = 64 << 10;
constexpr int64_t kFlushUs = 1'000'000;

}  // namespace

Terminal::Terminal(const Config& config, bool hold)
    : config_(config),
      opening_(config, true),
      history_(opening_.history),
      engine_(opening_.engine),
      player_(opening_.player),
      desk_(config.latency_ms, config.latency_jitter_ms, config.engine.execution.seed),
      link_({config.bridge_host, config.bridge_port, config.login, marginModeName(config.engine.margin_mode),
             config.utc_offset_s, runName(), opening_.feed, config.key, config.secure}),
      reporter_(player_),
      hold_(hold),
      batch_(link::kMaxTicksPerFrame),
      seen_(player_.position()) {
  resend_.emplace(player_, config_.engine.symbols.size());
  publish();
  if (!opening_.begun()) return;
  // Its parent has said `play` to an earlier run; whoever started us again need not know.
  hold_ = false;
  reporter_.resumed();
}

void Terminal::run(int stdin_fd, int signal_fd) {
  input_ = std::make_unique<LineReader>(stdin_fd);
  while (!quit_) {
    link_.step(monotonicUs());
    if (const auto loss = link_.takeLoss()) onLoss(*loss);
    wait(stdin_fd, signal_fd);
    const int64_t now_us = monotonicUs();
    if (readable_ && link_.connected()) {
      link_.receive(
          now_us, [this] { onLinkUp(); }, [this](const link::FrameView& frame) { onFrame(frame); });
    }
    runDue(now_us);
    play(now_us);
    reporter_.progress(now_us);
  }
  finish();
}

void Terminal::onLoss(const BridgeLink::Loss& loss) {
  const bool known = loss.error == link::LinkError::kRefused || loss.error == link::LinkError::kBadProof;
  const char* code = known ? link::codeOf(loss.error) : "E_LINK_LOST";
  if (loss.final) throw Fault(code, loss.reason);
  log("warn", code, loss.reason);
  say("{\"event\":\"lost\",\"reason\":" + jsonText(loss.reason) + "}");
}

bool Terminal::mayPlay() const { return link_.up() && agreed_ && link_.pendingBytes() < kMaxPendingBytes; }

// Sleeps until something can be done. Room to write is waited for only while bytes are waiting to leave.
void Terminal::wait(int stdin_fd, int signal_fd) {
  const int64_t now_us = monotonicUs();
  int64_t timeout_us = link_.waitUs(now_us);
  const auto sooner = [&](int64_t us) {
    if (us >= 0) timeout_us = std::min(timeout_us, us);
  };
  sooner(desk_.waitUs(now_us));
  if (mayPlay()) sooner(resend_->pending() ? 0 : player_.waitUs(now_us));
  sooner(reporter_.waitUs(now_us));
  if (player_.playing() && player_.ended() && mayPlay() && !end_sent_) sooner(0);
  pollfd fds[3] = {{stdin_fd, POLLIN, 0}, {signal_fd, POLLIN, 0}, {-1, POLLIN, 0}};
  if (link_.connected()) {
    fds[2].fd = link_.fd();
    if (link_.pendingBytes() > 0) fds[2].events |= POLLOUT;
  }
  const timespec timeout{static_cast<time_t>(timeout_us / 1'000'000), static_cast<long>(timeout_us % 1'000'000) * 1000};
  if (::ppoll(fds, 3, &timeout, nullptr) < 0) {
    readable_ = false;
    return;
  }
  readable_ = fds[2].revents != 0;
  if (fds[1].revents != 0) quit_ = true;
  if (fds[0].revents != 0) onInput();
}

void Terminal::onInput() {
  std::vector<std::string> lines;
  if (!input_->read(lines)) quit_ = true;
  for (const std::string& line : lines) {
    const ParentCommand command = parseCommand(line);
    switch (command.kind) {
      case ParentCommand::Kind::kPlay:
        hold_ = false;
        if (history_) history_->setBegun();
        if (agreed_) player_.play();
        break;
      case ParentCommand::Kind::kApplied:
        player_.applied(command.ticks);
        break;
      case ParentCommand::Kind::kQuit:
        quit_ = true;
        break;
      case ParentCommand::Kind::kUnknown:
        break;
    }
  }
}

void Terminal::onLinkUp() {
  events_sent_ = 0;
  agreed_ = end_sent_ = false;
  std::vector<link::Spec> specs;
  for (const Spec& spec : config_.engine.symbols) specs.push_back(toLink(spec));
  link_.sendArray(FrameType::kSymbols, specs.data(), specs.size());
  // Nobody forbids it anything, and its trade server is itself.
  link::TerminalStatus status{};
  status.connected = status.terminal_allows = status.expert_allows = status.account_allows = status.server_allows = 1;
  link_.send(FrameType::kStatus, status);
}

// The bridge says which ticks are kept; the rest is sent again before the tape goes on.
void Terminal::onResume(const link::FrameView& frame) {
  if (agreed_) return link_.drop(link::LinkError::kUnexpected);
  std::vector<uint64_t> kept(frame.size / sizeof(uint64_t));
  std::memcpy(kept.data(), frame.data, kept.size() * sizeof(uint64_t));
  if (kept.size() != config_.engine.symbols.size()) return link_.drop(link::LinkError::kBadCount);
  if (!resend_->begin(player_, kept)) {
    throw Fault("E_HISTORY_BEHIND", config_.history + ": the company keeps ticks that this history does not know of");
  }
  if (resend_->pending()) {
    log("info", "", "sending " + std::to_string(resend_->pendingTicks()) + " ticks again that were not kept");
  }
  agreed_ = true;
  if (player_.playing()) {
    player_.resume();
  } else if (!hold_) {
    if (history_) history_->setBegun();
    player_.play();
  }
  say("{\"event\":\"ready\"}");
}

template <typename T>
void Terminal::onCommand(const link::FrameView& frame) {
  T body;
  if (!link::readOne(frame, body)) return link_.drop(link::LinkError::kBadSize);
  if (const link::LinkError bad = link::validate(body); bad != link::LinkError::kNone) return link_.drop(bad);
  desk_.accept({body, wallUs(), link_.number()}, monotonicUs());
}

void Terminal::onFrame(const link::FrameView& frame) {
  switch (frame.type) {
    case FrameType::kPlace:
      return onCommand<link::Place>(frame);
    case FrameType::kCancel:
      return onCommand<link::Cancel>(frame);
    case FrameType::kModify:
      return onCommand<link::Modify>(frame);
    case FrameType::kProtect:
      return onCommand<link::Protect>(frame);
    case FrameType::kFind:
      return onCommand<link::Find>(frame);
    case FrameType::kResume:
      return onResume(frame);
    case FrameType::kSnapshot: {
      link::TakeSnapshot request;
      if (!link::readOne(frame, request)) return link_.drop(link::LinkError::kBadSize);
      // Commands that came before it must be in it, or still to come as events.
      runDue(monotonicUs());
      return onSnapshot(request);
    }
    default:
      return link_.drop(link::LinkError::kUnexpected);
  }
}

void Terminal::onSnapshot(const link::TakeSnapshot& request) {
  link::SnapshotBegin begin{};
  begin.command = request.command;
  begin.event_sequence = events_sent_;
  begin.time_ms = engine_.nowMs();
  begin.deals_since_ms = std::max<int64_t>(0, request.deals_since_ms);
  begin.account = toLink(engine_.account(), engine_, config_.login);
  link_.send(FrameType::kSnapshotBegin, begin);
  const auto sendAll = [&](FrameType type, const auto& items) {
    constexpr size_t kPerFrame = 4096;
    for (size_t from = 0; from < items.size(); from += kPerFrame) {
      const size_t n = std::min(kPerFrame, items.size() - from);
      const link::SnapshotPart part{request.command, static_cast<uint32_t>(n), 0};
      link_.send(type, part, items.data() + from, n);
    }
  };
  std::vector<link::Order> orders;
  for (const Order& order : engine_.activeOrders()) orders.push_back(toLink(order, engine_));
  sendAll(FrameType::kSnapshotOrders, orders);
  std::vector<link::Position> positions;
  for (const Position& position : engine_.positions()) positions.push_back(toLink(position, engine_));
  sendAll(FrameType::kSnapshotPositions, positions);
  std::vector<link::Deal> deals;
  for (const Deal& deal : engine_.deals()) {
    if (deal.time_ms >= request.deals_since_ms) deals.push_back(toLink(deal, engine_));
  }
  sendAll(FrameType::kSnapshotDeals, deals);
  link_.send(FrameType::kSnapshotEnd, begin);
}

void Terminal::runDue(int64_t now_us) {
  while (const std::optional<Command> command = desk_.due(now_us)) {
    const Result result = Desk::execute(engine_, *command);
    publish();
    // A command of an earlier connection has been executed all the same; the bridge will ask what became of it.
    if (link_.up() && command->link_number == link_.number()) {
      std::vector<link::Deal> deals;
      for (const Deal& deal : result.deals) deals.push_back(toLink(deal, engine_));
      link_.send(FrameType::kResult, toLink(result, engine_, command->number(), command->received_us), deals.data(),
                 deals.size());
    }
    if (player_.ended()) {
      engine_.settle();
      publish();
    }
  }
}

// First remembered, then told.
void Terminal::publish() {
  if (engine_.hasEvents()) tell(remember());
}

std::vector<Event> Terminal::remember() {
  std::vector<Event> events = engine_.takeEvents();
  if (history_) history_->append(events, engine_, seen_);
  if (history_) history_->setPlayed(seen_);
  return events;
}

void Terminal::tell(const std::vector<Event>& events) {
  if (!link_.up()) return;
  for (const Event& event : events) {
    if (!event.silent) sendEvent(event);
  }
}

void Terminal::sendEvent(const Event& event) {
  const link::EventHeader head{++events_sent_, engine_.nowMs()};
  switch (event.kind) {
    case Event::Kind::kOrder: {
      const link::Order body = toLink(event.order, engine_);
      return link_.send(FrameType::kOrder, head, &body, size_t{1});
    }
    case Event::Kind::kDeal: {
      const link::Deal body = toLink(event.deal, engine_);
      return link_.send(FrameType::kDeal, head, &body, size_t{1});
    }
    case Event::Kind::kPosition: {
      const link::Position body = toLink(event.position, engine_);
      return link_.send(FrameType::kPosition, head, &body, size_t{1});
    }
    case Event::Kind::kAccount: {
      const link::Account body = toLink(event.account, engine_, config_.login);
      return link_.send(FrameType::kAccount, head, &body, size_t{1});
    }
  }
}

void Terminal::sendTicks(size_t from, size_t to) {
  if (from == to) return;
  const link::TickBatchHeader head{static_cast<uint32_t>(to - from), 0, wallUs()};
  link_.send(FrameType::kTicks, head, batch_.data() + from, to - from);
}

// The engine has seen them, and the history remembers so; they are only told once more.
void Terminal::sendAgain() { sendTicks(0, resend_->take(player_, batch_.data(), batch_.size())); }

// One batch per turn of the loop, so that a command never waits for more than one.
void Terminal::play(int64_t now_us) {
  if (!mayPlay()) return;
  if (resend_->pending()) return sendAgain();
  if (!player_.playing()) return;
  const uint64_t before = player_.position();
  const size_t n = player_.take(now_us, batch_.data(), batch_.size());
  resend_->played(batch_.data(), n);
  size_t from = 0;
  for (size_t i = 0; i < n; ++i) {
    const link::Tick& tick = batch_[i];
    if (!engine_.quote(tick.symbol, tick.time_ms, tick.bid, tick.ask)) continue;
    // First remembered with what it did, then told: killed in between, it is neither played again nor forgotten.
    seen_ = before + i + 1;
    const std::vector<Event> events = remember();
    sendTicks(from, i + 1);
    from = i + 1;
    tell(events);
  }
  seen_ = before + n;
  if (history_) history_->setPlayed(seen_);
  sendTicks(from, n);
  if (player_.ended() && !end_sent_) endTape();
}

void Terminal::endTape() {
  engine_.settle();
  publish();
  link_.send(FrameType::kTapeEnd, link::TapeEnd{player_.position()});
  end_sent_ = true;
  reporter_.tapeEnd();
}

// In order: orders that are still held execute, what waits leaves, the account is told.
void Terminal::finish() {
  runDue(std::numeric_limits<int64_t>::max());
  const int64_t until_us = monotonicUs() + kFlushUs;
  while (link_.up() && link_.pendingBytes() > 0 && monotonicUs() < until_us) {
    pollfd room{link_.fd(), POLLOUT, 0};
    ::poll(&room, 1, 50);
    link_.receive(
        monotonicUs(), [] {}, [](const link::FrameView&) {});
  }
  Reporter::account(engine_.account());
}

}  // namespace troupe::terminal
