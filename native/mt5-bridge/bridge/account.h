// One trading account of the daemon, and all that it has of its own: journal and fence, commands, execution events,
// ticks and their spill file, state, control service, and threads. Accounts share nothing that one of them could hold
// up: a terminal that is stuck, or a disk, costs its own account only.
//
// Threads: the link's (terminal, framing, publishing ticks), the keeper's (statistics, journal on the disk, the command
// connection), cnats' own (acknowledgements, commands), and one per publisher that mends its connection.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "bridge/command_desk.h"
#include "bridge/command_server.h"
#include "bridge/control_service.h"
#include "bridge/execution_feed.h"
#include "bridge/framer.h"
#include "bridge/inspector.h"
#include "bridge/journal.h"
#include "bridge/overview.h"
#include "bridge/publisher.h"
#include "bridge/seat.h"
#include "bridge/session.h"
#include "bridge/status.h"
#include "bridge/stop.h"
#include "bridge/tick_sink.h"
#include "bridge/tick_store.h"

namespace troupe::bridge {

class Account {
 public:
  // What all accounts of a daemon share. `daemon` is filled in before start().
  struct Shared {
    const NatsSettings& settings;
    const Clock& clock;
    const DaemonFacts& daemon;
    uint32_t partitions;
    Stop& stop;
  };

  // The journal is open, and the company's streams exist.
  Account(const Shared& shared, const AccountOptions& own, std::unique_ptr<Journal> journal);
  ~Account();
  Account(const Account&) = delete;

  // Opens the spill file and takes commands; waits for NATS. False with `code` and `error` set, or when told to stop.
  bool open(std::string& code, std::string& error);
  // How many terminals were sent away from this account, by code; to be set before start().
  void setRefusals(Overview::Refusals refusals) { overview_.refusals = std::move(refusals); }
  // Begins to serve terminals.
  void start();
  // After the word to stop: ends in order, which takes up to 3 s.
  void join();

  // A terminal was sent away that came for this account, or for nobody knows whose.
  void refused(link::LinkError error, const std::string& reason);

  // The link's certificate was read again, or could not be used and stays what it was.
  void certificate(bool taken, const std::string& what) { status_.certificate(taken, what); }

  Seat& seat() { return seat_; }
  link::Policy policy() const { return {own_.login, own_.margin_mode}; }
  const Overview& overview() const { return overview_; }
  const std::string& name() const { return own_.account; }

 private:
  bool recoverSpill();
  void link();
  void keep();
  void end();

  const Shared shared_;
  const AccountOptions own_;
  const std::unique_ptr<Journal> journal_;
  Seat seat_;
  CommandServer commands_;
  CommandDesk desk_;
  Publisher events_, ticks_;
  Status status_;
  TickSink sink_;
  TickStore store_;
  Framer framer_;
  ExecutionFeed feed_;
  LinkFigures figures_;
  Room room_;
  Inspector inspector_;
  Overview overview_;
  ControlService control_;
  std::thread link_thread_, keeper_;
};

}  // namespace troupe::bridge
