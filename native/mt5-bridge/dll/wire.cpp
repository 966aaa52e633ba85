#include "dll/wire.h"

#include <algorithm>
#include <cstring>

namespace troupe::dll {

using link::LinkError;

Wire::Wire(Socket& socket, std::unique_ptr<link::SecureChannel> channel)
    : socket_(socket), decoder_(link::Peer::kBridge, kDecoderBytes), channel_(std::move(channel)) {
  if (!channel_) return;
  sealed_ = std::make_unique<uint8_t[]>(kSealedBytes);
  failed_ = channel_->begin(out_);
}

void Wire::put(link::FrameType type, const void* payload, size_t bytes) {
  const iovec part{const_cast<void*>(payload), bytes};
  const link::FrameHeader header = link::headerOf(type, &part, 1, next_sequence_++);
  const auto* head = reinterpret_cast<const uint8_t*>(&header);
  const auto* body = static_cast<const uint8_t*>(payload);
  if (channel_) plain_.clear();
  link::Bytes& to = channel_ ? plain_ : out_;
  to.insert(to.end(), head, head + sizeof header);
  to.insert(to.end(), body, body + bytes);
  if (channel_ && failed_ == LinkError::kNone) failed_ = channel_->seal(plain_.data(), plain_.size(), out_);
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
  return failed_;
}

LinkError Wire::take(const uint8_t* from, size_t bytes) {
  plain_.clear();
  const LinkError error = channel_->take(from, bytes, plain_, out_);
  for (size_t done = 0; done < plain_.size();) {
    size_t room;
    uint8_t* to = decoder_.room(room);
    const size_t count = std::min(room, plain_.size() - done);
    std::memcpy(to, plain_.data() + done, count);
    decoder_.filled(count);
    done += count;
  }
  // The other side is told what was wrong before we go.
  const LinkError flushed = flush();
  if (error == LinkError::kNone) return flushed;
  return error == LinkError::kClosed && decoder_.midFrame() ? LinkError::kTruncated : error;
}

LinkError Wire::read(bool& more) {
  size_t room = kSealedBytes;
  uint8_t* to = channel_ ? sealed_.get() : decoder_.room(room);
  const long got = socket_.receive(to, room);
  more = got == static_cast<long>(room);
  if (got == Socket::kFailed) return LinkError::kIo;
  if (got == Socket::kClosed) return decoder_.midFrame() ? LinkError::kTruncated : LinkError::kClosed;
  heard_ |= got > 0;
  if (got > 0 && !std::exchange(begun_, true) && !channel_ && link::looksLikeTls(to, static_cast<size_t>(got)))
    return LinkError::kTlsUnexpected;
  if (channel_) return got > 0 ? take(to, static_cast<size_t>(got)) : LinkError::kNone;
  decoder_.filled(static_cast<size_t>(got));
  return LinkError::kNone;
}

}  // namespace troupe::dll
