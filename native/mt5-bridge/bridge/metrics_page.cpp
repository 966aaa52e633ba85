#include "bridge/metrics_page.h"

#include <unistd.h>

#include <cstdio>

namespace troupe::bridge {

namespace {

struct Metric {
  const char *name, *type, *labels, *help;
};

// docs/metrics.md is made from this table.
constexpr Metric kMetrics[] = {
    {"troupe_bridge_state", "gauge", "state", "1 for the state that the bridge is in"},
    {"troupe_bridge_links_total", "counter", "", "Terminals that were let in"},
    {"troupe_bridge_refusals_total", "counter", "code", "Terminals sent away, by code"},
    {"troupe_bridge_ticks_total", "counter", "", "Ticks taken from the terminal"},
    {"troupe_bridge_ticks_acknowledged_total", "counter", "", "Ticks that JetStream has acknowledged"},
    {"troupe_bridge_frames_total", "counter", "", "Frames of ticks published"},
    {"troupe_bridge_frames_acknowledged_total", "counter", "", "Frames that JetStream has acknowledged"},
    {"troupe_bridge_frames_in_flight", "gauge", "", "Frames that wait for an acknowledgement"},
    {"troupe_bridge_frames_window", "gauge", "", "The most frames that may wait for one"},
    {"troupe_bridge_spill_bytes", "gauge", "", "Ticks in the spill file"},
    {"troupe_bridge_spilled_frames_total", "counter", "", "Frames that went through the spill file"},
    {"troupe_bridge_queue_depth", "gauge", "queue", "Waiting: events for NATS, commands for an answer"},
    {"troupe_bridge_link_waiting_bytes", "gauge", "", "Bytes for the terminal that its socket has not taken"},
    {"troupe_bridge_commands_total", "counter", "", "Commands received"},
    {"troupe_bridge_replies_total", "counter", "outcome", "Answers to commands, by outcome"},
    {"troupe_bridge_command_seconds", "histogram", "", "From a command coming in to its frame leaving, less the disk"},
    {"troupe_bridge_journal_seconds", "histogram", "", "Making orders durable in the journal before they leave"},
    {"troupe_bridge_journal_bytes", "gauge", "", "Size of the journal of orders"},
    {"troupe_bridge_journal_orders", "gauge", "", "Orders that the journal knows"},
    {"troupe_bridge_clock_offset_seconds", "gauge", "", "Clock of the terminal's machine minus this one's"},
    {"troupe_bridge_utc_offset_seconds", "gauge", "", "Broker's wall clock minus UTC, as the terminal measured it"},
    {"troupe_bridge_link_rtt_seconds", "gauge", "", "Round trip of the link's TCP connection"},
    {"troupe_bridge_tick_lag_seconds", "gauge", "", "From the terminal sending the last ticks to their coming"},
    {"troupe_bridge_trade_allowed", "gauge", "", "1 while the terminal says that it may trade, 0 while not"},
    {"troupe_bridge_permission", "gauge", "where", "1 where trading is allowed, 0 where not, as the terminal says"},
    {"troupe_bridge_trade_server_connected", "gauge", "", "1 while the terminal is connected to its trade server"},
    {"troupe_bridge_trade_server_ping_seconds", "gauge", "", "Ping of the terminal to its trade server"},
    {"troupe_bridge_terminal_build", "gauge", "", "Build of the terminal"},
    {"troupe_bridge_resident_bytes", "gauge", "", "Memory of the bridge"},
};

class Page {
 public:
  void value(const char* name, double value, const std::string& labels = "") {
    head(name);
    char number[40];
    std::snprintf(number, sizeof number, "%.17g", value);
    out_ += std::string(name) + (labels.empty() ? "" : "{" + labels + "}") + " " + number + "\n";
  }
  void value(const char* name, uint64_t value, const std::string& labels = "") {
    head(name);
    out_ += std::string(name) + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(value) + "\n";
  }
  void histogram(const std::string& name, const LatencyHistogram::Reading& reading) {
    head(name.c_str());
    uint64_t below = 0;
    for (size_t i = 0; i < LatencyHistogram::kBoundsUs.size(); ++i) {
      below += reading.buckets[i];
      char bound[40];
      std::snprintf(bound, sizeof bound, "%g", static_cast<double>(LatencyHistogram::kBoundsUs[i]) / 1e6);
      out_ += name + "_bucket{le=\"" + bound + "\"} " + std::to_string(below) + "\n";
    }
    char sum[40];
    std::snprintf(sum, sizeof sum, "%.6f", static_cast<double>(reading.sum_us) / 1e6);
    out_ += name + "_bucket{le=\"+Inf\"} " + std::to_string(reading.count) + "\n" + name + "_sum " + sum + "\n" + name +
            "_count " + std::to_string(reading.count) + "\n";
  }
  std::string take() { return std::move(out_); }

 private:
  void head(const char* name) {
    if (last_ == name) return;
    last_ = name;
    for (const Metric& metric : kMetrics) {
      if (last_ != metric.name) continue;
      out_ += "# HELP " + last_ + " " + metric.help + "\n# TYPE " + last_ + " " + metric.type + "\n";
    }
  }
  std::string out_, last_;
};

}  // namespace

std::string metricsPage(const MetricsReading& r) {
  Page page;
  for (const State state : {State::kWaiting, State::kSyncing, State::kReady, State::kLost})
    page.value("troupe_bridge_state", uint64_t{state == r.state}, std::string("state=\"") + nameOf(state) + "\"");
  page.value("troupe_bridge_links_total", r.links);
  for (const auto& [code, count] : r.refusals)
    page.value("troupe_bridge_refusals_total", count, "code=\"" + code + "\"");
  page.value("troupe_bridge_ticks_total", r.ticks);
  page.value("troupe_bridge_ticks_acknowledged_total", r.acked_ticks);
  page.value("troupe_bridge_frames_total", r.frames);
  page.value("troupe_bridge_frames_acknowledged_total", r.acked_frames);
  page.value("troupe_bridge_frames_in_flight", r.in_flight);
  page.value("troupe_bridge_frames_window", r.window);
  page.value("troupe_bridge_spill_bytes", r.spill_bytes);
  page.value("troupe_bridge_spilled_frames_total", r.spilled_frames);
  page.value("troupe_bridge_queue_depth", r.events_waiting, "queue=\"events\"");
  page.value("troupe_bridge_queue_depth", r.commands_waiting, "queue=\"commands\"");
  page.value("troupe_bridge_link_waiting_bytes", r.link_bytes_waiting);
  page.value("troupe_bridge_commands_total", r.commands);
  for (const auto& [outcome, count] : r.replies)
    page.value("troupe_bridge_replies_total", count, "outcome=\"" + outcome + "\"");
  page.histogram("troupe_bridge_command_seconds", r.command);
  page.histogram("troupe_bridge_journal_seconds", r.journal);
  page.value("troupe_bridge_journal_bytes", r.journal_bytes);
  page.value("troupe_bridge_journal_orders", r.journal_orders);
  page.value("troupe_bridge_clock_offset_seconds", r.clock_offset_s);
  page.value("troupe_bridge_utc_offset_seconds", r.utc_offset_s);
  page.value("troupe_bridge_link_rtt_seconds", r.rtt_s);
  page.value("troupe_bridge_tick_lag_seconds", r.tick_lag_s);
  if (r.trade_allowed >= 0) page.value("troupe_bridge_trade_allowed", static_cast<uint64_t>(r.trade_allowed));
  for (const auto& [where, allowed] : r.permissions)
    if (allowed >= 0)
      page.value("troupe_bridge_permission", static_cast<uint64_t>(allowed), std::string("where=\"") + where + "\"");
  if (r.connected >= 0) page.value("troupe_bridge_trade_server_connected", static_cast<uint64_t>(r.connected));
  if (r.ping_s >= 0) page.value("troupe_bridge_trade_server_ping_seconds", r.ping_s);
  if (r.build >= 0) page.value("troupe_bridge_terminal_build", static_cast<uint64_t>(r.build));
  page.value("troupe_bridge_resident_bytes", r.resident_bytes);
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
