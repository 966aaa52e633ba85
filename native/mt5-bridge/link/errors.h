// Why a link was closed. Each has a stable code that stands in logs, in LinkState::reason and on sys.lifecycle.
#pragma once

#include <cstdint>

namespace troupe::link {

enum class LinkError : uint8_t {
  kNone = 0,
  kClosed,       // the other side closed in order
  kTruncated,    // the other side closed in the middle of a frame
  kIo,           // the operating system reported an error
  kTooLong,      // length above kMaxPayloadBytes
  kUnknownType,  // no such frame type
  kWrongSide,    // a type that only this side may send
  kBadVersion,   // version other than kVersion
  kBadCrc,       // the checksum does not fit what came
  kBadSequence,  // a frame is missing or came twice
  kBadSize,      // payload size does not fit the type
  kBadCount,     // count outside its range or not agreeing with the size
  kBadText,      // text not zero-terminated, not zero-padded or not UTF-8
  kBadNumber,    // a price or volume that is not finite, a time outside 1970..9999
  kBadSymbol,    // index outside the list of symbols, an empty or doubled name
  kBadEnum,      // side, type, state or outcome outside its enumeration
  kUnexpected,   // a valid frame at the wrong moment (ticks before symbols, a second hello)
  kEventGap,     // EventHeader::sequence jumped: an execution event is missing
  kSilent,       // no frame, not even a heartbeat, for the dead time
  kOverflow,     // the other side does not read: too many bytes are waiting to leave
  kNoStore,      // the bridge cannot ask JetStream which ticks are kept, so it cannot say where to go on
  // Of the handshake:
  kBadProof,         // the other side does not know the key
  kWrongAccount,     // the terminal trades another account than this bridge is for
  kWrongMarginMode,  // its account has another margin mode
  kAccountTaken,     // another terminal is linked for the account
  kRefused,          // the bridge does not want this terminal and has said why
  // Of TLS (link/secure.h):
  kTlsMissing,      // this side speaks TLS, the other does not
  kTlsUnexpected,   // the other side speaks TLS, this one does not
  kTlsCertificate,  // the bridge's certificate is not one that the terminal trusts
  kTlsExpired,      // it has expired, or is not valid yet
  kTlsName,         // it is made out for another host
  kTlsRejected,     // the terminal has said that it does not take our certificate
  kTlsFailed,       // anything else that TLS finds wrong
};

const char* codeOf(LinkError error);
const char* messageOf(LinkError error);

}  // namespace troupe::link
