#include "shell/shell.h"

#include <poll.h>

#include <algorithm>

#include "fault.h"

namespace troupe::terminal {

namespace {

// As often as TroupeWake looks at ticks.
constexpr int64_t kPlayEveryUs = 1000;
// Of one turn, after which orders have theirs; and what may wait for the expert.
constexpr size_t kBatchTicks = 4096;
constexpr uint64_t kMostUnread = 4 * kBatchTicks;
// Ticks in the terminal's base: all symbols together, and the bounds for one of them.
constexpr size_t kBaseTicks = 1 << 22, kLeastBaseTicks = 1 << 15, kMostBaseTicks = 1 << 18;
// Of the tape, put back into the base after a restart. Whatever the expert had not read is among them.
constexpr uint64_t kRestoredTicks = 8 * kMostUnread;
// While nothing is due; the expert's own timer is sooner.
constexpr int64_t kIdleUs = 500'000;
constexpr int64_t kFinishUs = 1'000'000;
// A tape whose ticks are not all in the feed (its beginning was lost with the expert's files) ends all the same.
constexpr int64_t kShortFeedUs = 5'000'000;

// A line of the expert: "troupe LEVEL CODE: TEXT" or "troupe info: TEXT".
void logLine(const std::string& line) {
  const std::string mark = "troupe ";
  const size_t colon = line.find(": ");
  if (!line.starts_with(mark) || colon == std::string::npos) return log("info", "", line);
  const std::string head = line.substr(mark.size(), colon - mark.size());
  const size_t space = head.find(' ');
  log(head.substr(0, space).c_str(), space == std::string::npos ? "" : head.substr(space + 1), line.substr(colon + 2));
}

}  // namespace

MqlTerminalOptions Shell::options() {
  MqlTerminalOptions options;
  options.login = std::stol(config_.login);
  options.utc_offset_s = config_.utc_offset_s;
  options.data_folder = folder_.path();
  options.base_ticks = std::clamp(kBaseTicks / config_.engine.symbols.size(), kLeastBaseTicks, kMostBaseTicks);
  // A tape may be older than what the account has traded on another one.
  options.server_ms = player_.position() > 0 ? player_.marketMs() : opening_.tape.view().ticks[0].time_ms;
  options.market_time = true;
  options.remember = [this](const std::vector<Event>& events) {
    if (!opening_.history) return;
    opening_.history->append(events, engine_, seen_);
    opening_.history->setPlayed(seen_);
  };
  options.print = logLine;
  return options;
}

Shell::Shell(const Config& config, bool hold)
    : config_(config),
      opening_(config, false),
      engine_(opening_.engine),
      player_(opening_.player),
      folder_(config.history),
      reporter_(player_),
      expert_(config.program == RunsProgram::kExpertSockets ? socketsExpert() : dllExpert()),
      batch_(kBatchTicks),
      hold_(hold),
      seen_(player_.position()) {
  if (opening_.new_feed) forgetTicks(folder_.path());
  mql_ = std::make_unique<MqlTerminal>(engine_, config_.profile, clock_, options());
  mql_->collect();
  restoreTicks();
  if (opening_.begun()) {
    // Its parent has said `play` to an earlier run; whoever started us again need not know.
    hold_ = false;
    reporter_.resumed();
  }
  program_ = mql_->attach(expert_.program(config_), config_.engine.symbols[0].name);
  if (const auto service = expert_.service(); service && program_ >= 0) service_ = mql_->attach(*service, "");
  if (program_ < 0) throw Fault("E_EXPERT_INPUT", "the expert refused its inputs; the lines before say which");
}

// The base as the terminal had it on its disk.
void Shell::restoreTicks() {
  const uint64_t end = player_.position();
  for (uint64_t i = end - std::min(end, kRestoredTicks); i < end; ++i) {
    const link::Tick tick = player_.tick(i);
    mql_->restoreTick(tick.symbol, {tick.time_ms, tick.bid, tick.ask, tick.flags});
  }
}

void Shell::run(int stdin_fd, int signal_fd) {
  input_ = std::make_unique<LineReader>(stdin_fd);
  while (!quit_) {
    wait(stdin_fd, signal_fd);
    const int64_t now_us = clock_.nowUs();
    // What the service TroupeWake does: ring the chart when ticks have come or the bridge has said something.
    if ((play(now_us) || rung_) && service_ < 0) mql_->wake(Expert::kWakeEvent);
    mql_->step();
    settle();
    followLink();
    endTape(now_us);
    reporter_.progress(now_us);
  }
  finish();
}

bool Shell::mayPlay() const { return session_ != 0 && player_.playing() && !player_.ended() && unread_ < kMostUnread; }

int64_t Shell::waitUs(int64_t now_us) const {
  int64_t us = kIdleUs;
  const auto sooner = [&](int64_t other) {
    if (other >= 0) us = std::min(us, other);
  };
  sooner(mql_->waitUs());
  sooner(reporter_.waitUs(now_us));
  if (mayPlay()) {
    const int64_t next_us = player_.waitUs(now_us);
    // Without speed only the company's `applied` is waited for.
    sooner(next_us < 0 ? kPlayEveryUs : std::max(next_us, play_at_us_ - now_us));
  } else if (session_ != 0 && player_.playing() && ended_session_ != session_) {
    sooner(kPlayEveryUs);
  }
  return std::max<int64_t>(us, 0);
}

// Until something is due, the bridge says something, or the parent does.
void Shell::wait(int stdin_fd, int signal_fd) {
  int64_t us = waitUs(clock_.nowUs());
  // A message that the expert has left where it is (too many requests are under way) is not waited for again at once.
  const bool left = rung_ && expert_.watch().received == received_;
  const int32_t waited = left ? -1 : expert_.waitForMessage(static_cast<int32_t>((us + 999) / 1000));
  rung_ = waited > 0;
  received_ = expert_.watch().received;
  if (waited >= 0) us = 0;
  if (left) us = std::min(us, kPlayEveryUs);
  pollfd fds[2] = {{stdin_fd, POLLIN, 0}, {signal_fd, POLLIN, 0}};
  const timespec timeout{static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000) * 1000};
  if (::ppoll(fds, 2, &timeout, nullptr) <= 0) return;
  if (fds[1].revents != 0) quit_ = true;
  if (fds[0].revents != 0) onInput();
}

void Shell::onInput() {
  std::vector<std::string> lines;
  if (!input_->read(lines)) quit_ = true;
  for (const std::string& line : lines) {
    const ParentCommand command = parseCommand(line);
    switch (command.kind) {
      case ParentCommand::Kind::kPlay:
        hold_ = false;
        if (opening_.history) opening_.history->setBegun();
        if (session_ != 0) player_.play();
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

// One batch per turn, so that a command never waits for more than one. True when ticks have come.
bool Shell::play(int64_t now_us) {
  unread_ = 0;
  for (uint32_t s = 0; s < config_.engine.symbols.size(); ++s) unread_ += mql_->unread(s);
  if (!mayPlay() || now_us < play_at_us_) return false;
  const uint64_t before = player_.position();
  const size_t n = player_.take(now_us, batch_.data(), batch_.size());
  if (n == 0) return false;
  for (size_t i = 0; i < n; ++i) {
    const link::Tick& tick = batch_[i];
    // Before what it does is remembered with this number.
    seen_ = before + i + 1;
    mql_->quote(tick.symbol, tick.time_ms, tick.bid, tick.ask, tick.flags);
  }
  // Before the expert reads them: the bridge must never know a tick that a restarted terminal would play again.
  if (opening_.history) opening_.history->setPlayed(seen_);
  if (config_.player.speed > 0) play_at_us_ = now_us + kPlayEveryUs;
  return true;
}

// There will be no next tick to fill the second part of an order.
void Shell::settle() {
  if (!player_.playing() || !player_.ended()) return;
  engine_.settle();
  mql_->collect();
  mql_->releaseLateTicks();
}

void Shell::followLink() {
  const LinkWatch& watch = expert_.watch();
  if (watch.refused) throw Fault(watch.refused->code, watch.refused->message);
  const uint64_t session = expert_.agreed() ? watch.sessions : 0;
  if (session == session_) return;
  if (session_ != 0)
    say("{\"event\":\"lost\",\"reason\":" + jsonText(watch.lost ? watch.lost->message : "the expert has begun anew") +
        "}");
  session_ = session;
  if (session == 0) return;
  if (player_.playing()) {
    player_.resume();
  } else if (!hold_) {
    if (opening_.history) opening_.history->setBegun();
    player_.play();
  }
  say("{\"event\":\"ready\"}");
}

// Told to each session, when the link client has taken every tick of the tape.
void Shell::endTape(int64_t now_us) {
  if (!player_.playing() || !player_.ended()) return;
  if (session_ == 0 || ended_session_ == session_) return;
  const std::optional<uint64_t> ticks = expert_.sentTicks();
  if (!ticks) {
    all_read_us_ = 0;
    return;
  }
  if (all_read_us_ == 0) all_read_us_ = now_us;
  if (*ticks < player_.position() && now_us - all_read_us_ < kShortFeedUs) return;
  if (!expert_.sendTapeEnd(*ticks)) return;
  ended_session_ = session_;
  reporter_.tapeEnd();
}

// In order: requests that are under way execute, what the expert has to say leaves, the account is told.
void Shell::finish() {
  const int64_t until_us = clock_.nowUs() + kFinishUs;
  while (mql_->requestsUnderWay() > 0 && clock_.nowUs() < until_us) {
    clock_.sleepUs(std::min(mql_->waitUs(), kPlayEveryUs));
    mql_->step();
    settle();
  }
  mql_->wake(Expert::kWakeEvent);
  mql_->step();
  if (service_ >= 0) mql_->detach(service_, REASON_CLOSE);
  mql_->detach(program_, REASON_CLOSE);
  Reporter::account(engine_.account());
}

}  // namespace troupe::terminal
