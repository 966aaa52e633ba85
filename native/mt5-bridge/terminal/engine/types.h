// The words of the matching engine. Numbers of the enums are those of trading.v1, so that they travel unchanged.
//
// Volumes are whole numbers of 1e-8 lots and money is whole cents: sums are exact, so that the balance equals the sum
// of the deals and a position equals the signed sum of its deals, whatever their number.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace troupe::terminal {

enum class Side : uint8_t { kNone = 0, kBuy = 1, kSell = 2 };
// A close-by has no number in trading.v1: nobody can order one there, and it is told as kNone.
enum class OrderType : uint8_t { kNone = 0, kMarket = 1, kLimit = 2, kStop = 3, kStopLimit = 4, kCloseBy = 200 };
enum class OrderState : uint8_t {
  kNone = 0,
  kWorking = 5,
  kPartial = 6,
  kFilled = 7,
  kCancelled = 8,
  kRejected = 9,
  kExpired = 10,
};
enum class TimeInForce : uint8_t { kUnspecified = 0, kGtc = 1, kDay = 2, kSpecified = 3 };
// Of a market order that does not find all its volume at once: the rest stays, is cancelled, or nothing is executed.
enum class Filling : uint8_t { kReturn, kFok, kIoc };
enum class MarginMode : uint8_t { kNetting, kHedging };
enum class CalcMode : uint8_t { kForex, kCfd, kCfdLeverage };
// Numbers of bridge.v1.Outcome.
enum class Outcome : uint8_t { kDone = 1, kAccepted = 2, kRejected = 3, kUnknown = 4, kNotFound = 5 };

using Volume = int64_t;  // 1e-8 lots
using Cents = int64_t;   // hundredths of the account's currency

inline constexpr double kVolumeUnit = 1e8;
inline constexpr uint32_t kNoSymbol = std::numeric_limits<uint32_t>::max();

inline double toLots(Volume volume) { return static_cast<double>(volume) / kVolumeUnit; }
inline Volume toVolume(double lots) { return std::llround(lots * kVolumeUnit); }
inline double toMoney(Cents cents) { return static_cast<double>(cents) / 100.0; }
// Half a cent rounds away from zero, as MetaTrader's NormalizeDouble(money, 2) does.
inline Cents toCents(double money) { return std::llround(money * 100.0); }
inline Side opposite(Side side) { return side == Side::kBuy ? Side::kSell : Side::kBuy; }
inline int signOf(Side side) { return side == Side::kBuy ? 1 : -1; }

// When a broker trades: of one day of its week, by its own clock. Quotes may come at any time.
struct TradeSession {
  int day = 0;  // 0: Sunday
  int from_s = 0, to_s = 86400;
};

// Whether there is trade at a second of the broker's clock. No sessions: always.
inline bool tradesAt(const std::vector<TradeSession>& sessions, int64_t broker_s) {
  const int64_t day = (broker_s / 86400 + 4) % 7, second = broker_s % 86400;
  for (const TradeSession& session : sessions)
    if (session.day == day && second >= session.from_s && second < session.to_s) return true;
  return sessions.empty();
}

struct Spec {
  std::string name;
  uint32_t digits = 0;
  double point = 0, tick_size = 0, contract_size = 0;
  Volume volume_min = 0, volume_max = 0, volume_step = 0;
  uint32_t stops_level_points = 0, freeze_level_points = 0;
  std::string currency_base, currency_profit, currency_margin;
  CalcMode calc_mode = CalcMode::kForex;
};

struct Quote {
  int64_t time_ms = 0;
  double bid = 0, ask = 0;  // 0: no price yet
  bool valid() const { return bid > 0 && ask > 0; }
  // The price at which an order of this side fills.
  double openPrice(Side side) const { return side == Side::kBuy ? ask : bid; }
  // The price at which a position of this side would be closed; its stop loss and take profit trigger on it.
  double closePrice(Side side) const { return side == Side::kBuy ? bid : ask; }
};

struct Order {
  uint64_t ticket = 0;   // 0: refused before it became an order
  std::string order_id;  // client order id; "[sl 1.08639]" and the like for orders that the server made
  uint32_t symbol = kNoSymbol;
  Side side = Side::kNone;
  OrderType type = OrderType::kNone;
  OrderState state = OrderState::kNone;
  uint32_t retcode = 0;
  Volume volume = 0, filled = 0;
  double price = 0, stop_limit_price = 0, stop_loss = 0, take_profit = 0;
  uint64_t magic = 0;
  uint64_t position_id = 0;  // position it closes, or has opened or changed
  uint64_t position_by = 0;  // of a close-by: the other position
  bool closing = false;      // the client named a position: this order may reduce it and nothing else
  int64_t time_ms = 0;
  int64_t done_ms = 0;  // when it stopped being active
  int64_t expiration_ms = 0;
  std::string message;
  std::vector<uint32_t> deals;  // indices into Engine::deals()
  bool active() const { return state == OrderState::kWorking || state == OrderState::kPartial; }
};

struct Deal {
  uint64_t ticket = 0, order_ticket = 0, position_id = 0;
  std::string order_id;
  uint64_t magic = 0;
  uint32_t symbol = kNoSymbol;
  Side side = Side::kNone;
  std::string entry;  // in, out, inout, out_by; balance
  Volume volume = 0;
  double price = 0;
  Cents profit = 0, commission = 0, swap = 0, fee = 0;
  int64_t time_ms = 0;
  std::string reason;  // expert, stop_loss, take_profit, stop_out; client for the opening balance
};

struct Position {
  uint64_t position_id = 0;  // ticket of the order that opened it; stays through a reversal
  uint32_t symbol = kNoSymbol;
  Side side = Side::kNone;
  Volume volume = 0;  // 0: closed
  double open_price = 0, stop_loss = 0, take_profit = 0;
  uint64_t magic = 0;
  std::string order_id;
  int64_t time_ms = 0;
  Cents profit = 0;  // floating, at the moment the record was taken
};

struct Account {
  Cents balance = 0, equity = 0, margin = 0, free_margin = 0;
  int64_t time_ms = 0;
};

// Event is something that happened, in the order in which it happened.
struct Event {
  enum class Kind : uint8_t { kOrder = 1, kDeal = 2, kPosition = 3, kAccount = 4 };
  Kind kind;
  // To be remembered, but not to be told as an event (orders refused before they became orders).
  bool silent = false;
  Order order{};
  Deal deal{};
  Position position{};
  Account account{};
};

struct PlaceRequest {
  std::string order_id, symbol;
  Side side = Side::kNone;
  OrderType type = OrderType::kNone;
  TimeInForce time_in_force = TimeInForce::kUnspecified;
  uint32_t deviation_points = 0;
  double volume_lots = 0, price = 0, stop_limit_price = 0, stop_loss = 0, take_profit = 0;
  int64_t expiration_ms = 0;
  uint64_t magic = 0, position_id = 0;
  Filling filling = Filling::kReturn;
  bool exact = false;  // at the market price, without slippage
};

// The other position must be of the same symbol and the other side.
struct CloseByRequest {
  uint64_t position_id = 0, position_by = 0;
  std::string comment;
  uint64_t magic = 0;
};

struct ModifyRequest {
  uint64_t ticket = 0;
  std::string order_id;
  double price = 0, stop_limit_price = 0, stop_loss = 0, take_profit = 0;
};

struct Result {
  Outcome outcome = Outcome::kRejected;
  uint32_t retcode = 0;
  std::string message{};
  bool has_order = false;
  Order order{};
  std::vector<Deal> deals{};
};

struct ExecutionModel {
  double slippage_max_points = 0;       // drawn uniformly from the whole points 0..max, against the order
  double reject_probability = 0;        // of a client's order, retcode 10006
  double partial_fill_probability = 0;  // of a client's market order: two deals, the second a tick later
  uint64_t seed = 0;
};

struct EngineConfig {
  std::string currency;
  Cents balance = 0;
  uint32_t leverage = 1;
  MarginMode margin_mode = MarginMode::kNetting;
  std::vector<Spec> symbols;
  ExecutionModel execution;
  double commission_per_lot = 0;      // account currency, charged on every deal
  double stop_out_level_percent = 0;  // 0: no stop-out
  std::map<std::string, double> currency_rates;
  int64_t start_ms = 0;  // time of the opening balance
  // Whether order_id is the client's, by which a retry is known. A real broker knows none: then it is a comment, may be
  // empty or repeated, and what was refused leaves no trace.
  bool client_ids = true;
};

}  // namespace troupe::terminal
