#include "engine/market.h"

#include <stdexcept>

namespace troupe::terminal {

Market::Route Market::route(const EngineConfig& config, const std::string& currency) {
  Route route;
  if (currency == config.currency) {
    route.fixed = 1;
    return route;
  }
  for (uint32_t i = 0; i < config.symbols.size(); ++i) {
    const Spec& spec = config.symbols[i];
    if (spec.currency_base == currency && spec.currency_profit == config.currency) route.direct = i;
    if (spec.currency_base == config.currency && spec.currency_profit == currency) route.inverse = i;
  }
  if (auto rate = config.currency_rates.find(currency); rate != config.currency_rates.end()) route.fixed = rate->second;
  return route;
}

std::vector<std::string> Market::unconvertible(const EngineConfig& config, const Spec& spec) {
  std::vector<std::string> missing;
  for (const std::string& currency : {spec.currency_profit, spec.currency_margin}) {
    const Route found = route(config, currency);
    const bool known = found.direct != kNoSymbol || found.inverse != kNoSymbol || found.fixed > 0;
    if (!known && (missing.empty() || missing.back() != currency)) missing.push_back(currency);
  }
  return missing;
}

Market::Market(const EngineConfig& config)
    : specs_(config.symbols),
      leverage_(config.leverage),
      quotes_(config.symbols.size()),
      converts_(config.symbols.size(), false) {
  for (const Spec& spec : specs_) {
    if (auto missing = unconvertible(config, spec); !missing.empty()) {
      throw std::invalid_argument("symbol " + spec.name + ": no rate from " + missing.front() + " to " +
                                  config.currency);
    }
    profit_routes_.push_back(route(config, spec.currency_profit));
    margin_routes_.push_back(route(config, spec.currency_margin));
    for (const Route* used : {&profit_routes_.back(), &margin_routes_.back()}) {
      if (used->direct != kNoSymbol) converts_[used->direct] = true;
      if (used->inverse != kNoSymbol) converts_[used->inverse] = true;
    }
  }
}

std::optional<double> Market::rate(const Route& route, bool buy) const {
  if (route.direct != kNoSymbol && quotes_[route.direct].valid()) {
    const Quote& quote = quotes_[route.direct];
    return buy ? quote.ask : quote.bid;
  }
  if (route.inverse != kNoSymbol && quotes_[route.inverse].valid()) {
    const Quote& quote = quotes_[route.inverse];
    return 1.0 / (buy ? quote.bid : quote.ask);
  }
  if (route.fixed > 0) return route.fixed;
  return std::nullopt;
}

std::optional<Cents> Market::profit(uint32_t symbol, Side side, Volume volume, double open_price,
                                    double close_price) const {
  const double amount = signOf(side) * (close_price - open_price) * specs_[symbol].contract_size * toLots(volume);
  // A gain in foreign money is sold, a loss has to be bought: that is why MetaTrader has two tick values.
  const auto to_account = rate(profit_routes_[symbol], amount < 0);
  if (!to_account) return std::nullopt;
  return toCents(amount * *to_account);
}

std::optional<double> Market::margin(uint32_t symbol, Side side, Volume volume, double price) const {
  const Spec& spec = specs_[symbol];
  const auto to_account = rate(margin_routes_[symbol], side == Side::kBuy);
  if (!to_account) return std::nullopt;
  const double units = toLots(volume) * spec.contract_size;
  switch (spec.calc_mode) {
    case CalcMode::kForex:
      return units / leverage_ * *to_account;
    case CalcMode::kCfd:
      return units * price * *to_account;
    case CalcMode::kCfdLeverage:
      return units * price / leverage_ * *to_account;
  }
  return std::nullopt;
}

}  // namespace troupe::terminal
