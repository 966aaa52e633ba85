#include "bridge/convert.h"

#include <cmath>

#include "link/text.h"

namespace troupe::bridge {

using link::setText;
using link::textOf;

namespace {

template <size_t N>
std::string str(const char (&text)[N]) {
  return std::string(textOf(text));
}

std::string badId(const std::string& id, bool required) {
  if (required && id.empty()) return "order_id: empty";
  if (id.size() > 31) return "order_id: longer than 31 bytes";
  return {};
}

std::string badNumber(const char* name, double value) {
  if (!std::isfinite(value)) return std::string(name) + ": not a finite number";
  if (value < 0) return std::string(name) + ": below 0";
  return {};
}

// The first complaint.
std::string first(std::initializer_list<std::string> complaints) {
  for (const std::string& complaint : complaints)
    if (!complaint.empty()) return complaint;
  return {};
}

}  // namespace

double utcMs(int64_t broker_ms, const BrokerTime& time) {
  return broker_ms == 0 ? 0 : static_cast<double>(broker_ms - int64_t{1000} * time.offsetAtBroker(broker_ms));
}

int64_t brokerMs(double utc_ms, const BrokerTime& time) {
  const auto whole_ms = static_cast<int64_t>(utc_ms);
  return utc_ms == 0 ? 0 : whole_ms + int64_t{1000} * time.offsetAtUtc(whole_ms);
}

void toProto(const link::Order& from, const BrokerTime& time, v1::OrderRecord& to) {
  to.set_ticket(from.ticket);
  to.set_order_id(str(from.order_id));
  to.set_symbol(str(from.symbol));
  to.set_side(static_cast<trading::v1::Side>(from.side));
  to.set_type(static_cast<trading::v1::OrderType>(from.type));
  to.set_state(static_cast<trading::v1::OrderState>(from.state));
  to.set_volume_lots(from.volume_lots);
  to.set_filled_lots(from.filled_lots);
  to.set_price(from.price);
  to.set_stop_limit_price(from.stop_limit_price);
  to.set_stop_loss(from.stop_loss);
  to.set_take_profit(from.take_profit);
  to.set_magic(from.magic);
  to.set_position_id(from.position_id);
  to.set_time_ms(utcMs(from.time_ms, time));
  to.set_retcode(from.retcode);
}

void toProto(const link::Deal& from, const BrokerTime& time, v1::Deal& to) {
  to.set_ticket(from.ticket);
  to.set_order_ticket(from.order_ticket);
  to.set_position_id(from.position_id);
  to.set_order_id(str(from.order_id));
  to.set_magic(from.magic);
  to.set_symbol(str(from.symbol));
  to.set_side(static_cast<trading::v1::Side>(from.side));
  to.set_entry(str(from.entry));
  to.set_volume_lots(from.volume_lots);
  to.set_price(from.price);
  to.set_profit(from.profit);
  to.set_commission(from.commission);
  to.set_swap(from.swap);
  to.set_fee(from.fee);
  to.set_time_ms(utcMs(from.time_ms, time));
  to.set_reason(str(from.reason));
}

void toProto(const link::Position& from, const BrokerTime& time, v1::Position& to) {
  to.set_position_id(from.position_id);
  to.set_symbol(str(from.symbol));
  to.set_side(static_cast<trading::v1::Side>(from.side));
  to.set_volume_lots(from.volume_lots);
  to.set_open_price(from.open_price);
  to.set_stop_loss(from.stop_loss);
  to.set_take_profit(from.take_profit);
  to.set_magic(from.magic);
  to.set_order_id(str(from.order_id));
  to.set_time_ms(utcMs(from.time_ms, time));
  to.set_profit(from.profit);
  to.set_swap(from.swap);
}

void toProto(const link::Account& from, const BrokerTime& time, v1::AccountState& to) {
  to.set_login(str(from.login));
  to.set_currency(str(from.currency));
  to.set_balance(from.balance);
  to.set_equity(from.equity);
  to.set_margin(from.margin);
  to.set_free_margin(from.free_margin);
  to.set_leverage(from.leverage);
  to.set_margin_mode(str(from.margin_mode));
  to.set_trade_allowed(from.trade_allowed != 0);
  to.set_time_ms(utcMs(from.time_ms, time));
}

void toProto(const link::Spec& from, v1::SymbolSpec& to) {
  to.set_name(str(from.name));
  to.set_digits(from.digits);
  to.set_point(from.point);
  to.set_tick_size(from.tick_size);
  to.set_contract_size(from.contract_size);
  to.set_volume_min(from.volume_min);
  to.set_volume_max(from.volume_max);
  to.set_volume_step(from.volume_step);
  to.set_stops_level_points(from.stops_level_points);
  to.set_freeze_level_points(from.freeze_level_points);
  to.set_currency_base(str(from.currency_base));
  to.set_currency_profit(str(from.currency_profit));
  to.set_currency_margin(str(from.currency_margin));
  to.set_calc_mode(str(from.calc_mode));
}

std::string toLink(const v1::PlaceOrder& from, const BrokerTime& time, link::Place& to) {
  to = {};
  const std::string complaint = first({
      badId(from.order_id(), true),
      from.symbol().empty() || !setText(to.symbol, from.symbol()) ? "symbol: empty or longer than 31 bytes" : "",
      from.side() == 1 || from.side() == 2 ? "" : "side: neither buy nor sell",
      from.type() >= 1 && from.type() <= 4 ? "" : "type: not market, limit, stop or stop limit",
      from.time_in_force() >= 0 && from.time_in_force() <= 3 ? "" : "time_in_force: unknown",
      from.volume_lots() > 0 ? badNumber("volume_lots", from.volume_lots()) : "volume_lots: not above 0",
      badNumber("price", from.price()),
      badNumber("stop_limit_price", from.stop_limit_price()),
      badNumber("stop_loss", from.stop_loss()),
      badNumber("take_profit", from.take_profit()),
      badNumber("expiration_ms", from.expiration_ms()),
      from.expiration_ms() > 1e15 ? "expiration_ms: above 1e15" : "",
  });
  if (!complaint.empty()) return complaint;
  if (!setText(to.order_id, from.order_id())) return "order_id: holds a zero byte";
  to.side = static_cast<uint8_t>(from.side());
  to.type = static_cast<uint8_t>(from.type());
  to.time_in_force = static_cast<uint8_t>(from.time_in_force());
  to.deviation_points = from.deviation_points();
  to.volume_lots = from.volume_lots();
  to.price = from.price();
  to.stop_limit_price = from.stop_limit_price();
  to.stop_loss = from.stop_loss();
  to.take_profit = from.take_profit();
  to.expiration_ms = brokerMs(from.expiration_ms(), time);
  to.magic = from.magic();
  to.position_id = from.position_id();
  return {};
}

std::string toLink(const v1::CancelOrder& from, link::Cancel& to) {
  to = {};
  to.ticket = from.ticket();
  if (from.order_id().empty() && from.ticket() == 0) return "order_id: empty, and no ticket either";
  if (!setText(to.order_id, from.order_id())) return "order_id: longer than 31 bytes";
  return {};
}

std::string toLink(const v1::ModifyOrder& from, link::Modify& to) {
  to = {};
  to.ticket = from.ticket();
  to.price = from.price();
  to.stop_limit_price = from.stop_limit_price();
  to.stop_loss = from.stop_loss();
  to.take_profit = from.take_profit();
  if (from.order_id().empty() && from.ticket() == 0) return "order_id: empty, and no ticket either";
  if (!setText(to.order_id, from.order_id())) return "order_id: longer than 31 bytes";
  return first({badNumber("price", from.price()), badNumber("stop_limit_price", from.stop_limit_price()),
                badNumber("stop_loss", from.stop_loss()), badNumber("take_profit", from.take_profit())});
}

std::string toLink(const v1::ProtectPosition& from, link::Protect& to) {
  to = {};
  to.position_id = from.position_id();
  to.stop_loss = from.stop_loss();
  to.take_profit = from.take_profit();
  if (from.symbol().empty() && from.position_id() == 0) return "symbol: empty, and no position_id either";
  if (!setText(to.symbol, from.symbol())) return "symbol: longer than 31 bytes";
  return first({badNumber("stop_loss", from.stop_loss()), badNumber("take_profit", from.take_profit())});
}

std::string toLink(const v1::FindOrder& from, link::Find& to) {
  to = {};
  to.magic = from.magic();
  if (const std::string complaint = badId(from.order_id(), true); !complaint.empty()) return complaint;
  return setText(to.order_id, from.order_id()) ? "" : "order_id: holds a zero byte";
}

}  // namespace troupe::bridge
