// The simulated MetaTrader 5 terminal: terminal --config FILE.json [--hold]
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "config.h"
#include "fault.h"
#include "session/console.h"
#include "session/terminal.h"
#include "shell/shell.h"

namespace {

int usage(const std::string& wrong) {
  troupe::terminal::log("error", "E_USAGE", wrong + "; usage: terminal --config FILE.json [--hold]");
  return 2;
}

// Signals come as a file descriptor into the poll loop: no handler can interrupt a half-written record.
int signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

// MQL5's sockets take the certificates that the machine trusts, and can be told of no others.
std::string unknownTrust(const troupe::terminal::Config& config) {
  using namespace troupe::link;
  if (config.program != troupe::terminal::RunsProgram::kExpertSockets) return "";
  const char *fingerprint = std::getenv(kFingerprintVariable), *ca = std::getenv(kCaVariable);
  if (fingerprint != nullptr)
    return std::string(kFingerprintVariable) + ": the program expert-sockets knows no fingerprints; allowed is " +
           kCaVariable + "=" + Trust::kSystem;
  if (ca != nullptr && std::string(ca) != Trust::kSystem)
    return std::string(kCaVariable) + ": '" + ca + "': the program expert-sockets allows only " + Trust::kSystem +
           ", those whom the machine trusts";
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace troupe::terminal;
  std::string path;
  bool hold = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--hold") {
      hold = true;
    } else if (argument == "--config" && i + 1 < argc) {
      path = argv[++i];
    } else {
      return usage("unknown or incomplete argument " + argument);
    }
  }
  if (path.empty()) return usage("--config is missing");
  const int signal_fd = signals();
  try {
    std::vector<std::string> faults;
    Config config = loadConfig(path, faults);
    if (std::string fault; !troupe::link::loadKey("", config.key, fault)) faults.push_back(fault);
    std::string tls;
    config.secure = troupe::link::secureClientOfEnvironment(tls);
    if (!tls.empty()) faults.push_back(tls);
    if (const std::string fault = unknownTrust(config); !fault.empty()) faults.push_back(fault);
    for (const std::string& fault : faults) log("error", "E_CONFIG", fault);
    if (!faults.empty()) return 1;
    if (config.program == RunsProgram::kNative) {
      Terminal(config, hold).run(STDIN_FILENO, signal_fd);
    } else {
      Shell(config, hold).run(STDIN_FILENO, signal_fd);
    }
    return 0;
  } catch (const Fault& fault) {
    log("error", fault.code(), fault.what());
  } catch (const std::exception& error) {
    log("error", "E_INTERNAL", error.what());
  }
  return 1;
}
