// What an expert asks for, checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dll/resolve.h"
#include "dll/troupe_link.h"
#include "link/key.h"
#include "link/messages.h"
#include "link/secure.h"

namespace troupe::dll {

struct Settings {
  std::string host;
  uint16_t port = 0;
  Resolve resolve = systemResolve;
  bool tls = false;
  link::Trust trust;
  std::shared_ptr<const link::SecureClient> secure;  // made of `trust` by whoever starts the client
  link::Key key;
  std::string instance;
  link::Hello hello{};  // its names and the offset
  size_t send_ring_bytes = 0, receive_ring_bytes = 0;
  int64_t idle_limit_us = 0;
};

// 0, or the error of the first field that is wrong.
int32_t readConfig(const uint8_t* config, int32_t length, Settings& settings);

// "127.0.0.1", in the order of the network. False when it is no IPv4 address.
bool parseAddress(std::string_view host, uint32_t& address);
// Whether it can be the name of a host, which an IPv4 address that is none is not.
bool isHostName(std::string_view host);

}  // namespace troupe::dll
