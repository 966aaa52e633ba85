#include "bridge/metrics_page.h"

#include <unistd.h>

#include <concepts>
#include <cstdio>

namespace troupe::bridge {

namespace {

struct Metric {
  const char *name, *type, *labels, *help;
};

// docs/metrics.md is made from this table.
constexpr Metric kMetrics[] = {
    {"troupe_bridge_state", "gauge", "account, state", "1 for the state that the bridge is in"},
    {"troupe_bridge_links_total", "counter", "account", "Terminals that were let in"},
    {"troupe_bridge_refusals_total", "counter", "account, code",
     "Terminals sent away, by code; without an account: who came for none"},
    {"troupe_bridge_ticks_total", "counter", "account", "Ticks taken from the terminal"},
    {"troupe_bridge_ticks_acknowledged_total", "counter", "account", "Ticks that JetStream has acknowledged"},
    {"troupe_bridge_frames_total", "counter", "account", "Frames of ticks published"},
    {"troupe_bridge_frames_acknowledged_total", "counter", "account", "Frames that JetStream has acknowledged"},
    {"troupe_bridge_frames_in_flight", "gauge", "account", "Frames that wait for an acknowledgement"},
    {"troupe_bridge_frames_window", "gauge", "account", "The most frames that may wait for one"},
    {"troupe_bridge_spill_bytes", "gauge", "account", "Ticks in the spill file"},
    {"troupe_bridge_spilled_frames_total", "counter", "account", "Frames that went through the spill file"},
    {"troupe_bridge_queue_depth", "gauge", "account, queue", "Waiting: events for NATS, commands for an answer"},
    {"troupe_bridge_link_waiting_bytes", "gauge", "account", "Bytes for the terminal that its socket has not taken"},
    {"troupe_bridge_commands_total", "counter", "account", "Commands received"},
    {"troupe_bridge_replies_total", "counter", "account, outcome", "Answers to commands, by outcome"},
    {"troupe_bridge_command_seconds", "histogram", "account",
     "From a command coming in to its frame leaving, less the disk"},
    {"troupe_bridge_journal_seconds", "histogram", "account", "Making orders durable in the journal before they leave"},
    {"troupe_bridge_journal_bytes", "gauge", "account", "Size of the journal of orders"},
    {"troupe_bridge_journal_orders", "gauge", "account", "Orders that the journal knows"},
    {"troupe_bridge_clock_offset_seconds", "gauge", "account", "Clock of the terminal's machine minus this one's"},
    {"troupe_bridge_utc_offset_seconds", "gauge", "account",
     "Broker's wall clock minus UTC, as the terminal measured it"},
    {"troupe_bridge_link_rtt_seconds", "gauge", "account", "Round trip of the link's TCP connection"},
    {"troupe_bridge_tick_lag_seconds", "gauge", "account", "From the terminal sending the last ticks to their coming"},
    {"troupe_bridge_trade_allowed", "gauge", "account", "1 while the terminal says that it may trade, 0 while not"},
    {"troupe_bridge_permission", "gauge", "account, where",
     "1 where trading is allowed, 0 where not, as the terminal says"},
    {"troupe_bridge_trade_server_connected", "gauge", "account",
     "1 while the terminal is connected to its trade server"},
    {"troupe_bridge_trade_server_ping_seconds", "gauge", "account", "Ping of the terminal to its trade server"},
    {"troupe_bridge_terminal_build", "gauge", "account", "Build of the terminal"},
    {"troupe_bridge_resident_bytes", "gauge", "", "Memory of the whole bridge"},
};

using Readings = std::vector<MetricsReading>;

// Label values as the text format wants them.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

class Page {
 public:
  explicit Page(const Readings& readings) : readings_(readings) {
    for (const MetricsReading& reading : readings) labels_.push_back("account=\"" + escaped(reading.account) + "\"");
  }

  // All series of a metric stand together: `value` is asked for each account.
  template <typename Value>
  void each(const char* name, Value value) {
    for (size_t i = 0; i < readings_.size(); ++i) line(name, labels_[i], value(readings_[i]));
  }
  // With one more label; `values` has its values, those below 0 are not known.
  template <typename Values>
  void each(const char* name, const char* label, Values values) {
    for (size_t i = 0; i < readings_.size(); ++i)
      for (const auto& [of, value] : values(readings_[i]))
        if (value + 1 > 0) line(name, labels_[i] + "," + label + "=\"" + of + "\"", value);
  }
  // The same for what is not known of each account.
  template <typename Value>
  void known(const char* name, Value value) {
    for (size_t i = 0; i < readings_.size(); ++i)
      if (value(readings_[i]) >= 0) line(name, labels_[i], value(readings_[i]));
  }
  template <typename Value>
  void line(const std::string& name, const std::string& labels, Value value) {
    head(name);
    out_ += name + (labels.empty() ? "" : "{" + labels + "}") + " " + text(value) + "\n";
  }
  void histogram(const std::string& name, LatencyHistogram::Reading MetricsReading::*member) {
    head(name);
    for (size_t i = 0; i < readings_.size(); ++i) {
      const LatencyHistogram::Reading& reading = readings_[i].*member;
      uint64_t below = 0;
      for (size_t at = 0; at < LatencyHistogram::kBoundsUs.size(); ++at) {
        below += reading.buckets[at];
        char bound[40];
        std::snprintf(bound, sizeof bound, "%g", static_cast<double>(LatencyHistogram::kBoundsUs[at]) / 1e6);
        out_ += name + "_bucket{" + labels_[i] + ",le=\"" + bound + "\"} " + std::to_string(below) + "\n";
      }
      char sum[40];
      std::snprintf(sum, sizeof sum, "%.6f", static_cast<double>(reading.sum_us) / 1e6);
      out_ += name + "_bucket{" + labels_[i] + ",le=\"+Inf\"} " + std::to_string(reading.count) + "\n";
      out_ += name + "_sum{" + labels_[i] + "} " + sum + "\n";
      out_ += name + "_count{" + labels_[i] + "} " + std::to_string(reading.count) + "\n";
    }
  }
  std::string take() { return std::move(out_); }

 private:
  static std::string text(double value) {
    char number[40];
    std::snprintf(number, sizeof number, "%.17g", value);
    return number;
  }
  template <std::integral Whole>
  static std::string text(Whole value) {
    return std::to_string(value);
  }
  void head(const std::string& name) {
    if (last_ == name) return;
    last_ = name;
    for (const Metric& metric : kMetrics) {
      if (last_ != metric.name) continue;
      out_ += "# HELP " + last_ + " " + metric.help + "\n# TYPE " + last_ + " " + metric.type + "\n";
    }
  }
  const Readings& readings_;
  std::vector<std::string> labels_;
  std::string out_, last_;
};

}  // namespace

std::string metricsPage(const DaemonReading& daemon) {
  using Reading = const MetricsReading&;
  Page page(daemon.accounts);
  page.each("troupe_bridge_state", "state", [](Reading r) {
    std::vector<std::pair<std::string, int>> states;
    for (const State state : {State::kWaiting, State::kSyncing, State::kReady, State::kLost})
      states.emplace_back(nameOf(state), state == r.state ? 1 : 0);
    return states;
  });
  page.each("troupe_bridge_links_total", [](Reading r) { return r.links; });
  page.each("troupe_bridge_refusals_total", "code", [](Reading r) { return r.refusals; });
  for (const auto& [code, count] : daemon.refusals)
    page.line("troupe_bridge_refusals_total", "code=\"" + code + "\"", count);
  page.each("troupe_bridge_ticks_total", [](Reading r) { return r.ticks; });
  page.each("troupe_bridge_ticks_acknowledged_total", [](Reading r) { return r.acked_ticks; });
  page.each("troupe_bridge_frames_total", [](Reading r) { return r.frames; });
  page.each("troupe_bridge_frames_acknowledged_total", [](Reading r) { return r.acked_frames; });
  page.each("troupe_bridge_frames_in_flight", [](Reading r) { return r.in_flight; });
  page.each("troupe_bridge_frames_window", [](Reading r) { return r.window; });
  page.each("troupe_bridge_spill_bytes", [](Reading r) { return r.spill_bytes; });
  page.each("troupe_bridge_spilled_frames_total", [](Reading r) { return r.spilled_frames; });
  page.each("troupe_bridge_queue_depth", "queue", [](Reading r) {
    return std::map<std::string, uint64_t>{{"commands", r.commands_waiting}, {"events", r.events_waiting}};
  });
  page.each("troupe_bridge_link_waiting_bytes", [](Reading r) { return r.link_bytes_waiting; });
  page.each("troupe_bridge_commands_total", [](Reading r) { return r.commands; });
  page.each("troupe_bridge_replies_total", "outcome", [](Reading r) { return r.replies; });
  page.histogram("troupe_bridge_command_seconds", &MetricsReading::command);
  page.histogram("troupe_bridge_journal_seconds", &MetricsReading::journal);
  page.each("troupe_bridge_journal_bytes", [](Reading r) { return r.journal_bytes; });
  page.each("troupe_bridge_journal_orders", [](Reading r) { return r.journal_orders; });
  page.each("troupe_bridge_clock_offset_seconds", [](Reading r) { return r.clock_offset_s; });
  page.each("troupe_bridge_utc_offset_seconds", [](Reading r) { return r.utc_offset_s; });
  page.each("troupe_bridge_link_rtt_seconds", [](Reading r) { return r.rtt_s; });
  page.each("troupe_bridge_tick_lag_seconds", [](Reading r) { return r.tick_lag_s; });
  page.known("troupe_bridge_trade_allowed", [](Reading r) { return r.trade_allowed; });
  page.each("troupe_bridge_permission", "where", [](Reading r) { return r.permissions; });
  page.known("troupe_bridge_trade_server_connected", [](Reading r) { return r.connected; });
  page.known("troupe_bridge_trade_server_ping_seconds", [](Reading r) { return r.ping_s; });
  page.known("troupe_bridge_terminal_build", [](Reading r) { return r.build; });
  page.line("troupe_bridge_resident_bytes", "", daemon.resident_bytes);
  return page.take();
}

uint64_t residentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (!file) return 0;
  unsigned long long all = 0, resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &all, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace troupe::bridge
