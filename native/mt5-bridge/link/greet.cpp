#include "link/greet.h"

#include <chrono>

namespace troupe::link {

LinkError greet(Connection& connection, Hello hello, const Key& key, Refused& refusal, int timeout_ms) {
  using namespace std::chrono;
  if (!prepare(hello)) return LinkError::kIo;
  if (const LinkError e = connection.send(FrameType::kHello, hello); e != LinkError::kNone) return e;
  Candidate candidate(key, hello);
  const auto deadline = steady_clock::now() + milliseconds(timeout_ms);
  for (;;) {
    FrameView frame;
    for (Next next; (next = connection.next(frame)) != Next::kNeedMore;) {
      if (next == Next::kError) return connection.error();
      std::optional<Proof> proof;
      LinkError e = candidate.onFrame(frame, proof);
      if (e == LinkError::kNone && proof) e = connection.send(FrameType::kProof, *proof);
      if (e == LinkError::kRefused) refusal = candidate.refusal();
      if (e != LinkError::kNone || candidate.welcomed()) return e;
    }
    const auto left = duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return LinkError::kSilent;
    if (const LinkError e = connection.wait(static_cast<int>(left)); e != LinkError::kNone) return e;
  }
}

}  // namespace troupe::link
