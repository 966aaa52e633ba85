#include "bridge/command_server.h"

#include <cstdlib>
#include <string_view>

#include "bridge/log.h"
#include "bridge/subjects.h"

namespace troupe::bridge {

namespace {

// As it was told; false where a person has written it.
bool fromHex(std::string_view text, std::string& out) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  if (text.size() % 2 != 0) return false;
  out.clear();
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

}  // namespace

bool CommandServer::ensure(std::string& error) {
  if (connection_ && !natsConnection_IsClosed(connection_)) return true;
  const bool serve_again = serving_;
  stop();
  NatsOptionsPtr options = makeNatsOptions(settings_, "bridge-commands");
  if (!options) {
    error = "the URL cannot be used: " + settings_.url;
    return false;
  }
  natsOptions_SetMaxReconnect(options.get(), -1);
  natsOptions_SetReconnectWait(options.get(), 250);
  natsConnection* connection = nullptr;
  if (const natsStatus status = natsConnection_Connect(&connection, options.get()); status != NATS_OK) {
    error = settings_.url + ": " + natsStatus_GetText(status);
    return false;
  }
  {
    std::lock_guard lock(mutex_);
    connection_ = connection;
  }
  return !serve_again || serve(error);
}

bool CommandServer::serve(std::string& error) {
  const auto on_message = [](natsConnection*, natsSubscription* subscription, natsMsg* message, void* closure) {
    const char* reply_to = natsMsg_GetReply(message);
    int waiting = 0;
    if (natsSubscription_GetPending(subscription, &waiting, nullptr) != NATS_OK) waiting = 0;
    auto* self = static_cast<CommandServer*>(closure);
    {
      std::lock_guard lock(self->one_at_a_time_);
      self->handler_(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message)),
                     reply_to ? reply_to : "", waiting > 0);
    }
    natsMsg_Destroy(message);
  };
  serving_ = subscribe(&subscription_, commandSubject(account_), on_message, error);
  if (serving_) listen();
  return serving_;
}

void CommandServer::listen() {
  const auto on_message = [](natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
    auto* self = static_cast<CommandServer*>(closure);
    const char** values = nullptr;
    int count = 0;
    if (natsMsgHeader_Values(message, kAheadHeader, &values, &count) == NATS_OK) {
      std::lock_guard lock(self->one_at_a_time_);
      std::string bytes;
      for (int i = 0; i < count; ++i)
        if (fromHex(values[i], bytes)) self->listener_(bytes.data(), bytes.size());
      std::free(values);
    }
    natsMsg_Destroy(message);
  };
  std::string error;
  if (!subscribe(&ahead_, aheadSubject(account_), on_message, error))
    logWarn("E_NATS_DENIED", error + "; orders come a round trip later");
  else
    natsSubscription_SetPendingLimits(ahead_, kAheadPending, kAheadPending * kAheadBytes);
}

bool CommandServer::subscribe(natsSubscription** subscription, const std::string& subject, natsMsgHandler on_message,
                              std::string& error) {
  natsStatus status = natsConnection_Subscribe(subscription, connection_, subject.c_str(), on_message, this);
  // A refused subscription would otherwise show only as messages that never come.
  if (status == NATS_OK) status = natsConnection_FlushTimeout(connection_, 2000);
  const char* text = nullptr;
  if (status == NATS_OK && natsConnection_GetLastError(connection_, &text) == NATS_NOT_PERMITTED)
    status = NATS_NOT_PERMITTED;
  if (status != NATS_OK) error = "subscribing to " + subject + ": " + natsStatus_GetText(status);
  return status == NATS_OK;
}

void CommandServer::reply(const std::string& to, const v1::CommandReply& reply) {
  std::lock_guard lock(mutex_);
  if (!connection_) return;
  std::string bytes = reply.SerializeAsString();
  const int64_t most = natsConnection_GetMaxPayload(connection_);
  if (most > 0 && static_cast<int64_t>(bytes.size()) > most) {
    v1::CommandReply instead;
    instead.set_command_id(reply.command_id());
    instead.set_outcome(v1::OUTCOME_UNKNOWN);
    instead.set_code("REPLY_TOO_LARGE");
    instead.set_message("the answer has " + std::to_string(bytes.size()) + " bytes, NATS takes " +
                        std::to_string(most) + "; ask for fewer deals (deals_since_ms)");
    bytes = instead.SerializeAsString();
  }
  const natsStatus status =
      natsConnection_Publish(connection_, to.c_str(), bytes.data(), static_cast<int>(bytes.size()));
  if (status != NATS_OK)
    logWarn("E_NATS_REPLY", "answer to command " + reply.command_id() + " not sent: " + natsStatus_GetText(status));
}

void CommandServer::stop() {
  natsConnection* connection;
  natsSubscription* subscription;
  natsSubscription* ahead;
  {
    std::lock_guard lock(mutex_);
    connection = connection_;
    subscription = subscription_;
    ahead = ahead_;
    connection_ = nullptr;
    subscription_ = nullptr;
    ahead_ = nullptr;
  }
  serving_ = false;
  // Closing flushes what has been published.
  if (connection) natsConnection_FlushTimeout(connection, 500);
  natsSubscription_Destroy(subscription);
  natsSubscription_Destroy(ahead);
  natsConnection_Destroy(connection);
}

}  // namespace troupe::bridge
