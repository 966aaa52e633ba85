#include "config.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/market.h"
#include "link/connection.h"
#include "link/text.h"
#include "troupe/bridge/v1/bridge.pb.h"

namespace troupe::terminal {

namespace {

namespace pb = troupe::bridge::v1;

std::string shortest(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.12g", value);
  return text;
}

class Checker {
 public:
  explicit Checker(std::vector<std::string>& faults) : faults_(faults) {}

  void fault(const std::string& field, const std::string& what) { faults_.push_back(field + ": " + what); }
  void range(const std::string& field, double value, double low, double high, const char* unit = "") {
    if (std::isfinite(value) && value >= low && value <= high) return;
    fault(field, shortest(value) + " is outside " + shortest(low) + ".." + shortest(high) + unit);
  }
  void aboveZero(const std::string& field, double value, double high) {
    if (std::isfinite(value) && value > 0 && value <= high) return;
    fault(field, shortest(value) + " is not above 0 and at most " + shortest(high));
  }
  void text(const std::string& field, const std::string& value, size_t most) {
    if (!value.empty() && value.size() <= most && link::isUtf8(value) && value.find('\0') == std::string::npos) return;
    fault(field, "'" + value + "' must have 1.." + std::to_string(most) + " bytes");
  }

 private:
  std::vector<std::string>& faults_;
};

Volume volumeOf(Checker& check, const std::string& field, double lots) {
  check.aboveZero(field, lots, 1e6);
  if (!std::isfinite(lots) || lots <= 0 || lots > 1e6) return 0;
  const Volume volume = toVolume(lots);
  if (volume == 0 || std::abs(lots * kVolumeUnit - static_cast<double>(volume)) > 0.01) {
    check.fault(field, shortest(lots) + " is not a multiple of 0.00000001 lots");
  }
  return volume;
}

Spec specOf(Checker& check, const pb::SymbolSpec& from, const std::string& at) {
  Spec spec;
  spec.name = from.name();
  check.text(at + ".name", spec.name, 31);
  spec.digits = from.digits();
  check.range(at + ".digits", spec.digits, 0, 8);
  spec.point = from.point();
  check.aboveZero(at + ".point", spec.point, 1e6);
  spec.tick_size = from.tick_size();
  check.aboveZero(at + ".tickSize", spec.tick_size, 1e6);
  spec.contract_size = from.contract_size();
  check.aboveZero(at + ".contractSize", spec.contract_size, 1e9);
  spec.volume_min = volumeOf(check, at + ".volumeMin", from.volume_min());
  spec.volume_max = volumeOf(check, at + ".volumeMax", from.volume_max());
  spec.volume_step = volumeOf(check, at + ".volumeStep", from.volume_step());
  if (spec.volume_min > spec.volume_max) check.fault(at + ".volumeMin", "is above volumeMax");
  if (spec.volume_step > 0 && spec.volume_min % spec.volume_step != 0) {
    check.fault(at + ".volumeMin", "is not a multiple of volumeStep");
  }
  spec.stops_level_points = from.stops_level_points();
  check.range(at + ".stopsLevelPoints", spec.stops_level_points, 0, 1e6);
  spec.freeze_level_points = from.freeze_level_points();
  check.range(at + ".freezeLevelPoints", spec.freeze_level_points, 0, 1e6);
  spec.currency_base = from.currency_base();
  spec.currency_profit = from.currency_profit();
  spec.currency_margin = from.currency_margin();
  check.text(at + ".currencyBase", spec.currency_base, 7);
  check.text(at + ".currencyProfit", spec.currency_profit, 7);
  check.text(at + ".currencyMargin", spec.currency_margin, 7);
  if (from.calc_mode() == "forex") {
    spec.calc_mode = CalcMode::kForex;
  } else if (from.calc_mode() == "cfd") {
    spec.calc_mode = CalcMode::kCfd;
  } else if (from.calc_mode() == "cfd_leverage") {
    spec.calc_mode = CalcMode::kCfdLeverage;
  } else {
    check.fault(at + ".calcMode", "'" + from.calc_mode() + "' is not forex, cfd or cfd_leverage");
  }
  return spec;
}

void readSymbols(Checker& check, const pb::TerminalConfig& from, EngineConfig& engine) {
  if (from.symbols_size() == 0 || from.symbols_size() > 10000) {
    check.fault("symbols", std::to_string(from.symbols_size()) + " symbols, allowed 1..10000");
  }
  std::set<std::string> names;
  for (int i = 0; i < from.symbols_size(); ++i) {
    const std::string at = "symbols[" + std::to_string(i) + "]";
    engine.symbols.push_back(specOf(check, from.symbols(i), at));
    if (!names.insert(engine.symbols.back().name).second) check.fault(at + ".name", "is named twice");
  }
  for (const auto& [currency, rate] : from.currency_rates()) {
    check.aboveZero("currencyRates." + currency, rate, 1e9);
    engine.currency_rates[currency] = rate;
  }
  for (const Spec& spec : engine.symbols) {
    for (const std::string& currency : Market::unconvertible(engine, spec)) {
      check.fault("currencyRates", "symbol " + spec.name + " needs the rate from " + currency + " to " +
                                       engine.currency + ", which no symbol gives");
    }
  }
}

void readExecution(Checker& check, const pb::ExecutionModel& from, Config& config) {
  ExecutionModel& model = config.engine.execution;
  config.latency_ms = from.latency_ms();
  config.latency_jitter_ms = from.latency_jitter_ms();
  model.slippage_max_points = from.slippage_max_points();
  model.reject_probability = from.reject_probability();
  model.partial_fill_probability = from.partial_fill_probability();
  model.seed = from.seed();
  check.range("execution.latencyMs", config.latency_ms, 0, 60000, " ms");
  check.range("execution.latencyJitterMs", config.latency_jitter_ms, 0, config.latency_ms, " ms (at most latencyMs)");
  check.range("execution.slippageMaxPoints", model.slippage_max_points, 0, 10000, " points");
  check.range("execution.rejectProbability", model.reject_probability, 0, 1);
  check.range("execution.partialFillProbability", model.partial_fill_probability, 0, 1);
}

// The expert knows logins as MetaTrader does, and has room for so many symbols.
constexpr int kMostExpertSymbols = 512;

void readProgram(Checker& check, const pb::TerminalConfig& from, Config& config, std::vector<std::string>& faults) {
  if (from.program() == "native") {
    config.program = RunsProgram::kNative;
    if (!from.profile().empty()) check.fault("profile", "only the programs expert and expert-sockets have one");
    return;
  }
  if (from.program() == "expert-sockets") {
    config.program = RunsProgram::kExpertSockets;
  } else if (from.program() != "expert" && !from.program().empty()) {
    check.fault("program", "'" + from.program() + "' is not expert, expert-sockets or native");
  }
  const std::string& login = from.login();
  const bool digits = std::all_of(login.begin(), login.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (login.empty() || login.size() > 14 || !digits || login[0] == '0')
    check.fault("login", "'" + login + "' is not a whole number of 1..14 digits, as the program expert needs it");
  if (from.symbols_size() > kMostExpertSymbols)
    check.fault("symbols", std::to_string(from.symbols_size()) + " symbols, the program expert takes 1.." +
                               std::to_string(kMostExpertSymbols));
  if (from.utc_offset_s() % 900 != 0 || std::abs(from.utc_offset_s()) > 14 * 3600)
    check.fault("utcOffsetS", std::to_string(from.utc_offset_s()) +
                                  " is not a multiple of 900 within -50400..50400 s, as the program expert needs it");
  if (from.profile().empty()) {
    // What is not filled at once stays in the market, as the execution model has it.
    config.profile.execution = SYMBOL_TRADE_EXECUTION_EXCHANGE;
    config.profile.filling = 0;
    config.profile.real_timers = false;
  } else {
    std::vector<std::string> found;
    config.profile = loadProfile(from.profile(), found);
    for (const std::string& fault : found) faults.push_back("profile: " + fault);
  }
  Profile& profile = config.profile;
  // The account says how it holds positions; everything else is the broker's.
  profile.margin_mode = config.engine.margin_mode == MarginMode::kHedging ? ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
                                                                          : ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  if (profile.latency_us > 0) return;
  profile.latency_us = std::llround(config.latency_ms * 1000);
  profile.latency_jitter_us = std::llround(config.latency_jitter_ms * 1000);
}

}  // namespace

const char* marginModeName(MarginMode mode) { return mode == MarginMode::kNetting ? "netting" : "hedging"; }

Config parseConfig(const std::string& json, std::vector<std::string>& faults) {
  Config config;
  pb::TerminalConfig from;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &from);
  if (!parsed.ok()) {
    faults.push_back("not a TerminalConfig: " + std::string(parsed.message()));
    return config;
  }
  Checker check(faults);
  if (!link::parseEndpoint(from.bridge(), config.bridge_host, config.bridge_port) || config.bridge_port == 0) {
    check.fault("bridge", "'" + from.bridge() + "' is not host:port with port 1..65535");
  }
  config.login = from.login();
  check.text("login", config.login, 31);
  EngineConfig& engine = config.engine;
  engine.currency = from.currency();
  check.text("currency", engine.currency, 7);
  check.range("balance", from.balance(), 0, 1e12);
  if (std::isfinite(from.balance()) && std::abs(from.balance()) <= 1e12) engine.balance = toCents(from.balance());
  engine.leverage = from.leverage();
  check.range("leverage", from.leverage(), 1, 10000);
  if (from.margin_mode() == "netting") {
    engine.margin_mode = MarginMode::kNetting;
  } else if (from.margin_mode() == "hedging") {
    engine.margin_mode = MarginMode::kHedging;
  } else {
    check.fault("marginMode", "'" + from.margin_mode() + "' is not netting or hedging");
  }
  readSymbols(check, from, engine);
  readExecution(check, from.execution(), config);
  config.tape = from.tape();
  if (config.tape.empty()) check.fault("tape", "is missing");
  config.history = from.history();
  config.utc_offset_s = from.utc_offset_s();
  check.range("utcOffsetS", from.utc_offset_s(), -86399, 86399, " s");
  config.player.speed = from.speed();
  if (from.speed() != 0) check.range("speed", from.speed(), 0.001, 1e6, " (or 0: as fast as the bridge takes it)");
  check.range("leadLimitMs", from.lead_limit_ms(), 0, 1e12, " ms");
  if (std::isfinite(from.lead_limit_ms()) && std::abs(from.lead_limit_ms()) <= 1e12) {
    config.player.lead_limit_ms = static_cast<int64_t>(from.lead_limit_ms());
  }
  config.player.rounds = from.rounds() == 0 ? 1 : from.rounds();
  check.range("rounds", from.rounds(), 0, 1e6);
  engine.commission_per_lot = from.commission_per_lot();
  check.range("commissionPerLot", from.commission_per_lot(), 0, 1e6);
  engine.stop_out_level_percent = from.stop_out_level_percent();
  check.range("stopOutLevelPercent", from.stop_out_level_percent(), 0, 1000, " %");
  readProgram(check, from, config, faults);
  return config;
}

Config loadConfig(const std::string& path, std::vector<std::string>& faults) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    faults.push_back(path + ": cannot be read: " + strerror(errno));
    return {};
  }
  return parseConfig(text.str(), faults);
}

}  // namespace troupe::terminal
