// TLS by Windows itself (Schannel), so that the DLL brings no library and gets the system's updates.
//
// Schannel is told to leave the certificate to us: a terminal trusts what its inputs name, not whatever the machine
// does.
#include <winsock2.h>
// After winsock2.h: by itself it would bring that one's predecessor.
#include <windows.h>
// After windows.h, which they need.
#define SECURITY_WIN32
#include <schannel.h>
#include <security.h>
#include <wincrypt.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "dll/config.h"
#include "link/secure.h"

namespace troupe::link {

namespace {

std::wstring wide(const std::string& text) {
  const int size = ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring out(static_cast<size_t>(std::max(size, 0)), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), out.data(), size);
  return out;
}

bool sameName(const wchar_t* a, const wchar_t* b) { return ::_wcsicmp(a, b) == 0; }

// A name of a certificate; "*.example.org" stands for one label.
bool nameFits(const wchar_t* named, const std::wstring& host) {
  if (named == nullptr) return false;
  if (named[0] != L'*' || named[1] != L'.') return sameName(named, host.c_str());
  const size_t dot = host.find(L'.');
  return dot != std::wstring::npos && dot > 0 && sameName(named + 1, host.c_str() + dot);
}

bool madeOutFor(const CERT_CONTEXT& certificate, const std::string& host) {
  const CERT_INFO& info = *certificate.pCertInfo;
  const CERT_EXTENSION* names = ::CertFindExtension(szOID_SUBJECT_ALT_NAME2, info.cExtension, info.rgExtension);
  CERT_ALT_NAME_INFO* found = nullptr;
  DWORD bytes = 0;
  if (names == nullptr || !::CryptDecodeObjectEx(X509_ASN_ENCODING, X509_ALTERNATE_NAME, names->Value.pbData,
                                                 names->Value.cbData, CRYPT_DECODE_ALLOC_FLAG, nullptr, &found, &bytes))
    return false;
  uint32_t address;
  const bool numeric = dll::parseAddress(host, address);
  const std::wstring wanted = wide(host);
  bool fits = false;
  for (DWORD i = 0; i < found->cAltEntry; ++i) {
    const CERT_ALT_NAME_ENTRY& entry = found->rgAltEntry[i];
    if (numeric) {
      fits |= entry.dwAltNameChoice == CERT_ALT_NAME_IP_ADDRESS && entry.IPAddress.cbData == sizeof address &&
              std::memcmp(entry.IPAddress.pbData, &address, sizeof address) == 0;
    } else {
      fits |= entry.dwAltNameChoice == CERT_ALT_NAME_DNS_NAME && nameFits(entry.pwszDNSName, wanted);
    }
  }
  ::LocalFree(found);
  return fits;
}

// What all channels share.
class SchannelClient final : public SecureClient {
 public:
  explicit SchannelClient(const Trust& trust) : trust_(trust) {}
  ~SchannelClient() override {
    if (credential_good_) ::FreeCredentialsHandle(&credential_);
    if (engine_ != nullptr) ::CertFreeCertificateChainEngine(engine_);
    if (roots_ != nullptr) ::CertCloseStore(roots_, 0);
  }
  SchannelClient(const SchannelClient&) = delete;
  SchannelClient& operator=(const SchannelClient&) = delete;

  bool open(std::string& error);
  std::unique_ptr<SecureChannel> channel(const std::string& host) const override;
  CredHandle* credential() const { return &credential_; }
  LinkError judge(const CERT_CONTEXT& certificate, const std::string& host) const;

 private:
  bool readRoots();
  LinkError judgeChain(const CERT_CONTEXT& certificate) const;

  const Trust trust_;
  mutable CredHandle credential_{};  // never written to, but the system's functions take no const
  bool credential_good_ = false;
  HCERTSTORE roots_ = nullptr;
  HCERTCHAINENGINE engine_ = nullptr;  // null: the machine's own
};

bool SchannelClient::open(std::string& error) {
  if (!trust_.pinned && !trust_.system() && !readRoots()) {
    error = trust_.ca_file + ": no certificates in PEM format can be read from it";
    return false;
  }
  SCHANNEL_CRED asked{};
  asked.dwVersion = SCHANNEL_CRED_VERSION;
  asked.grbitEnabledProtocols = SP_PROT_TLS1_2_CLIENT;
  asked.dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS | SCH_USE_STRONG_CRYPTO;
  const SECURITY_STATUS status =
      ::AcquireCredentialsHandleW(nullptr, const_cast<SEC_WCHAR*>(UNISP_NAME_W), SECPKG_CRED_OUTBOUND, nullptr, &asked,
                                  nullptr, nullptr, &credential_, nullptr);
  credential_good_ = status == SEC_E_OK;
  if (!credential_good_) error = "Windows offers no TLS";
  return credential_good_;
}

bool SchannelClient::readRoots() {
  std::string text;
  std::FILE* file = ::_wfopen(wide(trust_.ca_file).c_str(), L"rb");
  if (file == nullptr) return false;
  char part[4096];
  for (size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0 && text.size() < (4u << 20);)
    text.append(part, got);
  std::fclose(file);
  roots_ = ::CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, nullptr);
  if (roots_ == nullptr) return false;
  const std::string begin = "-----BEGIN CERTIFICATE-----", end = "-----END CERTIFICATE-----";
  int count = 0;
  for (size_t at = 0; (at = text.find(begin, at)) != std::string::npos; at += begin.size()) {
    const size_t until = text.find(end, at);
    if (until == std::string::npos) return false;
    const auto size = static_cast<DWORD>(until + end.size() - at);
    DWORD bytes = 0;
    if (!::CryptStringToBinaryA(text.data() + at, size, CRYPT_STRING_BASE64HEADER, nullptr, &bytes, nullptr, nullptr))
      return false;
    Bytes der(bytes);
    if (!::CryptStringToBinaryA(text.data() + at, size, CRYPT_STRING_BASE64HEADER, der.data(), &bytes, nullptr,
                                nullptr) ||
        !::CertAddEncodedCertificateToStore(roots_, X509_ASN_ENCODING, der.data(), bytes, CERT_STORE_ADD_ALWAYS,
                                            nullptr))
      return false;
    ++count;
  }
  // Nothing that the machine itself trusts counts.
  CERT_CHAIN_ENGINE_CONFIG config{};
  // As Windows 7 has it: Wine knows nothing of what came behind.
  config.cbSize = offsetof(CERT_CHAIN_ENGINE_CONFIG, dwExclusiveFlags);
  config.hExclusiveRoot = roots_;
  return count > 0 && ::CertCreateCertificateChainEngine(&config, &engine_);
}

LinkError SchannelClient::judge(const CERT_CONTEXT& certificate, const std::string& host) const {
  if (trust_.pinned) {
    if (sha256({Piece{certificate.pbCertEncoded, certificate.cbCertEncoded}}) != trust_.fingerprint)
      return LinkError::kTlsCertificate;
    return ::CertVerifyTimeValidity(nullptr, certificate.pCertInfo) == 0 ? LinkError::kNone : LinkError::kTlsExpired;
  }
  const LinkError chain = judgeChain(certificate);
  if (chain != LinkError::kNone) return chain;
  return madeOutFor(certificate, host) ? LinkError::kNone : LinkError::kTlsName;
}

LinkError SchannelClient::judgeChain(const CERT_CONTEXT& certificate) const {
  CERT_CHAIN_PARA wanted{};
  wanted.cbSize = sizeof wanted;
  char usage[] = szOID_PKIX_KP_SERVER_AUTH;
  char* usages[] = {usage};
  wanted.RequestedUsage.dwType = USAGE_MATCH_TYPE_AND;
  wanted.RequestedUsage.Usage.cUsageIdentifier = 1;
  wanted.RequestedUsage.Usage.rgpszUsageIdentifier = usages;
  const CERT_CHAIN_CONTEXT* chain = nullptr;
  if (!::CertGetCertificateChain(engine_, &certificate, nullptr, certificate.hCertStore, &wanted, 0, nullptr, &chain))
    return LinkError::kTlsCertificate;
  const DWORD faults = chain->TrustStatus.dwErrorStatus;
  ::CertFreeCertificateChain(chain);
  if ((faults & ~static_cast<DWORD>(CERT_TRUST_IS_NOT_TIME_VALID)) != 0) return LinkError::kTlsCertificate;
  return faults == 0 ? LinkError::kNone : LinkError::kTlsExpired;
}

class SchannelChannel final : public SecureChannel {
 public:
  SchannelChannel(const SchannelClient& client, const std::string& host)
      : client_(client), host_(host), wide_host_(wide(host)) {}
  ~SchannelChannel() override {
    if (context_good_) ::DeleteSecurityContext(&context_);
  }
  SchannelChannel(const SchannelChannel&) = delete;
  SchannelChannel& operator=(const SchannelChannel&) = delete;

  LinkError begin(Bytes& wire) override { return shake(wire); }

  LinkError take(const uint8_t* data, size_t bytes, Bytes& plain, Bytes& wire) override {
    if (!heard_ && bytes > 0 && !looksLikeTls(data, bytes)) return LinkError::kTlsMissing;
    heard_ |= bytes > 0;
    in_.insert(in_.end(), data, data + bytes);
    LinkError error = LinkError::kNone;
    more_ = true;
    while (error == LinkError::kNone && more_ && !in_.empty()) error = up_ ? open(plain) : shake(wire);
    return error;
  }

  LinkError seal(const uint8_t* data, size_t bytes, Bytes& wire) override {
    if (!up_) {
      early_.insert(early_.end(), data, data + bytes);
      return LinkError::kNone;
    }
    while (bytes > 0) {
      const size_t count = std::min<size_t>(bytes, sizes_.cbMaximumMessage);
      if (!sealRecord(data, count, wire)) return LinkError::kTlsFailed;
      data += count;
      bytes -= count;
    }
    return LinkError::kNone;
  }

  bool up() const override { return up_; }

 private:
  static constexpr DWORD kAsked = ISC_REQ_ALLOCATE_MEMORY | ISC_REQ_STREAM | ISC_REQ_CONFIDENTIALITY |
                                  ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT | ISC_REQ_USE_SUPPLIED_CREDS |
                                  ISC_REQ_MANUAL_CRED_VALIDATION;

  LinkError shake(Bytes& wire);
  LinkError established(Bytes& wire);
  LinkError open(Bytes& plain);
  bool sealRecord(const uint8_t* data, size_t bytes, Bytes& wire);
  LinkError failed(SECURITY_STATUS status) {
    char text[32];
    std::snprintf(text, sizeof text, "Schannel 0x%08lx", static_cast<unsigned long>(status));
    detail_ = text;
    return LinkError::kTlsFailed;
  }
  // Of what was given in, only these last bytes have not been used.
  void keep(size_t bytes) { in_.erase(in_.begin(), in_.end() - static_cast<ptrdiff_t>(bytes)); }

  const SchannelClient& client_;
  const std::string host_;
  std::wstring wide_host_;
  CtxtHandle context_{};
  bool context_good_ = false, up_ = false, heard_ = false, more_ = false;
  SecPkgContext_StreamSizes sizes_{};
  Bytes in_, early_, record_;
};

LinkError SchannelChannel::shake(Bytes& wire) {
  SecBuffer given[2] = {{static_cast<ULONG>(in_.size()), SECBUFFER_TOKEN, in_.data()}, {0, SECBUFFER_EMPTY, nullptr}};
  SecBuffer answer{0, SECBUFFER_TOKEN, nullptr};
  SecBufferDesc in{SECBUFFER_VERSION, 2, given}, out{SECBUFFER_VERSION, 1, &answer};
  ULONG got = 0;
  const bool first = !context_good_;
  const SECURITY_STATUS status =
      ::InitializeSecurityContextW(client_.credential(), first ? nullptr : &context_, wide_host_.data(), kAsked, 0, 0,
                                   first ? nullptr : &in, 0, &context_, &out, &got, nullptr);
  if (answer.pvBuffer != nullptr) {
    const auto* bytes = static_cast<const uint8_t*>(answer.pvBuffer);
    wire.insert(wire.end(), bytes, bytes + answer.cbBuffer);
    ::FreeContextBuffer(answer.pvBuffer);
  }
  if (status == SEC_E_INCOMPLETE_MESSAGE) {
    more_ = false;
    return LinkError::kNone;
  }
  if (status != SEC_E_OK && status != SEC_I_CONTINUE_NEEDED) return failed(status);
  context_good_ = true;
  if (!first) keep(given[1].BufferType == SECBUFFER_EXTRA ? given[1].cbBuffer : 0);
  return status == SEC_E_OK ? established(wire) : LinkError::kNone;
}

// Nothing of ours has left so far, and nothing does before the certificate is found good.
LinkError SchannelChannel::established(Bytes& wire) {
  const CERT_CONTEXT* certificate = nullptr;
  SECURITY_STATUS status = ::QueryContextAttributesW(&context_, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &certificate);
  if (status != SEC_E_OK || certificate == nullptr) return failed(status);
  const LinkError verdict = client_.judge(*certificate, host_);
  ::CertFreeCertificateContext(certificate);
  if (verdict != LinkError::kNone) return verdict;
  status = ::QueryContextAttributesW(&context_, SECPKG_ATTR_STREAM_SIZES, &sizes_);
  if (status != SEC_E_OK) return failed(status);
  up_ = true;
  Bytes early;
  early.swap(early_);
  return seal(early.data(), early.size(), wire);
}

LinkError SchannelChannel::open(Bytes& plain) {
  SecBuffer parts[4] = {{static_cast<ULONG>(in_.size()), SECBUFFER_DATA, in_.data()},
                        {0, SECBUFFER_EMPTY, nullptr},
                        {0, SECBUFFER_EMPTY, nullptr},
                        {0, SECBUFFER_EMPTY, nullptr}};
  SecBufferDesc all{SECBUFFER_VERSION, 4, parts};
  const SECURITY_STATUS status = ::DecryptMessage(&context_, &all, 0, nullptr);
  if (status == SEC_E_INCOMPLETE_MESSAGE) {
    more_ = false;
    return LinkError::kNone;
  }
  if (status == SEC_I_CONTEXT_EXPIRED) return LinkError::kClosed;
  if (status != SEC_E_OK) return failed(status);
  size_t rest = 0;
  for (const SecBuffer& part : parts) {
    const auto* bytes = static_cast<const uint8_t*>(part.pvBuffer);
    if (part.BufferType == SECBUFFER_DATA) plain.insert(plain.end(), bytes, bytes + part.cbBuffer);
    if (part.BufferType == SECBUFFER_EXTRA) rest = part.cbBuffer;
  }
  keep(rest);
  return LinkError::kNone;
}

bool SchannelChannel::sealRecord(const uint8_t* data, size_t bytes, Bytes& wire) {
  record_.resize(sizes_.cbHeader + bytes + sizes_.cbTrailer);
  std::memcpy(record_.data() + sizes_.cbHeader, data, bytes);
  SecBuffer parts[4] = {{sizes_.cbHeader, SECBUFFER_STREAM_HEADER, record_.data()},
                        {static_cast<ULONG>(bytes), SECBUFFER_DATA, record_.data() + sizes_.cbHeader},
                        {sizes_.cbTrailer, SECBUFFER_STREAM_TRAILER, record_.data() + sizes_.cbHeader + bytes},
                        {0, SECBUFFER_EMPTY, nullptr}};
  SecBufferDesc all{SECBUFFER_VERSION, 4, parts};
  const SECURITY_STATUS status = ::EncryptMessage(&context_, 0, &all, 0);
  if (status != SEC_E_OK) {
    failed(status);
    return false;
  }
  for (int i = 0; i < 3; ++i) {
    const auto* from = static_cast<const uint8_t*>(parts[i].pvBuffer);
    wire.insert(wire.end(), from, from + parts[i].cbBuffer);
  }
  return true;
}

std::unique_ptr<SecureChannel> SchannelClient::channel(const std::string& host) const {
  return std::make_unique<SchannelChannel>(*this, host);
}

}  // namespace

std::shared_ptr<const SecureClient> makeSecureClient(const Trust& trust, std::string& error) {
  auto client = std::make_shared<SchannelClient>(trust);
  return client->open(error) ? client : nullptr;
}

}  // namespace troupe::link
