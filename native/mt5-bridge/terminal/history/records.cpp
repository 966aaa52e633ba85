#include "history/records.h"

namespace troupe::terminal {

namespace {

// Beside the numbers of Event::Kind.
constexpr uint8_t kPlayed = 16, kDoneAt = 17, kClosedBy = 18;

void put(const Order& o, const Engine& engine, ByteWriter& to) {
  to.put(o.ticket);
  to.text(o.order_id);
  to.text(engine.symbolName(o.symbol));
  to.put(o.side);
  to.put(o.type);
  to.put(o.state);
  to.put(o.retcode);
  to.put(o.volume);
  to.put(o.filled);
  to.put(o.price);
  to.put(o.stop_limit_price);
  to.put(o.stop_loss);
  to.put(o.take_profit);
  to.put(o.magic);
  to.put(o.position_id);
  to.put(static_cast<uint8_t>(o.closing));
  to.put(o.time_ms);
  to.put(o.expiration_ms);
  to.text(o.message);
}

void put(const Deal& d, const Engine& engine, ByteWriter& to) {
  to.put(d.ticket);
  to.put(d.order_ticket);
  to.put(d.position_id);
  to.text(d.order_id);
  to.put(d.magic);
  to.text(engine.symbolName(d.symbol));
  to.put(d.side);
  to.text(d.entry);
  to.put(d.volume);
  to.put(d.price);
  to.put(d.profit);
  to.put(d.commission);
  to.put(d.swap);
  to.put(d.fee);
  to.put(d.time_ms);
  to.text(d.reason);
}

void put(const Position& p, const Engine& engine, ByteWriter& to) {
  to.put(p.position_id);
  to.text(engine.symbolName(p.symbol));
  to.put(p.side);
  to.put(p.volume);
  to.put(p.open_price);
  to.put(p.stop_loss);
  to.put(p.take_profit);
  to.put(p.magic);
  to.text(p.order_id);
  to.put(p.time_ms);
}

// Symbol of a record; false if the config no longer has it.
bool symbolOf(ByteReader& from, const Engine& engine, uint32_t& symbol, std::string& why) {
  const std::string name = from.text();
  symbol = name.empty() ? kNoSymbol : engine.symbolIndex(name);
  if (name.empty() || symbol != kNoSymbol) return true;
  why = "symbol " + name + " is not among the configured symbols";
  return false;
}

bool orderFrom(ByteReader& from, Engine& engine, std::string& why) {
  Order o;
  o.ticket = from.get<uint64_t>();
  o.order_id = from.text();
  if (!symbolOf(from, engine, o.symbol, why)) return false;
  o.side = from.get<Side>();
  o.type = from.get<OrderType>();
  o.state = from.get<OrderState>();
  o.retcode = from.get<uint32_t>();
  o.volume = from.get<Volume>();
  o.filled = from.get<Volume>();
  o.price = from.get<double>();
  o.stop_limit_price = from.get<double>();
  o.stop_loss = from.get<double>();
  o.take_profit = from.get<double>();
  o.magic = from.get<uint64_t>();
  o.position_id = from.get<uint64_t>();
  o.closing = from.get<uint8_t>() != 0;
  o.time_ms = from.get<int64_t>();
  o.expiration_ms = from.get<int64_t>();
  o.message = from.text();
  if (from.ok()) engine.restore(o);
  return from.ok();
}

bool dealFrom(ByteReader& from, Engine& engine, std::string& why) {
  Deal d;
  d.ticket = from.get<uint64_t>();
  d.order_ticket = from.get<uint64_t>();
  d.position_id = from.get<uint64_t>();
  d.order_id = from.text();
  d.magic = from.get<uint64_t>();
  if (!symbolOf(from, engine, d.symbol, why)) return false;
  d.side = from.get<Side>();
  d.entry = from.text();
  d.volume = from.get<Volume>();
  d.price = from.get<double>();
  d.profit = from.get<Cents>();
  d.commission = from.get<Cents>();
  d.swap = from.get<Cents>();
  d.fee = from.get<Cents>();
  d.time_ms = from.get<int64_t>();
  d.reason = from.text();
  if (from.ok()) engine.restore(d);
  return from.ok();
}

bool positionFrom(ByteReader& from, Engine& engine, std::string& why) {
  Position p;
  p.position_id = from.get<uint64_t>();
  if (!symbolOf(from, engine, p.symbol, why)) return false;
  p.side = from.get<Side>();
  p.volume = from.get<Volume>();
  p.open_price = from.get<double>();
  p.stop_loss = from.get<double>();
  p.take_profit = from.get<double>();
  p.magic = from.get<uint64_t>();
  p.order_id = from.text();
  p.time_ms = from.get<int64_t>();
  if (p.symbol == kNoSymbol) return false;
  if (from.ok()) engine.restore(p);
  return from.ok();
}

}  // namespace

void encode(const Event& event, const Engine& engine, ByteWriter& to) {
  switch (event.kind) {
    case Event::Kind::kOrder:
      to.put(event.kind);
      put(event.order, engine, to);
      if (event.order.position_by != 0) {
        to.put(kClosedBy);
        to.put(event.order.ticket);
        to.put(event.order.position_by);
      }
      if (event.order.ticket == 0 || event.order.done_ms == 0) return;
      to.put(kDoneAt);
      to.put(event.order.ticket);
      return to.put(event.order.done_ms);
    case Event::Kind::kDeal:
      to.put(event.kind);
      return put(event.deal, engine, to);
    case Event::Kind::kPosition:
      to.put(event.kind);
      return put(event.position, engine, to);
    case Event::Kind::kAccount:
      return;
  }
}

void encodePlayed(uint64_t played, ByteWriter& to) {
  to.put(kPlayed);
  to.put(played);
}

bool restoreGroup(const uint8_t* data, size_t size, Engine& engine, uint64_t& played, std::string& why) {
  ByteReader from(data, size);
  why = "a record cannot be read";
  while (from.more()) {
    bool good = false;
    const auto kind = from.get<uint8_t>();
    if (kind == kPlayed) {
      played = from.get<uint64_t>();
      continue;
    }
    if (kind == kClosedBy) {
      const auto ticket = from.get<uint64_t>();
      engine.restoreClosedBy(ticket, from.get<uint64_t>());
      continue;
    }
    if (kind == kDoneAt) {
      const auto ticket = from.get<uint64_t>();
      engine.restoreDone(ticket, from.get<int64_t>());
      continue;
    }
    switch (static_cast<Event::Kind>(kind)) {
      case Event::Kind::kOrder:
        good = orderFrom(from, engine, why);
        break;
      case Event::Kind::kDeal:
        good = dealFrom(from, engine, why);
        break;
      case Event::Kind::kPosition:
        good = positionFrom(from, engine, why);
        break;
      case Event::Kind::kAccount:
        break;
    }
    if (!good) return false;
  }
  return from.ok();
}

}  // namespace troupe::terminal
