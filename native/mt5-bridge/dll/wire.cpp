#include "dll/wire.h"

namespace troupe::dll {

using link::LinkError;

void Wire::put(link::FrameType type, const void* payload, size_t bytes) {
  const iovec part{const_cast<void*>(payload), bytes};
  const link::FrameHeader header = link::headerOf(type, &part, 1, next_sequence_++);
  const auto* head = reinterpret_cast<const uint8_t*>(&header);
  const auto* body = static_cast<const uint8_t*>(payload);
  out_.insert(out_.end(), head, head + sizeof header);
  out_.insert(out_.end(), body, body + bytes);
}

LinkError Wire::flush() {
  while (out_begin_ < out_.size()) {
    const long sent = socket_.send(out_.data() + out_begin_, out_.size() - out_begin_);
    if (sent == Socket::kClosed) return LinkError::kClosed;
    if (sent == Socket::kFailed) return LinkError::kIo;
    if (sent == Socket::kNothing) break;
    out_begin_ += static_cast<size_t>(sent);
  }
  if (out_begin_ == out_.size()) {
    out_.clear();
    out_begin_ = 0;
  } else if (out_begin_ >= kEnoughBytes) {
    out_.erase(out_.begin(), out_.begin() + static_cast<ptrdiff_t>(out_begin_));
    out_begin_ = 0;
  }
  return LinkError::kNone;
}

LinkError Wire::read(bool& more) {
  size_t room;
  uint8_t* to = decoder_.room(room);
  const long got = socket_.receive(to, room);
  more = got == static_cast<long>(room);
  if (got == Socket::kFailed) return LinkError::kIo;
  if (got == Socket::kClosed) return decoder_.midFrame() ? LinkError::kTruncated : LinkError::kClosed;
  decoder_.filled(static_cast<size_t>(got));
  return LinkError::kNone;
}

}  // namespace troupe::dll
