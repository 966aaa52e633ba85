#include "terminal/mql5/profile.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "terminal/mql5/json.h"

namespace troupe::terminal {

namespace {

std::string shortest(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.12g", value);
  return text;
}

// One object of the file: every name is taken by exactly one of the functions below, or is a fault.
class Fields {
 public:
  Fields(std::vector<std::string>& faults, const std::string& at) : faults_(faults), at_(at) {}

  void number(const char* name, double low, double high, const char* unit, std::function<void(double)> take,
              bool whole = false) {
    readers_[name] = [=, this](const Json& value) {
      const double v = value.number;
      if (value.kind != Json::Kind::kNumber || v < low || v > high || (whole && v != std::floor(v))) {
        return fault(name, std::string("must be a ") + (whole ? "whole " : "") + "number " + shortest(low) + ".." +
                               shortest(high) + unit);
      }
      take(v);
    };
  }
  void milliseconds(const char* name, double most, int64_t& to_us) {
    number(name, 0, most, " ms", [&to_us](double v) { to_us = std::llround(v * 1000); });
  }
  void probability(const char* name, double& to) {
    number(name, 0, 1, "", [&to](double v) { to = v; });
  }
  void text(const char* name, std::string& to) {
    readers_[name] = [=, this, &to](const Json& value) {
      if (value.kind != Json::Kind::kText || value.text.empty() || value.text.size() > 63)
        return fault(name, "must be a text of 1..63 bytes");
      to = value.text;
    };
  }
  void oneOf(const char* name, std::vector<std::string> words, std::function<void(size_t)> take) {
    readers_[name] = [=, this](const Json& value) {
      std::string all;
      for (size_t i = 0; i < words.size(); ++i) {
        if (value.kind == Json::Kind::kText && value.text == words[i]) return take(i);
        all += (i == 0 ? "" : ", ") + words[i];
      }
      fault(name, "must be one of " + all);
    };
  }
  // `begin` is called before the first item, and for an empty list too.
  void list(
      const char* name, std::function<void(const Json&, const std::string&)> take,
      std::function<void()> begin = [] {}) {
    readers_[name] = [=, this](const Json& value) {
      if (value.kind != Json::Kind::kArray || value.items.size() > 64)
        return fault(name, "must be a list of at most 64 items");
      begin();
      for (size_t i = 0; i < value.items.size(); ++i) take(value.items[i], at_ + name + "[" + std::to_string(i) + "]");
    };
  }
  void object(const char* name, std::function<void(const Json&)> take) {
    readers_[name] = [=](const Json& value) { take(value); };
  }
  void read(const Json& value) {
    if (value.kind != Json::Kind::kObject) {
      faults_.push_back((at_.empty() ? "profile" : at_.substr(0, at_.size() - 1)) + ": must be an object");
      return;
    }
    for (const auto& [name, member] : value.members) {
      const auto reader = readers_.find(name);
      if (reader == readers_.end()) {
        fault(name, "is not known here");
      } else {
        reader->second(member);
      }
    }
  }

 private:
  void fault(const std::string& name, const std::string& what) { faults_.push_back(at_ + name + ": " + what); }

  std::vector<std::string>& faults_;
  std::string at_;
  std::map<std::string, std::function<void(const Json&)>> readers_;
};

void readSession(const Json& item, const std::string& at, Profile& profile, std::vector<std::string>& faults) {
  TradeSession session;
  Fields fields(faults, at + ".");
  fields.oneOf("day", {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"},
               [&](size_t i) { session.day = static_cast<int>(i); });
  fields.number(
      "fromMinute", 0, 1440, " min", [&](double v) { session.from_s = static_cast<int>(v) * 60; }, true);
  fields.number(
      "toMinute", 0, 1440, " min", [&](double v) { session.to_s = static_cast<int>(v) * 60; }, true);
  fields.read(item);
  if (session.from_s >= session.to_s) faults.push_back(at + ".fromMinute: must be below toMinute");
  profile.sessions.push_back(session);
}

void readFaults(const Json& value, Profile& profile, std::vector<std::string>& faults) {
  Fields fields(faults, "faults.");
  fields.number(
      "seed", 0, 9007199254740991, "", [&](double v) { profile.seed = static_cast<uint64_t>(v); }, true);
  fields.probability("lostReply", profile.lost_reply);
  fields.probability("timeoutReply", profile.timeout_reply);
  fields.probability("reject", profile.reject);
  fields.probability("requote", profile.requote);
  fields.probability("lateTick", profile.late_tick);
  fields.milliseconds("lateTickMs", 60'000, profile.late_tick_us);
  fields.milliseconds("disconnectEveryMs", 86'400'000, profile.disconnect_every_us);
  fields.milliseconds("disconnectForMs", 86'400'000, profile.disconnect_for_us);
  fields.read(value);
}

}  // namespace

Profile parseProfile(const std::string& json, std::vector<std::string>& faults) {
  Profile profile;
  Json root;
  std::string fault;
  if (!parseJson(json, root, fault)) {
    faults.push_back("profile: " + fault);
    return profile;
  }
  Fields fields(faults, "");
  fields.text("server", profile.server);
  fields.text("company", profile.company);
  fields.oneOf("marginMode", {"netting", "exchange", "hedging"},
               [&](size_t i) { profile.margin_mode = static_cast<ENUM_ACCOUNT_MARGIN_MODE>(i); });
  fields.oneOf("execution", {"request", "instant", "market", "exchange"},
               [&](size_t i) { profile.execution = static_cast<ENUM_SYMBOL_TRADE_EXECUTION>(i); });
  profile.filling = 3;
  fields.list(
      "filling",
      [&](const Json& item, const std::string& at) {
        if (item.kind == Json::Kind::kText && item.text == "fok") {
          profile.filling |= 1;
        } else if (item.kind == Json::Kind::kText && item.text == "ioc") {
          profile.filling |= 2;
        } else {
          faults.push_back(at + ": must be one of fok, ioc");
        }
      },
      [&] { profile.filling = 0; });
  fields.number(
      "commentMaxBytes", 0, 31, " bytes", [&](double v) { profile.comment_max_bytes = static_cast<uint32_t>(v); },
      true);
  const std::vector<std::string> comments = {"kept", "replaced", "dropped"}, orders = {"observed", "shuffled"};
  fields.oneOf("comment", comments, [&](size_t i) { profile.comment = comments[i]; });
  fields.oneOf("transactions", orders, [&](size_t i) { profile.transactions = orders[i]; });
  fields.oneOf("timers", {"real", "asked"}, [&](size_t i) { profile.real_timers = i == 0; });
  fields.number(
      "limitOrders", 0, 100'000, " orders", [&](double v) { profile.limit_orders = static_cast<uint32_t>(v); }, true);
  fields.number(
      "bookDepth", 0, 32, " levels", [&](double v) { profile.book_depth = static_cast<uint32_t>(v); }, true);
  fields.list("sessions", [&](const Json& item, const std::string& at) { readSession(item, at, profile, faults); });
  fields.milliseconds("latencyMs", 60'000, profile.latency_us);
  fields.milliseconds("latencyJitterMs", 60'000, profile.latency_jitter_us);
  fields.milliseconds("connectMs", 600'000, profile.connect_us);
  fields.milliseconds("synchroniseMs", 600'000, profile.synchronise_us);
  fields.milliseconds("lateHistoryMs", 600'000, profile.late_history_us);
  fields.milliseconds("firstTicksMs", 45'000, profile.first_ticks_us);
  fields.milliseconds("slowTicksMs", 45'000, profile.slow_ticks_us);
  fields.object("faults", [&](const Json& value) { readFaults(value, profile, faults); });
  fields.read(root);
  if (profile.latency_jitter_us > profile.latency_us) faults.push_back("latencyJitterMs: must not be above latencyMs");
  if (profile.execution == SYMBOL_TRADE_EXECUTION_MARKET && profile.filling == 0)
    faults.push_back("filling: market execution needs fok or ioc");
  if ((profile.disconnect_every_us > 0) != (profile.disconnect_for_us > 0))
    faults.push_back("faults.disconnectEveryMs: needs disconnectForMs, and the other way round");
  return profile;
}

Profile loadProfile(const std::string& path, std::vector<std::string>& faults) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    faults.push_back(path + ": cannot be read");
    return {};
  }
  std::vector<std::string> found;
  Profile profile = parseProfile(text.str(), found);
  for (const std::string& fault : found) faults.push_back(path + ": " + fault);
  return profile;
}

}  // namespace troupe::terminal
