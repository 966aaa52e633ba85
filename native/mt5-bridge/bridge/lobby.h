// The door of the bridge: greets terminals beside the one that trades, and hands them over one at a time. A stranger at
// the port can neither take the account's seat nor hold up whoever has it. Everything runs on the link's thread, and
// nothing blocks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bridge/clock.h"
#include "link/connection.h"
#include "link/handshake.h"

namespace troupe::bridge {

// A terminal that has proved the key.
struct Guest {
  std::shared_ptr<link::Connection> connection;
  link::Hello hello{};
  link::Welcome welcome{};
};

// Who has the account.
struct Seat {
  link::Connection& connection;
  const link::Hello& hello;
  int64_t since_us;
};

class Lobby {
 public:
  // `refused` hears code and reason of whoever is sent away, at most once a second for each code.
  using Refusal = std::function<void(link::LinkError error, const std::string& reason)>;
  // With `secure` only terminals that speak TLS are let in, without it only those that do not.
  Lobby(link::Listener& listener, const link::Key& key, link::Policy policy, const Clock& clock, Refusal refused,
        std::shared_ptr<const link::SecureServer> secure = nullptr)
      : listener_(listener),
        key_(key),
        policy_(std::move(policy)),
        clock_(clock),
        refused_(std::move(refused)),
        secure_(std::move(secure)) {}

  // Goes on with every greeting. While the holder of the seat is alive, other terminals are refused; the same feed once
  // more is the same terminal come back, and its dead connection is ended for it.
  void pass(const Seat& seat) { pass(&seat); }
  // With the seat empty: the next terminal, waited for up to `wait_ms`.
  std::optional<Guest> next(int wait_ms);

  // How many were sent away, by code. Any thread.
  std::map<std::string, uint64_t> refusals() const {
    std::lock_guard lock(refusals_mutex_);
    return refusals_;
  }

  static constexpr size_t kMostAtOnce = 8;

 private:
  enum class Stage : uint8_t { kHello, kProof, kProven, kGuessed, kLeaving };
  struct Visitor {
    Visitor(int fd, std::unique_ptr<link::SecureChannel> channel, const link::Key& key, const link::Policy& policy,
            int64_t now_us)
        : connection(std::make_shared<link::Connection>(fd, link::Peer::kTerminal, std::move(channel))),
          greeter(key, policy),
          since_us(now_us) {
      connection->allowPayload(link::kMaxGreetingBytes);
    }
    std::shared_ptr<link::Connection> connection;
    link::Greeter greeter;
    Stage stage = Stage::kHello;
    int64_t since_us;  // in this stage, or since it came while it has proved nothing
  };
  struct Told {
    int64_t at_us;
    uint64_t untold;
  };

  void pass(const Seat* seat);
  void accept(int64_t now_us);
  void hear(Visitor& visitor, int64_t now_us);
  void onFrame(Visitor& visitor, const link::FrameView& frame, int64_t now_us);
  void judge(Visitor& visitor, const Seat& seat, int64_t now_us);
  // Tells the visitor and whoever listens, or closes without a word.
  void refuse(Visitor& visitor, link::LinkError error, const std::string& detail, int64_t now_us);
  void drop(Visitor& visitor, link::LinkError error, int64_t now_us);
  void tell(link::LinkError error, const std::string& reason, int64_t now_us);

  link::Listener& listener_;
  const link::Key& key_;
  const link::Policy policy_;
  const Clock& clock_;
  const Refusal refused_;
  const std::shared_ptr<const link::SecureServer> secure_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::map<link::LinkError, Told> told_;
  mutable std::mutex refusals_mutex_;
  std::map<std::string, uint64_t> refusals_;
};

}  // namespace troupe::bridge
