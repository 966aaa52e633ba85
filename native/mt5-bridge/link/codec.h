// Frames to bytes and back. Nothing here throws and nothing allocates per frame: the decoder hands out views into its
// own buffer, valid until more bytes are fed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "link/errors.h"
#include "link/iovec.h"
#include "link/messages.h"

namespace troupe::link {

// Who we hear: decides which frame types are allowed.
enum class Peer : uint8_t { kTerminal, kBridge };

// A whole frame whose header, payload size and checksum have been checked.
struct FrameView {
  FrameType type{};
  uint64_t sequence = 0;
  const uint8_t* data = nullptr;
  size_t size = 0;
};

enum class Next : uint8_t { kFrame, kNeedMore, kError };

// kNone when a payload of `size` bytes can be one of `type` sent by `peer`.
LinkError checkHeader(Peer peer, uint16_t type, uint16_t version, uint32_t size);

class Decoder {
 public:
  explicit Decoder(Peer peer, size_t buffer_bytes = 512u << 10);

  // Free room to receive into, then how many bytes came. There is always room, unless next() has not been drained.
  uint8_t* room(size_t& bytes);
  void filled(size_t bytes) { end_ += bytes; }

  // The next whole frame. After kError the decoder stays in that error: nothing that follows can be trusted.
  Next next(FrameView& frame);
  LinkError error() const { return error_; }
  size_t bufferedBytes() const { return end_ - begin_; }
  // Whether what has come ends inside a frame.
  bool midFrame() const;
  // Refuses longer payloads than this from now on; at most kMaxPayloadBytes.
  void allowPayload(uint32_t bytes) { most_ = bytes; }

 private:
  Peer peer_;
  LinkError error_ = LinkError::kNone;
  uint32_t most_ = kMaxPayloadBytes;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_;
  size_t begin_ = 0, end_ = 0;
  uint64_t expected_ = 1;
};

// The header, with its checksum, of a frame whose payload is these parts.
FrameHeader headerOf(FrameType type, const iovec* parts, int count, uint64_t sequence);

// A payload that is exactly one T. False when the size differs (the decoder has checked it already).
template <typename T>
[[nodiscard]] bool readOne(const FrameView& frame, T& out) {
  if (frame.size != sizeof(T)) return false;
  std::memcpy(&out, frame.data, sizeof(T));
  return true;
}

// A payload of head H and then items T[n]. The items stay where they are: packed structs may stand at any address.
template <typename H, typename T>
[[nodiscard]] bool readList(const FrameView& frame, H& head, const T*& items, size_t& count) {
  static_assert(alignof(T) == 1, "items are read in place, so they must be packed");
  if (frame.size < sizeof(H) || (frame.size - sizeof(H)) % sizeof(T) != 0) return false;
  std::memcpy(&head, frame.data, sizeof(H));
  items = reinterpret_cast<const T*>(frame.data + sizeof(H));
  count = (frame.size - sizeof(H)) / sizeof(T);
  return true;
}

template <typename T>
[[nodiscard]] bool readArray(const FrameView& frame, const T*& items, size_t& count) {
  static_assert(alignof(T) == 1, "items are read in place, so they must be packed");
  if (frame.size % sizeof(T) != 0) return false;
  items = reinterpret_cast<const T*>(frame.data);
  count = frame.size / sizeof(T);
  return true;
}

// Event frames (kOrder, kDeal, kPosition, kAccount).
template <typename T>
[[nodiscard]] bool readEvent(const FrameView& frame, EventHeader& head, T& body) {
  if (frame.size != sizeof(EventHeader) + sizeof(T)) return false;
  std::memcpy(&head, frame.data, sizeof(EventHeader));
  std::memcpy(&body, frame.data + sizeof(EventHeader), sizeof(T));
  return true;
}

}  // namespace troupe::link
