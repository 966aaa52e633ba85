// Both variants of the expert, seen from the terminal. Included into the namespace of one of them, which says
// TROUPE_SOCKETS or not and has included the shim before; so it has no guard.

// Whatever the expert takes from its link is seen here too.
#define LinkReceive UnwatchedLinkReceive
#include "expert/link.mqh"
#undef LinkReceive

troupe::terminal::LinkWatch g_watch;

int LinkReceive(Message& m) {
  const int length = UnwatchedLinkReceive(m);
  if (length > 0) g_watch.note(m.data, length);
  return length;
}

#ifdef TROUPE_SOCKETS
#include "expert/TroupeBridgeSockets.mq5"
#else
#include "expert/TroupeBridge.mq5"
#endif

static_assert(troupe::terminal::Expert::kWakeEvent == WAKE_EVENT);

// All but what differs with the way to the bridge.
class ExpertOfSources : public troupe::terminal::Expert {
 public:
  troupe::terminal::Program program(const troupe::terminal::Config& config) override {
    InpHost = config.bridge_host;
    InpPort = config.bridge_port;
    std::string key;
    for (const uint8_t byte : config.key.bytes) {
      key += "0123456789abcdef"[byte >> 4];
      key += "0123456789abcdef"[byte & 15];
    }
    InpKey = key;
    // As main() has checked them.
    InpTlsFingerprint = environment(troupe::link::kFingerprintVariable);
    InpTlsCa = environment(troupe::link::kCaVariable);
    // A request that a kill has lost cannot come into sight later than it takes to travel and to be shown.
    const troupe::terminal::Profile& profile = config.profile;
    const int64_t latest_us = profile.latency_us + profile.latency_jitter_us + profile.late_history_us;
    InpNotFoundAfterS = static_cast<int>(1 + latest_us / 500'000);
    troupe::terminal::Program program;
    program.name = kName;
    program.on_init = OnInit;
    program.on_deinit = OnDeinit;
    program.on_tick = OnTick;
    program.on_timer = OnTimer;
    program.on_transaction = OnTradeTransaction;
    program.on_chart = OnChartEvent;
    return program;
  }
  bool agreed() override { return LinkHandle() > 0 && g_session.phase == PHASE_LINKED && g_sender.agreed; }
  std::optional<uint64_t> sentTicks() override {
    if (!agreed() || g_batch.count > 0 || !SenderAtEnd()) return std::nullopt;
    long ticks = 0;
    for (int i = 0; i < g_symbol_count; i++)
      if (g_symbols[i].wire >= 0) ticks += g_symbols[i].count;
    return static_cast<uint64_t>(ticks);
  }
  bool sendTapeEnd(uint64_t ticks) override {
    static Message message;
    const troupe::link::TapeEnd end{ticks};
    BeginMessage(message, static_cast<int>(troupe::link::FrameType::kTapeEnd));
    Append(message, end);
    return LinkSend(message) == 1;
  }
  const troupe::terminal::LinkWatch& watch() const override { return g_watch; }

 private:
#ifdef TROUPE_SOCKETS
  static constexpr const char* kName = "TroupeBridgeSockets";
#else
  static constexpr const char* kName = "TroupeBridge";
#endif
  static std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  }
};
