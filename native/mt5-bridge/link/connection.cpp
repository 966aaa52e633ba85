#include "link/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/tcp.h>  // not netinet/tcp.h: its tcp_info ends before what has been acknowledged
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe::link {

namespace {

// Wide enough for a few hundred microseconds at full speed, small enough that an answer to a command does not wait
// long behind ticks that are already in the kernel.
constexpr int kSocketBufferBytes = 1 << 20;
constexpr size_t kSealedBytes = 64u << 10;  // of TLS, read at once

void prepare(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
}

bool addressOf(const std::string& host, uint16_t port, sockaddr_in& to) {
  to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  return inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &to.sin_addr) == 1;
}

std::string systemError(const std::string& what) { return what + ": " + std::string(strerror(errno)); }

}  // namespace

Connection::Connection(int fd, Peer peer, std::unique_ptr<SecureChannel> channel)
    : fd_(fd), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), decoder_(peer), channel_(std::move(channel)) {
  prepare(fd_);
  if (!channel_) return;
  // What cannot leave now, or cannot leave at all, is noticed by wait().
  if (channel_->begin(queue_) == LinkError::kNone) flushLocked();
}

Connection::~Connection() {
  ::close(fd_);
  ::close(wake_fd_);
}

std::unique_ptr<Connection> Connection::connect(const std::string& host, uint16_t port, Peer peer, int timeout_ms,
                                                std::string& error, const SecureClient* secure) {
  sockaddr_in to;
  if (!addressOf(host, port, to)) {
    error = "not an IPv4 address: " + host;
    return nullptr;
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    error = systemError("socket");
    return nullptr;
  }
  prepare(fd);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    pollfd p{fd, POLLOUT, 0};
    int failed = errno;
    if (failed == EINPROGRESS) {
      failed = ::poll(&p, 1, timeout_ms) == 1 ? 0 : ETIMEDOUT;
      socklen_t size = sizeof failed;
      if (failed == 0) getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    }
    if (failed != 0) {
      errno = failed;
      error = systemError("connect to " + host + ":" + std::to_string(port));
      ::close(fd);
      return nullptr;
    }
  }
  return std::make_unique<Connection>(fd, peer, secure != nullptr ? secure->channel(host) : nullptr);
}

LinkError Connection::waitMicros(int64_t timeout_us, bool want_read) {
  if (decoder_.error() != LinkError::kNone) return decoder_.error();
  pollfd fds[2] = {{fd_, 0, 0}, {wake_fd_, POLLIN, 0}};
  if (want_read) fds[0].events |= POLLIN;
  if (pendingBytes() > 0) fds[0].events |= POLLOUT;
  // Without any interest the socket is left out: POLLHUP is reported always, and would make this a busy loop.
  if (fds[0].events == 0) fds[0].fd = -1;
  const timespec timeout{timeout_us / 1'000'000, timeout_us % 1'000'000 * 1000};
  if (::ppoll(fds, 2, timeout_us < 0 ? nullptr : &timeout, nullptr) < 0)
    return errno == EINTR ? LinkError::kNone : LinkError::kIo;
  if (fds[1].revents & POLLIN) {
    uint64_t count;
    while (::read(wake_fd_, &count, sizeof count) > 0) {
    }
  }
  if (fds[0].revents & POLLOUT) {
    std::lock_guard lock(write_mutex_);
    if (const LinkError e = flushLocked(); e != LinkError::kNone) return e;
  }
  if (want_read && (fds[0].revents & (POLLIN | POLLHUP | POLLERR))) return receive();
  return LinkError::kNone;
}

LinkError Connection::receive() {
  uint8_t sealed[kSealedBytes];
  size_t room = sizeof sealed;
  uint8_t* to = channel_ ? sealed : decoder_.room(room);
  const ssize_t got = ::recv(fd_, to, room, 0);
  if (got == 0) return closed();
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return LinkError::kNone;
    return errno == ECONNRESET ? closed() : LinkError::kIo;
  }
  const bool first = received_.fetch_add(static_cast<uint64_t>(got), std::memory_order_relaxed) == 0;
  if (channel_) return receiveSecure(sealed, static_cast<size_t>(got));
  if (first && looksLikeTls(to, static_cast<size_t>(got))) return LinkError::kTlsUnexpected;
  decoder_.filled(static_cast<size_t>(got));
  return LinkError::kNone;
}

LinkError Connection::receiveSecure(const uint8_t* from, size_t bytes) {
  std::lock_guard lock(write_mutex_);
  plain_.clear();
  const LinkError error = channel_->take(from, bytes, plain_, queue_);
  for (size_t done = 0; done < plain_.size();) {
    size_t room;
    uint8_t* to = decoder_.room(room);
    const size_t count = std::min(room, plain_.size() - done);
    std::memcpy(to, plain_.data() + done, count);
    decoder_.filled(count);
    done += count;
  }
  const LinkError failed = flushLocked();
  if (error == LinkError::kNone) return failed;
  detail_ = channel_->detail();
  if (error == LinkError::kTlsMissing) channel_.reset();
  return error == LinkError::kClosed ? closed() : error;
}

bool Connection::peerClosed() const {
  pollfd p{fd_, POLLRDHUP, 0};
  return ::poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

LinkError Connection::sendParts(FrameType type, const iovec* parts, int count) {
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
  if (bytes > kMaxPayloadBytes || count > 4) return LinkError::kTooLong;
  std::lock_guard lock(write_mutex_);
  if (write_failed_) return LinkError::kClosed;
  if (queue_.size() - queue_begin_ + bytes > kMaxQueuedBytes) return LinkError::kOverflow;
  FrameHeader header = headerOf(type, parts, count, next_sequence_++);
  iovec all[5] = {{&header, sizeof header}, {}, {}, {}, {}};
  for (int i = 0; i < count; ++i) all[i + 1] = parts[i];
  if (channel_) return sealLocked(all, count + 1);
  size_t done = 0;
  if (queue_begin_ == queue_.size()) {
    msghdr message{};
    message.msg_iov = all;
    message.msg_iovlen = static_cast<size_t>(count) + 1;
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      done = static_cast<size_t>(sent);
    } else if (errno != EAGAIN && errno != EINTR) {
      write_failed_ = true;
      return errno == EPIPE || errno == ECONNRESET ? LinkError::kClosed : LinkError::kIo;
    }
    queue_.clear();
    queue_begin_ = 0;
  }
  if (done < sizeof header + bytes) {
    for (int i = 0; i <= count; ++i) {
      const auto* from = static_cast<const uint8_t*>(all[i].iov_base);
      const size_t skip = std::min(done, all[i].iov_len);
      done -= skip;
      queue_.insert(queue_.end(), from + skip, from + all[i].iov_len);
    }
    pending_.store(queue_.size() - queue_begin_, std::memory_order_relaxed);
    wake();  // the reader's wait() must now look for room to write
  }
  return LinkError::kNone;
}

// One call of the channel for a frame: each makes a record of its own.
LinkError Connection::sealLocked(const iovec* parts, int count) {
  plain_.clear();
  for (int i = 0; i < count; ++i) {
    const auto* from = static_cast<const uint8_t*>(parts[i].iov_base);
    plain_.insert(plain_.end(), from, from + parts[i].iov_len);
  }
  if (const LinkError e = channel_->seal(plain_.data(), plain_.size(), queue_); e != LinkError::kNone) return e;
  const LinkError failed = flushLocked();
  if (pendingBytes() > 0) wake();
  return failed;
}

LinkError Connection::flushLocked() {
  while (queue_begin_ < queue_.size()) {
    const ssize_t sent =
        ::send(fd_, queue_.data() + queue_begin_, queue_.size() - queue_begin_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) break;
      write_failed_ = true;
      return errno == EPIPE || errno == ECONNRESET ? LinkError::kClosed : LinkError::kIo;
    }
    queue_begin_ += static_cast<size_t>(sent);
  }
  if (queue_begin_ == queue_.size()) {
    queue_.clear();
    queue_begin_ = 0;
  } else if (queue_begin_ > (1u << 20)) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(queue_begin_));
    queue_begin_ = 0;
  }
  pending_.store(queue_.size() - queue_begin_, std::memory_order_relaxed);
  return LinkError::kNone;
}

Connection::Taken Connection::taken() const {
  Taken out;
  out.waits = pendingBytes() > 0;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return out;
  out.waits |= info.tcpi_notsent_bytes > 0;
  out.bytes = info.tcpi_bytes_acked;
  out.rtt_us = info.tcpi_rtt;
  return out;
}

void Connection::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void Connection::shutdown() {
  ::shutdown(fd_, SHUT_RDWR);
  wake();
}

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

bool Listener::listen(const std::string& host, uint16_t port, std::string& error) {
  sockaddr_in at;
  if (!addressOf(host, port, at)) {
    error = "not an IPv4 address: " + host;
    return false;
  }
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // The receive buffer of an accepted socket is taken from the listener's: set later it would not widen the window.
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(fd_, 16) != 0) {
    error = systemError("listen on " + host + ":" + std::to_string(port));
    return false;
  }
  socklen_t size = sizeof at;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.sin_port);
  return true;
}

int Listener::accept() { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }

bool parseEndpoint(const std::string& text, std::string& host, uint16_t& port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size() || text.size() - colon > 6) return false;
  unsigned long value = 0;
  for (size_t i = colon + 1; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + static_cast<unsigned long>(text[i] - '0');
  }
  if (value > 65535) return false;
  host = text.substr(0, colon);
  port = static_cast<uint16_t>(value);
  return true;
}

}  // namespace troupe::link
