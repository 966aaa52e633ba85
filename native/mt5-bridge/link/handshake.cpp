#include "link/handshake.h"

#include <algorithm>

#include "link/validate.h"

namespace troupe::link {

namespace {

// Different for each side, so that a proof sent back is no proof.
constexpr std::string_view kTerminalLabel = "troupe-terminal-3", kBridgeLabel = "troupe-bridge-3";

Piece piece(std::string_view text) { return {text.data(), text.size()}; }
template <typename T>
Piece piece(const T& value) {
  return {&value, sizeof value};
}

Digest welcomeProof(const Key& key, const Hello& hello, const Challenge& challenge, uint16_t version) {
  return hmacSha256({key.bytes.data(), key.bytes.size()},
                    {piece(kBridgeLabel), piece(hello.nonce), piece(challenge.nonce), piece(version)});
}

}  // namespace

LinkError Greeter::onHello(const FrameView& frame, Challenge& challenge) {
  if (frame.type != FrameType::kHello) return LinkError::kUnexpected;
  if (!readOne(frame, hello_)) return LinkError::kBadSize;
  if (hello_.version_low > kVersion || hello_.version_high < kVersion) return LinkError::kBadVersion;
  if (const LinkError e = validate(hello_); e != LinkError::kNone) return e;
  if (!randomBytes(challenge_.nonce, sizeof challenge_.nonce)) return LinkError::kIo;
  challenge = challenge_;
  return LinkError::kNone;
}

LinkError Greeter::onProof(const FrameView& frame, std::string& detail) {
  if (frame.type != FrameType::kProof) return LinkError::kUnexpected;
  Proof proof;
  if (!readOne(frame, proof)) return LinkError::kBadSize;
  const Digest wanted = proofOf(key_, challenge_, hello_);
  if (!equalInConstantTime(proof.mac, wanted.data(), wanted.size())) return LinkError::kBadProof;
  const std::string_view login = textOf(hello_.login), mode = textOf(hello_.margin_mode);
  const auto differs = [&](const char* what, std::string_view has, const std::string& must) {
    detail =
        std::string("the terminal's ") + what + " is '" + std::string(has) + "', this bridge is for '" + must + "'";
  };
  const auto mine = std::find_if(policies_.begin(), policies_.end(),
                                 [&](const Policy& policy) { return policy.login.empty() || policy.login == login; });
  if (mine == policies_.end()) {
    if (policies_.size() == 1) {
      differs("login", login, policies_[0].login);
    } else {
      detail = "the terminal's login '" + std::string(login) + "' is that of none of this bridge's " +
               std::to_string(policies_.size()) + " accounts";
    }
    return LinkError::kWrongAccount;
  }
  account_ = static_cast<size_t>(mine - policies_.begin());
  if (!mine->margin_mode.empty() && mine->margin_mode != mode) {
    differs("margin mode", mode, mine->margin_mode);
    return LinkError::kWrongMarginMode;
  }
  return LinkError::kNone;
}

Welcome Greeter::welcome(std::string_view bridge, uint64_t wall_us) const {
  Welcome welcome{};
  setTextCut(welcome.bridge, bridge);
  welcome.version = kVersion;
  welcome.wall_us = wall_us;
  const Digest mac = welcomeProof(key_, hello_, challenge_, welcome.version);
  std::memcpy(welcome.mac, mac.data(), mac.size());
  return welcome;
}

uint32_t retryAfterMs(LinkError error) {
  switch (error) {
    case LinkError::kBadProof:
      return 30'000;
    case LinkError::kAccountTaken:
      return 5'000;
    default:
      return 0;
  }
}

Refused refusedFor(LinkError error, std::string_view detail) {
  Refused refused{};
  setTextCut(refused.code, codeOf(error));
  setTextCut(refused.message, detail.empty() ? messageOf(error) : detail);
  refused.retry_after_ms = retryAfterMs(error);
  return refused;
}

Digest proofOf(const Key& key, const Challenge& challenge, const Hello& hello) {
  return hmacSha256({key.bytes.data(), key.bytes.size()},
                    {piece(kTerminalLabel), piece(challenge.nonce), piece(hello)});
}

LinkError Candidate::onFrame(const FrameView& frame, std::optional<Proof>& proof) {
  if (frame.type == FrameType::kRefused) {
    if (!readOne(frame, refusal_)) return LinkError::kBadSize;
    const LinkError bad = validate(refusal_);
    return bad == LinkError::kNone ? LinkError::kRefused : bad;
  }
  if (frame.type == FrameType::kWelcome) return onWelcome(frame);
  if (frame.type != FrameType::kChallenge || challenge_) return LinkError::kUnexpected;
  Challenge challenge;
  if (!readOne(frame, challenge)) return LinkError::kBadSize;
  challenge_ = challenge;
  const Digest mac = proofOf(key_, challenge, hello_);
  std::memcpy(proof.emplace().mac, mac.data(), mac.size());
  return LinkError::kNone;
}

LinkError Candidate::onWelcome(const FrameView& frame) {
  if (!challenge_ || welcomed_) return LinkError::kUnexpected;
  Welcome welcome;
  if (!readOne(frame, welcome)) return LinkError::kBadSize;
  const Digest wanted = welcomeProof(key_, hello_, *challenge_, welcome.version);
  if (!equalInConstantTime(welcome.mac, wanted.data(), wanted.size())) return LinkError::kBadProof;
  if (welcome.version < hello_.version_low || welcome.version > hello_.version_high) return LinkError::kBadVersion;
  if (const LinkError bad = validate(welcome); bad != LinkError::kNone) return bad;
  welcomed_ = true;
  return LinkError::kNone;
}

bool prepare(Hello& hello) {
  hello.version_low = hello.version_high = kVersion;
  return randomBytes(hello.nonce, sizeof hello.nonce);
}

}  // namespace troupe::link
