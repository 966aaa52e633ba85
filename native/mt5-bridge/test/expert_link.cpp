#include "test/expert_link.h"

namespace expert_test {

FakeLink& fakeLink() {
  static FakeLink link;
  return link;
}

}  // namespace expert_test

using expert_test::fakeLink;

int32_t troupe_start(const uint8_t* config, int32_t length) {
  if (length != sizeof(TroupeConfig)) return TROUPE_E_CONFIG_SIZE;
  std::memcpy(&fakeLink().config, config, sizeof(TroupeConfig));
  fakeLink().running = true;
  return ++fakeLink().starts;
}

int32_t troupe_send(int32_t, const uint8_t* message, int32_t length) {
  expert_test::FakeLink& link = fakeLink();
  if (link.room == 0) return 0;
  if (link.room > 0) --link.room;
  if (link.passed) link.passed("troupe_send", false);
  uint16_t type;
  std::memcpy(&type, message, 2);
  link.sent.push_back({type, std::vector<uint8_t>(message + 4, message + length)});
  if (link.passed) link.passed("troupe_send", true);
  return 1;
}

int32_t troupe_receive(int32_t, uint8_t* buffer, int32_t capacity) {
  expert_test::FakeLink& link = fakeLink();
  if (link.incoming.empty()) return 0;
  if (link.passed) link.passed("troupe_receive", false);
  const std::vector<uint8_t> next = link.incoming.front();
  if (next.size() > static_cast<size_t>(capacity)) return TROUPE_E_BUFFER;
  std::memcpy(buffer, next.data(), next.size());
  link.incoming.pop_front();
  if (link.passed) link.passed("troupe_receive", true);
  return static_cast<int32_t>(next.size());
}

int32_t troupe_stop(int32_t) {
  fakeLink().running = false;
  fakeLink().incoming.clear();
  return 0;
}

int32_t troupe_error_text(int32_t error, uint8_t* buffer, int32_t) {
  const std::string text = "error " + std::to_string(error);
  std::memcpy(buffer, text.c_str(), text.size() + 1);
  return static_cast<int32_t>(text.size());
}
