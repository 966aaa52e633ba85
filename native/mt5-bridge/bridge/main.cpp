// The bridge daemon: one trading account, one terminal at a time.
//
// Threads: this one (signals, statistics, journal on the disk, the command connection), the link's (terminal, framing,
// publishing ticks), cnats' own (acknowledgements, commands), and one per publisher that mends its connection.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <thread>

#include "bridge/command_server.h"
#include "bridge/control_service.h"
#include "bridge/inspector.h"
#include "bridge/lobby.h"
#include "bridge/log.h"
#include "bridge/metrics_page.h"
#include "bridge/metrics_server.h"
#include "bridge/options.h"
#include "bridge/overview.h"
#include "bridge/session.h"

using namespace troupe;
using namespace troupe::bridge;

namespace {

std::atomic<bool> g_stopping{false};

// Waits up to `ms` for SIGTERM or SIGINT, which are blocked in all threads.
void waitForSignal(int ms) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  const timespec timeout{ms / 1000, ms % 1000 * 1'000'000};
  if (sigtimedwait(&set, nullptr, &timeout) > 0) g_stopping = true;
}

// True once NATS is reached and the node has made its streams; false when told to stop first.
bool waitForCompany(CommandServer& commands, const Clock& clock) {
  std::string last;
  int64_t told_us = 0;
  while (!g_stopping) {
    std::string error, missing;
    if (commands.ensure(error)) {
      missing =
          missingStream(commands.connection(), {"MARKET", "TRADING", "SYSTEM", "KV_actors", "KV_machines"}, error);
      if (missing.empty()) return true;
      if (error.empty()) error = "stream " + missing + " does not exist yet; a Troupe node makes it when it starts";
    }
    if (error != last || clock.steadyUs() - told_us > 5'000'000) {
      logWarn(missing.empty() ? "E_NATS_UNREACHABLE" : "E_NATS_NO_STREAM", "waiting: " + error);
      last = error;
      told_us = clock.steadyUs();
    }
    waitForSignal(200);
  }
  return false;
}

// Before any terminal: what an earlier run has spilled, and what of it the stream has already.
bool recoverSpill(Room& room) {
  std::string error, told;
  while (!g_stopping && !room.sink.recover(room.store, error)) {
    if (error != told) logWarn("E_LINK_NO_STORE", "asking for the ticks of the spill file: " + error);
    told = error;
    ::usleep(200'000);
  }
  return !g_stopping;
}

// Terminals come, one at a time, until we stop.
void runLink(Lobby& lobby, Room& room) {
  if (!recoverSpill(room)) return;
  while (!g_stopping) {
    room.sink.tend(room.clock.steadyUs());
    const std::optional<Guest> guest = lobby.next(room.sink.drained() ? 50 : 2);
    if (!guest) continue;
    link::Connection& connection = *guest->connection;
    room.ticks.setRoomListener([&connection] { connection.wake(); });
    const Seat seat{connection, guest->hello, room.clock.steadyUs()};
    const link::LinkError error = Session(room, *guest).run(g_stopping, [&] { lobby.pass(seat); });
    room.ticks.setRoomListener(nullptr);
    const std::string reason = g_stopping ? "the bridge stops" : link::messageOf(error);
    if (!g_stopping && error != link::LinkError::kClosed) logError(link::codeOf(error), "link closed: " + reason);
    room.desk.detach(reason);
    connection.shutdown();
    room.status.step(State::kLost, g_stopping ? reason : std::string(link::codeOf(error)) + ": " + reason);
  }
}

int run(const Options& options) {
  Clock clock;
  std::string error;
  NatsSettings settings;
  if (!NatsSettings::fromEnvironment(settings, error)) {
    logError("E_CONFIG", error);
    return 2;
  }
  link::Key key;
  if (!link::loadKey(options.key_file, key, error)) {
    logError("E_CONFIG", error);
    return 2;
  }
  std::shared_ptr<const link::SecureServer> secure;
  if (!options.tls_cert.empty() && !(secure = link::makeSecureServer(options.tls_cert, options.tls_key, error))) {
    logError("E_CONFIG", "--link-tls-cert, --link-tls-key: " + error);
    return 2;
  }
  Journal journal;
  if (!journal.open(options.journal, error)) {
    logError("E_JOURNAL", error);
    return 1;
  }
  if (journal.droppedBytes() > 0)
    logWarn("E_JOURNAL_TORN", options.journal + ": dropped " + std::to_string(journal.droppedBytes()) +
                                  " bytes of a record that a crash had cut");
  link::Listener listener;
  if (!listener.listen(options.host, options.port, error)) {
    logError(errno == EADDRINUSE ? "E_PORT_IN_USE" : "E_LISTEN", error);
    return 1;
  }
  if (!printEvent({{"event", "listening"}, {"port", uint64_t{listener.port()}}})) return 1;

  CommandDesk* desk_pointer = nullptr;
  CommandServer commands(settings, options.account,
                         [&](const void* data, size_t size, const std::string& reply_to, bool more) {
                           desk_pointer->handle(data, size, reply_to, more);
                         });
  CommandDesk desk(
      journal, clock, [&](const std::string& to, const v1::CommandReply& reply) { commands.reply(to, reply); },
      int64_t{1000} * options.not_found_after_ms);
  desk_pointer = &desk;
  if (!waitForCompany(commands, clock)) return 0;

  Publisher events(settings, {.name = "bridge-events", .window = 32}, clock);
  Publisher ticks(settings, {.name = "bridge-ticks", .window = options.window}, clock);
  Status status(events, clock, options.account);
  TickSink sink(ticks, clock, options.source, options.partitions);
  if (options.spill_mb > 0 && !sink.spillTo(options.spill.empty() ? options.journal + ".spill" : options.spill,
                                            uint64_t{options.spill_mb} << 20, error)) {
    logError("E_SPILL", error);
    return 1;
  }
  TickStore store(settings);
  Framer framer({}, sink);
  ExecutionFeed feed(events, options.account);
  LinkFigures figures;
  Room room{clock, ticks,  sink,           store,           framer,           feed,
            desk,  status, options.source, options.account, options.daylight, figures};
  Inspector inspector(settings, clock, options.account, hostName());
  status.setListener([&](State from, const char* event, State to, const std::string& reason) {
    inspector.stepped(from, event, to, reason);
  });
  desk.setTrouble([&](const std::string& code, const std::string& why) {
    logWarn(code, "command refused: " + why);
    status.commandRefused(code + ": " + why);
  });
  desk.setUnasked([&](const v1::TerminalSnapshot& snapshot) { feed.onSnapshot(snapshot); });
  // Whoever hears that it waits may command it.
  if (!commands.serve(error)) {
    logError("E_NATS_DENIED", error);
    return 1;
  }
  status.start();
  Lobby lobby(
      listener, key, {options.login, options.margin_mode}, clock,
      [&](link::LinkError refused, const std::string& reason) {
        logWarn(link::codeOf(refused), "terminal refused: " + reason);
        status.refused(std::string(link::codeOf(refused)) + ": " + reason);
      },
      secure);
  std::thread link_thread([&] { runLink(lobby, room); });

  Overview overview{options, clock, status, room, ticks, events, sink, desk, journal, lobby};
  overview.port = listener.port();
  overview.started_ms = clock.wallUs() / 1000;
  MetricsServer metrics([&] { return metricsPage(overview.metrics()); },
                        [&] { return overview.status.state() == State::kReady; });
  if (options.metrics) {
    if (!metrics.start(static_cast<uint16_t>(options.metrics_port), error)) {
      logError(errno == EADDRINUSE ? "E_PORT_IN_USE" : "E_LISTEN", "--metrics-port: " + error);
      g_stopping = true;
      link_thread.join();
      return 1;
    }
    overview.metrics_port = metrics.port();
    printEvent({{"event", "metrics"}, {"port", uint64_t{metrics.port()}}});
  }
  ControlService control(
      settings, clock, options.account, [&] { return overview.statusFields(); }, [] { g_stopping = true; });
  std::string control_told;
  bool journal_told = false;
  for (uint64_t second = 0; !g_stopping; ++second) {
    if (second % 2 == 0) inspector.probe(status.state(), status.reason());
    if (!control.ensure(error) && error != control_told) {
      logWarn("E_NATS_DENIED", "operators cannot reach this bridge: " + error);
      control_told = error;
    }
    error.clear();
    waitForSignal(1000);
    const bool parent = printEvent({{"event", "stats"},
                                    {"ticks", room.ticks_received.load()},
                                    {"frames", ticks.published()},
                                    {"acked_frames", ticks.ackedMessages()},
                                    {"acked_ticks", ticks.ackedUnits()},
                                    {"in_flight", uint64_t{ticks.inFlight()}},
                                    {"spill_bytes", sink.spillBytes()},
                                    {"commands", desk.commands()}});
    if (!parent) {
      logWarn("E_PARENT_GONE", "nobody reads our stdout any more; stopping");
      g_stopping = true;
    }
    if (!journal.sync(error) && !journal_told) logError("E_JOURNAL", error);
    journal_told = !error.empty();
    error.clear();
    if (!commands.ensure(error)) logError("E_NATS_UNREACHABLE", error);
    error.clear();
  }
  link_thread.join();
  status.stop("told to stop");
  // The whole end has 3 s; the link's thread has had up to 1.5 s of them.
  const int64_t deadline = clock.steadyUs() + 1'000'000;
  while ((!events.idle() || !ticks.idle()) && clock.steadyUs() < deadline) ::usleep(2000);
  control.stop();
  commands.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  const std::string faults = parseOptions(argc, argv, options);
  if (options.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!faults.empty()) {
    logError("E_USAGE", faults);
    std::fputs(kUsage, stderr);
    return 2;
  }
  // Before any thread is made, so that all inherit it.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return run(options);
}
