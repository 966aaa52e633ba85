// A host's name to its addresses, without waiting for it: the system's question cannot be ended before it is answered,
// so it has a thread of its own that may outlive whoever has asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::dll {

// IPv4 addresses in the order of the network; empty when there are none. May take as long as it likes.
using Resolve = std::function<std::vector<uint32_t>(const std::string& host)>;
std::vector<uint32_t> systemResolve(const std::string& host);

class Resolver {
 public:
  explicit Resolver(Resolve resolve) : resolve_(std::move(resolve)) {}

  // Asks, unless an earlier question has not been answered yet: then the answer to that is waited for. False when there
  // is no thread.
  bool ask(const std::string& host);
  // Null while nothing is known; then the answer, once.
  const std::vector<uint32_t>* answer();

 private:
  struct Question;
  const Resolve resolve_;
  std::shared_ptr<Question> question_;
  std::vector<uint32_t> addresses_;
};

}  // namespace troupe::dll
