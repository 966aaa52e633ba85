// The terminal's side of the handshake for programs that have nothing else to do meanwhile: benchmarks and tests.
#pragma once

#include "link/connection.h"
#include "link/handshake.h"

namespace troupe::link {

// Says hello and proves the key. `hello` needs only its names. kRefused: `refusal` says why.
LinkError greet(Connection& connection, Hello hello, const Key& key, Refused& refusal, int timeout_ms = kGreetingMs);

}  // namespace troupe::link
