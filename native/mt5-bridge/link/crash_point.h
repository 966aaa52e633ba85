// Where the tests of recovery end a program, as if its power were cut, or cut its link: every point between "command
// received" and "result acknowledged" in terminal, DLL and daemon. Only builds with TROUPE_CRASH_POINTS (the tests' own
// copies of the programs) have them; in all others nothing of this is left.
#pragma once

// In the order in which a command passes them: an order that is placed, or a change of what is there.
#define TROUPE_CRASH_POINTS_OF_A_COMMAND(X) \
  X(kDaemonCommandReceived)                 \
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

// Between the first two of them, and only of an order that is placed: that is noted before it leaves.
#define TROUPE_CRASH_POINTS_OF_THE_JOURNAL(X) \
  X(kDaemonNoted)                             \
  X(kDaemonDurable)

#ifdef TROUPE_CRASH_POINTS

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace troupe::link {

// Both ends see the connection end. Of a program that listens those that it has accepted, of any other all of its own.
inline void breakLink(const char* point) {
  std::vector<in_port_t> listening;
  struct Socket {
    int fd;
    in_port_t port;
  };
  std::vector<Socket> connected;
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_in here{}, there{};
    socklen_t size = sizeof here, peer_size = sizeof there, flag_size = sizeof(int);
    int listens = 0;
    // Inherited, from a test that has connections too.
    if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) continue;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0 || here.sin_family != AF_INET) continue;
    ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag_size);
    if (listens != 0) listening.push_back(here.sin_port);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &peer_size) == 0)
      connected.push_back({fd, here.sin_port});
  }
  for (const Socket& one : connected) {
    bool accepted = listening.empty();
    for (const in_port_t port : listening) accepted |= port == one.port;
    if (accepted) ::shutdown(one.fd, SHUT_RDWR);
  }
  std::fprintf(stderr, "link broken at %s\n", point);
}

// The point is named by the environment of the test's copy, and whether it is the link that ends there.
inline void crashAt(const char* point) {
  const char* wanted = std::getenv("TROUPE_CRASH_AT");
  if (wanted == nullptr || std::strcmp(wanted, point) != 0) return;
  const char* what = std::getenv("TROUPE_CRASH_WHAT");
  if (what == nullptr || std::strcmp(what, "link") != 0) std::raise(SIGKILL);
  static std::atomic<bool> once{false};
  if (!once.exchange(true)) breakLink(point);
}

}  // namespace troupe::link

#define TROUPE_CRASH_POINT(point) ::troupe::link::crashAt(#point)

#else

#define TROUPE_CRASH_POINT(point) static_cast<void>(0)

#endif
