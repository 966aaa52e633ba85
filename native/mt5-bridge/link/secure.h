// TLS as a filter of bytes, without sockets: what comes from the network goes in, what was said comes out, and the
// other way round. OpenSSL does the work on Linux (secure_openssl.cpp), Windows itself in the DLL
// (dll/secure_windows.cpp).
//
// The handshake of link/handshake.h goes on inside it: TLS hides what is said and proves the bridge's certificate, the
// shared key proves both sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "link/errors.h"
#include "link/sha256.h"

namespace troupe::link {

using Bytes = std::vector<uint8_t>;

// One end of one TLS connection. Calls come from one thread at a time. An error is final.
class SecureChannel {
 public:
  virtual ~SecureChannel() = default;
  // What a client says first is appended to `wire`; a bridge says nothing.
  virtual LinkError begin(Bytes& wire) = 0;
  // What came from the network: appends what was said to `plain`, and what has to be answered to `wire` (also when it
  // fails: the other side is told why). kClosed when the other side says that nothing more will come.
  virtual LinkError take(const uint8_t* data, size_t bytes, Bytes& plain, Bytes& wire) = 0;
  // What is to be said. While the handshake lasts it is kept, and leaves with its end.
  virtual LinkError seal(const uint8_t* data, size_t bytes, Bytes& wire) = 0;
  // Whether the handshake is through, and the other side is who it should be.
  virtual bool up() const = 0;
  // What the library has to say about the error; empty when its message says all.
  const std::string& detail() const { return detail_; }

 protected:
  std::string detail_;
};

// Whom a terminal takes for the bridge. One of the two.
struct Trust {
  // PEM: whoever has a certificate of one of these, made out for the host that was asked for. kSystem: of those that
  // this machine trusts.
  std::string ca_file;
  static constexpr const char* kSystem = "system";
  bool system() const { return ca_file == kSystem; }
  bool pinned = false;
  Digest fingerprint{};  // SHA-256 of the bridge's own certificate, whoever made it and for whatever name
};

// "AB:CD:…" as `openssl x509 -fingerprint -sha256` prints it, or 64 hex digits.
bool parseFingerprint(std::string_view text, Digest& out);

// What all connections of one side share: made once, read by all threads.
class SecureClient {
 public:
  virtual ~SecureClient() = default;
  // For a connection to `host`, a name or an IPv4 address.
  virtual std::unique_ptr<SecureChannel> channel(const std::string& host) const = 0;
};
class SecureServer {
 public:
  virtual ~SecureServer() = default;
  virtual std::unique_ptr<SecureChannel> channel() const = 0;
  // Of the certificate: its SHA-256 as `openssl x509 -fingerprint` prints it, and whether a terminal that looks at its
  // dates takes it at this moment.
  virtual std::string fingerprint() const = 0;
  virtual bool validNow() const = 0;
};

// Null with `error` set when a file cannot be used.
std::shared_ptr<const SecureClient> makeSecureClient(const Trust& trust, std::string& error);
std::shared_ptr<const SecureServer> makeSecureServer(const std::string& certificate_file, const std::string& key_file,
                                                     std::string& error);

// Of a program with an environment: these name whom it trusts. Null without an error when neither is set: no TLS.
inline constexpr const char* kFingerprintVariable = "TROUPE_BRIDGE_TLS_FINGERPRINT";
inline constexpr const char* kCaVariable = "TROUPE_BRIDGE_TLS_CA";
std::shared_ptr<const SecureClient> secureClientOfEnvironment(std::string& error);

// Whether a connection begins as TLS does. No frame of the link's handshake begins so: its length would be 790 or more.
inline bool looksLikeTls(const uint8_t* data, size_t bytes) {
  if (bytes == 0) return false;
  return data[0] >= 0x14 && data[0] <= 0x17 && (bytes == 1 || data[1] == 3);
}

}  // namespace troupe::link
