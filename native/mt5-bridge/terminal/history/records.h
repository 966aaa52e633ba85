// Records of the engine as bytes of the history file.
#pragma once

#include <string>

#include "engine/engine.h"
#include "history/bytes.h"

namespace troupe::terminal {

// Appends what must be remembered of one event; account events are derived and are left out.
void encode(const Event& event, const Engine& engine, ByteWriter& to);

// The place on the tape at which the group's events happened.
void encodePlayed(uint64_t played, ByteWriter& to);

// Restores all records of one group. `played` is left alone if the group does not say. False (with `why`) if the
// records make no sense to this engine.
bool restoreGroup(const uint8_t* data, size_t size, Engine& engine, uint64_t& played, std::string& why);

}  // namespace troupe::terminal
