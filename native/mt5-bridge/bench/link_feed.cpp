// A terminal that sends ticks and answers every order at once: how many ticks a second the daemon takes from the link
// into JetStream, and what it adds to a command (command_ping), without a tape, a matching engine or a node beside it.
//
//   TROUPE_BRIDGE_KEY=... link_feed --port N [--ticks N] [--symbols S] [--batch 1..4096] [--rate ticks/s, 0 = as fast
//   as the bridge reads] [--login N]
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "bridge/clock.h"
#include "link/greet.h"
#include "link/text.h"

using namespace troupe;

namespace {

// Reads what has come and answers orders.
void answerAll(link::Connection& link, const bridge::Clock& clock) {
  link::FrameView frame;
  while (link.next(frame) == link::Next::kFrame) {
    link::Place place;
    if (frame.type != link::FrameType::kPlace || !link::readOne(frame, place)) continue;
    link::Result result{};
    result.command = place.command;
    result.outcome = 1;
    result.retcode = 10009;
    result.received_us = static_cast<uint64_t>(clock.wallUs());
    link.send(link::FrameType::kResult, result);
  }
}

}  // namespace

int main(int argc, char** argv) {
  long port = 0, ticks = 10'000'000, symbols = 3, batch = 512, rate = 0, login = 1;
  const struct {
    const char* name;
    long* value;
    long least, most;
  } options[] = {{"--port", &port, 1, 65535},        {"--ticks", &ticks, 1, 1'000'000'000},
                 {"--symbols", &symbols, 1, 10'000}, {"--batch", &batch, 1, link::kMaxTicksPerFrame},
                 {"--rate", &rate, 0, 100'000'000},  {"--login", &login, 1, 1'000'000'000}};
  for (int i = 1; i < argc; i += 2) {
    bool known = false;
    for (const auto& option : options) {
      if (std::strcmp(argv[i], option.name) != 0 || i + 1 >= argc) continue;
      const char* end = argv[i + 1] + std::strlen(argv[i + 1]);
      const auto parsed = std::from_chars(argv[i + 1], end, *option.value);
      known = parsed.ec == std::errc() && parsed.ptr == end && *option.value >= option.least &&
              *option.value <= option.most;
    }
    if (!known || argc < 3) {
      std::fprintf(stderr, "link_feed --port N [--ticks N] [--symbols S] [--batch N] [--rate N] [--login N]\n");
      return 2;
    }
  }
  bridge::Clock clock;
  std::string error;
  link::Key key;
  if (!link::loadKey("", key, error)) {
    std::fprintf(stderr, "{\"level\":\"error\",\"code\":\"E_CONFIG\",\"message\":\"%s\"}\n", error.c_str());
    return 2;
  }
  const auto link =
      link::Connection::connect("127.0.0.1", static_cast<uint16_t>(port), link::Peer::kBridge, 2000, error);
  if (!link) {
    std::fprintf(stderr, "{\"level\":\"error\",\"code\":\"E_LINK_CONNECT\",\"message\":\"%s\"}\n", error.c_str());
    return 1;
  }
  link::Hello hello{};
  link::setTextCut(hello.session, "feed" + std::to_string(clock.wallUs()));
  link::setTextCut(hello.feed, "feed" + std::to_string(clock.wallUs()));
  link::setTextCut(hello.login, std::to_string(login));
  link::setTextCut(hello.terminal, "link_feed");
  link::Refused refusal{};
  if (const link::LinkError failed = link::greet(*link, hello, key, refusal); failed != link::LinkError::kNone) {
    std::fprintf(stderr, "{\"level\":\"error\",\"code\":\"%s\",\"message\":\"%s\"}\n", link::codeOf(failed),
                 failed == link::LinkError::kRefused ? refusal.message : link::messageOf(failed));
    return 1;
  }
  link::FrameView frame;
  std::vector<link::Spec> specs(static_cast<size_t>(symbols));
  for (long s = 0; s < symbols; ++s) link::setTextCut(specs[static_cast<size_t>(s)].name, "FEED" + std::to_string(s));
  link->sendArray(link::FrameType::kSymbols, specs.data(), specs.size());
  // Nothing of this feed is kept yet; the answer only says that the bridge is ready for ticks.
  for (bool resumed = false; !resumed;) {
    while (!resumed && link->next(frame) == link::Next::kFrame) resumed = frame.type == link::FrameType::kResume;
    if (!resumed && link->wait(5000) != link::LinkError::kNone) return 1;
  }

  std::vector<link::Tick> out(static_cast<size_t>(batch));
  const int64_t from = clock.steadyUs();
  int64_t beat = from;
  for (long sent = 0; sent < ticks;) {
    const int64_t now = clock.steadyUs();
    if (now - beat > 1'000'000) {
      link->send(link::FrameType::kHeartbeat, link::Heartbeat{static_cast<uint64_t>(clock.wallUs())});
      beat = now;
    }
    const long due = rate == 0 ? ticks : std::min<long>(ticks, (now - from) * rate / 1'000'000);
    if (due <= sent || link->pendingBytes() > (256u << 10)) {
      if (link->wait(rate > 0 && due <= sent ? 1 : 1000) != link::LinkError::kNone) return 1;
      answerAll(*link, clock);
      continue;
    }
    const long n = std::min(due - sent, batch);
    for (long i = 0; i < n; ++i) {
      const long k = sent + i;
      out[static_cast<size_t>(i)] = {1'700'000'000'000 + k / symbols, 1.1 + 1e-5 * static_cast<double>(k % 97),
                                     1.1002 + 1e-5 * static_cast<double>(k % 97), static_cast<uint32_t>(k % symbols),
                                     6};
    }
    const link::TickBatchHeader head{static_cast<uint32_t>(n), 0, static_cast<uint64_t>(clock.wallUs())};
    if (link->send(link::FrameType::kTicks, head, out.data(), static_cast<size_t>(n)) != link::LinkError::kNone)
      return 1;
    sent += n;
  }
  link->send(link::FrameType::kTapeEnd, link::TapeEnd{static_cast<uint64_t>(ticks)});
  while (link->pendingBytes() > 0)
    if (link->wait(1000) != link::LinkError::kNone) return 1;
  const double seconds = static_cast<double>(clock.steadyUs() - from) / 1e6;
  std::printf("{\"ticks\":%ld,\"seconds\":%.6f,\"ticks_per_s\":%.0f}\n", ticks, seconds,
              static_cast<double>(ticks) / seconds);
  std::fflush(stdout);
  // Stay until the bridge has brought everything into JetStream and somebody ends us, or it closes the link.
  for (;;) {
    if (link->wait(1000) != link::LinkError::kNone) return 0;
    answerAll(*link, clock);
    if (clock.steadyUs() - beat < 1'000'000) continue;
    link->send(link::FrameType::kHeartbeat, link::Heartbeat{static_cast<uint64_t>(clock.wallUs())});
    beat = clock.steadyUs();
  }
}
