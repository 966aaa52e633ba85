#include "bridge/journal_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "link/crc32.h"

namespace troupe::bridge {

namespace {

constexpr uint32_t kMaxBodyBytes = 1u << 20;
enum Kind : char { kReceived = 1, kResult = 2, kFence = 3, kSettled = 4 };

template <typename T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void putText(std::string& to, std::string_view text) {
  put(to, static_cast<uint32_t>(text.size()));
  to.append(text);
}
template <typename T>
bool take(std::string_view& from, T& value) {
  if (from.size() < sizeof value) return false;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return true;
}
bool takeText(std::string_view& from, std::string& text) {
  uint32_t size;
  if (!take(from, size) || from.size() < size) return false;
  text.assign(from.substr(0, size));
  from.remove_prefix(size);
  return true;
}
bool takeFence(std::string_view& from, double& fence) {
  return take(from, fence) && std::isfinite(fence) && fence >= 0 && fence <= kMostFence;
}

std::string record(const std::string& body) {
  std::string out;
  put(out, static_cast<uint32_t>(body.size()));
  put(out, link::crc32(body.data(), body.size()));
  return out + body;
}

// Whether a sound record begins anywhere in file[from, last]. A cut record's remains may look like the heads of long
// records at every byte; only so much is read for it, so that no file makes a bridge start for minutes.
bool soundBehind(std::string_view file, size_t from, size_t last, size_t& at) {
  uint64_t left = uint64_t{512} << 20;
  for (at = from; at <= last; ++at) {
    std::string_view rest = file.substr(at);
    uint32_t size;
    if (!take(rest, size) || size == 0 || size > kMaxBodyBytes || rest.size() < sizeof(uint32_t) + size) continue;
    if (size > left) return false;
    left -= size;
    if (!journalBodyAt(file, at).empty()) return true;
  }
  return false;
}

}  // namespace

std::string receivedRecord(std::string_view order_id, std::string_view command_id, double fence, int64_t wall_us) {
  std::string body(1, kReceived);
  putText(body, order_id);
  putText(body, command_id);
  put(body, fence);
  put(body, wall_us);
  return record(body);
}

std::string resultRecord(std::string_view order_id, std::string_view reply) {
  std::string body(1, kResult);
  putText(body, order_id);
  putText(body, reply);
  return record(body);
}

std::string fenceRecord(double fence) {
  std::string body(1, kFence);
  put(body, fence);
  return record(body);
}

std::string settledRecord(std::string_view order_id) {
  std::string body(1, kSettled);
  putText(body, order_id);
  return record(body);
}

std::string_view journalBodyAt(std::string_view file, size_t at) {
  std::string_view rest = file.substr(at);
  uint32_t size, crc;
  if (!take(rest, size) || !take(rest, crc) || size == 0 || size > kMaxBodyBytes || rest.size() < size) return {};
  const std::string_view body = rest.substr(0, size);
  return link::crc32(body.data(), body.size()) == crc ? body : std::string_view{};
}

bool JournalImage::apply(std::string_view body) {
  char kind;
  std::string order_id;
  JournalEntry read;
  if (!take(body, kind)) return false;
  if (kind == kFence) {
    if (!takeFence(body, read.fence) || !body.empty()) return false;
    highest_fence = std::max(highest_fence, read.fence);
    return true;
  }
  if (!takeText(body, order_id)) return false;
  switch (kind) {
    case kReceived: {
      if (!takeText(body, read.command_id) || !takeFence(body, read.fence) || !take(body, read.received_us))
        return false;
      if (!body.empty()) return false;
      JournalEntry& entry = entries[order_id];
      entry.command_id = std::move(read.command_id);
      entry.fence = read.fence;
      entry.received_us = read.received_us;
      highest_fence = std::max(highest_fence, entry.fence);
      return true;
    }
    case kResult:
      if (!takeText(body, read.reply) || !body.empty()) return false;
      entries[order_id].reply = std::move(read.reply);
      return true;
    case kSettled:
      if (!body.empty()) return false;
      entries[order_id].settled = true;
      return true;
    default:
      return false;
  }
}

bool JournalImage::read(std::string_view file, std::string& error) {
  if (!file.starts_with(kJournalMagic)) {
    error = "not a journal of this bridge (it does not begin with " + std::string(kJournalMagic) + ")";
    return false;
  }
  end = kJournalMagic.size();
  while (end < file.size()) {
    const std::string_view body = journalBodyAt(file, end);
    if (body.empty()) break;
    if (!apply(body)) {
      error = "record at byte " + std::to_string(end) + " is of an unknown kind, or does not hold what its kind must";
      return false;
    }
    end += 8 + body.size();
  }
  const size_t last = file.find_last_not_of('\0');
  if (last == std::string_view::npos || last < end) return true;
  dropped = last + 1 - end;
  size_t at;
  if (!soundBehind(file, end + 1, last, at)) return true;
  error = "damaged at byte " + std::to_string(end) + ", but sound again at byte " + std::to_string(at) +
          "; restore it from a copy, or move it away after the terminal's orders have been checked";
  return false;
}

}  // namespace troupe::bridge
