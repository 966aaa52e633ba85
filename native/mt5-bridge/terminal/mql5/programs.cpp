// Loading programs, and running their handlers.
#include "terminal/mql5/api.h"

namespace troupe::terminal {

namespace {

constexpr long kFirstChart = 131'000'000'000'000'001;

}  // namespace

Loaded* MqlTerminal::program(int number) {
  return number >= 0 && static_cast<size_t>(number) < programs_.size() ? programs_[static_cast<size_t>(number)].get()
                                                                       : nullptr;
}

// Whatever happens before OnInit has returned is not seen by the program.
bool MqlTerminal::init(Loaded& loaded) {
  loaded.stopping = loaded.remove = false;
  Loaded* const before = running_;
  running_ = &loaded;
  const int result = loaded.program.on_init ? loaded.program.on_init() : INIT_SUCCEEDED;
  running_ = before;
  loaded.queue.clear();
  loaded.ready = result == INIT_SUCCEEDED;
  if (!loaded.ready) {
    note(loaded.program.name + ": initialisation failed with code " + std::to_string(result));
    deinit(loaded, REASON_INITFAILED);
  }
  return loaded.ready;
}

void MqlTerminal::deinit(Loaded& loaded, int reason) {
  loaded.ready = false;
  loaded.stopping = true;
  loaded.queue.clear();
  Loaded* const before = running_;
  running_ = &loaded;
  loaded.deinit_until_us = clock_.nowUs() + kDeinitUs;
  try {
    if (loaded.program.on_deinit) loaded.program.on_deinit(reason);
    if (clock_.nowUs() > loaded.deinit_until_us) throw ProgramKilled{};
  } catch (const ProgramKilled&) {
    note(loaded.program.name + ": abnormal termination");
  }
  loaded.deinit_until_us = 0;
  running_ = before;
  loaded.timer_period_us = 0;
  loaded.books.clear();
}

int MqlTerminal::attach(const Program& program, const std::string& chart_symbol) {
  auto loaded = std::make_unique<Loaded>();
  loaded->program = program;
  loaded->chart_symbol = chart_symbol;
  loaded->chart_index = engine_.symbolIndex(chart_symbol);
  loaded->chart_id = kFirstChart + static_cast<long>(programs_.size());
  programs_.push_back(std::move(loaded));
  const int number = static_cast<int>(programs_.size()) - 1;
  if (program.on_start) {
    startService(*programs_.back());
    return number;
  }
  if (init(*programs_.back())) return number;
  files_.closeAll(programs_.back().get());
  sockets_.closeAll(programs_.back().get());
  return -1;
}

// A service has neither chart nor events, and nothing but its OnStart.
void MqlTerminal::startService(Loaded& loaded) {
  loaded.chart_id = 0;
  loaded.service = std::make_unique<Service>([this, &loaded] {
    MqlApi::setCurrent(this);
    loaded.program.on_start();
  });
}

void MqlTerminal::detach(int number, int reason) {
  Loaded* const loaded = program(number);
  if (loaded && loaded->service) {
    // It sees that it shall stop when it looks; one that does not is ended.
    loaded->stopping = true;
    running_ = loaded;
    for (int i = 0; i < 3; ++i) loaded->service->resume();
    running_ = nullptr;
    if (!loaded->service->ended()) note(loaded->program.name + ": abnormal termination");
    loaded->service.reset();
    return;
  }
  if (!loaded || !loaded->ready) return;
  deinit(*loaded, reason);
  // Handles die with their program.
  files_.closeAll(loaded);
  sockets_.closeAll(loaded);
}

bool MqlTerminal::reload(int number, int reason) {
  Loaded* const loaded = program(number);
  if (!loaded) return false;
  detach(number, reason);
  return init(*loaded);
}

// One event of each program. False when there was none.
bool MqlTerminal::dispatch() {
  bool any = false;
  for (size_t i = 0; i < programs_.size(); ++i) {
    Loaded& loaded = *programs_[i];
    if (!loaded.ready || loaded.remove) continue;
    const std::optional<ProgramEvent> event = loaded.queue.begin();
    if (!event) continue;
    any = true;
    running_ = &loaded;
    handle(loaded, *event);
    running_ = nullptr;
    loaded.queue.end();
  }
  return any;
}

void MqlTerminal::handle(Loaded& loaded, const ProgramEvent& event) {
  const Program& program = loaded.program;
  static constexpr const char* kHandlers[] = {"OnTick", "OnTimer", "OnChartEvent", "OnBookEvent", "OnTradeTransaction"};
  passed(kHandlers[static_cast<size_t>(event.kind)], false);
  switch (event.kind) {
    case ProgramEvent::Kind::kTick:
      if (program.on_tick) program.on_tick();
      break;
    case ProgramEvent::Kind::kTimer:
      if (program.on_timer) program.on_timer();
      break;
    case ProgramEvent::Kind::kChart:
      if (program.on_chart) program.on_chart(event.id, event.lparam, event.dparam, event.text);
      break;
    case ProgramEvent::Kind::kBook:
      if (program.on_book) program.on_book(event.text);
      break;
    case ProgramEvent::Kind::kTransaction:
      if (program.on_transaction)
        program.on_transaction(event.transaction.trans, event.transaction.request, event.transaction.result);
      break;
  }
  passed(kHandlers[static_cast<size_t>(event.kind)], true);
}

}  // namespace troupe::terminal
