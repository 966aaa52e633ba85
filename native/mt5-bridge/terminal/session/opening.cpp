#include "session/opening.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdio>

#include "session/clock.h"
#include "session/console.h"

namespace troupe::terminal {

namespace {

std::vector<std::string> namesOf(const Config& config) {
  std::vector<std::string> names;
  for (const Spec& spec : config.engine.symbols) names.push_back(spec.name);
  return names;
}

EngineConfig engineConfig(const Config& config, const Tape& tape, bool client_ids) {
  EngineConfig engine = config.engine;
  engine.client_ids = client_ids;
  engine.start_ms = tape.view().ticks[0].time_ms;
  return engine;
}

std::string accountLine(const Config& config) {
  return config.login + " " + config.engine.currency + " " + marginModeName(config.engine.margin_mode);
}

}  // namespace

std::string runName() {
  uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = wallUs();
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(bits));
  return text;
}

Opening::Opening(const Config& config, bool client_ids)
    : tape(config.tape, namesOf(config)),
      engine(engineConfig(config, tape, client_ids)),
      player(tape.view(), config.player),
      feed(runName()) {
  if (tape.utc_offset_s() != config.utc_offset_s) {
    log("warn", "E_TAPE_OFFSET",
        config.tape + ": made with utcOffsetS " + std::to_string(tape.utc_offset_s()) + ", configured is " +
            std::to_string(config.utc_offset_s) + ": UTC times will be off by the difference");
  }
  if (!config.history.empty()) {
    history.emplace(config.history, accountLine(config), tape.identity());
    if (history->restore(engine)) {
      log("warn", "E_HISTORY_TAIL", config.history + ": the last group was cut short and has been dropped");
    }
    player = Player(tape.view(), config.player, history->played());
    new_feed = history->feed("").empty();
    feed = history->feed(feed);
    prime();
  }
  engine.begin();
}

// The prices that were known when the terminal last stopped.
void Opening::prime() {
  std::vector<bool> known(engine.config().symbols.size(), false);
  size_t missing = tape.view().symbol_of.size();
  for (uint64_t i = player.position(); i > 0 && missing > 0; --i) {
    const link::Tick tick = player.tick(i - 1);
    if (known[tick.symbol]) continue;
    known[tick.symbol] = true;
    --missing;
    engine.prime(tick.symbol, tick.time_ms, tick.bid, tick.ask);
  }
}

std::string Reporter::place() const {
  return "\"ticks_sent\":" + std::to_string(player_.position()) +
         ",\"ticks_total\":" + std::to_string(player_.total()) +
         ",\"market_ms\":" + std::to_string(player_.marketMs()) + "}";
}

void Reporter::resumed() const { say("{\"event\":\"resumed\"," + place()); }

void Reporter::progress(int64_t now_us) {
  if (!player_.playing() || now_us - at_us_ < kEveryUs) return;
  at_us_ = now_us;
  if (player_.position() == told_) return;
  told_ = player_.position();
  say("{\"event\":\"progress\"," + place());
}

int64_t Reporter::waitUs(int64_t now_us) const {
  return player_.playing() && !end_said_ ? std::max<int64_t>(0, at_us_ + kEveryUs - now_us) : -1;
}

void Reporter::tapeEnd() {
  if (end_said_) return;
  progress(at_us_ + kEveryUs);
  say("{\"event\":\"tape_end\",\"ticks\":" + std::to_string(player_.position()) + "}");
  end_said_ = true;
}

void Reporter::account(const Account& account) {
  char text[128];
  snprintf(text, sizeof text, "{\"event\":\"account\",\"balance\":%.2f,\"equity\":%.2f}", toMoney(account.balance),
           toMoney(account.equity));
  say(text);
}

}  // namespace troupe::terminal
