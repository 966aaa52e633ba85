// Latest quotes, and the money that follows from them: profit and margin in the account's currency.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/types.h"

namespace troupe::terminal {

class Market {
 public:
  // Throws std::invalid_argument naming the symbol if a currency cannot be converted to the account's.
  explicit Market(const EngineConfig& config);

  void set(uint32_t symbol, const Quote& quote) { quotes_[symbol] = quote; }
  const Quote& quote(uint32_t symbol) const { return quotes_[symbol]; }
  // True if money of some symbol is converted at this symbol's rate.
  bool converts(uint32_t symbol) const { return converts_[symbol]; }

  // Profit of a position closed at close_price: (close - open) * contract * lots, converted; rounded to cents.
  // Empty while a rate is missing.
  std::optional<Cents> profit(uint32_t symbol, Side side, Volume volume, double open_price, double close_price) const;
  // Margin in the account's currency, unrounded (MQL5 reference, ENUM_SYMBOL_CALC_MODE). Empty while a rate is missing.
  std::optional<double> margin(uint32_t symbol, Side side, Volume volume, double price) const;

  // Names of currencies of this symbol that neither a symbol nor a fixed rate converts; for the config check.
  static std::vector<std::string> unconvertible(const EngineConfig& config, const Spec& spec);

 private:
  struct Route {
    uint32_t direct = kNoSymbol;   // symbol FROM/ACCOUNT
    uint32_t inverse = kNoSymbol;  // symbol ACCOUNT/FROM
    double fixed = 0;              // used while no symbol gives the rate
  };
  static Route route(const EngineConfig& config, const std::string& currency);
  // Account currency for one unit when it is bought (at ask) or sold (at bid).
  std::optional<double> rate(const Route& route, bool buy) const;

  const std::vector<Spec> specs_;
  const double leverage_;
  std::vector<Quote> quotes_;
  std::vector<Route> profit_routes_, margin_routes_;
  std::vector<bool> converts_;
};

}  // namespace troupe::terminal
