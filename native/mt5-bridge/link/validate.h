// What a payload says, checked once at the door: text is text, numbers are finite, enumerations are known. Behind it
// everything may be trusted (protobuf refuses to write text that is not UTF-8).
#pragma once

#include "link/codec.h"
#include "link/text.h"

namespace troupe::link {

constexpr bool isTime(int64_t ms) { return ms >= 0 && ms <= kMaxTimeMs; }

LinkError validate(const Hello& hello);
LinkError validate(const Welcome& welcome);
LinkError validate(const Refused& refused);
LinkError validate(const Spec& spec);
LinkError validate(const Order& order);
LinkError validate(const Deal& deal);
LinkError validate(const Position& position);
LinkError validate(const Account& account);
LinkError validate(const Result& result);
LinkError validate(const SnapshotBegin& begin);
LinkError validate(const TerminalStatus& status);
LinkError validate(const EventHeader& head);
LinkError validate(const Place& place);
LinkError validate(const Cancel& cancel);
LinkError validate(const Modify& modify);
LinkError validate(const Protect& protect);
LinkError validate(const Find& find);
// Names must be there, and differ from each other.
LinkError validateSymbols(const Spec* specs, size_t count);

}  // namespace troupe::link
