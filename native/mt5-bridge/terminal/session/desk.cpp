#include "session/desk.h"

#include <algorithm>

#include "engine/random.h"
#include "link/text.h"
#include "session/encode.h"

namespace troupe::terminal {

using link::textOf;

namespace {

template <typename... F>
struct Overload : F... {
  using F::operator()...;
};
template <typename... F>
Overload(F...) -> Overload<F...>;

std::string orderIdOf(const Command& command) {
  return std::visit(Overload{[](const link::Protect&) { return std::string(); },
                             [](const auto& body) { return std::string(textOf(body.order_id)); }},
                    command.body);
}

}  // namespace

uint64_t Command::number() const {
  return std::visit([](const auto& command) -> uint64_t { return command.command; }, body);
}

Desk::Desk(double latency_ms, double latency_jitter_ms, uint64_t seed)
    : latency_ms_(latency_ms), jitter_ms_(latency_jitter_ms), seed_(seed) {}

int64_t Desk::latencyUs(const Command& command, const std::string& order_id) const {
  if (std::holds_alternative<link::Find>(command.body)) return 0;
  const uint64_t key = hash64(order_id) ^ command.body.index();
  const double spread = 2 * draw(seed_, key, Draw::kLatency) - 1;
  return static_cast<int64_t>((latency_ms_ + spread * jitter_ms_) * 1000);
}

void Desk::accept(Command command, int64_t now_us) {
  std::string order_id = orderIdOf(command);
  int64_t due = now_us + latencyUs(command, order_id);
  if (!order_id.empty()) {
    for (const auto& [at, held] : held_) {
      if (held.order_id == order_id) due = std::max(due, at);
    }
  }
  held_.emplace(due, Held{std::move(command), std::move(order_id)});
}

std::optional<Command> Desk::due(int64_t now_us) {
  if (held_.empty() || held_.begin()->first > now_us) return std::nullopt;
  Command command = std::move(held_.begin()->second.command);
  held_.erase(held_.begin());
  return command;
}

int64_t Desk::waitUs(int64_t now_us) const {
  return held_.empty() ? -1 : std::max<int64_t>(0, held_.begin()->first - now_us);
}

Result Desk::execute(Engine& engine, const Command& command) {
  return std::visit(
      Overload{
          [&](const link::Place& place) { return engine.place(fromLink(place)); },
          [&](const link::Cancel& cancel) {
            return engine.cancel(cancel.ticket, std::string(textOf(cancel.order_id)));
          },
          [&](const link::Modify& modify) { return engine.modify(fromLink(modify)); },
          [&](const link::Protect& protect) {
            return engine.protect(protect.position_id, std::string(textOf(protect.symbol)), protect.stop_loss,
                                  protect.take_profit);
          },
          [&](const link::Find& find) { return engine.find(std::string(textOf(find.order_id)), find.magic); },
      },
      command.body);
}

}  // namespace troupe::terminal
