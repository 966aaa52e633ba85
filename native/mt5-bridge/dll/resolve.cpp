#include "dll/resolve.h"

#include <atomic>
#include <system_error>
#include <thread>

namespace troupe::dll {

struct Resolver::Question {
  std::atomic<bool> answered{false};
  std::vector<uint32_t> addresses;
};

bool Resolver::ask(const std::string& host) {
  if (question_) return true;
  auto question = std::make_shared<Question>();
  try {
    std::thread([question, host, resolve = resolve_] {
      try {
        question->addresses = resolve(host);
      } catch (...) {
        // No answer is none.
      }
      question->answered = true;
    }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  question_ = std::move(question);
  return true;
}

const std::vector<uint32_t>* Resolver::answer() {
  if (!question_ || !question_->answered) return nullptr;
  addresses_ = std::move(question_->addresses);
  question_.reset();
  return &addresses_;
}

}  // namespace troupe::dll
