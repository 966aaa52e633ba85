// Both sides of the handshake, each against a stranger: whatever comes, nobody is let in who does not know the key, and
// who does know it and is the one that was meant is let in.
#include "link/handshake.h"

#include "fuzz/input.h"
#include "link/validate.h"

using namespace troupe;
using fuzz::must;
using link::FrameType;
using link::LinkError;

namespace {

const link::Key kKey = [] {
  link::Key key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<uint8_t>(17 * i + 3);
  return key;
}();
const link::Policy kPolicy{"7", "hedging"};

link::FrameView view(FrameType type, std::string_view payload, uint64_t sequence) {
  return {type, sequence, reinterpret_cast<const uint8_t*>(payload.data()), payload.size()};
}
template <typename T>
std::string_view bytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The bridge hears a terminal. `knows`: it can prove the key to the challenge that it gets.
void hearTerminal(fuzz::Input& input, bool knows) {
  link::Greeter greeter(kKey, kPolicy);
  link::Challenge challenge{};
  bool challenged = false;
  for (uint64_t n = 1; !input.empty() && n <= 8; ++n) {
    const auto type = static_cast<FrameType>(input.take<uint8_t>());
    const std::string_view payload = input.piece();
    if (link::checkHeader(link::Peer::kTerminal, static_cast<uint16_t>(type), link::kVersion,
                          static_cast<uint32_t>(payload.size())) != LinkError::kNone)
      return;
    if (!challenged) {
      if (greeter.onHello(view(type, payload, n), challenge) != LinkError::kNone) return;
      must(type == FrameType::kHello, "only a hello is answered with a challenge");
      must(link::validate(greeter.hello()) == LinkError::kNone, "a hello that is answered is a good one");
      challenged = true;
      continue;
    }
    std::string detail;
    const link::Hello& hello = greeter.hello();
    const link::Digest proof = link::proofOf(kKey, challenge, hello);
    LinkError error;
    if (knows) {
      error = greeter.onProof(view(FrameType::kProof, bytesOf(proof), n), detail);
      const bool right = link::textOf(hello.login) == kPolicy.login;
      const bool mode = link::textOf(hello.margin_mode) == kPolicy.margin_mode;
      must(error == (!right  ? LinkError::kWrongAccount
                     : !mode ? LinkError::kWrongMarginMode
                             : LinkError::kNone),
           "who knows the key and is the one that was meant is let in, and nobody else");
    } else {
      error = greeter.onProof(view(type, payload, n), detail);
      const bool proved =
          payload.size() == proof.size() && std::memcmp(payload.data(), proof.data(), proof.size()) == 0;
      must(proved || error != LinkError::kNone, "nobody is let in without the key");
    }
    if (error != LinkError::kNone) {
      const link::Refused refused = link::refusedFor(error, detail);
      must(link::validate(refused) == LinkError::kNone, "a refusal is good text");
    }
    return;
  }
}

// The terminal hears a bridge. `knows`: whoever plays the bridge knows the key.
void hearBridge(fuzz::Input& input, bool knows) {
  link::Hello hello{};
  hello.version_low = hello.version_high = link::kVersion;
  link::Candidate candidate(kKey, hello);
  link::Greeter real(kKey, kPolicy);
  for (uint64_t n = 1; !input.empty() && n <= 8; ++n) {
    const auto type = static_cast<FrameType>(input.take<uint8_t>());
    const std::string_view payload = input.piece();
    if (link::checkHeader(link::Peer::kBridge, static_cast<uint16_t>(type), link::kVersion,
                          static_cast<uint32_t>(payload.size())) != LinkError::kNone)
      return;
    std::optional<link::Proof> proof;
    const LinkError error = candidate.onFrame(view(type, payload, n), proof);
    must(!proof || type == FrameType::kChallenge, "a proof answers a challenge");
    must(!candidate.welcomed(), "no stranger is taken for the bridge");
    if (error == LinkError::kRefused)
      must(link::validate(candidate.refusal()) == LinkError::kNone, "a refusal that is shown is good text");
    if (error != LinkError::kNone) return;
  }
  if (!knows) return;
  link::Hello named = hello;
  link::setTextCut(named.session, "s");
  link::setTextCut(named.feed, "f");
  link::Candidate honest(kKey, named);
  link::Challenge challenge{};
  must(real.onHello(view(FrameType::kHello, bytesOf(named), 1), challenge) == LinkError::kNone, "a good hello");
  std::optional<link::Proof> proof;
  must(honest.onFrame(view(FrameType::kChallenge, bytesOf(challenge), 1), proof) == LinkError::kNone && proof, "proof");
  link::Welcome welcome = real.welcome("bridge", 1);
  const auto flip = input.take<uint8_t>();
  const bool changed = flip < 32;
  if (changed) welcome.mac[flip] ^= 1;
  must((honest.onFrame(view(FrameType::kWelcome, bytesOf(welcome), 2), proof) == LinkError::kNone) == !changed,
       "a welcome counts with the right proof only");
  must(honest.welcomed() == !changed, "welcomed with the right proof only");
}

}  // namespace

// First byte: which side listens, and whether the other knows the key. Then {type, length, payload} as often as it
// goes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto mode = input.take<uint8_t>();
  if ((mode & 1) != 0) {
    hearBridge(input, (mode & 2) != 0);
  } else {
    hearTerminal(input, (mode & 2) != 0);
  }
  return 0;
}
