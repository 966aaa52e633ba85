// How the bytes of a fuzzer become what a target is fed with. The checksum of a frame or a record would keep a fuzzer
// out for ever; so an input is either taken as it is, or as a list of pieces that are wrapped as a good writer would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "link/codec.h"

namespace troupe::fuzz {

// Reads from the front; zeros when nothing is left.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  template <typename T>
  T take() {
    T value{};
    const size_t n = size_ < sizeof value ? size_ : sizeof value;
    std::memcpy(&value, data_, n);
    data_ += n;
    size_ -= n;
    return value;
  }
  std::string_view bytes(size_t most) {
    const size_t n = size_ < most ? size_ : most;
    const std::string_view out(reinterpret_cast<const char*>(data_), n);
    data_ += n;
    size_ -= n;
    return out;
  }
  // A piece with its length before it.
  std::string_view piece() { return bytes(take<uint16_t>()); }
  std::string_view rest() { return bytes(size_); }
  bool empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Adds one whole frame to `to`.
inline void addFrame(std::string& to, link::FrameType type, std::string_view payload, uint64_t sequence) {
  const iovec part{const_cast<char*>(payload.data()), payload.size()};
  const link::FrameHeader header = link::headerOf(type, &part, 1, sequence);
  to.append(reinterpret_cast<const char*>(&header), sizeof header).append(payload);
}

// Hands `bytes` to a decoder in steps of 1..`most` bytes.
inline void feed(link::Decoder& decoder, std::string_view& bytes, size_t most) {
  size_t room;
  uint8_t* to = decoder.room(room);
  size_t n = bytes.size() < room ? bytes.size() : room;
  if (n > most) n = most;
  std::memcpy(to, bytes.data(), n);
  decoder.filled(n);
  bytes.remove_prefix(n);
}

// What must hold whatever comes; also where asserts are compiled out.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

}  // namespace troupe::fuzz
