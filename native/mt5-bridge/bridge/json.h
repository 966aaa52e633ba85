// Protobuf JSON as every other room writes it: camelCase names, enumerations by name, 64-bit integers as text.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace troupe::bridge {

std::string toJson(const google::protobuf::Message& message);

}  // namespace troupe::bridge
