// Tick batches from the wire to frames for JetStream: whatever comes, every tick that was taken stands in exactly one
// frame, in order and numbered without a hole, as long as the sink takes any.
#include "bridge/framer.h"
#include "fuzz/input.h"

using namespace troupe;
using fuzz::must;
using link::LinkError;

namespace {

constexpr uint32_t kSymbols = 3;
constexpr uint64_t kKept[kSymbols] = {0, 5, 1'000'000};

// Takes frames as long as it has room, and checks what it is given.
struct Sink : bridge::FrameSink {
  size_t left = 0;
  uint64_t frames = 0, ticks = 0;
  uint64_t next[kSymbols] = {1, 6, 1'000'001};

  size_t room() const override { return left; }
  size_t window() const override { return 8; }
  bool publish(uint32_t symbol, const market::v1::TickFrame& frame) override {
    const int n = frame.bid_size();
    must(n > 0 && n <= 16, "a frame holds what it may");
    must(frame.ask_size() == n && frame.time_offset_ms_size() == n, "the columns are of one length");
    must(frame.flags_size() == n || frame.flags_size() == 0, "flags are all there or left out");
    must(frame.first_sequence() == static_cast<double>(next[symbol]), "frames are numbered without a hole");
    for (int i = 1; i < n; ++i)
      must(frame.time_offset_ms(i) >= frame.time_offset_ms(i - 1), "times within a frame never fall");
    next[symbol] += static_cast<uint64_t>(n);
    ticks += static_cast<uint64_t>(n);
    ++frames;
    --left;
    return true;
  }
};

}  // namespace

// Pieces {what, ...}: a batch of ticks as it stands on the wire, room in the window, or time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto mode = input.take<uint8_t>();
  Sink sink;
  bridge::FramerConfig config;
  config.max_ticks = 16;
  bridge::Framer framer(config, sink);
  framer.begin("src", "feed", (mode & 1) != 0 ? 86399 : -86399, {"A", "B", "C"}, {kKept[0], kKept[1], kKept[2]});
  link::Decoder decoder(link::Peer::kTerminal, 256);
  uint64_t sequence = 0, taken = 0;
  int64_t now_us = 1'000'000;
  std::string wire;
  bool good = true;
  while (good && !input.empty()) {
    const auto what = input.take<uint8_t>();
    if (what % 4 == 0) {
      sink.left += what / 4 % 8;
      framer.pass(now_us);
      continue;
    }
    if (what % 4 == 1) {
      now_us += input.take<uint16_t>();
      framer.pass(now_us);
      must(framer.nextDueUs() > now_us || sink.left == 0 || framer.empty(), "what is due has left");
      continue;
    }
    // Batches of whole ticks mostly; of any bytes else.
    const std::string_view piece = input.piece();
    wire.clear();
    if (what % 4 == 2) {
      const size_t count = piece.size() / sizeof(link::Tick);
      const link::TickBatchHeader head{static_cast<uint32_t>(count), 0, 1};
      std::string payload(reinterpret_cast<const char*>(&head), sizeof head);
      payload.append(piece.substr(0, count * sizeof(link::Tick)));
      fuzz::addFrame(wire, link::FrameType::kTicks, payload, ++sequence);
    } else {
      fuzz::addFrame(wire, link::FrameType::kTicks, piece, ++sequence);
    }
    std::string_view rest = wire;
    while (good && !rest.empty()) {
      fuzz::feed(decoder, rest, 4096);
      link::FrameView frame;
      link::Next next = link::Next::kNeedMore;
      while (good && (next = decoder.next(frame)) == link::Next::kFrame) {
        link::TickBatchHeader head;
        const link::Tick* ticks;
        size_t count;
        must(link::readList(frame, head, ticks, count), "the decoder has checked the size of a batch");
        if (head.count != count) {
          good = false;
          break;
        }
        LinkError error = LinkError::kNone;
        for (size_t at = 0; at < count && error == LinkError::kNone;) {
          const size_t n = framer.add(ticks + at, count - at, head.sent_us, now_us, error);
          must(n <= count - at, "not more than there were");
          at += n;
          taken += n;
          if (at == count || error != LinkError::kNone) break;
          must(sink.left == 0 && framer.blocked(), "ticks wait only for room");
          sink.left = 1;
          framer.pass(now_us);
        }
        good = error == LinkError::kNone;
      }
      if (next == link::Next::kError) good = false;
    }
  }
  // What was taken before a bad frame is kept all the same.
  while (!framer.empty()) {
    sink.left = 4;
    const uint64_t before = sink.frames;
    framer.flush();
    must(sink.frames > before, "with room, open frames leave");
  }
  must(sink.ticks == taken && framer.ticks() == taken, "every tick that was taken stands in one frame");
  const std::vector<uint64_t> counts = framer.taken();
  for (uint32_t s = 0; s < kSymbols; ++s)
    must(counts[s] == sink.next[s] - 1, "the count of a symbol is its last number");
  return 0;
}
