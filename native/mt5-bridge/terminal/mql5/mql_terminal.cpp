#include "terminal/mql5/mql_terminal.h"

#include <algorithm>
#include <cmath>

#include "engine/random.h"
#include "terminal/mql5/api.h"

namespace troupe::terminal {

namespace {

constexpr Draw kLatencyDraw = static_cast<Draw>(110), kTimerDraw = static_cast<Draw>(111),
               kShuffleDraw = static_cast<Draw>(112), kLostDraw = static_cast<Draw>(113),
               kTimeoutDraw = static_cast<Draw>(114), kLateDraw = static_cast<Draw>(115),
               kConnectionDraw = static_cast<Draw>(116);
constexpr int64_t kLeastTimerUs = 10'000, kTimerSpreadUs = 6'000;

}  // namespace

MqlTerminal::MqlTerminal(Engine& engine, Profile profile, TerminalClock& clock, MqlTerminalOptions options)
    : engine_(engine),
      profile_(std::move(profile)),
      clock_(clock),
      options_(std::move(options)),
      server_(engine_, profile_),
      base_(engine.config().symbols.size(), TickBase(options_.base_ticks)),
      selected_(base_.size(), 1),
      asked_(base_.size(), 0),
      files_(options_.data_folder),
      previous_(MqlApi::current()) {
  MqlApi::setCurrent(this);
  server_ms_ = options_.server_ms > 0 ? options_.server_ms : engine.nowMs();
  connect_at_us_ = clock_.nowUs() + profile_.connect_us;
  for (TickBase& base : base_) base.freeze();
  if (profile_.connect_us == 0) connect();
}

MqlTerminal::~MqlTerminal() {
  programs_.clear();
  MqlApi::setCurrent(previous_);
}

void MqlTerminal::kill(bool requests_arrive) {
  programs_.clear();
  for (const Request& request : requests_)
    if (requests_arrive) server_.execute(request.request, request.number, sessionS());
  requests_.clear();
  collect();
  files_.kill();
}

void MqlTerminal::note(const std::string& line) const {
  if (options_.print) options_.print(line);
}

int64_t MqlTerminal::exponentialUs(int64_t mean_us, uint64_t part) {
  const double u = draw(profile_.seed, ++connection_number_, kConnectionDraw, part);
  return static_cast<int64_t>(-std::log1p(-u) * static_cast<double>(mean_us));
}

void MqlTerminal::connect() {
  connected_ = true;
  synchronised_at_us_ = clock_.nowUs() + profile_.synchronise_us;
  for (TickBase& base : base_) base.thaw();
  for (const TickBase& base : base_)
    if (base.last()) server_ms_ = std::max(server_ms_, base.last()->time_ms);
  disconnect_at_us_ = -1;
  if (profile_.disconnect_every_us > 0)
    disconnect_at_us_ = clock_.nowUs() + exponentialUs(profile_.disconnect_every_us, 0);
}

void MqlTerminal::disconnect(int64_t for_us) {
  connect_at_us_ = clock_.nowUs() + for_us;
  if (!connected_) return;
  known_ = propertiesKnown();
  connected_ = false;
  for (TickBase& base : base_) base.freeze();
  // What the terminal knew stays on its screen.
  seen_orders_ = engine_.activeOrders();
  seen_positions_ = engine_.positions();
  seen_deals_ = engine_.deals().size();
  seen_account_ = engine_.account();
}

void MqlTerminal::runConnection() {
  const int64_t now_us = clock_.nowUs();
  if (connected_ && disconnect_at_us_ >= 0 && now_us >= disconnect_at_us_)
    disconnect(exponentialUs(profile_.disconnect_for_us, 1));
  if (!connected_ && now_us >= connect_at_us_) connect();
}

bool MqlTerminal::quote(uint32_t symbol, int64_t time_ms, double bid, double ask, uint32_t flags) {
  const bool happened = engine_.quote(symbol, time_ms, bid, ask);
  const BaseTick tick{time_ms, bid, ask, flags};
  if (options_.market_time && !late_.empty()) releaseLate(lateNowUs());
  ++tick_number_;
  if (profile_.late_tick > 0 && draw(profile_.seed, tick_number_, kLateDraw) < profile_.late_tick) {
    late_.push_back({lateNowUs() + profile_.late_tick_us, symbol, tick});
    if (happened) collect();
    return false;
  }
  base_[symbol].add(tick);
  if (connected_ && time_ms > server_ms_) server_ms_ = time_ms;
  if (connected_) {
    for (const auto& loaded : programs_) {
      if (!loaded->ready) continue;
      if (loaded->program.on_tick && loaded->chart_index == symbol && loaded->queue.takes(ProgramEvent::Kind::kTick))
        loaded->queue.push({.kind = ProgramEvent::Kind::kTick});
      if (loaded->program.on_book && !loaded->books.empty() && loaded->books.count(engine_.symbolName(symbol)))
        loaded->queue.push({.kind = ProgramEvent::Kind::kBook, .text = engine_.symbolName(symbol)});
    }
  }
  if (happened) collect();
  return true;
}

void MqlTerminal::releaseLate(int64_t until_us) {
  for (size_t i = 0; i < late_.size();) {
    if (late_[i].due_us > until_us) {
      ++i;
      continue;
    }
    base_[late_[i].symbol].add(late_[i].tick);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void MqlTerminal::collect() {
  if (!engine_.hasEvents()) return;
  const std::vector<Event> events = engine_.takeEvents();
  if (options_.remember) options_.remember(events);
  std::vector<Transaction> batch;
  for (const MqlTradeTransaction& trans : server_.transactionsOf(events)) batch.push_back({.trans = trans});
  deliver(std::move(batch));
}

void MqlTerminal::deliver(std::vector<Transaction> batch) {
  if (profile_.late_history_us > 0) {
    const int64_t from_us = clock_.nowUs() + profile_.late_history_us;
    for (const Transaction& t : batch) {
      if (t.trans.type == TRADE_TRANSACTION_HISTORY_ADD) late_orders_[t.trans.order] = from_us;
      if (t.trans.type == TRADE_TRANSACTION_DEAL_ADD) late_deals_[t.trans.deal] = from_us;
    }
  }
  // What happens while there is no connection is not told afterwards: programs must ask.
  if (!connected_) return;
  if (profile_.transactions == "shuffled") {
    ++batch_number_;
    for (size_t i = batch.size(); i > 1; --i) {
      const double u = draw(profile_.seed, batch_number_, kShuffleDraw, i);
      std::swap(batch[i - 1], batch[static_cast<size_t>(u * static_cast<double>(i))]);
    }
  }
  for (Transaction& t : batch) push({.kind = ProgramEvent::Kind::kTransaction, .transaction = std::move(t)});
}

void MqlTerminal::push(const ProgramEvent& event) {
  for (const auto& loaded : programs_)
    if (loaded->ready) loaded->queue.push(event);
}

void MqlTerminal::wake(int id) { push({.kind = ProgramEvent::Kind::kChart, .id = CHARTEVENT_CUSTOM + id}); }

int64_t MqlTerminal::latencyUs(uint64_t number) const {
  const double spread = 2 * draw(profile_.seed, number, kLatencyDraw) - 1;
  return profile_.latency_us + static_cast<int64_t>(spread * static_cast<double>(profile_.latency_jitter_us));
}

uint64_t MqlTerminal::submit(const MqlTradeRequest& request, uint32_t id, MqlTradeResult* answer, bool* answered) {
  const uint64_t number = ++request_number_;
  const Request entry{clock_.nowUs() + latencyUs(number), number, request, id, answer, answered};
  const auto at = std::upper_bound(requests_.begin(), requests_.end(), entry.due_us,
                                   [](int64_t due_us, const Request& other) { return due_us < other.due_us; });
  requests_.insert(at, entry);
  return number;
}

// A request that was on its way when the connection broke arrives all the same, or does not: half and half. Its answer
// is lost either way.
void MqlTerminal::runRequest(Request request) {
  if (!connected_ && draw(profile_.seed, request.number, kConnectionDraw) < 0.5) {
    if (request.answered) {
      request.answer->retcode = TRADE_RETCODE_CONNECTION;
      *request.answered = true;
    }
    return;
  }
  MqlTradeResult result = server_.execute(request.request, request.number, sessionS());
  result.request_id = request.id;
  std::vector<Transaction> batch;
  if (engine_.hasEvents()) {
    const std::vector<Event> events = engine_.takeEvents();
    if (options_.remember) options_.remember(events);
    for (const MqlTradeTransaction& trans : server_.transactionsOf(events)) batch.push_back({.trans = trans});
  }
  if (draw(profile_.seed, request.number, kTimeoutDraw) < profile_.timeout_reply) {
    result.retcode = TRADE_RETCODE_TIMEOUT;
    result.comment = "Timeout";
    result.deal = result.order = 0;
  }
  if (!connected_) {
    result.retcode = TRADE_RETCODE_CONNECTION;
    result.deal = result.order = 0;
  }
  if (draw(profile_.seed, request.number, kLostDraw) >= profile_.lost_reply) {
    Transaction answer;
    answer.trans.type = TRADE_TRANSACTION_REQUEST;
    answer.request = request.request;
    answer.result = result;
    batch.push_back(std::move(answer));
  }
  if (request.answered) {
    *request.answer = result;
    *request.answered = true;
  }
  deliver(std::move(batch));
}

void MqlTerminal::runTimers() {
  const int64_t now_us = clock_.nowUs();
  for (const auto& loaded : programs_) {
    if (!loaded->ready || loaded->timer_period_us == 0 || now_us < loaded->timer_at_us) continue;
    int64_t period_us = loaded->timer_period_us;
    if (profile_.real_timers) {
      const double spread = draw(profile_.seed, static_cast<uint64_t>(now_us), kTimerDraw);
      period_us = std::max(period_us, kLeastTimerUs + static_cast<int64_t>(spread * kTimerSpreadUs));
    }
    loaded->timer_at_us = now_us + period_us;
    loaded->queue.push({.kind = ProgramEvent::Kind::kTimer});
  }
}

void MqlTerminal::runServices() {
  for (const auto& loaded : programs_) {
    if (!loaded->service || loaded->service->ended() || loaded->service->dueUs() > clock_.nowUs()) continue;
    running_ = loaded.get();
    loaded->service->resume();
    running_ = nullptr;
  }
}

void MqlTerminal::step() {
  runConnection();
  releaseLate(lateNowUs());
  while (!requests_.empty() && requests_.front().due_us <= clock_.nowUs()) {
    Request request = std::move(requests_.front());
    requests_.erase(requests_.begin());
    runRequest(std::move(request));
  }
  runTimers();
  runServices();
  while (dispatch()) {
  }
  for (size_t i = 0; i < programs_.size(); ++i)
    if (programs_[i]->ready && programs_[i]->remove) detach(static_cast<int>(i), REASON_PROGRAM);
}

int64_t MqlTerminal::waitUs() const {
  int64_t at_us = connected_ ? disconnect_at_us_ : connect_at_us_;
  const auto sooner = [&](int64_t us) { at_us = at_us < 0 ? us : std::min(at_us, us); };
  if (!requests_.empty()) sooner(requests_.front().due_us);
  if (!options_.market_time)
    for (const LateTick& late : late_) sooner(late.due_us);
  for (const auto& loaded : programs_) {
    if (loaded->service && !loaded->service->ended()) sooner(loaded->service->dueUs());
    if (loaded->ready && loaded->timer_period_us > 0) sooner(loaded->timer_at_us);
    if (!loaded->queue.empty()) sooner(clock_.nowUs());
  }
  return at_us < 0 ? -1 : std::max<int64_t>(0, at_us - clock_.nowUs());
}

}  // namespace troupe::terminal
