#include "bridge/ack_window.h"

#include <charconv>

namespace troupe::bridge {

namespace {

template <typename Number>
bool numberAfter(std::string_view json, std::string_view name, Number& out) {
  const size_t at = json.find(name);
  if (at == std::string_view::npos) return false;
  size_t from = at + name.size();
  while (from < json.size() && json[from] == ' ') ++from;
  return std::from_chars(json.data() + from, json.data() + json.size(), out).ec == std::errc();
}

}  // namespace

Ack parseAck(std::string_view json) {
  Ack ack;
  if (json.find("\"error\":") == std::string_view::npos) {
    ack.ok = numberAfter(json, "\"seq\":", ack.stream_sequence);
    if (!ack.ok) ack.description = "the answer is no acknowledgement";
    return ack;
  }
  numberAfter(json, "\"err_code\":", ack.code);
  constexpr std::string_view kDescription = "\"description\":\"";
  if (const size_t at = json.find(kDescription); at != std::string_view::npos) {
    const std::string_view rest = json.substr(at + kDescription.size());
    ack.description = rest.substr(0, rest.find('"'));
  }
  return ack;
}

}  // namespace troupe::bridge
