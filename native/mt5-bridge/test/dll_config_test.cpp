#include <set>

#include "dll/config.h"
#include "dll/errors.h"
#include "dll_support.h"

using namespace troupe;
using namespace troupe::dll;
using namespace troupe::dll::testing_support;

namespace {

int32_t read(const TroupeConfig& config, Settings& settings) {
  return readConfig(reinterpret_cast<const uint8_t*>(&config), sizeof config, settings);
}

const char* const kFingerprint =
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";

TEST(DllConfig, EachFaultHasItsOwnError) {
  const struct {
    int32_t error;
    std::function<void(TroupeConfig&)> spoil;
  } table[] = {
      {0, [](TroupeConfig&) {}},
      {TROUPE_E_CONFIG_SIZE, [](TroupeConfig& c) { c.size -= 1; }},
      {TROUPE_E_CONFIG_VERSION, [](TroupeConfig& c) { c.version = 1; }},
      {0, [](TroupeConfig& c) { link::setTextCut(c.host, "vps-7.broker.example"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, ""); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "broker..example"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "-broker"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "bro ker"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "http://broker"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "127.0.0.256"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "127.0.0"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "127.0.0.1 "); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { link::setTextCut(c.host, "127.00.0.1"); }},
      {TROUPE_E_CONFIG_HOST, [](TroupeConfig& c) { std::memset(c.host, '1', sizeof c.host); }},
      {0, [](TroupeConfig& c) { link::setTextCut(c.host, "localhost"); }},
      {0, [](TroupeConfig& c) { link::setTextCut(c.host, "192.168.10.200"); }},
      {TROUPE_E_CONFIG_PORT, [](TroupeConfig& c) { c.port = 0; }},
      {TROUPE_E_CONFIG_KEY, [](TroupeConfig& c) { c.key[63] = 0; }},
      {TROUPE_E_CONFIG_KEY, [](TroupeConfig& c) { c.key[5] = 'g'; }},
      {TROUPE_E_CONFIG_KEY, [](TroupeConfig& c) { std::memset(c.key, 'a', 64); }},
      {TROUPE_E_CONFIG_TEXT, [](TroupeConfig& c) { c.instance[0] = 0; }},
      {TROUPE_E_CONFIG_TEXT, [](TroupeConfig& c) { std::memset(c.feed, 'x', sizeof c.feed); }},
      {TROUPE_E_CONFIG_TEXT, [](TroupeConfig& c) { c.login[20] = 'x'; }},
      {TROUPE_E_CONFIG_TEXT, [](TroupeConfig& c) { c.terminal[0] = '\xff'; }},
      {TROUPE_E_CONFIG_MARGIN_MODE, [](TroupeConfig& c) { link::setTextCut(c.margin_mode, "Netting"); }},
      {0, [](TroupeConfig& c) { link::setTextCut(c.margin_mode, "exchange"); }},
      {TROUPE_E_CONFIG_UTC_OFFSET, [](TroupeConfig& c) { c.utc_offset_s = 14 * 3600 + 1; }},
      {TROUPE_E_CONFIG_UTC_OFFSET, [](TroupeConfig& c) { c.utc_offset_s = INT32_MIN; }},
      {TROUPE_E_CONFIG_RING, [](TroupeConfig& c) { c.send_ring_bytes = (256 << 10) - 1; }},
      {TROUPE_E_CONFIG_RING, [](TroupeConfig& c) { c.receive_ring_bytes = (256 << 20) + 1; }},
      {TROUPE_E_CONFIG_IDLE, [](TroupeConfig& c) { c.idle_limit_ms = 999; }},
      {TROUPE_E_CONFIG_FLAGS, [](TroupeConfig& c) { c.flags = 1; }},
      {0, [](TroupeConfig& c) { link::setTextCut(c.tls_fingerprint, kFingerprint); }},
      {0, [](TroupeConfig& c) { link::setTextCut(c.tls_ca_file, "/nowhere"); }},
      {TROUPE_E_CONFIG_TLS, [](TroupeConfig& c) { link::setTextCut(c.tls_fingerprint, kFingerprint + 3); }},
      {TROUPE_E_CONFIG_TLS, [](TroupeConfig& c) { link::setTextCut(c.tls_fingerprint, "x"); }},
      {TROUPE_E_CONFIG_TLS,
       [](TroupeConfig& c) {
         link::setTextCut(c.tls_fingerprint, kFingerprint);
         link::setTextCut(c.tls_ca_file, "/nowhere");
       }},
      {TROUPE_E_CONFIG_TLS, [](TroupeConfig& c) { std::memset(c.tls_ca_file, 'x', sizeof c.tls_ca_file); }},
  };
  int at = 0;
  for (const auto& row : table) {
    TroupeConfig config = configFor(5000);
    row.spoil(config);
    Settings settings;
    EXPECT_EQ(read(config, settings), row.error) << "row " << at;
    ++at;
  }
  const TroupeConfig config = configFor(5000);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&config);
  EXPECT_EQ(troupe_start(nullptr, sizeof config), TROUPE_E_ARGUMENT);
  EXPECT_EQ(troupe_start(bytes, -1), TROUPE_E_ARGUMENT);
  EXPECT_EQ(troupe_start(bytes, sizeof config - 1), TROUPE_E_CONFIG_SIZE);
  TroupeConfig no_ca = config;
  link::setTextCut(no_ca.tls_ca_file, "/nowhere");
  EXPECT_EQ(start(no_ca), TROUPE_E_CONFIG_TLS_CA);
}

TEST(DllConfig, SaysWhatTheHelloNeeds) {
  TroupeConfig config = configFor(5000);
  config.utc_offset_s = -18000;
  config.send_ring_bytes = 300 << 10;
  Settings settings;
  ASSERT_EQ(read(config, settings), 0);
  EXPECT_EQ(link::textOf(settings.hello.login), "1001");
  EXPECT_EQ(link::textOf(settings.hello.feed), "feed");
  EXPECT_EQ(link::textOf(settings.hello.terminal), "test");
  EXPECT_EQ(link::textOf(settings.hello.margin_mode), "netting");
  EXPECT_EQ(settings.hello.utc_offset_s, -18000);
  EXPECT_EQ(settings.send_ring_bytes, size_t{512} << 10) << "the next power of two";
  EXPECT_EQ(settings.receive_ring_bytes, size_t{1} << 20);
}

TEST(DllErrors, HaveOneNumberOneCodeAndAText) {
  std::set<int32_t> numbers;
  std::set<std::string> codes;
  const auto look = [&](int32_t number, const char* code) {
    EXPECT_LT(number, 0);
    EXPECT_TRUE(numbers.insert(number).second) << number;
    EXPECT_TRUE(codes.insert(code).second) << code;
    uint8_t text[256];
    const int32_t size = troupe_error_text(number, text, sizeof text);
    ASSERT_GT(size, 0);
    EXPECT_LT(size, 128) << "the buffer of an expert";
    const std::string said(reinterpret_cast<const char*>(text));
    EXPECT_EQ(said.size(), static_cast<size_t>(size));
    EXPECT_EQ(said.find(std::string(code) + ": "), 0u) << said;
    EXPECT_EQ(troupe_error_text(number, text, size), TROUPE_E_BUFFER);
  };
#define LOOK(name, number, code, text) look(name, code);
  TROUPE_ERRORS(LOOK)
#undef LOOK
  uint8_t text[8];
  EXPECT_EQ(troupe_error_text(-1000, text, sizeof text), TROUPE_E_ARGUMENT);
  EXPECT_EQ(troupe_error_text(TROUPE_E_HANDLE, nullptr, 0), TROUPE_E_ARGUMENT);
}

TEST(DllErrors, WhatTheLinkFindsAtATerminalHasANumber) {
  for (const auto error : {link::LinkError::kClosed, link::LinkError::kTruncated, link::LinkError::kIo,
                           link::LinkError::kTooLong, link::LinkError::kUnknownType, link::LinkError::kWrongSide,
                           link::LinkError::kBadVersion, link::LinkError::kBadCrc, link::LinkError::kBadSequence,
                           link::LinkError::kBadSize, link::LinkError::kUnexpected, link::LinkError::kSilent,
                           link::LinkError::kOverflow, link::LinkError::kBadProof, link::LinkError::kRefused}) {
    const ErrorEntry* entry = findError(numberOf(error));
    ASSERT_NE(entry, nullptr);
    EXPECT_STREQ(entry->code, link::codeOf(error));
  }
  EXPECT_EQ(numberOf(link::LinkError::kBadNumber), TROUPE_E_LINK_CONTENT);
}

}  // namespace
