// The matching engine and the account of the simulated terminal. Pure: no clock, no sockets, no files. The same
// config, the same quotes and the same requests give the same deals.
//
// Rules, where MetaTrader leaves a choice to the broker:
// - Market execution. A market order fills at ask (buy) or bid (sell), made worse by slippage. Price and deviation
//   are looked at only when both are given: a fill worse than that is answered with 10004 and nothing is executed.
// - A pending order must stand strictly outside the market, at least the stops level away (10015). A limit order fills
//   at the market price that reached it (its price or better), a stop order at the market price plus slippage; a
//   stop-limit order becomes a limit order at stop_limit_price when its price is reached, and may fill on that tick.
// - Stop loss closes at the market price plus slippage, take profit at the market price.
// - Partial fill (market orders of clients only): two deals; the answer to the first is 10010, and the second follows
//   on the next tick of the symbol (or settle()). If there is no money left for it, the rest is cancelled.
// - On one tick: expirations, second parts, stop losses and take profits by position id, pending orders by ticket,
//   stop-out. What a tick opens is not yet protected on that tick.
// - Netting: an order on the same side adds (average price; its stops replace the position's where given), on the other
//   side reduces, closes or reverses (stops become the order's; the position id stays).
// - Hedging margin: the larger leg of a symbol is charged.
// - Commission is charged on every deal. A pending order is checked for margin when it fills: 10041 cancels it.
// - Orders that the server makes (stop loss, take profit, stop-out) carry MetaTrader's comment as order id
//   ("[sl 1.08639]"), and the position's magic; the deal's reason says which it was.
// - A close-by (hedging only) is one order with two deals of the smaller volume, both at the price at which the other
//   position was opened: the first has the whole profit, the second none, and the market's prices and spread play no
//   part. What is left of the larger position stays. Nobody has published the prices of such deals; their sum is known.
// - Modify gives the whole new order: a price of 0 is refused, stops of 0 are removed.
// - Outside of the trade sessions ticks change prices and let orders expire, and nothing else: what waits, stops and
//   targets are looked at again on the first tick of the next session, at its price. Requests are refused by whoever
//   hands them over (mql5/trade_server.h).
// - A retry with a known order id returns what became of that order and executes nothing, also after a refusal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/market.h"
#include "engine/retcode.h"
#include "engine/types.h"

namespace troupe::terminal {

class Engine {
 public:
  // Throws std::invalid_argument if a currency cannot be converted. Writes the opening balance as deal 1 unless
  // deals are restored before begin().
  explicit Engine(EngineConfig config);

  // Called once, after what history holds has been restored.
  void begin();
  void restore(const Order& order);
  void restore(const Deal& deal);
  void restore(const Position& position);
  void restoreDone(uint64_t ticket, int64_t done_ms);
  void restoreClosedBy(uint64_t ticket, uint64_t position_by);

  // One tick: quotes of a symbol nobody trades cost a store and two compares. True when events are waiting.
  bool quote(uint32_t symbol, int64_t time_ms, double bid, double ask) {
    now_ms_ = time_ms > now_ms_ ? time_ms : now_ms_;
    market_.set(symbol, {time_ms, bid, ask});
    if (busy_[symbol] || now_ms_ >= next_expiry_ms_) match(symbol);
    return !events_.empty();
  }
  // Sets a quote without matching: prices that were known before a restart.
  void prime(uint32_t symbol, int64_t time_ms, double bid, double ask);
  // None: always. By the time of the ticks.
  void setTradeSessions(std::vector<TradeSession> sessions) { trade_sessions_ = std::move(sessions); }
  // Fills what waits for a next tick, at the last prices: there will be no more ticks. With the market closed it is
  // cancelled.
  void settle();

  Result place(const PlaceRequest& request);
  Result cancel(uint64_t ticket, const std::string& order_id);
  Result modify(const ModifyRequest& request);
  // Either names a position by id, or (netting) by symbol.
  Result protect(uint64_t position_id, const std::string& symbol, double stop_loss, double take_profit);
  Result closeBy(const CloseByRequest& request);
  // By order id; by magic only where order_id is empty (kUnknown if several orders carry it).
  Result find(const std::string& order_id, uint64_t magic) const;

  // What happened since the last call, in order.
  std::vector<Event> takeEvents();
  bool hasEvents() const { return !events_.empty(); }

  const EngineConfig& config() const { return config_; }
  int64_t nowMs() const { return now_ms_; }
  Account account() const;
  std::vector<Order> activeOrders() const;
  std::vector<Position> positions() const;  // by id, with floating profit
  const std::deque<Order>& orders() const { return orders_; }
  const Order* orderByTicket(uint64_t ticket) const;
  const Market& market() const { return market_; }
  const std::vector<Deal>& deals() const { return deals_; }
  const Quote& lastQuote(uint32_t symbol) const { return market_.quote(symbol); }
  uint32_t symbolIndex(const std::string& name) const;  // kNoSymbol if unknown
  const std::string& symbolName(uint32_t symbol) const;

 private:
  struct Check {
    uint32_t retcode = 0;  // 0: passes
    const char* message = "";
  };
  struct Book {
    std::vector<uint32_t> pending;     // indices into orders_, by ticket
    std::vector<uint32_t> remainders;  // partly filled market orders
    std::vector<uint64_t> positions;   // by id
  };

  // engine_place.cpp
  Order orderFrom(const PlaceRequest& request);
  Check validate(const PlaceRequest& request, Order& order) const;
  Check validateVolume(const Order& order, double lots) const;
  Check validatePending(const Order& order) const;
  Check validateStops(const Order& order) const;
  Check validateClose(const Order& order) const;
  Check validateExpiration(const PlaceRequest& request, Order& order) const;
  Check checkMoney(const Order& order, Volume volume, double price) const;
  bool onGrid(uint32_t symbol, double price) const;
  double toGrid(uint32_t symbol, double price) const;
  Result refuse(Order order, uint32_t retcode, const std::string& message);
  Result placeMarket(Order order, const PlaceRequest& request);
  Result placePending(Order order);
  uint32_t remember(Order order);
  uint64_t luckOf(const Order& order) const;

  // engine_fill.cpp
  double slipped(uint32_t symbol, Side side, uint64_t key, uint64_t part) const;
  void fill(Order& order, Volume volume, double price, const char* reason);
  Deal dealFor(const Order& order, Volume volume, double price, const char* reason);
  void openOrAdd(Position& position, const Order& order, Volume volume, double price);
  void record(Deal deal, Order& order);
  void closePosition(uint64_t position_id, double price, const std::string& comment, const char* reason);
  Position* positionFor(const Order& order);
  void forgetIfClosed(const Position& position);
  Volume firstPart(const Order& order) const;

  // engine_close_by.cpp
  Check validateCloseBy(const CloseByRequest& request) const;
  void closeLeg(Order& order, uint64_t position_id, double price);

  // engine_match.cpp
  void match(uint32_t symbol);
  void expire();
  bool trades() const { return tradesAt(trade_sessions_, now_ms_ / 1000); }
  void fillRemainders(uint32_t symbol);
  void triggerStops(uint32_t symbol);
  void triggerPending(uint32_t symbol);
  void stopOut();
  void endOrder(Order& order, OrderState state, uint32_t retcode, const std::string& message);
  void refresh(uint32_t symbol);
  void refreshExpiry();

  // engine_state.cpp
  void emit(const Order& order, bool silent = false);
  void emit(const Position& position);
  void emitAccount();
  Result resultFor(const Order& order, uint32_t retcode, const std::string& message) const;
  Result known(const Order& order) const;
  Order* findOrder(uint64_t ticket, const std::string& order_id);
  Cents floating(const Position& position) const;
  double marginUsed() const;
  double marginOf(uint32_t symbol) const;
  void index(uint32_t order);

  EngineConfig config_;
  std::vector<TradeSession> trade_sessions_;
  Market market_;
  int64_t now_ms_;
  int64_t next_expiry_ms_ = std::numeric_limits<int64_t>::max();
  Cents balance_ = 0;
  uint64_t next_order_ = 1, next_deal_ = 1;
  uint64_t refused_ = 0;      // without client ids
  std::deque<Order> orders_;  // every order ever seen; a deque keeps references alive
  std::vector<Deal> deals_;
  std::map<uint64_t, Position> positions_;
  std::vector<Book> books_;
  // 1 where a tick needs more than a store: orders or positions in this symbol, or money converted at its rate.
  std::vector<uint8_t> busy_;
  std::unordered_map<std::string, uint32_t> by_order_id_;
  std::unordered_map<uint64_t, uint32_t> by_ticket_;
  std::unordered_map<std::string, uint32_t> symbol_index_;
  std::vector<Event> events_;
};

}  // namespace troupe::terminal
