#include "bridge/metrics_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace troupe::bridge {

namespace {

constexpr int kLookMs = 50;

using Deadline = std::chrono::steady_clock::time_point;

// True once the socket is ready; false at the deadline, or when the server stops.
bool ready(int fd, short events, Deadline deadline, const std::atomic<bool>& stopping) {
  while (!stopping && std::chrono::steady_clock::now() < deadline) {
    pollfd p{fd, events, 0};
    if (::poll(&p, 1, kLookMs) > 0) return true;
  }
  return false;
}

std::string response(const char* status, const char* type, const std::string& body) {
  return std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace

MetricsServer::~MetricsServer() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

bool MetricsServer::start(uint16_t port, std::string& error) {
  if (!listener_.listen("127.0.0.1", port, error)) return false;
  thread_ = std::thread([this] { run(); });
  return true;
}

void MetricsServer::run() {
  while (!stopping_) {
    pollfd p{listener_.fd(), POLLIN, 0};
    if (::poll(&p, 1, kLookMs) <= 0) continue;
    const int fd = listener_.accept();
    if (fd < 0) continue;
    serve(fd);
    ::close(fd);
  }
}

void MetricsServer::serve(int fd) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kRequestMs);
  std::string request;
  while (request.find("\r\n\r\n") == std::string::npos) {
    if (!ready(fd, POLLIN, deadline, stopping_)) return;
    char bytes[1024];
    const ssize_t got = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0) return;
    request.append(bytes, static_cast<size_t>(got));
    if (request.size() > kMostRequestBytes) break;
  }
  const std::string text = answer(request);
  for (size_t done = 0; done < text.size();) {
    if (!ready(fd, POLLOUT, deadline, stopping_)) return;
    const ssize_t sent = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent <= 0) return;
    done += static_cast<size_t>(sent);
  }
  // Until the other side has read all: closing with unread bytes of its own would take them away from it.
  ::shutdown(fd, SHUT_WR);
  char rest[1024];
  while (ready(fd, POLLIN, deadline, stopping_) && ::recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
  }
}

std::string MetricsServer::answer(const std::string& request) {
  if (request.size() > kMostRequestBytes)
    return response("431 Request Header Fields Too Large", "text/plain", "at most 4096 bytes\n");
  const std::string line = request.substr(0, request.find("\r\n"));
  const size_t space = line.find(' '), end = line.rfind(' ');
  if (space == std::string::npos || end <= space) return response("400 Bad Request", "text/plain", "not HTTP\n");
  if (line.substr(0, space) != "GET") return response("405 Method Not Allowed", "text/plain", "only GET\n");
  std::string path = line.substr(space + 1, end - space - 1);
  path = path.substr(0, path.find('?'));
  if (path == "/metrics") return response("200 OK", "text/plain; version=0.0.4; charset=utf-8", page_());
  if (path == "/health") {
    const bool good = healthy_();
    return response(good ? "200 OK" : "503 Service Unavailable", "application/json",
                    std::string("{\"ok\":") + (good ? "true" : "false") + "}\n");
  }
  return response("404 Not Found", "text/plain", "there are /metrics and /health\n");
}

}  // namespace troupe::bridge
