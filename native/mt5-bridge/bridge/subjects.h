// Every subject the bridge uses, and the one rule by which a name becomes a subject token. runtime/bus holds the same
// rule in TypeScript; test/vectors/subjects.json holds the two together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::bridge {

// Every byte outside [A-Za-z0-9_-] becomes `=XX` (upper-case hex of the UTF-8 byte). Reversible, since `=` itself is
// escaped, and never empty for a name that is not empty.
inline std::string token(std::string_view name) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(name.size());
  for (const char c : name) {
    const auto b = static_cast<unsigned char>(c);
    if ((b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') || b == '_' || b == '-') {
      out += c;
    } else {
      out += '=';
      out += kHex[b >> 4];
      out += kHex[b & 15];
    }
  }
  return out;
}

// FNV-1a, 32 bits, over the UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/).
inline uint32_t fnv1a32(std::string_view bytes) {
  uint32_t hash = 2166136261u;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 16777619u;
  }
  return hash;
}

inline uint32_t partitionOf(std::string_view symbol, uint32_t partitions) { return fnv1a32(symbol) % partitions; }

inline std::string tickSubject(std::string_view source, std::string_view symbol, uint32_t partitions) {
  return "md." + std::to_string(partitionOf(symbol, partitions)) + ".ticks." + token(source) + "." + token(symbol);
}
inline std::string executionSubject(std::string_view account) { return "trade.execution." + token(account); }
inline std::string commandSubject(std::string_view account) { return "bridge." + token(account) + ".command"; }
// Where the server that stores a broker's commit tells of the orders in it, and the header that holds each.
inline std::string aheadSubject(std::string_view account) { return "ahead.broker." + token(account); }
inline constexpr const char* kAheadHeader = "Troupe-Ahead";
inline constexpr const char* kServiceName = "troupe-bridge";
inline std::string controlSubject(std::string_view account, std::string_view verb) {
  return "control.bridge." + token(account) + "." + std::string(verb);
}
inline std::string lifecycleSubject(std::string_view account) { return "sys.lifecycle.bridge." + token(account); }
inline std::string actorKeySubject(std::string_view account) { return "$KV.actors.bridge." + token(account); }
inline std::string inspectSubject(std::string_view account) { return "inspect.bridge." + token(account); }
inline std::string machineKeySubject() { return "$KV.machines.bridge"; }
inline std::string streamInfoSubject(std::string_view stream) { return "$JS.API.STREAM.INFO." + std::string(stream); }
inline constexpr const char* kTickStream = "MARKET";
inline constexpr const char* kInboxPrefix = "_INBOX.bridge";

}  // namespace troupe::bridge
