// TLS by OpenSSL, over memory: sockets, their waiting and their threads are the caller's.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <new>

#include "link/secure.h"

namespace troupe::link {

namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

std::string lastError() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "";
}

// Why a certificate was not taken.
LinkError ofCertificate(long verified) {
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return LinkError::kTlsExpired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return LinkError::kTlsName;
    default:
      return LinkError::kTlsCertificate;
  }
}

// The alert with which a terminal says that it does not take our certificate.
bool saysRejected(int reason) {
  switch (reason) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return true;
    default:
      return false;
  }
}

class OpenSslChannel final : public SecureChannel {
 public:
  // Its host is set already.
  OpenSslChannel(SSL* ssl, bool client) : ssl_(ssl), client_(client) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in_, out_);
    if (client) {
      SSL_set_connect_state(ssl);
    } else {
      SSL_set_accept_state(ssl);
    }
  }

  LinkError begin(Bytes& wire) override { return client_ ? shake(wire) : LinkError::kNone; }

  LinkError take(const uint8_t* data, size_t bytes, Bytes& plain, Bytes& wire) override {
    if (!heard_ && bytes > 0 && !looksLikeTls(data, bytes)) return LinkError::kTlsMissing;
    heard_ |= bytes > 0;
    if (BIO_write(in_, data, static_cast<int>(bytes)) != static_cast<int>(bytes)) return LinkError::kIo;
    if (!up()) {
      if (const LinkError e = shake(wire); e != LinkError::kNone) return e;
      if (!up()) return LinkError::kNone;
    }
    for (;;) {
      const size_t before = plain.size();
      plain.resize(before + kChunkBytes);
      const int got = SSL_read(ssl_.get(), plain.data() + before, kChunkBytes);
      plain.resize(before + static_cast<size_t>(got > 0 ? got : 0));
      if (got > 0) continue;
      const LinkError e = judge(got);
      drain(wire);
      return e;
    }
  }

  LinkError seal(const uint8_t* data, size_t bytes, Bytes& wire) override {
    if (!up()) {
      early_.insert(early_.end(), data, data + bytes);
      return LinkError::kNone;
    }
    // All of it is taken at once: memory has room.
    if (bytes > 0 && SSL_write(ssl_.get(), data, static_cast<int>(bytes)) != static_cast<int>(bytes)) {
      detail_ = lastError();
      return LinkError::kTlsFailed;
    }
    drain(wire);
    return LinkError::kNone;
  }

  bool up() const override { return SSL_is_init_finished(ssl_.get()) != 0; }

 private:
  static constexpr int kChunkBytes = 16 << 10;

  LinkError shake(Bytes& wire) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const LinkError e = done == 1 ? LinkError::kNone : judge(done);
    drain(wire);
    if (done != 1 || e != LinkError::kNone) return e;
    Bytes early;
    early.swap(early_);
    return seal(early.data(), early.size(), wire);
  }

  LinkError judge(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return LinkError::kNone;
      case SSL_ERROR_ZERO_RETURN:
        return LinkError::kClosed;
      default:
        break;
    }
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    detail_ = lastError();
    if (client_) {
      const long verified = SSL_get_verify_result(ssl_.get());
      if (verified == X509_V_OK) return LinkError::kTlsFailed;
      detail_ = X509_verify_cert_error_string(verified);
      return ofCertificate(verified);
    }
    return saysRejected(reason) ? LinkError::kTlsRejected : LinkError::kTlsFailed;
  }

  void drain(Bytes& wire) {
    char* data = nullptr;
    const long bytes = BIO_get_mem_data(out_, &data);
    if (bytes <= 0) return;
    wire.insert(wire.end(), data, data + bytes);
    BIO_reset(out_);
  }

  const std::unique_ptr<SSL, FreeSession> ssl_;
  const bool client_;
  BIO *in_, *out_;  // the session's
  bool heard_ = false;
  Bytes early_;
};

// The pinned certificate itself is the trust; who has signed it says nothing more.
int verifyPin(X509_STORE_CTX* store, void* pinned) {
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  unsigned char* der = nullptr;
  const int bytes = certificate != nullptr ? i2d_X509(certificate, &der) : 0;
  const bool same =
      bytes > 0 && sha256({Piece{der, static_cast<size_t>(bytes)}}) == *static_cast<const Digest*>(pinned);
  OPENSSL_free(der);
  int verdict = X509_V_OK;
  if (!same) {
    verdict = X509_V_ERR_CERT_UNTRUSTED;
  } else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    verdict = X509_V_ERR_CERT_HAS_EXPIRED;
  } else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    verdict = X509_V_ERR_CERT_NOT_YET_VALID;
  }
  X509_STORE_CTX_set_error(store, verdict);
  return verdict == X509_V_OK ? 1 : 0;
}

bool isAddress(const std::string& host) { return host.find_first_not_of("0123456789.") == std::string::npos; }

class OpenSslClient final : public SecureClient {
 public:
  OpenSslClient(Context context, const Trust& trust) : context_(std::move(context)), trust_(trust) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (trust_.pinned)
      SSL_CTX_set_cert_verify_callback(context_.get(), verifyPin, const_cast<Digest*>(&trust_.fingerprint));
  }
  std::unique_ptr<SecureChannel> channel(const std::string& host) const override {
    SSL* ssl = SSL_new(context_.get());
    if (ssl == nullptr) throw std::bad_alloc();
    auto channel = std::make_unique<OpenSslChannel>(ssl, true);
    X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
    if (isAddress(host)) {
      X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl, host.c_str());
      X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
      // Only the names that are meant for it, as in the DLL.
      X509_VERIFY_PARAM_set_hostflags(wanted,
                                      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    }
    return channel;
  }

 private:
  const Context context_;
  const Trust trust_;
};

class OpenSslServer final : public SecureServer {
 public:
  explicit OpenSslServer(Context context) : context_(std::move(context)) {}
  std::unique_ptr<SecureChannel> channel() const override {
    SSL* ssl = SSL_new(context_.get());
    if (ssl == nullptr) throw std::bad_alloc();
    return std::make_unique<OpenSslChannel>(ssl, false);
  }
  std::string fingerprint() const override {
    unsigned char* der = nullptr;
    const int bytes = i2d_X509(certificate(), &der);
    const Digest digest = sha256({Piece{der, static_cast<size_t>(bytes > 0 ? bytes : 0)}});
    OPENSSL_free(der);
    std::string out;
    for (const uint8_t byte : digest) {
      if (!out.empty()) out += ':';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    }
    return out;
  }
  bool validNow() const override {
    return X509_cmp_current_time(X509_get0_notAfter(certificate())) > 0 &&
           X509_cmp_current_time(X509_get0_notBefore(certificate())) < 0;
  }

 private:
  X509* certificate() const { return SSL_CTX_get0_certificate(context_.get()); }

  const Context context_;
};

}  // namespace

std::shared_ptr<const SecureClient> makeSecureClient(const Trust& trust, std::string& error) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw std::bad_alloc();
  if (!trust.pinned && trust.system()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (!trust.pinned && SSL_CTX_load_verify_file(context.get(), trust.ca_file.c_str()) != 1) {
    error = trust.ca_file + ": no certificates in PEM format can be read from it: " + lastError();
    return nullptr;
  }
  return std::make_shared<OpenSslClient>(std::move(context), trust);
}

std::shared_ptr<const SecureClient> secureClientOfEnvironment(std::string& error) {
  const char *fingerprint = std::getenv(kFingerprintVariable), *ca = std::getenv(kCaVariable);
  if (fingerprint == nullptr && ca == nullptr) return nullptr;
  Trust trust;
  if (ca != nullptr) trust.ca_file = ca;
  trust.pinned = fingerprint != nullptr;
  if (trust.pinned && ca != nullptr) {
    error = std::string(kFingerprintVariable) + " and " + kCaVariable + " are both set; allowed is one of them";
    return nullptr;
  }
  if (trust.pinned && !parseFingerprint(fingerprint, trust.fingerprint)) {
    error = std::string(kFingerprintVariable) + " must be 64 hex digits, with or without colons";
    return nullptr;
  }
  auto client = makeSecureClient(trust, error);
  if (!client) error = std::string(kCaVariable) + ": " + error;
  return client;
}

std::shared_ptr<const SecureServer> makeSecureServer(const std::string& certificate_file, const std::string& key_file,
                                                     std::string& error) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Nothing is resumed: each terminal has one long connection.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context.get(), 0);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    error = certificate_file + ": no certificate in PEM format can be read from it: " + lastError();
    return nullptr;
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const std::string why = lastError();
    error = key_file + (why == "key values mismatch" ? ": is not the key of the certificate in " + certificate_file
                                                     : ": no key in PEM format can be read from it: " + why);
    return nullptr;
  }
  return std::make_shared<OpenSslServer>(std::move(context));
}

}  // namespace troupe::link
