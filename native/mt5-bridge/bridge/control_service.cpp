#include "bridge/control_service.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "bridge/log.h"
#include "bridge/subjects.h"

namespace troupe::bridge {

namespace {

constexpr const char* kVersion = "1.0.0";
constexpr struct {
  const char* name;
  const char* about;
} kVerbs[] = {
    {"status", "What the bridge is doing"},
    {"restart", "Ends the whole daemon in order; whoever started it starts it again"},
    {"kill", "Ends the whole daemon at once, as in a crash"},
};
constexpr const char* kAllowed = "allowed: status, restart, kill";

std::string utcNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string uniqueId(const Clock& clock) {
  // Several in one process, for several accounts.
  static std::atomic<unsigned> made{0};
  char text[56];
  std::snprintf(text, sizeof text, "%llx-%d-%u", static_cast<unsigned long long>(clock.wallUs()), ::getpid(), ++made);
  return text;
}

std::string_view lastToken(std::string_view subject) { return subject.substr(subject.rfind('.') + 1); }

// Nothing, or an object without fields: none of the verbs takes anything.
bool isEmptyPayload(std::string_view payload) {
  std::string dense;
  for (const char c : payload)
    if (!std::isspace(static_cast<unsigned char>(c))) dense += c;
  return dense.empty() || dense == "{}";
}

}  // namespace

ControlService::ControlService(NatsSettings settings, const Clock& clock, std::string account,
                               std::function<std::string()> status, std::function<void()> restart)
    : settings_(std::move(settings)),
      clock_(clock),
      account_(std::move(account)),
      id_(uniqueId(clock)),
      started_(utcNow()),
      status_(std::move(status)),
      restart_(std::move(restart)) {
  for (const auto& verb : kVerbs) endpoints_[verb.name];
}

bool ControlService::ensure(std::string& error) {
  if (connection_ && !natsConnection_IsClosed(connection_)) return true;
  stop();
  NatsOptionsPtr options = makeNatsOptions(settings_, "bridge-control");
  if (!options) {
    error = "the URL cannot be used";
    return false;
  }
  natsOptions_SetMaxReconnect(options.get(), -1);
  natsOptions_SetReconnectWait(options.get(), 250);
  if (const natsStatus s = natsConnection_Connect(&connection_, options.get()); s != NATS_OK) {
    error = natsStatus_GetText(s);
    return false;
  }
  const std::string name = kServiceName;
  bool good = true;
  for (const std::string& subject :
       {std::string("$SRV.*"), "$SRV.*." + name, "$SRV.*." + name + "." + id_, controlSubject(account_, "*")})
    good = good && subscribe(subject, error);
  if (!good) stop();
  return good;
}

bool ControlService::subscribe(const std::string& subject, std::string& error) {
  natsSubscription* subscription = nullptr;
  natsStatus status = natsConnection_Subscribe(&subscription, connection_, subject.c_str(), onMessage, this);
  if (status == NATS_OK) subscriptions_.push_back(subscription);
  if (status == NATS_OK) status = natsConnection_FlushTimeout(connection_, 2000);
  const char* text = nullptr;
  if (status == NATS_OK && natsConnection_GetLastError(connection_, &text) == NATS_NOT_PERMITTED)
    status = NATS_NOT_PERMITTED;
  if (status != NATS_OK) error = "subscribing to " + subject + ": " + natsStatus_GetText(status);
  return status == NATS_OK;
}

void ControlService::stop() {
  if (connection_) natsConnection_FlushTimeout(connection_, 200);
  for (natsSubscription* subscription : subscriptions_) natsSubscription_Destroy(subscription);
  subscriptions_.clear();
  natsConnection_Destroy(connection_);
  connection_ = nullptr;
}

void ControlService::onMessage(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* self = static_cast<ControlService*>(closure);
  const std::string_view subject = natsMsg_GetSubject(message);
  const std::string_view payload(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message)));
  // Who cannot be answered is not obeyed.
  if (const char* reply_to = natsMsg_GetReply(message)) {
    if (subject.starts_with("$SRV.")) {
      const std::string_view rest = subject.substr(5);
      self->discovery(rest.substr(0, rest.find('.')), reply_to);
    } else {
      self->control(lastToken(subject), payload, reply_to);
    }
  }
  natsMsg_Destroy(message);
}

std::string ControlService::endpointsJson(bool stats) {
  std::string out;
  std::lock_guard lock(mutex_);
  for (const auto& verb : kVerbs) {
    out += std::string(out.empty() ? "" : ",") + R"({"name":")" + verb.name + R"(","subject":)" +
           jsonText(controlSubject(account_, verb.name)) + R"(,"queue_group":"")";
    const Endpoint& endpoint = endpoints_[verb.name];
    if (stats) {
      const int64_t average = endpoint.requests == 0 ? 0 : endpoint.took_ns / static_cast<int64_t>(endpoint.requests);
      out += R"(,"num_requests":)" + std::to_string(endpoint.requests) + R"(,"num_errors":)" +
             std::to_string(endpoint.errors) + R"(,"last_error":)" + jsonText(endpoint.last_error) +
             R"(,"processing_time":)" + std::to_string(endpoint.took_ns) + R"(,"average_processing_time":)" +
             std::to_string(average) + "}";
    } else {
      out += std::string(R"(,"metadata":{"about":)") + jsonText(verb.about) + "}}";
    }
  }
  return "[" + out + "]";
}

void ControlService::discovery(std::string_view verb, const char* reply_to) {
  const char* type = verb == "PING" ? "ping" : verb == "INFO" ? "info" : verb == "STATS" ? "stats" : nullptr;
  if (!type) return;
  std::string out = std::string(R"({"type":"io.nats.micro.v1.)") + type + R"(_response","name":")" + kServiceName +
                    R"(","id":)" + jsonText(id_) + R"(,"version":")" + kVersion + R"(","metadata":{"account":)" +
                    jsonText(account_) + R"(,"form":"control.bridge.<account>.<verb>"})";
  if (verb == "INFO") out += R"(,"description":)" + jsonText("bridge of account " + account_);
  if (verb == "STATS") out += R"(,"started":)" + jsonText(started_);
  if (verb != "PING") out += R"(,"endpoints":)" + endpointsJson(verb == "STATS");
  send(reply_to, out + "}");
}

void ControlService::control(std::string_view verb, std::string_view payload, const char* reply_to) {
  const auto known = std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const auto& v) { return verb == v.name; });
  if (known == std::end(kVerbs)) {
    return refuse(reply_to, "CONTROL_VERB", "verb", "verb: " + jsonText(verb) + " is no verb of a bridge; " + kAllowed);
  }
  const int64_t since_us = clock_.steadyUs();
  const bool good = isEmptyPayload(payload);
  const std::string wrong = "payload: " + std::string(verb) + " takes none";
  const std::string answer =
      good ? R"({"ok":true,"kind":"bridge","id":)" + jsonText(account_) + "," + status_() + "}" : "";
  // Counted before it is answered: who has the answer finds it in the statistics.
  {
    std::lock_guard lock(mutex_);
    Endpoint& endpoint = endpoints_.find(verb)->second;
    ++endpoint.requests;
    endpoint.took_ns += (clock_.steadyUs() - since_us) * 1000;
    if (!good) {
      ++endpoint.errors;
      endpoint.last_error = "CONTROL_PAYLOAD: " + wrong;
    }
  }
  if (good) {
    send(reply_to, answer);
  } else {
    refuse(reply_to, "CONTROL_PAYLOAD", "payload", wrong);
  }
  if (!good || verb == "status") return;
  logInfo("operator: " + std::string(verb));
  natsConnection_FlushTimeout(connection_, 500);
  if (verb == "kill") ::kill(::getpid(), SIGKILL);
  restart_();
}

void ControlService::refuse(const char* reply_to, const char* code, const char* field, const std::string& why) {
  send(reply_to,
       std::string(R"({"ok":false,"code":")") + code + R"(","field":")" + field + R"(","message":)" + jsonText(why) +
           "}",
       std::string(code) + ": " + why);
}

void ControlService::send(const char* reply_to, const std::string& json, const std::string& error) {
  natsMsg* message = nullptr;
  natsStatus status = natsMsg_Create(&message, reply_to, nullptr, json.data(), static_cast<int>(json.size()));
  if (status == NATS_OK && !error.empty()) {
    // A header is one line of printable ASCII, and short; the whole text stands in the body.
    std::string line = error.substr(0, 512);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c < 0x20 || c > 0x7e; }, ' ');
    natsMsgHeader_Set(message, "Nats-Service-Error", line.c_str());
    natsMsgHeader_Set(message, "Nats-Service-Error-Code", "400");
  }
  if (status == NATS_OK) status = natsConnection_PublishMsg(connection_, message);
  natsMsg_Destroy(message);
  if (status != NATS_OK)
    logWarn("E_NATS_REPLY", std::string("an operator was not answered: ") + natsStatus_GetText(status));
}

}  // namespace troupe::bridge
