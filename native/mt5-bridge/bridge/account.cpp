#include "bridge/account.h"

#include <unistd.h>

#include "bridge/log.h"
#include "bridge/subjects.h"

namespace troupe::bridge {

Account::Account(const Shared& shared, const AccountOptions& own, std::unique_ptr<Journal> journal)
    : shared_(shared),
      own_(own),
      journal_(std::move(journal)),
      commands_(shared.settings, own.account,
                [this](const void* data, size_t size, const std::string& reply_to, bool more) {
                  logAs(own_.account);
                  desk_.handle(data, size, reply_to, more);
                },
                [this](const void* data, size_t size) {
                  logAs(own_.account);
                  desk_.hear(data, size);
                }),
      desk_(
          *journal_, shared.clock,
          [this](const std::string& to, const v1::CommandReply& reply) { commands_.reply(to, reply); },
          int64_t{1000} * own.not_found_after_ms),
      events_(shared.settings, {.name = "bridge-events-" + token(own.account), .window = 32}, shared.clock),
      ticks_(shared.settings,
             {.name = "bridge-ticks-" + token(own.account), .window = own.window, .gathers = true},
             shared.clock),
      status_(events_, shared.clock, own.account),
      sink_(ticks_, shared.clock, own.source, shared.partitions),
      store_(shared.settings),
      framer_({}, sink_),
      feed_(events_, own.account),
      room_{shared.clock, ticks_,  sink_,      store_,      framer_,      feed_,
            desk_,        status_, own.source, own.account, own.daylight, figures_},
      inspector_(shared.settings, shared.clock, own.account, hostName()),
      overview_{own_, shared.daemon, shared.clock, status_, room_, ticks_, events_, sink_, desk_, *journal_, {}},
      control_(
          shared.settings, shared.clock, own.account, [this] { return overview_.statusFields(); },
          [this] { shared_.stop.say(); }) {
  status_.setListener([this](State from, const char* event, State to, const std::string& reason) {
    inspector_.stepped(from, event, to, reason);
  });
  desk_.setTrouble([this](const std::string& code, const std::string& why) {
    logWarn(code, "command refused: " + why);
    status_.commandRefused(code + ": " + why);
  });
  desk_.setUnasked([this](const v1::TerminalSnapshot& snapshot) { feed_.onSnapshot(snapshot); });
}

bool Account::open(std::string& code, std::string& error) {
  if (own_.spill_mb > 0 && !sink_.spillTo(own_.spillFile(), uint64_t{own_.spill_mb} << 20, error)) {
    code = "E_SPILL";
    return false;
  }
  for (std::string told; !commands_.ensure(error); error.clear()) {
    if (error != told) logWarn("E_NATS_UNREACHABLE", "waiting: " + error);
    told = error;
    if (shared_.stop.wait(200)) return false;
  }
  // Whoever hears that it waits may command it.
  if (!commands_.serve(error)) {
    code = "E_NATS_DENIED";
    return false;
  }
  return true;
}

Account::~Account() {
  control_.stop();
  commands_.stop();
}

void Account::start() {
  status_.start();
  link_thread_ = std::thread([this] {
    logAs(own_.account);
    link();
  });
  keeper_ = std::thread([this] {
    logAs(own_.account);
    keep();
    end();
  });
}

void Account::join() {
  if (keeper_.joinable()) keeper_.join();
}

void Account::refused(link::LinkError error, const std::string& reason) {
  status_.refused(std::string(link::codeOf(error)) + ": " + reason);
}

// Before any terminal: what an earlier run has spilled, and what of it the stream has already.
bool Account::recoverSpill() {
  std::string error, told;
  while (!shared_.stop.said() && !sink_.recover(store_, error)) {
    if (error != told) logWarn("E_LINK_NO_STORE", "asking for the ticks of the spill file: " + error);
    told = error;
    shared_.stop.wait(200);
  }
  return !shared_.stop.said();
}

// Terminals come, one at a time, until we stop.
void Account::link() {
  if (!recoverSpill()) return;
  const std::atomic<bool>& stopping = shared_.stop.said();
  while (!stopping) {
    sink_.tend(shared_.clock.steadyUs());
    const std::optional<Guest> guest = seat_.take(sink_.drained() ? 50 : 2);
    if (!guest) continue;
    link::Connection& connection = *guest->connection;
    // Who has gone meanwhile was never here.
    if (!connection.peerClosed()) {
      ticks_.setRoomListener([&connection] { connection.wake(); });
      const link::LinkError error = Session(room_, *guest).run(stopping);
      ticks_.setRoomListener(nullptr);
      const std::string reason = stopping ? "the bridge stops" : link::messageOf(error);
      if (!stopping && error != link::LinkError::kClosed) logError(link::codeOf(error), "link closed: " + reason);
      desk_.detach(reason);
      connection.shutdown();
      status_.step(State::kLost, stopping ? reason : std::string(link::codeOf(error)) + ": " + reason);
    }
    seat_.leave();
  }
}

void Account::keep() {
  std::string error, control_told;
  bool journal_told = false;
  for (uint64_t second = 0; !shared_.stop.said(); ++second) {
    if (second % 2 == 0) inspector_.probe(status_.state(), status_.reason());
    if (!control_.ensure(error) && error != control_told) {
      logWarn("E_NATS_DENIED", "operators cannot reach this bridge: " + error);
      control_told = error;
    }
    error.clear();
    shared_.stop.wait(1000);
    const bool parent = printEvent({{"event", "stats"},
                                    {"ticks", room_.ticks_received.load()},
                                    {"frames", ticks_.published()},
                                    {"acked_frames", ticks_.ackedMessages()},
                                    {"acked_ticks", ticks_.ackedUnits()},
                                    {"in_flight", uint64_t{ticks_.inFlight()}},
                                    {"spill_bytes", sink_.spillBytes()},
                                    {"commands", desk_.commands()},
                                    {"account", own_.account}});
    if (!parent) {
      logWarn("E_PARENT_GONE", "nobody reads our stdout any more; stopping");
      shared_.stop.say();
    }
    if (!journal_->sync(error) && !journal_told) logError("E_JOURNAL", error);
    journal_told = !error.empty();
    error.clear();
    if (!commands_.ensure(error)) logError("E_NATS_UNREACHABLE", error);
    error.clear();
  }
}

void Account::end() {
  link_thread_.join();
  status_.stop("told to stop");
  // The whole end has 3 s; the link's thread has had up to 1.5 s of them.
  const int64_t deadline = shared_.clock.steadyUs() + 1'000'000;
  while ((!events_.idle() || !ticks_.idle()) && shared_.clock.steadyUs() < deadline) ::usleep(2000);
  control_.stop();
  commands_.stop();
}

}  // namespace troupe::bridge
