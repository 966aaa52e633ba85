// How the bridge reaches NATS: from the environment, never from the command line, where other users could read it.
#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>

namespace troupe::bridge {

struct NatsSettings {
  std::string url, user, password;
  // TROUPE_NATS_URL, TROUPE_NATS_USER, TROUPE_NATS_PASSWORD. False with `error` set when no URL is given.
  static bool fromEnvironment(NatsSettings& settings, std::string& error);
};

struct NatsOptionsDeleter {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};
using NatsOptionsPtr = std::unique_ptr<natsOptions, NatsOptionsDeleter>;

// Options common to all connections of the bridge; reconnecting is left to the caller. Null when out of memory or the
// URL cannot be parsed.
NatsOptionsPtr makeNatsOptions(const NatsSettings& settings, const char* name);

// The name of the first of the given streams that does not exist, or empty. Sets `error` when the question itself
// failed (no server, no permission).
std::string missingStream(natsConnection* connection, std::initializer_list<const char*> streams, std::string& error);

}  // namespace troupe::bridge
