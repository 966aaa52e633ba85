#include "shell/expert.h"

#include <cstring>
#include <filesystem>

#include "dll/troupe_link.h"
#include "link/text.h"

namespace troupe::terminal {

namespace {

template <typename T>
bool read(const uint8_t* message, int32_t length, T& to) {
  if (length != static_cast<int32_t>(sizeof(TroupeMessage) + sizeof to)) return false;
  std::memcpy(&to, message + sizeof(TroupeMessage), sizeof to);
  return true;
}

}  // namespace

void LinkWatch::note(const uint8_t* message, int32_t length) {
  if (length < static_cast<int32_t>(sizeof(TroupeMessage))) return;
  TroupeMessage head;
  std::memcpy(&head, message, sizeof head);
  ++received;
  if (head.type == TROUPE_LINK_UP) ++sessions;
  if (TroupeLinkLost end; head.type == TROUPE_LINK_LOST && read(message, length, end))
    lost = {std::string(link::textOf(end.code)), std::string(link::textOf(end.message))};
  if (TroupeRefused no; head.type == TROUPE_REFUSED && read(message, length, no) && no.final != 0)
    refused = {std::string(link::textOf(no.code)), std::string(link::textOf(no.message))};
}

void forgetTicks(const std::string& data_folder) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder + "/MQL5/Files", none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("troupe-") && name.find("-ticks-") != std::string::npos) std::filesystem::remove(entry, none);
  }
}

}  // namespace troupe::terminal
