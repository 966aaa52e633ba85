#include "dll/errors.h"

namespace troupe::dll {

namespace {

constexpr ErrorEntry kTable[] = {
#define TROUPE_ERROR_ENTRY(name, number, code, text) {number, code, text},
    TROUPE_ERRORS(TROUPE_ERROR_ENTRY)
#undef TROUPE_ERROR_ENTRY
};

}  // namespace

const ErrorEntry* findError(int32_t number) {
  for (const ErrorEntry& entry : kTable)
    if (entry.number == number) return &entry;
  return nullptr;
}

int32_t numberOf(link::LinkError error) {
  using link::LinkError;
  switch (error) {
    case LinkError::kClosed:
      return TROUPE_E_LINK_CLOSED;
    case LinkError::kTruncated:
      return TROUPE_E_LINK_TRUNCATED;
    case LinkError::kIo:
      return TROUPE_E_LINK_IO;
    case LinkError::kTooLong:
      return TROUPE_E_LINK_TOO_LONG;
    case LinkError::kUnknownType:
      return TROUPE_E_LINK_UNKNOWN_TYPE;
    case LinkError::kWrongSide:
      return TROUPE_E_LINK_WRONG_SIDE;
    case LinkError::kBadVersion:
      return TROUPE_E_LINK_VERSION;
    case LinkError::kBadCrc:
      return TROUPE_E_LINK_CRC;
    case LinkError::kBadSequence:
      return TROUPE_E_LINK_SEQUENCE;
    case LinkError::kBadSize:
      return TROUPE_E_LINK_SIZE;
    case LinkError::kBadCount:
    case LinkError::kBadText:
    case LinkError::kBadNumber:
    case LinkError::kBadSymbol:
    case LinkError::kBadEnum:
      return TROUPE_E_LINK_CONTENT;
    case LinkError::kUnexpected:
      return TROUPE_E_LINK_UNEXPECTED;
    case LinkError::kSilent:
      return TROUPE_E_LINK_SILENT;
    case LinkError::kOverflow:
      return TROUPE_E_LINK_OVERFLOW;
    case LinkError::kBadProof:
      return TROUPE_E_LINK_KEY;
    case LinkError::kRefused:
      return TROUPE_E_LINK_REFUSED;
    case LinkError::kTlsMissing:
      return TROUPE_E_LINK_TLS_MISSING;
    case LinkError::kTlsUnexpected:
      return TROUPE_E_LINK_TLS_UNEXPECTED;
    case LinkError::kTlsCertificate:
      return TROUPE_E_LINK_TLS_CERTIFICATE;
    case LinkError::kTlsExpired:
      return TROUPE_E_LINK_TLS_EXPIRED;
    case LinkError::kTlsName:
      return TROUPE_E_LINK_TLS_NAME;
    case LinkError::kTlsFailed:
      return TROUPE_E_LINK_TLS_FAILED;
    default:
      return TROUPE_E_INTERNAL;  // what only a bridge finds
  }
}

}  // namespace troupe::dll
