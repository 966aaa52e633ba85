// A small strict reader of JSON for profiles: objects, arrays, text, numbers, true and false. Names must not repeat.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace troupe::terminal {

struct Json {
  enum class Kind { kNull, kBool, kNumber, kText, kArray, kObject };
  Kind kind = Kind::kNull;
  bool truth = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;
  std::vector<std::pair<std::string, Json>> members;
};

// False with what is wrong and where ("line 3: ...").
bool parseJson(const std::string& text, Json& value, std::string& fault);

}  // namespace troupe::terminal
