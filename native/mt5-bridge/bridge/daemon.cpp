#include "bridge/daemon.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include "bridge/log.h"

namespace troupe::bridge {

int Daemon::run() {
  if (!configure() || !openJournals() || !listen() || !waitForCompany() || !openAccounts() || !serveMetrics())
    return status_;
  serve();
  return 0;
}

bool Daemon::configure() {
  status_ = 2;
  std::string error;
  const auto wrong = [&](const std::string& why) {
    logError("E_CONFIG", why);
    return false;
  };
  if (!NatsSettings::fromEnvironment(settings_, error)) return wrong(error);
  if (!link::loadKey(options_.key_file, key_, error)) return wrong(error);
  if (!options_.tls_cert.empty() && !(secure_ = link::makeSecureServer(options_.tls_cert, options_.tls_key, error)))
    return wrong("--link-tls-cert, --link-tls-key: " + error);
  facts_.tls = secure_ != nullptr;
  facts_.started_ms = clock_.wallUs() / 1000;
  for (const AccountOptions& own : options_.accounts) facts_.accounts.push_back(own.account);
  return true;
}

bool Daemon::openJournals() {
  bool good = true;
  for (const AccountOptions& own : options_.accounts) {
    logAs(own.account);
    std::string error;
    Journal& journal = *journals_.emplace_back(std::make_unique<Journal>());
    if (!journal.open(own.journal, error)) {
      logError("E_JOURNAL", error);
      good = false;
    } else if (journal.droppedBytes() > 0) {
      logWarn("E_JOURNAL_TORN", own.journal + ": dropped " + std::to_string(journal.droppedBytes()) +
                                    " bytes of a record that a crash had cut");
    }
  }
  logAs("");
  status_ = 1;
  return good;
}

bool Daemon::listen() {
  std::string error;
  if (!listener_.listen(options_.host, options_.port, error)) {
    logError(errno == EADDRINUSE ? "E_PORT_IN_USE" : "E_LISTEN", error);
    return false;
  }
  facts_.port = listener_.port();
  return printEvent({{"event", "listening"}, {"port", uint64_t{facts_.port}}});
}

bool Daemon::waitForCompany() {
  // Hears nothing, and asks only.
  CommandServer asking(settings_, "", [](const void*, size_t, const std::string&, bool) {}, [](const void*, size_t) {});
  std::string last;
  int64_t told_us = 0;
  while (!stop_.said()) {
    std::string error, missing;
    if (asking.ensure(error)) {
      missing = missingStream(asking.connection(), {"MARKET", "TRADING", "SYSTEM", "KV_actors", "KV_machines"}, error);
      if (missing.empty()) return true;
      if (error.empty()) error = "stream " + missing + " does not exist yet; a Troupe node makes it when it starts";
    }
    if (error != last || clock_.steadyUs() - told_us > 5'000'000) {
      logWarn(missing.empty() ? "E_NATS_UNREACHABLE" : "E_NATS_NO_STREAM", "waiting: " + error);
      last = error;
      told_us = clock_.steadyUs();
    }
    rest(200);
  }
  status_ = 0;
  return false;
}

bool Daemon::openAccounts() {
  const Account::Shared shared{settings_, clock_, facts_, options_.partitions, stop_};
  std::vector<Door> doors;
  for (size_t i = 0; i < options_.accounts.size(); ++i) {
    Account& account =
        *accounts_.emplace_back(std::make_unique<Account>(shared, options_.accounts[i], std::move(journals_[i])));
    doors.push_back({account.policy(), account.seat()});
  }
  for (const auto& account : accounts_) {
    std::string code, error;
    logAs(account->name());
    const bool good = account->open(code, error);
    if (!good && !code.empty()) logError(code, error);
    logAs("");
    if (good) continue;
    status_ = code.empty() ? 0 : 1;
    return false;
  }
  lobby_ = std::make_unique<Lobby>(
      listener_, key_, std::move(doors), clock_,
      [this](std::optional<size_t> account, link::LinkError error, const std::string& reason) {
        refused(account, error, reason);
      },
      secure_);
  for (size_t i = 0; i < accounts_.size(); ++i) accounts_[i]->setRefusals([this, i] { return lobby_->refusals(i); });
  return true;
}

bool Daemon::serveMetrics() {
  if (!options_.metrics) return true;
  metrics_ = std::make_unique<MetricsServer>([this] { return metricsPage(reading()); }, [this] { return allReady(); });
  std::string error;
  if (!metrics_->start(static_cast<uint16_t>(options_.metrics_port), error)) {
    logError(errno == EADDRINUSE ? "E_PORT_IN_USE" : "E_LISTEN", "--metrics-port: " + error);
    return false;
  }
  facts_.metrics_port = metrics_->port();
  printEvent({{"event", "metrics"}, {"port", uint64_t{facts_.metrics_port}}});
  return true;
}

void Daemon::serve() {
  for (const auto& account : accounts_) account->start();
  std::thread door([this] {
    while (!stop_.said()) lobby_->pass(50);
  });
  while (!stop_.said()) rest(200);
  door.join();
  for (const auto& account : accounts_) account->join();
}

void Daemon::rest(int ms) {
  if (rest_(ms)) readCertificateAgain();
}

void Daemon::readCertificateAgain() {
  if (options_.tls_cert.empty()) return logInfo("SIGHUP: there is no certificate to read again");
  std::string error;
  const auto fresh = link::makeSecureServer(options_.tls_cert, options_.tls_key, error);
  bool good = fresh != nullptr;
  if (good && !fresh->validNow()) {
    error = options_.tls_cert + ": has expired or is not valid yet";
    good = false;
  }
  if (!good) {
    const bool of_key = error.starts_with(options_.tls_key + ":");
    const std::string why = std::string(of_key ? "--link-tls-key: " : "--link-tls-cert: ") + error;
    logError("E_LINK_TLS_REREAD", why + "; the certificate that was read before stays");
    for (const auto& account : accounts_) account->certificate(false, "E_LINK_TLS_REREAD: " + why);
    return;
  }
  secure_ = fresh;
  if (lobby_) lobby_->setSecure(fresh);
  const std::string what = options_.tls_cert + " has been read again, SHA-256 " + fresh->fingerprint();
  logInfo(what + "; links that stand go on");
  for (const auto& account : accounts_) account->certificate(true, what);
}

void Daemon::refused(std::optional<size_t> account, link::LinkError error, const std::string& reason) {
  if (account) logAs(accounts_[*account]->name());
  logWarn(link::codeOf(error), "terminal refused: " + reason);
  logAs("");
  // Who came for none may have been meant for any: each one's people hear of it.
  for (size_t i = 0; i < accounts_.size(); ++i)
    if (!account || *account == i) accounts_[i]->refused(error, reason);
}

DaemonReading Daemon::reading() const {
  DaemonReading all;
  for (const auto& account : accounts_) all.accounts.push_back(account->overview().metrics());
  all.refusals = lobby_->refusals(std::nullopt);
  all.resident_bytes = residentBytes();
  return all;
}

bool Daemon::allReady() const {
  return std::all_of(accounts_.begin(), accounts_.end(),
                     [](const auto& account) { return account->overview().status.state() == State::kReady; });
}

}  // namespace troupe::bridge
