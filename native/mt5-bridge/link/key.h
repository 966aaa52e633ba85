// The key that terminal and bridge share: whoever knows it may trade, so it comes from the environment or from a file
// that nobody else can read, and is never on a command line or in a log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::link {

struct Key {
  std::array<uint8_t, 32> bytes{};
};

inline constexpr const char* kKeyVariable = "TROUPE_BRIDGE_KEY";

// Exactly 64 hex digits, and not one digit 64 times: that is a placeholder.
bool parseKey(std::string_view hex, Key& key);

// From `file` when one is named, otherwise from the environment. False with `error` set, which never holds what was
// read.
bool loadKey(const std::string& file, Key& key, std::string& error);

// From the operating system's generator. False when it has none.
bool randomBytes(void* to, size_t size);

}  // namespace troupe::link
