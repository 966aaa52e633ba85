// The bridge daemon: one port, at which terminals are let in, and the accounts that it serves, each with one terminal
// at a time.
//
// Threads: this one (signals), the door's, and those of each account.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "bridge/account.h"
#include "bridge/lobby.h"
#include "bridge/metrics_server.h"
#include "bridge/options.h"
#include "bridge/stop.h"

namespace troupe::bridge {

class Daemon {
 public:
  // `rest` waits some milliseconds, and says the word to stop when somebody wants the end. True when somebody wants the
  // certificate to be read again.
  Daemon(const Options& options, Stop& stop, std::function<bool(int ms)> rest)
      : options_(options), stop_(stop), rest_(std::move(rest)) {}

  // Until told to stop. The exit status of the process: 0 in order, 1 something cannot be used, 2 wrong configuration.
  int run();

 private:
  bool configure();
  bool openJournals();
  bool listen();
  // True once NATS is reached and the node has made its streams; false when told to stop first.
  bool waitForCompany();
  bool openAccounts();
  bool serveMetrics();
  void serve();
  // Waits, and does what is asked for meanwhile.
  void rest(int ms);
  // What cannot be used changes nothing.
  void readCertificateAgain();
  void refused(std::optional<size_t> account, link::LinkError error, const std::string& reason);
  DaemonReading reading() const;
  bool allReady() const;

  const Options& options_;
  Stop& stop_;
  const std::function<bool(int ms)> rest_;
  Clock clock_;
  NatsSettings settings_;
  link::Key key_;
  std::shared_ptr<const link::SecureServer> secure_;
  DaemonFacts facts_;
  link::Listener listener_;
  std::vector<std::unique_ptr<Journal>> journals_;  // until the accounts have them
  std::vector<std::unique_ptr<Account>> accounts_;
  std::unique_ptr<Lobby> lobby_;
  std::unique_ptr<MetricsServer> metrics_;
  int status_ = 0;
};

}  // namespace troupe::bridge
