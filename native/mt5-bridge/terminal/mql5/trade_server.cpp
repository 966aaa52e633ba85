#include "terminal/mql5/trade_server.h"

#include <cmath>

#include "engine/random.h"

namespace troupe::terminal {

namespace {

// Purposes of draws that the engine does not have.
constexpr Draw kRequoteDraw = static_cast<Draw>(100), kRejectDraw = static_cast<Draw>(101);

bool isMarket(ENUM_ORDER_TYPE type) { return type == ORDER_TYPE_BUY || type == ORDER_TYPE_SELL; }

}  // namespace

TradeServer::TradeServer(Engine& engine, const Profile& profile) : engine_(engine), profile_(profile) {
  engine.setTradeSessions(profile.sessions);
  for (const Order& order : engine.activeOrders()) active_.insert(order.ticket);
  for (const Deal& deal : engine.deals()) noteDeal(deal);
}

void TradeServer::noteDeal(const Deal& deal) {
  if (deal.entry == "inout") tickets_[deal.position_id] = deal.order_ticket;
}

uint64_t TradeServer::ticketOf(uint64_t position_id) const {
  const auto found = tickets_.find(position_id);
  return found == tickets_.end() ? position_id : found->second;
}

uint64_t TradeServer::positionByTicket(uint64_t ticket) const {
  for (const Position& position : engine_.positions())
    if (ticketOf(position.position_id) == ticket) return position.position_id;
  return 0;
}

bool TradeServer::open(int64_t session_s) const { return tradesAt(profile_.sessions, session_s); }

// Brokers cut comments, replace them or throw them away.
std::string TradeServer::commentOf(const ::string& comment) const {
  std::string text = comment.utf8();
  if (profile_.comment == "dropped") return "";
  if (profile_.comment == "replaced") text = "broker";
  size_t size = std::min<size_t>(text.size(), profile_.comment_max_bytes);
  while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

MqlTradeResult TradeServer::refused(uint32_t retcode, const char* comment, const MqlTradeRequest& request) const {
  MqlTradeResult result = {};
  result.retcode = retcode;
  result.comment = comment;
  const uint32_t symbol = engine_.symbolIndex(request.symbol.utf8());
  if (symbol != kNoSymbol) {
    result.bid = engine_.lastQuote(symbol).bid;
    result.ask = engine_.lastQuote(symbol).ask;
  }
  return result;
}

MqlTradeResult TradeServer::answer(const Result& from, const MqlTradeRequest& request) const {
  MqlTradeResult result = refused(from.retcode, from.message.c_str(), request);
  if (from.retcode == kPlaced && request.action == TRADE_ACTION_PENDING) {
    // Facts sheet, section 5, sequence 5.
    result.retcode = kDone;
    result.comment = "Order placed";
  }
  if (outcomeOf(from.retcode) == Outcome::kRejected || !from.has_order) return result;
  result.order = from.order.ticket;
  result.volume = toLots(from.order.volume);
  result.price = from.order.price;
  if (!from.deals.empty()) {
    result.deal = from.deals.front().ticket;
    result.volume = toLots(from.order.filled);
    result.price = from.deals.front().price;
  }
  return result;
}

PlaceRequest TradeServer::placeOf(const MqlTradeRequest& request) const {
  PlaceRequest place;
  place.order_id = commentOf(request.comment);
  place.symbol = request.symbol.utf8();
  place.side = isBuy(request.type) ? Side::kBuy : Side::kSell;
  place.type = static_cast<OrderType>(request.type / 2 + 1);
  place.volume_lots = request.volume;
  place.stop_loss = request.sl;
  place.take_profit = request.tp;
  place.magic = request.magic;
  return place;
}

MqlTradeResult TradeServer::deal(const MqlTradeRequest& request, uint64_t number) {
  if (!isMarket(request.type)) return refused(kInvalid, "Invalid request", request);
  const uint32_t symbol = engine_.symbolIndex(request.symbol.utf8());
  const bool dealer =
      profile_.execution == SYMBOL_TRADE_EXECUTION_REQUEST || profile_.execution == SYMBOL_TRADE_EXECUTION_INSTANT;
  const bool exchange = profile_.execution == SYMBOL_TRADE_EXECUTION_EXCHANGE;
  bool allowed = dealer;
  if (!dealer) {
    if (request.type_filling == ORDER_FILLING_FOK) allowed = (profile_.filling & SYMBOL_FILLING_FOK) != 0;
    if (request.type_filling == ORDER_FILLING_IOC) allowed = (profile_.filling & SYMBOL_FILLING_IOC) != 0;
    if (request.type_filling == ORDER_FILLING_RETURN) allowed = exchange;
  }
  if (request.type_filling == ORDER_FILLING_BOC || !allowed)
    return refused(TRADE_RETCODE_INVALID_FILL, "Unsupported filling mode", request);
  PlaceRequest place = placeOf(request);
  place.filling = request.type_filling == ORDER_FILLING_FOK   ? Filling::kFok
                  : request.type_filling == ORDER_FILLING_IOC ? Filling::kIoc
                                                              : Filling::kReturn;
  if (request.position != 0) {
    place.position_id = positionByTicket(request.position);
    if (place.position_id == 0) return refused(kPositionClosed, "Position closed", request);
  }
  if (dealer) {
    const Quote& quote = engine_.lastQuote(symbol);
    const double worse = (isBuy(request.type) ? 1 : -1) * (quote.openPrice(place.side) - request.price);
    const double most = static_cast<double>(request.deviation) + 1e-6;
    const bool moved = worse / engine_.config().symbols[symbol].point > most;
    if (request.price <= 0) return refused(kInvalidPrice, "Invalid price", request);
    if (moved || draw(profile_.seed, number, kRequoteDraw) < profile_.requote)
      return refused(kRequote, "Requote", request);
    place.exact = true;
  }
  return answer(engine_.place(place), request);
}

MqlTradeResult TradeServer::closeBy(const MqlTradeRequest& request) {
  if (request.position == 0 || request.position_by == 0) return refused(kInvalid, "Invalid request", request);
  CloseByRequest by{positionByTicket(request.position), positionByTicket(request.position_by), "", request.magic};
  by.comment =
      commentOf(("#" + std::to_string(request.position) + " by #" + std::to_string(request.position_by)).c_str());
  return answer(engine_.closeBy(by), request);
}

MqlTradeResult TradeServer::pending(const MqlTradeRequest& request) {
  if (isMarket(request.type) || request.type > ORDER_TYPE_SELL_STOP_LIMIT)
    return refused(TRADE_RETCODE_INVALID_ORDER, "Invalid order type", request);
  if (request.type_filling != ORDER_FILLING_RETURN)
    return refused(TRADE_RETCODE_INVALID_FILL, "Unsupported filling mode", request);
  if (profile_.limit_orders > 0 && active_.size() >= profile_.limit_orders)
    return refused(TRADE_RETCODE_LIMIT_ORDERS, "Limit of orders reached", request);
  PlaceRequest place = placeOf(request);
  place.price = request.price;
  place.stop_limit_price = request.stoplimit;
  switch (request.type_time) {
    case ORDER_TIME_GTC:
      place.time_in_force = TimeInForce::kGtc;
      break;
    case ORDER_TIME_DAY:
      place.time_in_force = TimeInForce::kDay;
      break;
    default:
      place.time_in_force = TimeInForce::kSpecified;
      place.expiration_ms = request.expiration * 1000;
  }
  return answer(engine_.place(place), request);
}

MqlTradeResult TradeServer::execute(const MqlTradeRequest& request, uint64_t number, int64_t session_s) {
  const bool names_symbol = request.action == TRADE_ACTION_DEAL || request.action == TRADE_ACTION_PENDING;
  if (names_symbol && engine_.symbolIndex(request.symbol.utf8()) == kNoSymbol)
    return refused(kInvalid, "Invalid request", request);
  if (!open(session_s)) return refused(TRADE_RETCODE_MARKET_CLOSED, "Market closed", request);
  if (names_symbol && draw(profile_.seed, number, kRejectDraw) < profile_.reject)
    return refused(kReject, "Rejected", request);
  switch (request.action) {
    case TRADE_ACTION_DEAL:
      return deal(request, number);
    case TRADE_ACTION_PENDING:
      return pending(request);
    case TRADE_ACTION_SLTP: {
      uint64_t position = 0;
      if (request.position != 0) {
        position = positionByTicket(request.position);
        if (position == 0) return refused(kPositionClosed, "Position closed", request);
      }
      return answer(engine_.protect(position, request.symbol.utf8(), request.sl, request.tp), request);
    }
    case TRADE_ACTION_MODIFY:
      if (!engine_.orderByTicket(request.order)) return refused(kInvalid, "Invalid request", request);
      return answer(engine_.modify({request.order, "", request.price, request.stoplimit, request.sl, request.tp}),
                    request);
    case TRADE_ACTION_REMOVE:
      // A broker does not say whether the order is gone or never was.
      if (!engine_.orderByTicket(request.order) || !engine_.orderByTicket(request.order)->active())
        return refused(kInvalid, "Invalid request", request);
      return answer(engine_.cancel(request.order, ""), request);
    case TRADE_ACTION_CLOSE_BY:
      return closeBy(request);
  }
  return refused(kInvalid, "Invalid request", request);
}

std::vector<MqlTradeTransaction> TradeServer::transactionsOf(const std::vector<Event>& events) {
  std::vector<MqlTradeTransaction> all;
  uint64_t dealt = 0;  // position of the last deal: its change is not told
  const auto add = [&](ENUM_TRADE_TRANSACTION_TYPE type) -> MqlTradeTransaction& {
    MqlTradeTransaction& trans = all.emplace_back();
    trans = {};
    trans.type = type;
    return trans;
  };
  const auto addOrder = [&](ENUM_TRADE_TRANSACTION_TYPE type, const Order& order, ENUM_ORDER_STATE state) {
    MqlTradeTransaction& trans = add(type);
    trans.order = order.ticket;
    trans.symbol = engine_.symbolName(order.symbol);
    trans.order_type = toMql(order.side, order.type);
    trans.order_state = state;
    trans.price = order.price;
    trans.price_trigger = order.stop_limit_price;
    trans.price_sl = order.stop_loss;
    trans.price_tp = order.take_profit;
    trans.volume = toLots(order.volume - order.filled);
    trans.position = order.closing ? ticketOf(order.position_id) : 0;
    trans.position_by = order.position_by == 0 ? 0 : ticketOf(order.position_by);
    trans.time_expiration = order.expiration_ms / 1000;
    trans.time_type = order.expiration_ms > 0 ? ORDER_TIME_SPECIFIED : ORDER_TIME_GTC;
  };
  for (const Event& event : events) {
    if (event.silent) continue;
    switch (event.kind) {
      case Event::Kind::kOrder: {
        const Order& order = event.order;
        if (order.ticket == 0) break;
        const bool known = !active_.insert(order.ticket).second;
        if (!known) addOrder(TRADE_TRANSACTION_ORDER_ADD, order, ORDER_STATE_STARTED);
        if (!order.active()) {
          active_.erase(order.ticket);
          addOrder(TRADE_TRANSACTION_ORDER_DELETE, order, toMql(order.state));
          addOrder(TRADE_TRANSACTION_HISTORY_ADD, order, toMql(order.state));
        } else if (known || (order.type != OrderType::kMarket && order.type != OrderType::kCloseBy)) {
          addOrder(TRADE_TRANSACTION_ORDER_UPDATE, order, toMql(order.state));
        }
        break;
      }
      case Event::Kind::kDeal: {
        const Deal& deal = event.deal;
        noteDeal(deal);
        // Of a close-by it was seen between the two deals (facts sheet, section 5, sequence 4).
        const Order* by = deal.entry == "out_by" ? engine_.orderByTicket(deal.order_ticket) : nullptr;
        dealt = by && by->position_id == deal.position_id ? 0 : deal.position_id;
        MqlTradeTransaction& trans = add(TRADE_TRANSACTION_DEAL_ADD);
        // Order type and state stay at their defaults: MetaTrader was seen to leave them stale.
        trans.deal = deal.ticket;
        trans.order = deal.order_ticket;
        trans.symbol = engine_.symbolName(deal.symbol);
        trans.deal_type = dealType(deal);
        trans.price = deal.price;
        trans.volume = toLots(deal.volume);
        trans.position = deal.position_id == 0 ? 0 : ticketOf(deal.position_id);
        break;
      }
      case Event::Kind::kPosition: {
        const Position& position = event.position;
        const bool of_deal = dealt == position.position_id;
        dealt = 0;
        if (of_deal) break;
        MqlTradeTransaction& trans = add(TRADE_TRANSACTION_POSITION);
        trans.symbol = engine_.symbolName(position.symbol);
        trans.deal_type = position.side == Side::kSell ? DEAL_TYPE_SELL : DEAL_TYPE_BUY;
        trans.position = ticketOf(position.position_id);
        trans.volume = toLots(position.volume);
        trans.price = position.open_price;
        trans.price_sl = position.stop_loss;
        trans.price_tp = position.take_profit;
        break;
      }
      case Event::Kind::kAccount:
        break;
    }
  }
  return all;
}

}  // namespace troupe::terminal
