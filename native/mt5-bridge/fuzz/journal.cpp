// The journal's reader: any bytes that a disk may hand back. What it accepts, it must read the same again once it is
// written anew.
#include "bridge/journal_image.h"
#include "fuzz/input.h"
#include "link/crc32.h"

using namespace troupe;
using fuzz::must;

// First byte: whether the rest is taken as it is, or as bodies that become sound records, and what stands behind them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto mode = input.take<uint8_t>();
  std::string file;
  if ((mode & 1) != 0) {
    file = input.rest();
  } else {
    file = bridge::kJournalMagic;
    for (int n = 0; !input.empty() && n < 64; ++n) {
      const std::string_view body = input.piece();
      const auto length = static_cast<uint32_t>(body.size());
      const uint32_t crc = link::crc32(body.data(), body.size());
      file.append(reinterpret_cast<const char*>(&length), sizeof length);
      file.append(reinterpret_cast<const char*>(&crc), sizeof crc).append(body);
    }
    if ((mode & 2) != 0 && !file.empty()) file.pop_back();  // cut
    if ((mode & 4) != 0) file.append(64, '\0');             // room that was reserved
    if ((mode & 8) != 0) file.back() ^= 1;                  // damaged
  }
  bridge::JournalImage image;
  std::string error;
  if (!image.read(file, error)) {
    must(!error.empty(), "a journal is refused with a reason");
    return 0;
  }
  must(image.end >= bridge::kJournalMagic.size() && image.end <= file.size(), "the end lies within the file");
  must(image.end + image.dropped <= file.size(), "what is dropped lies within the file");
  must(image.highest_fence >= 0 && image.highest_fence <= bridge::kMostFence, "a fence is a number in its range");

  // Up to its end it is a journal without damage, and says the same.
  bridge::JournalImage again;
  must(again.read(std::string_view(file).substr(0, image.end), error) && again.dropped == 0, "what was read is sound");
  must(again.entries.size() == image.entries.size(), "the sound part says the same");
  std::string fresh(bridge::kJournalMagic);
  fresh += bridge::fenceRecord(image.highest_fence);
  for (const auto& [id, entry] : image.entries) {
    fresh += bridge::receivedRecord(id, entry.command_id, entry.fence, entry.received_us);
    if (!entry.reply.empty()) fresh += bridge::resultRecord(id, entry.reply);
    if (entry.settled) fresh += bridge::settledRecord(id);
  }
  bridge::JournalImage rewritten;
  must(rewritten.read(fresh, error), "what is written anew can be read");
  must(rewritten.entries.size() == image.entries.size() && rewritten.highest_fence == image.highest_fence,
       "nothing is lost by writing it anew");
  for (const auto& [id, entry] : image.entries) {
    const auto at = rewritten.entries.find(id);
    must(at != rewritten.entries.end() && at->second.reply == entry.reply && at->second.settled == entry.settled &&
             at->second.command_id == entry.command_id && at->second.received_us == entry.received_us,
         "an order is remembered as it was");
  }
  return 0;
}
