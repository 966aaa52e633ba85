#include "bridge/inspection.h"

#include "bridge/log.h"

namespace troupe::bridge {

namespace {

std::string begin(const char* type, const InspectHead& head) {
  const std::string session = jsonText("bridge." + head.account);
  return std::string(R"({"type":")") + type + R"(","rootId":)" + session + R"(,"actorRef":{"id":)" +
         jsonText(head.account) + R"(,"sessionId":)" + session + R"(},"sessionId":)" + session + R"(,"createdAt":")" +
         std::to_string(head.wall_ms) + R"(","node":)" + jsonText(head.node);
}

std::string heard(const std::string& event, const std::string& reason) {
  return R"({"type":)" + jsonText(event) + (reason.empty() ? "" : R"(,"reason":)" + jsonText(reason)) + "}";
}

std::string value(State state) { return R"("status":"active","value":)" + jsonText(nameOf(state)); }

}  // namespace

std::string inspectActor(const InspectHead& head, State state) {
  return begin("@xstate.actor", head) + R"(,"snapshot":{)" + value(state) + "}}";
}

std::string inspectSnapshot(const InspectHead& head, const std::string& event, State state, const std::string& reason) {
  return begin("@xstate.snapshot", head) + R"(,"event":)" + heard(event, "") + R"(,"snapshot":{)" + value(state) +
         R"(,"context":{"reason":)" + jsonText(reason) + "}}}";
}

std::string inspectEvent(const InspectHead& head, const std::string& event, const std::string& reason) {
  return begin("@xstate.event", head) + R"(,"event":)" + heard(event, reason) + "}";
}

std::string inspectMicrostep(const InspectHead& head, const std::string& event, State from, State to) {
  return begin("@xstate.microstep", head) + R"(,"event":)" + heard(event, "") + R"(,"snapshot":{)" + value(to) +
         R"(},"_transitions":[{"eventType":)" + jsonText(event) + R"(,"source":)" +
         jsonText(std::string("bridge.") + nameOf(from)) + R"(,"target":[)" +
         jsonText(std::string("bridge.") + nameOf(to)) + "]}]}";
}

}  // namespace troupe::bridge
