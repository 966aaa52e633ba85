#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "dll/resolve.h"
#include "dll/socket.h"

namespace troupe::dll {

struct Socket::State {
  int fd = -1;
  int wake = -1;
};

Socket::Socket() : state_(std::make_unique<State>()) { state_->wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

Socket::~Socket() {
  close();
  if (state_->wake >= 0) ::close(state_->wake);
}

bool Socket::usable() const { return state_->wake >= 0; }

bool Socket::connect(uint32_t address, uint16_t port) {
  close();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = address;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return false;
  }
  state_->fd = fd;
  return true;
}

Socket::Progress Socket::progress() {
  pollfd p{state_->fd, POLLOUT, 0};
  if (state_->fd < 0) return Progress::kFailed;
  if (::poll(&p, 1, 0) != 1) return Progress::kConnecting;
  int failed = 0;
  socklen_t size = sizeof failed;
  ::getsockopt(state_->fd, SOL_SOCKET, SO_ERROR, &failed, &size);
  return failed == 0 ? Progress::kConnected : Progress::kFailed;
}

void Socket::close() {
  if (state_->fd >= 0) ::close(state_->fd);
  state_->fd = -1;
}

void Socket::finish() { ::shutdown(state_->fd, SHUT_WR); }

bool Socket::wait(int64_t timeout_us, bool read, bool write) {
  pollfd fds[2] = {{state_->wake, POLLIN, 0}, {state_->fd, 0, 0}};
  if (read) fds[1].events |= POLLIN;
  if (write) fds[1].events |= POLLOUT;
  // Without any interest the socket is left out: POLLHUP is reported always, and would make this a busy loop.
  const nfds_t count = state_->fd >= 0 && fds[1].events != 0 ? 2 : 1;
  const timespec timeout{timeout_us / 1'000'000, timeout_us % 1'000'000 * 1000};
  if (::ppoll(fds, count, &timeout, nullptr) < 0) return true;
  if (fds[0].revents & POLLIN) {
    uint64_t times;  // all of them at once
    [[maybe_unused]] const ssize_t taken = ::read(state_->wake, &times, sizeof times);
  }
  return !read || count == 1 || (fds[1].revents & ~POLLOUT) != 0;
}

void Socket::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(state_->wake, &one, sizeof one);
}

namespace {

long outcome(ssize_t bytes) {
  if (bytes >= 0) return static_cast<long>(bytes);
  if (errno == EAGAIN || errno == EINTR) return Socket::kNothing;
  return errno == ECONNRESET || errno == EPIPE ? Socket::kClosed : Socket::kFailed;
}

}  // namespace

long Socket::receive(void* to, size_t bytes) {
  const ssize_t got = ::recv(state_->fd, to, bytes, 0);
  return got == 0 ? kClosed : outcome(got);
}

long Socket::send(const void* from, size_t bytes) { return outcome(::send(state_->fd, from, bytes, MSG_NOSIGNAL)); }

// IPv4 alone, as the bridge listens.
std::vector<uint32_t> systemResolve(const std::string& host) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  std::vector<uint32_t> out;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) == 0) {
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
      out.push_back(reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr.s_addr);
    ::freeaddrinfo(found);
  }
  return out;
}

// Fine enough as they are.
FineTimers::FineTimers() = default;
FineTimers::~FineTimers() = default;

}  // namespace troupe::dll
