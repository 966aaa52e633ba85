// Client sockets of MQL5 programs: blocking, IPv4 or localhost, at most 128 for each program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "link/secure.h"

namespace troupe::terminal {

class MqlSockets {
 public:
  static constexpr size_t kMost = 128;

  ~MqlSockets();
  int create(const void* owner, int& error);
  bool connect(int handle, const std::string& server, uint32_t port, uint32_t timeout_ms, int& error);
  bool close(int handle);
  void closeAll(const void* owner);
  bool connected(int handle) const;
  uint32_t readable(int handle);
  bool writable(int handle) const;
  bool timeouts(int handle, uint32_t send_ms);
  // -1 when nothing came, or with an error. A timeout of 0 is MetaTrader's 120 s.
  int read(int handle, uint8_t* to, uint32_t most, uint32_t timeout_ms, int& error);
  int send(int handle, const uint8_t* from, uint32_t bytes, int& error);
  // TLS as the terminal has it: the certificate must be signed by one that the machine trusts, and be for `host`. Waits
  // for the other side, 5 s at most.
  bool tlsHandshake(int handle, const std::string& host, int& error);
  // What has come, 0 when nothing has; -1 with an error.
  int tlsRead(int handle, uint8_t* to, uint32_t most, int& error);
  int tlsSend(int handle, const uint8_t* from, uint32_t bytes, int& error);

 private:
  struct Tls {
    std::unique_ptr<link::SecureChannel> channel;
    link::Bytes opened, sealed;  // for the program, for the network
  };
  struct Socket {
    bool used = false;
    int fd = -1;
    int send_ms = -1;
    const void* owner = nullptr;
    std::unique_ptr<Tls> tls = nullptr;
  };
  const Socket* at(int handle) const;
  bool drop(int handle);
  Tls* tlsOf(int handle, int& error);
  bool tlsFlush(int handle, Tls& tls);
  bool tlsTake(int handle, Tls& tls);

  std::vector<Socket> sockets_;
};

}  // namespace troupe::terminal
