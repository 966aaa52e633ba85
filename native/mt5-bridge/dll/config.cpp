#include "dll/config.h"

#include <bit>
#include <cstring>

#include "link/text.h"

namespace troupe::dll {

namespace {

constexpr uint32_t kDefaultSendRing = 8u << 20, kDefaultReceiveRing = 1u << 20;
constexpr uint32_t kLeastRing = 256u << 10, kMostRing = 256u << 20;
constexpr int32_t kMostOffsetS = 14 * 3600;

bool ringSize(uint32_t asked, uint32_t usual, size_t& bytes) {
  if (asked != 0 && (asked < kLeastRing || asked > kMostRing)) return false;
  bytes = std::bit_ceil(asked == 0 ? usual : asked);
  return true;
}

template <size_t N>
bool named(const char (&text)[N]) {
  return text[0] != 0 && link::isText(text);
}

}  // namespace

bool parseAddress(std::string_view host, uint32_t& address) {
  uint8_t bytes[4];
  size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (at >= host.size() || host[at++] != '.')) return false;
    const size_t begin = at;
    unsigned value = 0;
    while (at < host.size() && at - begin < 3 && host[at] >= '0' && host[at] <= '9')
      value = value * 10 + static_cast<unsigned>(host[at++] - '0');
    if (at == begin || value > 255 || (host[begin] == '0' && at - begin > 1)) return false;
    bytes[i] = static_cast<uint8_t>(value);
  }
  std::memcpy(&address, bytes, sizeof address);
  return at == host.size();
}

bool isHostName(std::string_view host) {
  bool letters = false;
  size_t label = 0;
  for (size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (label == 0 || host[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9') && !(c == '-' && label > 0)) return false;
    letters |= letter;
    ++label;
  }
  return letters && host.back() != '-';
}

int32_t readConfig(const uint8_t* config, int32_t length, Settings& settings) {
  if (config == nullptr || length < 0) return TROUPE_E_ARGUMENT;
  if (length != sizeof(TroupeConfig)) return TROUPE_E_CONFIG_SIZE;
  TroupeConfig c;
  std::memcpy(&c, config, sizeof c);
  if (c.size != sizeof(TroupeConfig)) return TROUPE_E_CONFIG_SIZE;
  if (c.version != TROUPE_CONFIG_VERSION) return TROUPE_E_CONFIG_VERSION;
  uint32_t address;
  if (!link::isText(c.host)) return TROUPE_E_CONFIG_HOST;
  settings.host = link::textOf(c.host);
  if (!parseAddress(settings.host, address) && !isHostName(settings.host)) return TROUPE_E_CONFIG_HOST;
  if (c.port == 0) return TROUPE_E_CONFIG_PORT;
  if (!link::isText(c.key) || !link::parseKey(link::textOf(c.key), settings.key)) return TROUPE_E_CONFIG_KEY;
  if (!named(c.instance) || !named(c.feed) || !named(c.login) || !named(c.terminal) || !named(c.margin_mode))
    return TROUPE_E_CONFIG_TEXT;
  const std::string_view mode = link::textOf(c.margin_mode);
  if (mode != "netting" && mode != "hedging" && mode != "exchange") return TROUPE_E_CONFIG_MARGIN_MODE;
  if (c.utc_offset_s < -kMostOffsetS || c.utc_offset_s > kMostOffsetS) return TROUPE_E_CONFIG_UTC_OFFSET;
  if (!ringSize(c.send_ring_bytes, kDefaultSendRing, settings.send_ring_bytes) ||
      !ringSize(c.receive_ring_bytes, kDefaultReceiveRing, settings.receive_ring_bytes))
    return TROUPE_E_CONFIG_RING;
  if (c.idle_limit_ms != 0 && (c.idle_limit_ms < 1000 || c.idle_limit_ms > 600'000)) return TROUPE_E_CONFIG_IDLE;
  if (c.flags != 0) return TROUPE_E_CONFIG_FLAGS;
  if (!link::isText(c.tls_fingerprint) || !link::isText(c.tls_ca_file)) return TROUPE_E_CONFIG_TLS;
  const std::string_view fingerprint = link::textOf(c.tls_fingerprint);
  settings.trust.ca_file = link::textOf(c.tls_ca_file);
  settings.trust.pinned = !fingerprint.empty();
  settings.tls = settings.trust.pinned || !settings.trust.ca_file.empty();
  if (settings.trust.pinned &&
      (!settings.trust.ca_file.empty() || !link::parseFingerprint(fingerprint, settings.trust.fingerprint)))
    return TROUPE_E_CONFIG_TLS;
  settings.port = c.port;
  settings.instance = link::textOf(c.instance);
  std::memcpy(settings.hello.feed, c.feed, sizeof c.feed);
  std::memcpy(settings.hello.login, c.login, sizeof c.login);
  std::memcpy(settings.hello.terminal, c.terminal, sizeof c.terminal);
  std::memcpy(settings.hello.margin_mode, c.margin_mode, sizeof c.margin_mode);
  settings.hello.utc_offset_s = c.utc_offset_s;
  settings.idle_limit_us = int64_t{1000} * (c.idle_limit_ms == 0 ? 15'000 : c.idle_limit_ms);
  return 0;
}

}  // namespace troupe::dll
