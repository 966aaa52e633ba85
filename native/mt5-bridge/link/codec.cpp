#include "link/codec.h"

#include <algorithm>

#include "link/crc32.h"

namespace troupe::link {

namespace {

constexpr size_t kCheckedHeaderBytes = offsetof(FrameHeader, crc);

LinkError exact(uint32_t size, size_t want) { return size == want ? LinkError::kNone : LinkError::kBadSize; }

LinkError list(uint32_t size, size_t head, size_t item, size_t least) {
  if (size < head || (size - head) % item != 0) return LinkError::kBadSize;
  return (size - head) / item >= least ? LinkError::kNone : LinkError::kBadCount;
}

LinkError checkFromTerminal(FrameType type, uint32_t size) {
  switch (type) {
    case FrameType::kHello:
      return exact(size, sizeof(Hello));
    case FrameType::kSymbols:
      return list(size, 0, sizeof(Spec), 1);
    case FrameType::kTicks: {
      const LinkError e = list(size, sizeof(TickBatchHeader), sizeof(Tick), 1);
      if (e != LinkError::kNone) return e;
      return size <= sizeof(TickBatchHeader) + kMaxTicksPerFrame * sizeof(Tick) ? e : LinkError::kBadCount;
    }
    case FrameType::kResult:
      return list(size, sizeof(Result), sizeof(Deal), 0);
    case FrameType::kOrder:
      return exact(size, sizeof(EventHeader) + sizeof(Order));
    case FrameType::kDeal:
      return exact(size, sizeof(EventHeader) + sizeof(Deal));
    case FrameType::kPosition:
      return exact(size, sizeof(EventHeader) + sizeof(Position));
    case FrameType::kAccount:
      return exact(size, sizeof(EventHeader) + sizeof(Account));
    case FrameType::kSnapshotBegin:
    case FrameType::kSnapshotEnd:
      return exact(size, sizeof(SnapshotBegin));
    case FrameType::kSnapshotOrders:
      return list(size, sizeof(SnapshotPart), sizeof(Order), 0);
    case FrameType::kSnapshotPositions:
      return list(size, sizeof(SnapshotPart), sizeof(Position), 0);
    case FrameType::kSnapshotDeals:
      return list(size, sizeof(SnapshotPart), sizeof(Deal), 0);
    case FrameType::kTapeEnd:
      return exact(size, sizeof(TapeEnd));
    case FrameType::kHeartbeat:
      return exact(size, sizeof(Heartbeat));
    case FrameType::kProof:
      return exact(size, sizeof(Proof));
    case FrameType::kStatus:
      return exact(size, sizeof(TerminalStatus));
    case FrameType::kWelcome:
    case FrameType::kPlace:
    case FrameType::kCancel:
    case FrameType::kModify:
    case FrameType::kProtect:
    case FrameType::kFind:
    case FrameType::kSnapshot:
    case FrameType::kResume:
    case FrameType::kChallenge:
    case FrameType::kRefused:
      return LinkError::kWrongSide;
  }
  return LinkError::kUnknownType;
}

LinkError checkFromBridge(FrameType type, uint32_t size) {
  switch (type) {
    case FrameType::kWelcome:
      return exact(size, sizeof(Welcome));
    case FrameType::kPlace:
      return exact(size, sizeof(Place));
    case FrameType::kCancel:
      return exact(size, sizeof(Cancel));
    case FrameType::kModify:
      return exact(size, sizeof(Modify));
    case FrameType::kProtect:
      return exact(size, sizeof(Protect));
    case FrameType::kFind:
      return exact(size, sizeof(Find));
    case FrameType::kSnapshot:
      return exact(size, sizeof(TakeSnapshot));
    case FrameType::kResume:
      return list(size, 0, sizeof(uint64_t), 1);
    case FrameType::kHeartbeat:
      return exact(size, sizeof(Heartbeat));
    case FrameType::kChallenge:
      return exact(size, sizeof(Challenge));
    case FrameType::kRefused:
      return exact(size, sizeof(Refused));
    default:
      return checkFromTerminal(type, size) == LinkError::kUnknownType ? LinkError::kUnknownType : LinkError::kWrongSide;
  }
}

}  // namespace

LinkError checkHeader(Peer peer, uint16_t type, uint16_t version, uint32_t size) {
  if (size > kMaxPayloadBytes) return LinkError::kTooLong;
  if (version != kVersion) return LinkError::kBadVersion;
  const auto t = static_cast<FrameType>(type);
  return peer == Peer::kTerminal ? checkFromTerminal(t, size) : checkFromBridge(t, size);
}

FrameHeader headerOf(FrameType type, const iovec* parts, int count, uint64_t sequence) {
  FrameHeader header{0, static_cast<uint16_t>(type), kVersion, sequence, 0};
  for (int i = 0; i < count; ++i) header.length += static_cast<uint32_t>(parts[i].iov_len);
  uint32_t crc = crc32Add(crc32Begin(), &header, kCheckedHeaderBytes);
  for (int i = 0; i < count; ++i) crc = crc32Add(crc, parts[i].iov_base, parts[i].iov_len);
  header.crc = crc32End(crc);
  return header;
}

Decoder::Decoder(Peer peer, size_t buffer_bytes)
    : peer_(peer), buffer_(new uint8_t[buffer_bytes]), capacity_(buffer_bytes) {}

uint8_t* Decoder::room(size_t& bytes) {
  if (begin_ == end_) begin_ = end_ = 0;
  // Move the rest of a cut frame to the front only when the tail has become short: one small copy per many frames.
  if (begin_ > 0 && capacity_ - end_ < capacity_ / 4) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ == end_) {
    // A frame longer than the buffer; next() has checked its length, so this stays below twice kMaxPayloadBytes.
    const size_t grown = capacity_ * 2;
    std::unique_ptr<uint8_t[]> larger(new uint8_t[grown]);
    std::memcpy(larger.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    buffer_ = std::move(larger);
    capacity_ = grown;
  }
  bytes = capacity_ - end_;
  return buffer_.get() + end_;
}

Next Decoder::next(FrameView& frame) {
  if (error_ != LinkError::kNone) return Next::kError;
  if (end_ - begin_ < sizeof(FrameHeader)) return Next::kNeedMore;
  FrameHeader header;
  std::memcpy(&header, buffer_.get() + begin_, sizeof header);
  error_ = header.length > most_ ? LinkError::kTooLong : checkHeader(peer_, header.type, header.version, header.length);
  if (error_ != LinkError::kNone) return Next::kError;
  if (end_ - begin_ - sizeof header < header.length) return Next::kNeedMore;
  const uint8_t* payload = buffer_.get() + begin_ + sizeof header;
  // The checksum before the number: a number that is not what was sent says nothing.
  const uint32_t crc = crc32Add(crc32Begin(), &header, kCheckedHeaderBytes);
  if (crc32End(crc32Add(crc, payload, header.length)) != header.crc) error_ = LinkError::kBadCrc;
  if (error_ == LinkError::kNone && header.sequence != expected_) error_ = LinkError::kBadSequence;
  if (error_ != LinkError::kNone) return Next::kError;
  frame = {static_cast<FrameType>(header.type), header.sequence, payload, header.length};
  begin_ += sizeof header + header.length;
  ++expected_;
  return Next::kFrame;
}

bool Decoder::midFrame() const {
  size_t at = begin_;
  while (end_ - at >= sizeof(FrameHeader)) {
    FrameHeader header;
    std::memcpy(&header, buffer_.get() + at, sizeof header);
    if (header.length > end_ - at - sizeof header) return true;
    at += sizeof header + header.length;
  }
  return end_ > at;
}

}  // namespace troupe::link
