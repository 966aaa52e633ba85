// Certificates for tests, made by OpenSSL: a CA, and what it has signed.
#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <memory>
#include <string>

#include "link/secure.h"

namespace troupe::link::testing_support {

class TestCa {
 public:
  explicit TestCa(std::filesystem::path folder, const std::string& name = "ca") : folder_(std::move(folder)) {
    // Not an elliptic curve: Wine takes one signature of ECDSA in a hundred, a short one, for a wrong one.
    key_.reset(EVP_RSA_gen(2048));
    certificate_.reset(make(name, "", key_.get(), -3600, 86'400));
    write(name, certificate_.get(), key_.get());
    file = path(name, ".crt");
  }
  struct Issued {
    std::string certificate, key;  // files
    Digest fingerprint;
  };
  // `names` as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1". Valid from and to these seconds from now.
  Issued issue(const std::string& name, const std::string& names, long from_s = -3600, long to_s = 86'400) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate(make(name, names, key.get(), from_s, to_s));
    write(name, certificate.get(), key.get());
    unsigned char* der = nullptr;
    const int bytes = i2d_X509(certificate.get(), &der);
    const Digest fingerprint = sha256({Piece{der, static_cast<size_t>(bytes)}});
    OPENSSL_free(der);
    return {path(name, ".crt"), path(name, ".key"), fingerprint};
  }
  std::string file;  // its own certificate

  static std::string hex(const Digest& digest) {
    std::string out;
    for (const uint8_t byte : digest) {
      if (!out.empty()) out += ':';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    }
    return out;
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  std::string path(const std::string& name, const char* end) const { return (folder_ / (name + end)).string(); }

  // Signed by us, or by itself when we have no certificate yet.
  X509* make(const std::string& name, const std::string& names, EVP_PKEY* key, long from_s, long to_s) {
    X509* out = X509_new();
    X509* issuer = certificate_ ? certificate_.get() : out;
    X509_set_version(out, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(out), from_s);
    X509_gmtime_adj(X509_getm_notAfter(out), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(out, X509_get_subject_name(issuer));
    X509_set_pubkey(out, key);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, out, nullptr, nullptr, 0);
    const auto add = [&](int id, const std::string& value) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
      EXPECT_NE(extension, nullptr) << value;
      X509_add_ext(out, extension, -1);
      X509_EXTENSION_free(extension);
    };
    add(NID_basic_constraints, certificate_ ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (!certificate_) add(NID_key_usage, "critical,keyCertSign");
    if (certificate_) add(NID_ext_key_usage, "serverAuth");
    if (!names.empty()) add(NID_subject_alt_name, names);
    EXPECT_GT(X509_sign(out, key_.get(), EVP_sha256()), 0);
    return out;
  }
  void write(const std::string& name, X509* certificate, EVP_PKEY* key) const {
    BIO* to = BIO_new_file(path(name, ".crt").c_str(), "w");
    EXPECT_EQ(PEM_write_bio_X509(to, certificate), 1);
    BIO_free(to);
    to = BIO_new_file(path(name, ".key").c_str(), "w");
    EXPECT_EQ(PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
    BIO_free(to);
  }

  const std::filesystem::path folder_;
  long serial_ = 0;
  Key key_;
  Certificate certificate_;
};

}  // namespace troupe::link::testing_support
