// Frames over the socket, for one thread: numbers, checksums, and what waits to leave. One for each connection.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "dll/socket.h"
#include "link/codec.h"
#include "link/secure.h"

namespace troupe::dll {

class Wire {
 public:
  // With a channel everything goes through TLS.
  explicit Wire(Socket& socket, std::unique_ptr<link::SecureChannel> channel = nullptr);

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
  // Whether anything has come since the last call of this, be it only of the handshake of TLS.
  bool heard() { return std::exchange(heard_, false); }

  // Reads one batch. `more` when there may be another.
  link::LinkError read(bool& more);
  link::Next next(link::FrameView& frame) { return decoder_.next(frame); }
  link::LinkError error() const { return decoder_.error(); }
  void allowPayload(uint32_t bytes) { decoder_.allowPayload(bytes); }

 private:
  static constexpr size_t kDecoderBytes = 128u << 10;
  static constexpr size_t kEnoughBytes = 64u << 10;
  static constexpr size_t kSealedBytes = 32u << 10;

  link::LinkError take(const uint8_t* from, size_t bytes);

  Socket& socket_;
  link::Decoder decoder_;
  std::vector<uint8_t> out_;
  size_t out_begin_ = 0;
  uint64_t next_sequence_ = 1;
  bool begun_ = false, heard_ = false;
  const std::unique_ptr<link::SecureChannel> channel_;  // null: no TLS
  link::Bytes plain_;                                   // on its way into the channel or out of it
  std::unique_ptr<uint8_t[]> sealed_;
  link::LinkError failed_ = link::LinkError::kNone;  // of the channel, told by flush()
};

}  // namespace troupe::dll
