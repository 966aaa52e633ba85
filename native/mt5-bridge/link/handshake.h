// How terminal and bridge prove to each other that they know the key, before anything else is said:
//
//   terminal                 bridge
//   Hello          ---->
//                  <----     Challenge
//   Proof          ---->
//                  <----     Welcome, or Refused and the end
//
// Both must prove it: a stranger who takes the bridge's port could trade, one who takes the terminal's place could
// report what never happened. No sockets here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "link/codec.h"
#include "link/key.h"
#include "link/sha256.h"

namespace troupe::link {

// Longest payload before the welcome: nobody's memory is filled by a stranger.
inline constexpr uint32_t kMaxGreetingBytes = 4096;
inline constexpr int kGreetingMs = 5000;

// What a terminal must be that trades an account. Empty: anything.
struct Policy {
  std::string login, margin_mode;
};

// The bridge's side of one handshake.
class Greeter {
 public:
  Greeter(const Key& key, const Policy& policy) : Greeter(key, std::span(&policy, 1)) {}
  // Of several accounts, each with a login of its own: the hello's login says for which the terminal comes.
  Greeter(const Key& key, std::span<const Policy> policies) : key_(key), policies_(policies) {}

  // kNone: send `challenge`.
  LinkError onHello(const FrameView& frame, Challenge& challenge);
  // kNone: this terminal knows the key and is the one that was meant. What is wrong with the account is said only to
  // who has proved the key; `detail` then has what a person needs to mend it.
  LinkError onProof(const FrameView& frame, std::string& detail);
  Welcome welcome(std::string_view bridge, uint64_t wall_us) const;

  const Hello& hello() const { return hello_; }
  // Whose terminal this is, as a place in the policies; nothing before a proof, and where no account has its login.
  std::optional<size_t> account() const { return account_; }

 private:
  const Key& key_;
  const std::span<const Policy> policies_;
  std::optional<size_t> account_;
  Hello hello_{};
  Challenge challenge_{};
};

// What a refused peer is told. `detail` may be empty; then the error's own message stands.
Refused refusedFor(LinkError error, std::string_view detail);
// How long until a refused terminal may come again; 0: not before somebody has changed something.
uint32_t retryAfterMs(LinkError error);

// What a terminal that knows the key answers to a challenge.
Digest proofOf(const Key& key, const Challenge& challenge, const Hello& hello);

// The terminal's side of one handshake.
class Candidate {
 public:
  Candidate(const Key& key, const Hello& hello) : key_(key), hello_(hello) {}

  // Takes the bridge's frames. Send `proof` when it is set. kRefused: refusal() says why. kNone otherwise, as long as
  // all is well; then look at welcomed().
  LinkError onFrame(const FrameView& frame, std::optional<Proof>& proof);
  // The bridge knows the key too, and has answered this very hello.
  bool welcomed() const { return welcomed_; }
  const Refused& refusal() const { return refusal_; }

 private:
  LinkError onWelcome(const FrameView& frame);

  const Key& key_;
  const Hello hello_;
  std::optional<Challenge> challenge_;
  Refused refusal_{};
  bool welcomed_ = false;
};

// Fills in what every hello needs besides its names: versions and a fresh nonce. False when there is no randomness.
bool prepare(Hello& hello);

}  // namespace troupe::link
