#include <winsock2.h>
#include <ws2tcpip.h>
// After winsock2.h: by itself it would bring that one's predecessor.
#include <windows.h>
// After windows.h, which it needs.
#include <timeapi.h>

#include <algorithm>

#include "dll/resolve.h"
#include "dll/socket.h"

namespace troupe::dll {

namespace {

// Winsock counts its users: each socket is one.
bool startWinsock() {
  WSADATA about;
  return ::WSAStartup(MAKEWORD(2, 2), &about) == 0;
}

}  // namespace

// Events of Windows tell of a change once: after wait() the owner tries to read and to write until there is nothing
// more to be had, and whether it wanted to read or not it tries again when it does.
struct Socket::State {
  bool winsock = startWinsock();
  SOCKET fd = INVALID_SOCKET;
  HANDLE wake = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
  WSAEVENT changed = ::WSACreateEvent();
};

Socket::Socket() : state_(std::make_unique<State>()) {}

Socket::~Socket() {
  close();
  if (state_->wake != nullptr) ::CloseHandle(state_->wake);
  if (state_->changed != WSA_INVALID_EVENT) ::WSACloseEvent(state_->changed);
  if (state_->winsock) ::WSACleanup();
}

bool Socket::usable() const {
  return state_->winsock && state_->wake != nullptr && state_->changed != WSA_INVALID_EVENT;
}

bool Socket::connect(uint32_t address, uint16_t port) {
  close();
  const SOCKET fd =
      ::WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (fd == INVALID_SOCKET) return false;
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, reinterpret_cast<const char*>(&value), sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
  set(SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
  ::WSAResetEvent(state_->changed);
  // This makes the socket non-blocking too.
  bool good = ::WSAEventSelect(fd, state_->changed, FD_CONNECT | FD_READ | FD_WRITE | FD_CLOSE) == 0;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = address;
  good = good &&
         (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 || ::WSAGetLastError() == WSAEWOULDBLOCK);
  if (!good) {
    ::closesocket(fd);
    return false;
  }
  state_->fd = fd;
  return true;
}

Socket::Progress Socket::progress() {
  if (state_->fd == INVALID_SOCKET) return Progress::kFailed;
  fd_set good, bad;
  FD_ZERO(&good);
  FD_ZERO(&bad);
  FD_SET(state_->fd, &good);
  FD_SET(state_->fd, &bad);
  timeval now{0, 0};
  if (::select(0, nullptr, &good, &bad, &now) <= 0) return Progress::kConnecting;
  return FD_ISSET(state_->fd, &bad) ? Progress::kFailed : Progress::kConnected;
}

void Socket::close() {
  if (state_->fd != INVALID_SOCKET) ::closesocket(state_->fd);
  state_->fd = INVALID_SOCKET;
}

void Socket::finish() { ::shutdown(state_->fd, SD_SEND); }

bool Socket::wait(int64_t timeout_us, bool read, bool write) {
  const HANDLE both[2] = {state_->wake, state_->changed};
  const DWORD count = state_->fd != INVALID_SOCKET && (read || write) ? 2 : 1;
  // Rounded up: waiting too short again and again would be a busy loop.
  const auto timeout_ms = static_cast<DWORD>(std::min<int64_t>((timeout_us + 999) / 1000, 60'000));
  if (::WaitForMultipleObjects(count, both, FALSE, timeout_ms) != WAIT_OBJECT_0 + 1) return true;
  WSANETWORKEVENTS events;
  ::WSAEnumNetworkEvents(state_->fd, state_->changed, &events);
  return true;
}

void Socket::wake() { ::SetEvent(state_->wake); }

namespace {

long outcome(int bytes) {
  if (bytes != SOCKET_ERROR) return bytes;
  switch (::WSAGetLastError()) {
    case WSAEWOULDBLOCK:
    case WSAEINTR:
      return Socket::kNothing;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAESHUTDOWN:
      return Socket::kClosed;
    default:
      return Socket::kFailed;
  }
}

}  // namespace

long Socket::receive(void* to, size_t bytes) {
  const int got = ::recv(state_->fd, static_cast<char*>(to), static_cast<int>(bytes), 0);
  return got == 0 ? kClosed : outcome(got);
}

long Socket::send(const void* from, size_t bytes) {
  return outcome(::send(state_->fd, static_cast<const char*>(from), static_cast<int>(bytes), 0));
}

// IPv4 alone, as the bridge listens.
std::vector<uint32_t> systemResolve(const std::string& host) {
  if (!startWinsock()) return {};
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  std::vector<uint32_t> out;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &found) == 0) {
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
      out.push_back(reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr.s_addr);
    ::freeaddrinfo(found);
  }
  ::WSACleanup();
  return out;
}

// The system's default is 15.6 ms, and ticks would wait for that.
FineTimers::FineTimers() { ::timeBeginPeriod(1); }
FineTimers::~FineTimers() { ::timeEndPeriod(1); }

}  // namespace troupe::dll
