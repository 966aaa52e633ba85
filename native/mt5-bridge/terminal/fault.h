// What ends the terminal: a stable code and a sentence for the person who reads it.
#pragma once

#include <stdexcept>
#include <string>

namespace troupe::terminal {

class Fault : public std::runtime_error {
 public:
  Fault(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace troupe::terminal
