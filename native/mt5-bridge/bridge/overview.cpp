#include "bridge/overview.h"

#include <unistd.h>

#include <algorithm>

#include "bridge/log.h"

namespace troupe::bridge {

namespace {

// DONE for OUTCOME_DONE, in small letters as labels are.
std::string labelOf(v1::Outcome outcome) {
  std::string name = v1::Outcome_Name(outcome).substr(sizeof "OUTCOME_" - 1);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

double seconds(int64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

MetricsReading Overview::metrics() const {
  MetricsReading r;
  const LinkFigures& link = room.figures;
  r.account = own.account;
  r.state = status.state();
  r.ticks = room.ticks_received.load();
  r.acked_ticks = ticks.ackedUnits();
  r.frames = ticks.published();
  r.acked_frames = ticks.ackedMessages();
  r.in_flight = ticks.inFlight();
  r.window = ticks.window();
  r.spill_bytes = sink.spillBytes();
  r.spilled_frames = sink.spilledFrames();
  r.events_waiting = events.backlog();
  r.commands_waiting = desk.waiting();
  r.link_bytes_waiting = desk.linkBytesWaiting();
  r.commands = desk.commands();
  for (int o = v1::OUTCOME_DONE; o < v1::Outcome_ARRAYSIZE; ++o)
    r.replies[labelOf(static_cast<v1::Outcome>(o))] = desk.replies(static_cast<v1::Outcome>(o));
  if (refusals) r.refusals = refusals();
  r.journal_bytes = journal.bytes();
  r.journal_orders = journal.orders();
  r.command = desk.commandTime().read();
  r.journal = desk.journalTime().read();
  r.links = link.links;
  r.clock_offset_s = link.clock_known ? seconds(link.clock_offset_us) : 0;
  r.utc_offset_s = link.utc_offset_s;
  r.rtt_s = seconds(link.rtt_us);
  r.tick_lag_s = seconds(link.tick_lag_us);
  r.trade_allowed = link.trade_allowed;
  r.connected = link.connected;
  r.build = link.build;
  r.ping_s = link.ping_us < 0 ? -1 : seconds(link.ping_us);
  r.permissions = {{"terminal", link.terminal_allows},
                   {"expert", link.expert_allows},
                   {"account", link.account_allows},
                   {"server", link.server_allows}};
  return r;
}

std::string Overview::statusFields() const {
  const LinkFigures& link = room.figures;
  const int64_t now_us = clock.wallUs();
  const int64_t last_tick_us = link.last_tick_us, heard_us = link.heard_us;
  const std::string reason = status.reason(), block = desk.tradeBlock();
  // -1 where nobody knows.
  const std::string all =
      jsonLine({{"state", nameOf(status.state())},
                {"reason", reason},
                {"pid", int64_t{::getpid()}},
                {"started_ms", daemon.started_ms},
                {"port", uint64_t{daemon.port}},
                {"metrics_port", uint64_t{daemon.metrics_port}},
                {"links", link.links.load()},
                {"link_rtt_us", link.rtt_us.load()},
                {"heard_ago_ms", heard_us == 0 ? int64_t{-1} : (now_us - heard_us) / 1000},
                {"tick_lag_us", last_tick_us == 0 ? int64_t{-1} : link.tick_lag_us.load()},
                {"last_tick_ago_ms", last_tick_us == 0 ? int64_t{-1} : (now_us - last_tick_us) / 1000},
                {"clock_known", int64_t{link.clock_known ? 1 : 0}},
                {"clock_offset_us", link.clock_offset_us.load()},
                {"utc_offset_s", int64_t{link.utc_offset_s}},
                {"daylight", nameOf(own.daylight)},
                {"trade_allowed", int64_t{link.trade_allowed}},
                {"trade_block", block},
                {"terminal_build", int64_t{link.build}},
                {"terminal_connected", int64_t{link.connected}},
                {"terminal_ping_us", link.ping_us.load()},
                {"terminal_allows", int64_t{link.terminal_allows}},
                {"expert_allows", int64_t{link.expert_allows}},
                {"account_allows", int64_t{link.account_allows}},
                {"server_allows", int64_t{link.server_allows}},
                {"tls", int64_t{daemon.tls ? 1 : 0}},
                {"ticks", room.ticks_received.load()},
                {"acked_ticks", ticks.ackedUnits()},
                {"frames_in_flight", uint64_t{ticks.inFlight()}},
                {"frames_window", uint64_t{ticks.window()}},
                {"spill_bytes", sink.spillBytes()},
                {"spill_limit_bytes", uint64_t{own.spill_mb} << 20},
                {"events_waiting", uint64_t{events.backlog()}},
                {"commands_waiting", uint64_t{desk.waiting()}},
                {"link_bytes_waiting", uint64_t{desk.linkBytesWaiting()}},
                {"commands", desk.commands()},
                {"orders", uint64_t{journal.orders()}},
                {"journal_bytes", journal.bytes()},
                {"fence", static_cast<uint64_t>(journal.highestFence())}});
  std::string accounts;
  for (const std::string& name : daemon.accounts) accounts += (accounts.empty() ? "" : ",") + jsonText(name);
  return all.substr(1, all.size() - 2) + R"(,"accounts":[)" + accounts + "]";
}

}  // namespace troupe::bridge
