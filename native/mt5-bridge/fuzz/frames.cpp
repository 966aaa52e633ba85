// The frame decoder, and what every payload is put through before it is believed: its check, and its way to protobuf.
#include "bridge/convert.h"
#include "fuzz/input.h"
#include "link/validate.h"

using namespace troupe;
using fuzz::must;
using link::FrameType;
using link::LinkError;

namespace {

int32_t g_offset_s = 0;

template <typename T, typename Proto>
void convert(const T& item) {
  static Proto proto;
  if (link::validate(item) != LinkError::kNone) return;
  proto.Clear();
  bridge::toProto(item, g_offset_s, proto);
}

template <typename T, typename Proto>
void event(const link::FrameView& frame) {
  link::EventHeader head;
  T body;
  must(link::readEvent(frame, head, body), "the decoder has checked the size of an event");
  if (link::validate(head) != LinkError::kNone) return;
  bridge::utcMs(head.time_ms, g_offset_s);
  convert<T, Proto>(body);
}

template <typename T, typename Proto>
void part(const link::FrameView& frame) {
  link::SnapshotPart head;
  const T* items;
  size_t count;
  must(link::readList(frame, head, items, count), "the decoder has checked the size of a part");
  for (size_t i = 0; i < count; ++i) {
    T item;
    std::memcpy(&item, items + i, sizeof item);
    convert<T, Proto>(item);
  }
}

template <typename T>
void one(const link::FrameView& frame) {
  T payload;
  must(link::readOne(frame, payload), "the decoder has checked the size");
  if constexpr (requires { link::validate(payload); }) link::validate(payload);
}

void onFrame(const link::FrameView& frame) {
  switch (frame.type) {
    case FrameType::kSymbols: {
      const link::Spec* specs;
      size_t count;
      must(link::readArray(frame, specs, count), "the decoder has checked the size of the symbols");
      link::validateSymbols(specs, count);
      return;
    }
    case FrameType::kResult: {
      link::Result result;
      const link::Deal* deals;
      size_t count;
      must(link::readList(frame, result, deals, count), "the decoder has checked the size of a result");
      if (link::validate(result) != LinkError::kNone) return;
      if (result.has_order) convert<link::Order, bridge::v1::OrderRecord>(result.order);
      for (size_t i = 0; i < count; ++i) {
        link::Deal deal;
        std::memcpy(&deal, deals + i, sizeof deal);
        convert<link::Deal, bridge::v1::Deal>(deal);
      }
      return;
    }
    case FrameType::kOrder:
      return event<link::Order, bridge::v1::OrderRecord>(frame);
    case FrameType::kDeal:
      return event<link::Deal, bridge::v1::Deal>(frame);
    case FrameType::kPosition:
      return event<link::Position, bridge::v1::Position>(frame);
    case FrameType::kAccount:
      return event<link::Account, bridge::v1::AccountState>(frame);
    case FrameType::kSnapshotBegin:
    case FrameType::kSnapshotEnd: {
      link::SnapshotBegin begin;
      must(link::readOne(frame, begin), "the decoder has checked the size of a snapshot's begin");
      if (link::validate(begin) != LinkError::kNone) return;
      bridge::utcMs(begin.time_ms, g_offset_s);
      return convert<link::Account, bridge::v1::AccountState>(begin.account);
    }
    case FrameType::kStatus:
      return one<link::TerminalStatus>(frame);
    case FrameType::kSnapshotOrders:
      return part<link::Order, bridge::v1::OrderRecord>(frame);
    case FrameType::kSnapshotPositions:
      return part<link::Position, bridge::v1::Position>(frame);
    case FrameType::kSnapshotDeals:
      return part<link::Deal, bridge::v1::Deal>(frame);
    case FrameType::kPlace:
      return one<link::Place>(frame);
    case FrameType::kCancel:
      return one<link::Cancel>(frame);
    case FrameType::kModify:
      return one<link::Modify>(frame);
    case FrameType::kProtect:
      return one<link::Protect>(frame);
    case FrameType::kFind:
      return one<link::Find>(frame);
    case FrameType::kSnapshot:
      return one<link::TakeSnapshot>(frame);
    case FrameType::kTapeEnd:
      return one<link::TapeEnd>(frame);
    case FrameType::kHeartbeat:
      return one<link::Heartbeat>(frame);
    default:
      return;
  }
}

}  // namespace

// First byte: who is heard, whether the rest is taken as it is, and how it comes in pieces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto mode = input.take<uint8_t>();
  g_offset_s = (mode & 4) != 0 ? 86399 : -86399;
  static std::string wire;
  wire.clear();
  uint64_t frames = 0;
  if ((mode & 2) != 0) {
    wire = input.rest();
  } else {
    while (!input.empty()) {
      const auto type = static_cast<FrameType>(input.take<uint8_t>());
      fuzz::addFrame(wire, type, input.piece(), ++frames);
    }
  }
  link::Decoder decoder((mode & 1) != 0 ? link::Peer::kBridge : link::Peer::kTerminal, 64);
  const size_t step = (mode & 8) != 0 ? 7 : 4096;
  std::string_view left = wire;
  uint64_t seen = 0;
  while (!left.empty()) {
    fuzz::feed(decoder, left, step);
    link::FrameView frame;
    link::Next next;
    while ((next = decoder.next(frame)) == link::Next::kFrame) {
      must(frame.sequence == ++seen, "frames are numbered without holes");
      onFrame(frame);
    }
    if (next == link::Next::kError) {
      must(decoder.error() != LinkError::kNone, "an error has its reason");
      must(decoder.next(frame) == link::Next::kError, "an error is final");
      return 0;
    }
    decoder.midFrame();
  }
  if ((mode & 2) == 0) must(seen == frames, "every frame that was sent has come, or an error has");
  return 0;
}
