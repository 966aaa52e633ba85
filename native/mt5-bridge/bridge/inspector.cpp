#include "bridge/inspector.h"

#include "bridge/subjects.h"

namespace troupe::bridge {

namespace {
constexpr int64_t kAnswerMs = 100;
}

Inspector::~Inspector() {
  if (connection_) natsConnection_FlushTimeout(connection_, 200);
  natsConnection_Destroy(connection_);
}

void Inspector::probe(State state, const std::string& reason) {
  if (!connection_ || natsConnection_IsClosed(connection_)) {
    NatsOptionsPtr options = makeNatsOptions(settings_, "bridge-inspect");
    if (!options) return;
    natsOptions_SetMaxReconnect(options.get(), -1);
    natsOptions_SetReconnectWait(options.get(), 250);
    natsConnection* connection = nullptr;
    if (natsConnection_Connect(&connection, options.get()) != NATS_OK) return;
    std::lock_guard lock(mutex_);
    natsConnection_Destroy(connection_);
    connection_ = connection;
  }
  natsMsg* answer = nullptr;
  const natsStatus status = natsConnection_RequestString(&answer, connection_, inspectSubject(account_).c_str(),
                                                         inspectActor(head(), state).c_str(), kAnswerMs);
  natsMsg_Destroy(answer);
  // Whoever listens does not answer.
  const bool heard = status == NATS_TIMEOUT || status == NATS_OK;
  if (heard && !watched_) say(inspectSnapshot(head(), "xstate.init", state, reason));
  watched_ = heard;
}

void Inspector::stepped(State from, const std::string& event, State to, const std::string& reason) {
  if (!watched_) return;
  say(inspectEvent(head(), event, reason));
  say(inspectMicrostep(head(), event, from, to));
  say(inspectSnapshot(head(), event, to, reason));
}

void Inspector::say(const std::string& message) {
  std::lock_guard lock(mutex_);
  if (!connection_) return;
  natsConnection_Publish(connection_, inspectSubject(account_).c_str(), message.data(),
                         static_cast<int>(message.size()));
}

}  // namespace troupe::bridge
