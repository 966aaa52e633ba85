#include "link/validate.h"

#include <cmath>
#include <string>
#include <unordered_set>

namespace troupe::link {

namespace {

template <typename... Array>
bool texts(const Array&... arrays) {
  return (isText(arrays) && ...);
}

// By value: a packed member cannot be bound to a reference.
bool finite(std::initializer_list<double> values) {
  for (const double v : values)
    if (!std::isfinite(v)) return false;
  return true;
}

LinkError check(bool text, bool number, bool enums = true) {
  if (!text) return LinkError::kBadText;
  if (!number) return LinkError::kBadNumber;
  return enums ? LinkError::kNone : LinkError::kBadEnum;
}

}  // namespace

const char* codeOf(LinkError error) {
  switch (error) {
    case LinkError::kNone:
      return "";
    case LinkError::kClosed:
      return "E_LINK_CLOSED";
    case LinkError::kTruncated:
      return "E_LINK_TRUNCATED";
    case LinkError::kIo:
      return "E_LINK_IO";
    case LinkError::kTooLong:
      return "E_LINK_TOO_LONG";
    case LinkError::kUnknownType:
      return "E_LINK_UNKNOWN_TYPE";
    case LinkError::kWrongSide:
      return "E_LINK_WRONG_SIDE";
    case LinkError::kBadVersion:
      return "E_LINK_VERSION";
    case LinkError::kBadCrc:
      return "E_LINK_CRC";
    case LinkError::kBadSequence:
      return "E_LINK_SEQUENCE";
    case LinkError::kBadSize:
      return "E_LINK_SIZE";
    case LinkError::kBadCount:
      return "E_LINK_COUNT";
    case LinkError::kBadText:
      return "E_LINK_TEXT";
    case LinkError::kBadNumber:
      return "E_LINK_NUMBER";
    case LinkError::kBadSymbol:
      return "E_LINK_SYMBOL";
    case LinkError::kBadEnum:
      return "E_LINK_ENUM";
    case LinkError::kUnexpected:
      return "E_LINK_UNEXPECTED";
    case LinkError::kEventGap:
      return "E_LINK_EVENT_GAP";
    case LinkError::kSilent:
      return "E_LINK_SILENT";
    case LinkError::kOverflow:
      return "E_LINK_OVERFLOW";
    case LinkError::kNoStore:
      return "E_LINK_NO_STORE";
    case LinkError::kBadProof:
      return "E_LINK_KEY";
    case LinkError::kWrongAccount:
      return "E_LINK_WRONG_ACCOUNT";
    case LinkError::kWrongMarginMode:
      return "E_LINK_MARGIN_MODE";
    case LinkError::kAccountTaken:
      return "E_LINK_ACCOUNT_TAKEN";
    case LinkError::kRefused:
      return "E_LINK_REFUSED";
    case LinkError::kTlsMissing:
      return "E_LINK_TLS_MISSING";
    case LinkError::kTlsUnexpected:
      return "E_LINK_TLS_UNEXPECTED";
    case LinkError::kTlsCertificate:
      return "E_LINK_TLS_CERTIFICATE";
    case LinkError::kTlsExpired:
      return "E_LINK_TLS_EXPIRED";
    case LinkError::kTlsName:
      return "E_LINK_TLS_NAME";
    case LinkError::kTlsRejected:
      return "E_LINK_TLS_REJECTED";
    case LinkError::kTlsFailed:
      return "E_LINK_TLS_FAILED";
  }
  return "E_LINK";
}

const char* messageOf(LinkError error) {
  switch (error) {
    case LinkError::kNone:
      return "";
    case LinkError::kClosed:
      return "the other side closed the link";
    case LinkError::kTruncated:
      return "the other side closed the link in the middle of a frame";
    case LinkError::kIo:
      return "the operating system reported an error on the socket";
    case LinkError::kTooLong:
      return "frame longer than 4194304 bytes";
    case LinkError::kUnknownType:
      return "frame of an unknown type";
    case LinkError::kWrongSide:
      return "frame of a type that this side never receives";
    case LinkError::kBadVersion:
      return "the other side speaks no version of the link that this one speaks (4)";
    case LinkError::kBadCrc:
      return "a frame's checksum does not fit what came";
    case LinkError::kBadSequence:
      return "a frame is missing, doubled or out of order";
    case LinkError::kBadSize:
      return "payload size does not fit the frame type";
    case LinkError::kBadCount:
      return "count outside its range, or not agreeing with the payload size";
    case LinkError::kBadText:
      return "text that is not zero-terminated, not zero-padded or not UTF-8";
    case LinkError::kBadNumber:
      return "a number that is not finite, or a time outside 1970..9999";
    case LinkError::kBadSymbol:
      return "symbol outside the list, without a name, or named twice";
    case LinkError::kBadEnum:
      return "a side, type, state or outcome outside its enumeration";
    case LinkError::kUnexpected:
      return "a frame at a moment where it is not allowed";
    case LinkError::kEventGap:
      return "an execution event is missing";
    case LinkError::kSilent:
      return "nothing heard for 5 s";
    case LinkError::kOverflow:
      return "the other side does not read or answer: what it is told waits for more than 5 s, or is more than 64 MiB";
    case LinkError::kNoStore:
      return "JetStream cannot be asked which ticks are kept";
    case LinkError::kBadProof:
      return "the other side does not know this side's key";
    case LinkError::kWrongAccount:
      return "the terminal trades another account than this bridge is for";
    case LinkError::kWrongMarginMode:
      return "the terminal's account has another margin mode than this bridge is for";
    case LinkError::kAccountTaken:
      return "another terminal is linked for this account";
    case LinkError::kRefused:
      return "the bridge refused this terminal";
    case LinkError::kTlsMissing:
      return "this side speaks TLS and the other side does not";
    case LinkError::kTlsUnexpected:
      return "the other side speaks TLS and this side does not";
    case LinkError::kTlsCertificate:
      return "the bridge's certificate is not the one that is trusted, nor signed by one that is";
    case LinkError::kTlsExpired:
      return "the bridge's certificate has expired, or is not valid yet";
    case LinkError::kTlsName:
      return "the bridge's certificate is made out for another host";
    case LinkError::kTlsRejected:
      return "the terminal does not accept this bridge's certificate";
    case LinkError::kTlsFailed:
      return "the TLS handshake failed";
  }
  return "";
}

bool isUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    const size_t more = c >= 0xC2 && c <= 0xDF ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
    if (more == 0 || text.size() - i <= more) return false;
    for (size_t k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    const auto d = static_cast<unsigned char>(text[i + 1]);
    if ((c == 0xE0 && d < 0xA0) || (c == 0xED && d >= 0xA0) || (c == 0xF0 && d < 0x90) || (c == 0xF4 && d >= 0x90))
      return false;
    i += more + 1;
  }
  return true;
}

LinkError validate(const Hello& h) {
  const bool offset = h.utc_offset_s > -86400 && h.utc_offset_s < 86400;
  if (!texts(h.session, h.feed, h.login, h.terminal, h.margin_mode)) return LinkError::kBadText;
  if (textOf(h.session).empty() || textOf(h.feed).empty()) return LinkError::kBadText;
  return offset ? LinkError::kNone : LinkError::kBadNumber;
}

LinkError validate(const Welcome& w) { return check(texts(w.bridge), true); }

LinkError validate(const Refused& r) { return check(texts(r.code, r.message), true); }

LinkError validate(const Spec& s) {
  return check(texts(s.name, s.currency_base, s.currency_profit, s.currency_margin, s.calc_mode),
               finite({s.point, s.tick_size, s.contract_size, s.volume_min, s.volume_max, s.volume_step}));
}

LinkError validate(const Order& o) {
  return check(texts(o.order_id, o.symbol),
               finite({o.volume_lots, o.filled_lots, o.price, o.stop_limit_price, o.stop_loss, o.take_profit}) &&
                   isTime(o.time_ms),
               o.side <= 2 && o.type <= 4 && o.state <= 10);
}

LinkError validate(const Deal& d) {
  return check(texts(d.order_id, d.symbol, d.entry, d.reason),
               finite({d.volume_lots, d.price, d.profit, d.commission, d.swap, d.fee}) && isTime(d.time_ms),
               d.side <= 2);
}

LinkError validate(const Position& p) {
  return check(texts(p.symbol, p.order_id),
               finite({p.volume_lots, p.open_price, p.stop_loss, p.take_profit, p.profit, p.swap}) && isTime(p.time_ms),
               p.side <= 2);
}

LinkError validate(const Account& a) {
  return check(texts(a.login, a.currency, a.margin_mode),
               finite({a.balance, a.equity, a.margin, a.free_margin}) && isTime(a.time_ms));
}

LinkError validate(const Result& r) {
  if (!texts(r.message)) return LinkError::kBadText;
  if (r.outcome < 1 || r.outcome > 6 || r.has_order > 1) return LinkError::kBadEnum;
  return r.has_order ? validate(r.order) : LinkError::kNone;
}

LinkError validate(const SnapshotBegin& b) {
  return isTime(b.time_ms) && isTime(b.deals_since_ms) ? validate(b.account) : LinkError::kBadNumber;
}

LinkError validate(const TerminalStatus& s) {
  const bool yes_or_no = s.connected <= 1 && s.terminal_allows <= 1 && s.expert_allows <= 1 && s.account_allows <= 1 &&
                         s.server_allows <= 1;
  return yes_or_no ? LinkError::kNone : LinkError::kBadEnum;
}

LinkError validate(const EventHeader& h) { return isTime(h.time_ms) ? LinkError::kNone : LinkError::kBadNumber; }

LinkError validate(const Place& p) {
  return check(texts(p.order_id, p.symbol),
               finite({p.volume_lots, p.price, p.stop_limit_price, p.stop_loss, p.take_profit}),
               p.side <= 2 && p.type <= 4 && p.time_in_force <= 3);
}

LinkError validate(const Cancel& c) { return check(texts(c.order_id), true); }

LinkError validate(const Modify& m) {
  return check(texts(m.order_id), finite({m.price, m.stop_limit_price, m.stop_loss, m.take_profit}));
}

LinkError validate(const Protect& p) { return check(texts(p.symbol), finite({p.stop_loss, p.take_profit})); }

LinkError validate(const Find& f) { return check(texts(f.order_id), true); }

LinkError validateSymbols(const Spec* specs, size_t count) {
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < count; ++i) {
    if (const LinkError e = validate(specs[i]); e != LinkError::kNone) return e;
    const std::string_view name = textOf(specs[i].name);
    if (name.empty() || !names.insert(name).second) return LinkError::kBadSymbol;
  }
  return LinkError::kNone;
}

}  // namespace troupe::link
