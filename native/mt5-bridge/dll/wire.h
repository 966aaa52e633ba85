// Frames over the socket, for one thread: numbers, checksums, and what waits to leave. One for each connection.
#pragma once

#include <vector>

#include "dll/socket.h"
#include "link/codec.h"

namespace troupe::dll {

class Wire {
 public:
  explicit Wire(Socket& socket) : socket_(socket), decoder_(link::Peer::kBridge, kDecoderBytes) {}

  // Appends a frame to what waits to leave.
  void put(link::FrameType type, const void* payload, size_t bytes);
  template <typename T>
  void put(link::FrameType type, const T& payload) {
    put(type, &payload, sizeof payload);
  }
  // More than this waiting, and whoever has a choice should wait.
  bool roomy() const { return pendingBytes() < kEnoughBytes; }
  size_t pendingBytes() const { return out_.size() - out_begin_; }
  link::LinkError flush();

  // Reads one batch. `more` when there may be another.
  link::LinkError read(bool& more);
  link::Next next(link::FrameView& frame) { return decoder_.next(frame); }
  size_t bufferedBytes() const { return decoder_.bufferedBytes(); }
  link::LinkError error() const { return decoder_.error(); }
  void allowPayload(uint32_t bytes) { decoder_.allowPayload(bytes); }

 private:
  static constexpr size_t kDecoderBytes = 128u << 10;
  static constexpr size_t kEnoughBytes = 64u << 10;

  Socket& socket_;
  link::Decoder decoder_;
  std::vector<uint8_t> out_;
  size_t out_begin_ = 0;
  uint64_t next_sequence_ = 1;
};

}  // namespace troupe::dll
