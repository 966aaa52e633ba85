// TroupeBridge joined to the real link client, which has a thread of its own. What its service TroupeWake does is done
// by the terminal: it waits in the link client.
#include <cstdlib>

#include "dll/troupe_link.h"
#include "link/messages.h"
#include "link/secure.h"
#include "shell/expert.h"
#include "terminal/shim/mql5.h"

namespace troupe_bridge_expert {

#include "shell/expert_sources.h"

namespace {

class DllExpert final : public ExpertOfSources {
 public:
  std::optional<troupe::terminal::Program> service() override { return std::nullopt; }
  int32_t waitForMessage(int32_t timeout_ms) override {
    return LinkHandle() > 0 ? ::troupe_wait(LinkHandle(), timeout_ms) : -1;
  }
};

}  // namespace
}  // namespace troupe_bridge_expert

namespace troupe::terminal {

Expert& dllExpert() {
  static troupe_bridge_expert::DllExpert expert;
  return expert;
}

}  // namespace troupe::terminal
