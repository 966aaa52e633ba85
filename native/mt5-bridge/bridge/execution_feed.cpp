#include "bridge/execution_feed.h"

#include "bridge/convert.h"
#include "bridge/json.h"
#include "bridge/subjects.h"
#include "link/validate.h"

namespace troupe::bridge {

using link::FrameType;
using link::LinkError;

namespace {

template <typename Body, typename Convert>
LinkError read(const link::FrameView& frame, link::EventHeader& head, Convert convert) {
  Body body;
  if (!link::readEvent(frame, head, body)) return LinkError::kBadSize;
  LinkError error = link::validate(head);
  if (error == LinkError::kNone) error = link::validate(body);
  if (error == LinkError::kNone) convert(body);
  return error;
}

// Of JSON; NATS takes a message of 1 MiB with its headers.
constexpr size_t kMostSnapshotBytes = 768u << 10;

}  // namespace

void ExecutionFeed::begin(const std::string& session, const BrokerTime& time) {
  session_ = session;
  time_ = time;
  last_ = 0;
}

void ExecutionFeed::onSnapshot(const v1::TerminalSnapshot& snapshot) {
  v1::ExecutionEvent event;
  event.set_account(account_);
  event.set_session(session_);
  event.set_sequence(snapshot.event_sequence());
  event.set_time_ms(snapshot.time_ms());
  *event.mutable_snapshot() = snapshot;
  std::string data = toJson(event);
  if (data.size() > kMostSnapshotBytes) {
    event.clear_snapshot();
    data = toJson(event);
  }
  // An event may have the same number.
  const std::string id = token(account_) + "." + token(session_) + ".snapshot-" + std::to_string(++snapshots_);
  publisher_.post({executionSubject(account_), id, data.data(), data.size(), 0, 1});
}

LinkError ExecutionFeed::onFrame(const link::FrameView& frame) {
  link::EventHeader head{};
  v1::ExecutionEvent event;
  LinkError error = LinkError::kUnexpected;
  switch (frame.type) {
    case FrameType::kOrder:
      error = read<link::Order>(frame, head, [&](auto& b) { toProto(b, time_, *event.mutable_order()); });
      break;
    case FrameType::kDeal:
      error = read<link::Deal>(frame, head, [&](auto& b) { toProto(b, time_, *event.mutable_deal()); });
      break;
    case FrameType::kPosition:
      error = read<link::Position>(frame, head, [&](auto& b) { toProto(b, time_, *event.mutable_position()); });
      break;
    case FrameType::kAccount:
      error = read<link::Account>(frame, head, [&](auto& b) { toProto(b, time_, *event.mutable_account_state()); });
      break;
    default:
      break;
  }
  if (error != LinkError::kNone) return error;
  if (head.sequence == 0) return LinkError::kBadCount;
  if (last_ != 0 && head.sequence <= last_) return LinkError::kNone;  // told again; published already
  if (last_ != 0 && head.sequence != last_ + 1) return LinkError::kEventGap;
  last_ = head.sequence;
  event.set_account(account_);
  event.set_session(session_);
  event.set_sequence(static_cast<double>(head.sequence));
  event.set_time_ms(utcMs(head.time_ms, time_));
  const std::string data = toJson(event);
  const std::string id = token(account_) + "." + token(session_) + "." + std::to_string(head.sequence);
  publisher_.post({executionSubject(account_), id, data.data(), data.size(), 0, 1});
  return LinkError::kNone;
}

}  // namespace troupe::bridge
