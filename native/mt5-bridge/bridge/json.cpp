#include "bridge/json.h"

#include <google/protobuf/util/json_util.h>

#include "bridge/log.h"

namespace troupe::bridge {

std::string toJson(const google::protobuf::Message& message) {
  std::string out;
  const auto status = google::protobuf::util::MessageToJsonString(message, &out);
  // Cannot happen for our messages: all text was checked to be UTF-8 at the door.
  if (!status.ok()) logError("E_BRIDGE_JSON", message.GetTypeName() + ": " + status.ToString());
  return out;
}

}  // namespace troupe::bridge
