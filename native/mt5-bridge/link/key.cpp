#include "link/key.h"

namespace troupe::link {

namespace {

int digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool parseKey(std::string_view hex, Key& key) {
  if (hex.size() != 2 * key.bytes.size()) return false;
  for (size_t i = 0; i < key.bytes.size(); ++i) {
    const int high = digitOf(hex[2 * i]), low = digitOf(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    key.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return hex.find_first_not_of(hex[0]) != std::string_view::npos;
}

}  // namespace troupe::link
