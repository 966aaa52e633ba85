// The raw limit of the ingest benchmark: how many ticks a second the bridge's own publisher brings into JetStream when
// it has nothing else to do. Equal frames, the same headers, the same window, all acknowledged before the clock stops.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <thread>

#include "bridge/publisher.h"
#include "bridge/subjects.h"
#include "troupe/market/v1/market.pb.h"

using namespace troupe;

namespace {

int usage() {
  std::fprintf(
      stderr,
      "raw_publish [--frames N] [--ticks 1..4096] [--symbols 1..10000] [--window 1..4096] [--partitions 1..4096]\n"
      "publishes N frames to md.<p>.ticks.raw.<symbol>; needs TROUPE_NATS_URL\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  long frames = 10'000, ticks = 256, symbols = 3, window = 256, partitions = 12;
  const struct {
    const char* name;
    long* value;
    long least, most;
  } options[] = {{"--frames", &frames, 1, 100'000'000},
                 {"--ticks", &ticks, 1, 4096},
                 {"--symbols", &symbols, 1, 10'000},
                 {"--window", &window, 1, 4096},
                 {"--partitions", &partitions, 1, 4096}};
  for (int i = 1; i < argc; i += 2) {
    bool known = false;
    for (const auto& option : options) {
      if (std::strcmp(argv[i], option.name) != 0 || i + 1 >= argc) continue;
      const char* end = argv[i + 1] + std::strlen(argv[i + 1]);
      const auto parsed = std::from_chars(argv[i + 1], end, *option.value);
      known = parsed.ec == std::errc() && parsed.ptr == end && *option.value >= option.least &&
              *option.value <= option.most;
    }
    if (!known) return usage();
  }
  bridge::NatsSettings settings;
  std::string error;
  if (!bridge::NatsSettings::fromEnvironment(settings, error)) {
    std::fprintf(stderr, "{\"level\":\"error\",\"code\":\"E_CONFIG\",\"message\":\"%s\"}\n", error.c_str());
    return 2;
  }
  bridge::Clock clock;
  const std::string session = "raw" + std::to_string(clock.wallUs());
  std::vector<std::string> subjects, names;
  std::vector<market::v1::TickFrame> templates(static_cast<size_t>(symbols));
  for (long s = 0; s < symbols; ++s) {
    names.push_back("RAW" + std::to_string(s));
    subjects.push_back(bridge::tickSubject("raw", names.back(), static_cast<uint32_t>(partitions)));
    market::v1::TickFrame& frame = templates[static_cast<size_t>(s)];
    frame.set_symbol(names.back());
    frame.set_source("raw");
    frame.set_session(session);
    for (long t = 0; t < ticks; ++t) {
      frame.add_time_offset_ms(static_cast<uint32_t>(t));
      frame.add_bid(1.1 + 0.0001 * std::sin(static_cast<double>(t)));
      frame.add_ask(1.1002 + 0.0001 * std::sin(static_cast<double>(t)));
    }
  }
  // As the bridge publishes ticks.
  bridge::Publisher publisher(
      settings, {.name = "raw-publish", .window = static_cast<size_t>(window), .gathers = true}, clock);
  const int64_t waited_from = clock.steadyUs();
  while (publisher.room() == 0) {
    if (clock.steadyUs() - waited_from > 10'000'000) return 1;  // the publisher has logged why
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::mutex mutex;
  std::condition_variable room;
  bool open = false;
  publisher.setRoomListener([&] {
    std::lock_guard lock(mutex);
    open = true;
    room.notify_one();
  });
  const int64_t from = clock.steadyUs();
  std::string bytes;
  for (long n = 0; n < frames; ++n) {
    const auto s = static_cast<size_t>(n % symbols);
    market::v1::TickFrame& frame = templates[s];
    const double first = static_cast<double>(n / symbols * ticks + 1);
    frame.set_first_sequence(first);
    frame.set_base_time_ms(1.7e12 + first);
    frame.set_first_sent_us(static_cast<double>(clock.wallUs()));
    frame.SerializeToString(&bytes);
    const std::string id = "raw." + session + "." + names[s] + "." + std::to_string(static_cast<uint64_t>(first));
    while (!publisher.offer(
        {subjects[s], id, bytes.data(), bytes.size(), static_cast<uint32_t>(s), static_cast<uint32_t>(ticks)})) {
      std::unique_lock lock(mutex);
      open = false;
      publisher.armRoomListener(std::max<size_t>(1, publisher.window() / 4));
      room.wait_for(lock, std::chrono::milliseconds(2), [&] { return open; });
    }
  }
  while (!publisher.idle()) std::this_thread::sleep_for(std::chrono::microseconds(100));
  const double seconds = static_cast<double>(clock.steadyUs() - from) / 1e6;
  std::printf("{\"frames\":%llu,\"ticks\":%llu,\"seconds\":%.6f,\"ticks_per_s\":%.0f}\n",
              static_cast<unsigned long long>(publisher.ackedMessages()),
              static_cast<unsigned long long>(publisher.ackedUnits()), seconds,
              static_cast<double>(publisher.ackedUnits()) / seconds);
  return 0;
}
