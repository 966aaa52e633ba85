// TLS of MQL5's sockets. Waits only for the handshake, as MetaTrader's does.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "terminal/mql5/sockets.h"
#include "terminal/shim/constants.h"

namespace troupe::terminal {

namespace {

constexpr int kHandshakeMs = 5000;

}  // namespace

// Sends what is sealed as far as the network takes it. False when the connection is over.
bool MqlSockets::tlsFlush(int handle, Tls& tls) {
  while (!tls.sealed.empty()) {
    const ssize_t sent = ::send(at(handle)->fd, tls.sealed.data(), tls.sealed.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    tls.sealed.erase(tls.sealed.begin(), tls.sealed.begin() + sent);
  }
  return true;
}

// Opens what has come. False when the connection is over.
bool MqlSockets::tlsTake(int handle, Tls& tls) {
  uint8_t wire[16 << 10];
  const ssize_t got = ::recv(at(handle)->fd, wire, sizeof wire, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  const link::LinkError error = tls.channel->take(wire, static_cast<size_t>(got), tls.opened, tls.sealed);
  return tlsFlush(handle, tls) && error == link::LinkError::kNone;
}

bool MqlSockets::tlsHandshake(int handle, const std::string& host, int& error) {
  error = ERR_NETSOCKET_HANDSHAKE_FAILED;
  if (!connected(handle)) return false;
  link::Trust trust;
  trust.ca_file = link::Trust::kSystem;
  std::string why;
  const auto client = link::makeSecureClient(trust, why);
  if (!client) return false;
  auto tls = std::make_unique<Tls>();
  tls->channel = client->channel(host);
  bool good = tls->channel->begin(tls->sealed) == link::LinkError::kNone && tlsFlush(handle, *tls);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kHandshakeMs);
  while (good && !tls->channel->up()) {
    pollfd poll{at(handle)->fd, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    good = left.count() > 0 && ::poll(&poll, 1, static_cast<int>(left.count())) == 1 && tlsTake(handle, *tls);
  }
  if (!good) {
    drop(handle);
    return false;
  }
  sockets_[static_cast<size_t>(handle)].tls = std::move(tls);
  error = 0;
  return true;
}

MqlSockets::Tls* MqlSockets::tlsOf(int handle, int& error) {
  error = at(handle) ? ERR_NETSOCKET_IO_ERROR : ERR_NETSOCKET_INVALIDHANDLE;
  return connected(handle) ? at(handle)->tls.get() : nullptr;
}

int MqlSockets::tlsRead(int handle, uint8_t* to, uint32_t most, int& error) {
  Tls* tls = tlsOf(handle, error);
  if (!tls) return -1;
  if (!tlsTake(handle, *tls) && tls->opened.empty()) {
    drop(handle);
    return -1;
  }
  const size_t count = std::min<size_t>(most, tls->opened.size());
  std::copy_n(tls->opened.begin(), count, to);
  tls->opened.erase(tls->opened.begin(), tls->opened.begin() + static_cast<ptrdiff_t>(count));
  return static_cast<int>(count);
}

int MqlSockets::tlsSend(int handle, const uint8_t* from, uint32_t bytes, int& error) {
  Tls* tls = tlsOf(handle, error);
  if (!tls) return -1;
  // What was taken before leaves first.
  bool good = tlsFlush(handle, *tls);
  const bool taken = good && tls->sealed.empty();
  if (taken) good = tls->channel->seal(from, bytes, tls->sealed) == link::LinkError::kNone && tlsFlush(handle, *tls);
  if (!good) {
    drop(handle);
    return -1;
  }
  return taken ? static_cast<int>(bytes) : 0;
}

}  // namespace troupe::terminal
