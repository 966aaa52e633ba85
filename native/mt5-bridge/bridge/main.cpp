// The bridge daemon's process: its command line and its signals.
#include <signal.h>

#include <cstdio>

#include "bridge/daemon.h"
#include "bridge/log.h"
#include "bridge/options.h"

using namespace troupe;
using namespace troupe::bridge;

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
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  Stop stop;
  return Daemon(options, stop,
                [&](int ms) {
                  const timespec timeout{ms / 1000, ms % 1000 * 1'000'000};
                  const int signal = sigtimedwait(&set, nullptr, &timeout);
                  if (signal == SIGTERM || signal == SIGINT) stop.say();
                  return signal == SIGHUP;
                })
      .run();
}
