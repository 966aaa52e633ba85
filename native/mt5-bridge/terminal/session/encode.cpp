#include "session/encode.h"

#include "link/text.h"

namespace troupe::terminal {

using link::setTextCut;
using link::textOf;

namespace {

const char* name_of(CalcMode mode) {
  switch (mode) {
    case CalcMode::kForex:
      return "forex";
    case CalcMode::kCfd:
      return "cfd";
    case CalcMode::kCfdLeverage:
      return "cfd_leverage";
  }
  return "";
}

}  // namespace

link::Spec to_link(const Spec& spec) {
  link::Spec to{};
  setTextCut(to.name, spec.name);
  to.digits = spec.digits;
  to.point = spec.point;
  to.tick_size = spec.tick_size;
  to.contract_size = spec.contract_size;
  to.volume_min = to_lots(spec.volume_min);
  to.volume_max = to_lots(spec.volume_max);
  to.volume_step = to_lots(spec.volume_step);
  to.stops_level_points = spec.stops_level_points;
  to.freeze_level_points = spec.freeze_level_points;
  setTextCut(to.currency_base, spec.currency_base);
  setTextCut(to.currency_profit, spec.currency_profit);
  setTextCut(to.currency_margin, spec.currency_margin);
  setTextCut(to.calc_mode, name_of(spec.calc_mode));
  return to;
}

link::Order to_link(const Order& order, const Engine& engine) {
  link::Order to{};
  to.ticket = order.ticket;
  setTextCut(to.order_id, order.order_id);
  setTextCut(to.symbol, engine.symbol_name(order.symbol));
  to.side = static_cast<uint8_t>(order.side);
  to.type = static_cast<uint8_t>(order.type);
  to.state = static_cast<uint8_t>(order.state);
  to.retcode = order.retcode;
  to.volume_lots = to_lots(order.volume);
  to.filled_lots = to_lots(order.filled);
  to.price = order.price;
  to.stop_limit_price = order.stop_limit_price;
  to.stop_loss = order.stop_loss;
  to.take_profit = order.take_profit;
  to.magic = order.magic;
  to.position_id = order.position_id;
  to.time_ms = order.time_ms;
  return to;
}

link::Deal to_link(const Deal& deal, const Engine& engine) {
  link::Deal to{};
  to.ticket = deal.ticket;
  to.order_ticket = deal.order_ticket;
  to.position_id = deal.position_id;
  setTextCut(to.order_id, deal.order_id);
  to.magic = deal.magic;
  setTextCut(to.symbol, engine.symbol_name(deal.symbol));
  to.side = static_cast<uint8_t>(deal.side);
  setTextCut(to.entry, deal.entry);
  to.volume_lots = to_lots(deal.volume);
  to.price = deal.price;
  to.profit = to_money(deal.profit);
  to.commission = to_money(deal.commission);
  to.swap = to_money(deal.swap);
  to.fee = to_money(deal.fee);
  to.time_ms = deal.time_ms;
  setTextCut(to.reason, deal.reason);
  return to;
}

link::Position to_link(const Position& position, const Engine& engine) {
  link::Position to{};
  to.position_id = position.position_id;
  setTextCut(to.symbol, engine.symbol_name(position.symbol));
  to.side = static_cast<uint8_t>(position.side);
  to.volume_lots = to_lots(position.volume);
  to.open_price = position.open_price;
  to.stop_loss = position.stop_loss;
  to.take_profit = position.take_profit;
  to.profit = to_money(position.profit);
  to.magic = position.magic;
  setTextCut(to.order_id, position.order_id);
  to.time_ms = position.time_ms;
  return to;
}

link::Account to_link(const Account& account, const Engine& engine, const std::string& login) {
  link::Account to{};
  const EngineConfig& config = engine.config();
  setTextCut(to.login, login);
  setTextCut(to.currency, config.currency);
  to.balance = to_money(account.balance);
  to.equity = to_money(account.equity);
  to.margin = to_money(account.margin);
  to.free_margin = to_money(account.free_margin);
  to.leverage = config.leverage;
  setTextCut(to.margin_mode, config.margin_mode == MarginMode::kNetting ? "netting" : "hedging");
  to.trade_allowed = 1;
  to.time_ms = account.time_ms;
  return to;
}

link::Result to_link(const Result& result, const Engine& engine, uint64_t command, uint64_t received_us) {
  link::Result to{};
  to.command = command;
  to.outcome = static_cast<uint8_t>(result.outcome);
  to.retcode = result.retcode;
  setTextCut(to.message, result.message);
  to.received_us = received_us;
  to.has_order = result.has_order ? 1 : 0;
  to.deals = static_cast<uint32_t>(result.deals.size());
  if (result.has_order) to.order = to_link(result.order, engine);
  return to;
}

PlaceRequest from_link(const link::Place& place) {
  PlaceRequest to;
  to.order_id = textOf(place.order_id);
  to.symbol = textOf(place.symbol);
  to.side = static_cast<Side>(place.side);
  to.type = static_cast<OrderType>(place.type);
  to.time_in_force = static_cast<TimeInForce>(place.time_in_force);
  to.deviation_points = place.deviation_points;
  to.volume_lots = place.volume_lots;
  to.price = place.price;
  to.stop_limit_price = place.stop_limit_price;
  to.stop_loss = place.stop_loss;
  to.take_profit = place.take_profit;
  to.expiration_ms = place.expiration_ms;
  to.magic = place.magic;
  to.position_id = place.position_id;
  return to;
}

ModifyRequest from_link(const link::Modify& modify) {
  ModifyRequest to;
  to.ticket = modify.ticket;
  to.order_id = textOf(modify.order_id);
  to.price = modify.price;
  to.stop_limit_price = modify.stop_limit_price;
  to.stop_loss = modify.stop_loss;
  to.take_profit = modify.take_profit;
  return to;
}

}  // namespace troupe::terminal
