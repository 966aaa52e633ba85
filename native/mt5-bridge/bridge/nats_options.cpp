#include "bridge/nats_options.h"

#include <cstdlib>
#include <string_view>

#include "bridge/subjects.h"

namespace troupe::bridge {

bool NatsSettings::fromEnvironment(NatsSettings& settings, std::string& error) {
  const auto get = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  settings = {get("TROUPE_NATS_URL"), get("TROUPE_NATS_USER"), get("TROUPE_NATS_PASSWORD")};
  if (settings.url.empty()) error = "TROUPE_NATS_URL is not set (for example nats://127.0.0.1:4222)";
  return error.empty();
}

NatsOptionsPtr makeNatsOptions(const NatsSettings& settings, const char* name) {
  natsOptions* raw = nullptr;
  if (natsOptions_Create(&raw) != NATS_OK) return nullptr;
  NatsOptionsPtr options(raw);
  bool ok = natsOptions_SetURL(raw, settings.url.c_str()) == NATS_OK;
  if (!settings.user.empty())
    ok = ok && natsOptions_SetUserInfo(raw, settings.user.c_str(), settings.password.c_str()) == NATS_OK;
  ok = ok && natsOptions_SetName(raw, name) == NATS_OK;
  ok = ok && natsOptions_SetCustomInboxPrefix(raw, kInboxPrefix) == NATS_OK;
  ok = ok && natsOptions_SetTimeout(raw, 2000) == NATS_OK;
  ok = ok && natsOptions_SetPingInterval(raw, 2000) == NATS_OK && natsOptions_SetMaxPingsOut(raw, 2) == NATS_OK;
  // Whatever is published leaves at once. Otherwise cnats' flusher thread would hold it for up to a millisecond.
  ok = ok && natsOptions_SetSendAsap(raw, true) == NATS_OK;
  // Errors are told by return values and by missing acknowledgements; the default handler would print to stderr in
  // its own format.
  ok = ok && natsOptions_SetErrorHandler(
                 raw, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr) == NATS_OK;
  return ok ? std::move(options) : nullptr;
}

std::string missingStream(natsConnection* connection, std::initializer_list<const char*> streams, std::string& error) {
  for (const char* stream : streams) {
    natsMsg* answer = nullptr;
    const natsStatus status =
        natsConnection_RequestString(&answer, connection, streamInfoSubject(stream).c_str(), "", 2000);
    if (status != NATS_OK) {
      error = std::string("asking for stream ") + stream + ": " + natsStatus_GetText(status);
      return stream;
    }
    const std::string_view text(natsMsg_GetData(answer), static_cast<size_t>(natsMsg_GetDataLength(answer)));
    const bool missing = text.find("\"error\"") != std::string_view::npos;
    natsMsg_Destroy(answer);
    if (missing) return stream;
  }
  return {};
}

}  // namespace troupe::bridge
