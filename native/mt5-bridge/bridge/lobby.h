// The door of the bridge: greets all terminals at once, and gives each the seat of its account. A stranger at the port
// can neither take a seat nor hold up whoever has one, and one slow terminal holds up no other. Nothing here blocks,
// and it runs on a thread of its own: no account's terminal waits for another's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bridge/clock.h"
#include "bridge/seat.h"
#include "link/connection.h"
#include "link/handshake.h"

namespace troupe::bridge {

// An account as the door knows it.
struct Door {
  link::Policy policy;  // of several accounts each has a login, no two the same
  Seat& seat;
};

class Lobby {
 public:
  // `refused` hears code and reason of whoever is sent away, at most once a second for each code and account; nothing
  // for an account: it was not known for whose the terminal came, or for none.
  using Refusal = std::function<void(std::optional<size_t> account, link::LinkError error, const std::string& reason)>;
  // With `secure` only terminals that speak TLS are let in, without it only those that do not.
  Lobby(link::Listener& listener, const link::Key& key, std::vector<Door> doors, const Clock& clock, Refusal refused,
        std::shared_ptr<const link::SecureServer> secure = nullptr);

  // Who comes from now on is shown this certificate; whoever is here already goes on as it is. Any thread.
  void setSecure(std::shared_ptr<const link::SecureServer> secure);

  // Goes on with every greeting; then waits up to `wait_ms` for somebody to come or to say something.
  void pass(int wait_ms);

  // How many were sent away, by code, from one account or from none. Any thread.
  std::map<std::string, uint64_t> refusals(std::optional<size_t> account) const;

  // Of those that stand at the door and have proved nothing: enough that all terminals may come at once.
  size_t mostStrangers() const { return 6 + 2 * doors_.size(); }

 private:
  enum class Stage : uint8_t { kHello, kProof, kProven, kGuessed, kLeaving };
  struct Visitor {
    Visitor(int fd, std::unique_ptr<link::SecureChannel> channel, const link::Key& key,
            const std::vector<link::Policy>& policies, int64_t now_us)
        : connection(std::make_shared<link::Connection>(fd, link::Peer::kTerminal, std::move(channel))),
          greeter(key, policies),
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

  void accept(int64_t now_us);
  std::unique_ptr<link::SecureChannel> channel();
  void hear(Visitor& visitor, int64_t now_us);
  void onFrame(Visitor& visitor, const link::FrameView& frame, int64_t now_us);
  // One at a time waits for a seat that is being left, the latest: each account takes one place at the door at most.
  void expectNobodyElse(const Visitor& latest);
  void seat(Visitor& visitor, int64_t now_us);
  // Tells the visitor and whoever listens, or closes without a word.
  void refuse(Visitor& visitor, link::LinkError error, const std::string& detail, int64_t now_us);
  void drop(Visitor& visitor, link::LinkError error, int64_t now_us);
  void tell(std::optional<size_t> account, link::LinkError error, const std::string& reason, int64_t now_us);

  link::Listener& listener_;
  const link::Key& key_;
  const std::vector<Door> doors_;
  std::vector<link::Policy> policies_;
  const Clock& clock_;
  const Refusal refused_;
  std::mutex secure_mutex_;
  std::shared_ptr<const link::SecureServer> secure_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::map<std::pair<std::optional<size_t>, link::LinkError>, Told> told_;
  mutable std::mutex refusals_mutex_;
  std::map<std::optional<size_t>, std::map<std::string, uint64_t>> refusals_;
};

}  // namespace troupe::bridge
