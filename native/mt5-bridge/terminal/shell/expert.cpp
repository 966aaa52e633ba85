#include "shell/expert.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "dll/troupe_link.h"
#include "link/messages.h"
#include "link/secure.h"
#include "link/text.h"
#include "terminal/shim/mql5.h"

namespace troupe::terminal::expert {
namespace {

LinkWatch g_watch;

template <typename T>
bool read(const uint8_t* message, int32_t length, T& to) {
  if (length != static_cast<int32_t>(sizeof(TroupeMessage) + sizeof to)) return false;
  std::memcpy(&to, message + sizeof(TroupeMessage), sizeof to);
  return true;
}

void note(const uint8_t* message, int32_t length) {
  TroupeMessage head;
  std::memcpy(&head, message, sizeof head);
  ++g_watch.received;
  if (head.type == TROUPE_LINK_UP) ++g_watch.sessions;
  if (TroupeLinkLost lost; head.type == TROUPE_LINK_LOST && read(message, length, lost))
    g_watch.lost = {std::string(link::textOf(lost.code)), std::string(link::textOf(lost.message))};
  if (TroupeRefused refused; head.type == TROUPE_REFUSED && read(message, length, refused) && refused.final != 0)
    g_watch.refused = {std::string(link::textOf(refused.code)), std::string(link::textOf(refused.message))};
}

}  // namespace
}  // namespace troupe::terminal::expert

// The expert's calls find these before those of the library.
namespace troupe_bridge_expert {

using troupe::terminal::expert::g_watch;

int32_t troupe_start(const uint8_t* config, int32_t length) {
  const int32_t handle = ::troupe_start(config, length);
  g_watch.handle = handle > 0 ? handle : 0;
  return handle;
}

int32_t troupe_receive(int32_t handle, uint8_t* buffer, int32_t capacity) {
  const int32_t length = ::troupe_receive(handle, buffer, capacity);
  if (length > 0) troupe::terminal::expert::note(buffer, length);
  return length;
}

int32_t troupe_stop(int32_t handle) {
  g_watch.handle = 0;
  return ::troupe_stop(handle);
}

#include "expert/TroupeBridge.mq5"

}  // namespace troupe_bridge_expert

namespace troupe::terminal::expert {

static_assert(kWakeEvent == WAKE_EVENT);

const LinkWatch& watch() { return g_watch; }

namespace {
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}
}  // namespace

Program program(const Config& config) {
  using namespace troupe_bridge_expert;
  InpHost = config.bridge_host;
  InpPort = config.bridge_port;
  std::string key;
  for (const uint8_t byte : config.key.bytes) {
    key += "0123456789abcdef"[byte >> 4];
    key += "0123456789abcdef"[byte & 15];
  }
  InpKey = key;
  // As secureClientOfEnvironment has checked them.
  InpTlsFingerprint = environment(link::kFingerprintVariable);
  InpTlsCa = environment(link::kCaVariable);
  // A request that a kill has lost cannot come into sight later than it takes to travel and to be shown.
  const Profile& profile = config.profile;
  const int64_t latest_us = profile.latency_us + profile.latency_jitter_us + profile.late_history_us;
  InpNotFoundAfterS = static_cast<int>(1 + latest_us / 500'000);
  Program program;
  program.name = "TroupeBridge";
  program.on_init = OnInit;
  program.on_deinit = OnDeinit;
  program.on_tick = OnTick;
  program.on_timer = OnTimer;
  program.on_transaction = OnTradeTransaction;
  program.on_chart = OnChartEvent;
  return program;
}

int32_t waitForMessage(int32_t timeout_ms) {
  return g_watch.handle > 0 ? ::troupe_wait(g_watch.handle, timeout_ms) : -1;
}

bool agreed() {
  using namespace troupe_bridge_expert;
  return g_watch.handle > 0 && g_session.phase == PHASE_LINKED && g_sender.agreed;
}

std::optional<uint64_t> sentTicks() {
  using namespace troupe_bridge_expert;
  if (!agreed() || g_batch.count > 0 || !SenderAtEnd()) return std::nullopt;
  long ticks = 0;
  for (int i = 0; i < g_symbol_count; i++)
    if (g_symbols[i].wire >= 0) ticks += g_symbols[i].count;
  return static_cast<uint64_t>(ticks);
}

bool sendTapeEnd(uint64_t ticks) {
  const TroupeMessage head{static_cast<uint16_t>(link::FrameType::kTapeEnd), 0};
  const link::TapeEnd end{ticks};
  uint8_t message[sizeof head + sizeof end];
  std::memcpy(message, &head, sizeof head);
  std::memcpy(message + sizeof head, &end, sizeof end);
  return ::troupe_send(g_watch.handle, message, static_cast<int32_t>(sizeof message)) == 1;
}

void forgetTicks(const std::string& data_folder) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder + "/MQL5/Files", none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("troupe-") && name.find("-ticks-") != std::string::npos) std::filesystem::remove(entry, none);
  }
}

}  // namespace troupe::terminal::expert
