// TroupeBridgeSockets on the sockets of mql5/, and the service that rings its chart: a socket is seen by nobody but its
// own program.
#include <cstdlib>

#include "link/messages.h"
#include "link/secure.h"
#include "shell/expert.h"
#include "terminal/shim/mql5.h"

namespace troupe_bridge_sockets_expert {

#define TROUPE_SOCKETS
#include "shell/expert_sources.h"

}  // namespace troupe_bridge_sockets_expert

// The service stands for itself: it has its own copy of what both know.
#undef TROUPE_WAKE_MQH

namespace troupe_wake_sockets {

#include "expert/TroupeWakeSockets.mq5"

}  // namespace troupe_wake_sockets

namespace troupe::terminal {

namespace {

class SocketsExpert final : public troupe_bridge_sockets_expert::ExpertOfSources {
 public:
  std::optional<Program> service() override {
    Program program;
    program.name = "TroupeWakeSockets";
    program.on_start = troupe_wake_sockets::OnStart;
    return program;
  }
  int32_t waitForMessage(int32_t) override { return -1; }
};

}  // namespace

Expert& socketsExpert() {
  static SocketsExpert expert;
  return expert;
}

}  // namespace troupe::terminal
