#include "link/secure.h"

namespace troupe::link {

bool parseFingerprint(std::string_view text, Digest& out) {
  size_t digits = 0;
  for (const char c : text) {
    if (c == ':' && digits % 2 == 0 && digits > 0) continue;
    const int value = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (value < 0 || digits == 2 * out.size()) return false;
    uint8_t& byte = out[digits / 2];
    byte = static_cast<uint8_t>(digits % 2 == 0 ? value << 4 : byte | value);
    ++digits;
  }
  return digits == 2 * out.size();
}

}  // namespace troupe::link
