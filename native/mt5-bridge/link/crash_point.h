// Where the tests of recovery end a program, as if its power were cut: every point between "command received" and
// "result acknowledged" in terminal, DLL and daemon. Only builds with TROUPE_CRASH_POINTS (the tests' own copies of the
// programs) have them; in all others nothing of this is left.
#pragma once

// In the order in which a command passes them.
#define TROUPE_CRASH_POINTS_OF_A_COMMAND(X) \
  X(kDaemonCommandReceived)                 \
  X(kDaemonNoted)                           \
  X(kDaemonDurable)                         \
  X(kDaemonSent)                            \
  X(kDllCommandRead)                        \
  X(kDllCommandInRing)                      \
  X(kDllCommandDelivered)                   \
  X(kTerminalCommandReceived)               \
  X(kTerminalExecuted)                      \
  X(kDllResultTaken)                        \
  X(kDllResultFramed)                       \
  X(kDllResultSent)                         \
  X(kDaemonResultReceived)                  \
  X(kDaemonResultNoted)                     \
  X(kDaemonAnswered)

#ifdef TROUPE_CRASH_POINTS

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace troupe::link {

// The point is named by the environment of the test's copy.
inline void crashAt(const char* point) {
  const char* wanted = std::getenv("TROUPE_CRASH_AT");
  if (wanted != nullptr && std::strcmp(wanted, point) == 0) std::raise(SIGKILL);
}

}  // namespace troupe::link

#define TROUPE_CRASH_POINT(point) ::troupe::link::crashAt(#point)

#else

#define TROUPE_CRASH_POINT(point) static_cast<void>(0)

#endif
