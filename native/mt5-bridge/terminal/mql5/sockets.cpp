#include "terminal/mql5/sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "terminal/shim/constants.h"

namespace troupe::terminal {

namespace {

constexpr uint32_t kDefaultReadMs = 120'000;

bool ready(int fd, short what, int timeout_ms) {
  pollfd poll{fd, what, 0};
  return ::poll(&poll, 1, timeout_ms) == 1;
}

}  // namespace

MqlSockets::~MqlSockets() {
  for (Socket& socket : sockets_)
    if (socket.fd >= 0) ::close(socket.fd);
}

const MqlSockets::Socket* MqlSockets::at(int handle) const {
  if (handle < 0 || static_cast<size_t>(handle) >= sockets_.size()) return nullptr;
  const Socket& socket = sockets_[static_cast<size_t>(handle)];
  return socket.used ? &socket : nullptr;
}

int MqlSockets::create(const void* owner, int& error) {
  size_t mine = 0, free = sockets_.size();
  for (size_t i = 0; i < sockets_.size(); ++i) {
    if (sockets_[i].used && sockets_[i].owner == owner) ++mine;
    if (!sockets_[i].used) free = i;
  }
  if (mine >= kMost) {
    error = ERR_NETSOCKET_TOO_MANY_OPENED;
    return INVALID_HANDLE;
  }
  if (free == sockets_.size()) sockets_.emplace_back();
  sockets_[free] = {true, -1, -1, owner, nullptr};
  return static_cast<int>(free);
}

bool MqlSockets::connect(int handle, const std::string& server, uint32_t port, uint32_t timeout_ms, int& error) {
  if (!at(handle)) {
    error = ERR_NETSOCKET_INVALIDHANDLE;
    return false;
  }
  error = ERR_NETSOCKET_CANNOT_CONNECT;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  const std::string host = server == "localhost" ? "127.0.0.1" : server;
  if (port == 0 || port > 65535 || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return false;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int failed = 0;
  socklen_t size = sizeof failed;
  const int begun = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if ((begun != 0 && errno != EINPROGRESS) || !ready(fd, POLLOUT, static_cast<int>(timeout_ms)) ||
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0 || failed != 0) {
    ::close(fd);
    return false;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockets_[static_cast<size_t>(handle)].fd = fd;
  error = 0;
  return true;
}

bool MqlSockets::drop(int handle) {
  Socket& socket = sockets_[static_cast<size_t>(handle)];
  if (socket.fd >= 0) ::close(socket.fd);
  socket.fd = -1;
  socket.tls.reset();
  return true;
}

bool MqlSockets::close(int handle) {
  if (!at(handle)) return false;
  drop(handle);
  sockets_[static_cast<size_t>(handle)] = {};
  return true;
}

void MqlSockets::closeAll(const void* owner) {
  for (size_t i = 0; i < sockets_.size(); ++i)
    if (sockets_[i].used && sockets_[i].owner == owner) close(static_cast<int>(i));
}

bool MqlSockets::connected(int handle) const { return at(handle) && at(handle)->fd >= 0; }

uint32_t MqlSockets::readable(int handle) {
  if (!connected(handle)) return 0;
  int bytes = 0;
  const int fd = at(handle)->fd;
  if (ioctl(fd, FIONREAD, &bytes) != 0) return 0;
  // Under TLS what is opened already can be read as well.
  const Socket& socket = *at(handle);
  const auto opened = socket.tls ? static_cast<uint32_t>(socket.tls->opened.size()) : 0;
  if (opened > 0) return opened + static_cast<uint32_t>(bytes);
  // The other side has closed: something to read, which is the end.
  if (bytes == 0 && ready(fd, POLLIN, 0)) {
    char end;
    if (::recv(fd, &end, 1, MSG_PEEK | MSG_DONTWAIT) == 0) drop(handle);
  }
  return static_cast<uint32_t>(bytes);
}

bool MqlSockets::writable(int handle) const { return connected(handle) && ready(at(handle)->fd, POLLOUT, 0); }

bool MqlSockets::timeouts(int handle, uint32_t send_ms) {
  if (!at(handle)) return false;
  sockets_[static_cast<size_t>(handle)].send_ms = static_cast<int>(send_ms);
  return true;
}

int MqlSockets::read(int handle, uint8_t* to, uint32_t most, uint32_t timeout_ms, int& error) {
  if (!connected(handle)) {
    error = at(handle) ? ERR_NETSOCKET_IO_ERROR : ERR_NETSOCKET_INVALIDHANDLE;
    return -1;
  }
  const int fd = at(handle)->fd;
  if (!ready(fd, POLLIN, static_cast<int>(timeout_ms == 0 ? kDefaultReadMs : timeout_ms))) return -1;
  const ssize_t got = ::recv(fd, to, most, MSG_DONTWAIT);
  if (got > 0) return static_cast<int>(got);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return -1;
  error = ERR_NETSOCKET_IO_ERROR;
  drop(handle);
  return -1;
}

int MqlSockets::send(int handle, const uint8_t* from, uint32_t bytes, int& error) {
  if (!connected(handle)) {
    error = at(handle) ? ERR_NETSOCKET_IO_ERROR : ERR_NETSOCKET_INVALIDHANDLE;
    return -1;
  }
  const int fd = at(handle)->fd;
  if (!ready(fd, POLLOUT, at(handle)->send_ms)) return 0;
  const ssize_t sent = ::send(fd, from, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<int>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  error = ERR_NETSOCKET_IO_ERROR;
  drop(handle);
  return -1;
}

}  // namespace troupe::terminal
