#include "session/encode.h"

#include "link/text.h"

namespace troupe::terminal {

using link::setTextCut;
using link::textOf;

namespace {

const char* nameOf(CalcMode mode) {
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

link::Spec toLink(const Spec& spec) {
  link::Spec to{};
  setTextCut(to.name, spec.name);
  to.digits = spec.digits;
  to.point = spec.point;
  to.tick_size = spec.tick_size;
  to.contract_size = spec.contract_size;
  to.volume_min = toLots(spec.volume_min);
  to.volume_max = toLots(spec.volume_max);
  to.volume_step = toLots(spec.volume_step);
  to.stops_level_points = spec.stops_level_points;
  to.freeze_level_points = spec.freeze_level_points;
  setTextCut(to.currency_base, spec.currency_base);
  setTextCut(to.currency_profit, spec.currency_profit);
  setTextCut(to.currency_margin, spec.currency_margin);
  setTextCut(to.calc_mode, nameOf(spec.calc_mode));
  return to;
}

link::Order toLink(const Order& order, const Engine& engine) {
  link::Order to{};
  to.ticket = order.ticket;
  setTextCut(to.order_id, order.order_id);
  setTextCut(to.symbol, engine.symbolName(order.symbol));
  to.side = static_cast<uint8_t>(order.side);
  to.type = order.type == OrderType::kCloseBy ? 0 : static_cast<uint8_t>(order.type);
  to.state = static_cast<uint8_t>(order.state);
  to.retcode = order.retcode;
  to.volume_lots = toLots(order.volume);
  to.filled_lots = toLots(order.filled);
  to.price = order.price;
  to.stop_limit_price = order.stop_limit_price;
  to.stop_loss = order.stop_loss;
  to.take_profit = order.take_profit;
  to.magic = order.magic;
  to.position_id = order.position_id;
  to.time_ms = order.time_ms;
  return to;
}

link::Deal toLink(const Deal& deal, const Engine& engine) {
  link::Deal to{};
  to.ticket = deal.ticket;
  to.order_ticket = deal.order_ticket;
  to.position_id = deal.position_id;
  setTextCut(to.order_id, deal.order_id);
  to.magic = deal.magic;
  setTextCut(to.symbol, engine.symbolName(deal.symbol));
  to.side = static_cast<uint8_t>(deal.side);
  setTextCut(to.entry, deal.entry);
  to.volume_lots = toLots(deal.volume);
  to.price = deal.price;
  to.profit = toMoney(deal.profit);
  to.commission = toMoney(deal.commission);
  to.swap = toMoney(deal.swap);
  to.fee = toMoney(deal.fee);
  to.time_ms = deal.time_ms;
  setTextCut(to.reason, deal.reason);
  return to;
}

link::Position toLink(const Position& position, const Engine& engine) {
  link::Position to{};
  to.position_id = position.position_id;
  setTextCut(to.symbol, engine.symbolName(position.symbol));
  to.side = static_cast<uint8_t>(position.side);
  to.volume_lots = toLots(position.volume);
  to.open_price = position.open_price;
  to.stop_loss = position.stop_loss;
  to.take_profit = position.take_profit;
  to.profit = toMoney(position.profit);
  to.magic = position.magic;
  setTextCut(to.order_id, position.order_id);
  to.time_ms = position.time_ms;
  return to;
}

link::Account toLink(const Account& account, const Engine& engine, const std::string& login) {
  link::Account to{};
  const EngineConfig& config = engine.config();
  setTextCut(to.login, login);
  setTextCut(to.currency, config.currency);
  to.balance = toMoney(account.balance);
  to.equity = toMoney(account.equity);
  to.margin = toMoney(account.margin);
  to.free_margin = toMoney(account.free_margin);
  to.leverage = config.leverage;
  setTextCut(to.margin_mode, config.margin_mode == MarginMode::kNetting ? "netting" : "hedging");
  to.trade_allowed = 1;
  to.time_ms = account.time_ms;
  return to;
}

link::Result toLink(const Result& result, const Engine& engine, uint64_t command, uint64_t received_us) {
  link::Result to{};
  to.command = command;
  to.outcome = static_cast<uint8_t>(result.outcome);
  to.retcode = result.retcode;
  setTextCut(to.message, result.message);
  to.received_us = received_us;
  to.has_order = result.has_order ? 1 : 0;
  to.deals = static_cast<uint32_t>(result.deals.size());
  if (result.has_order) to.order = toLink(result.order, engine);
  return to;
}

PlaceRequest fromLink(const link::Place& place) {
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

ModifyRequest fromLink(const link::Modify& modify) {
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
