// Records of the engine as bytes of the history file.
#pragma once

#include <string>

#include "engine/engine.h"
#include "history/bytes.h"

namespace troupe::terminal {

// Appends what must be remembered of one event; account events are derived and are left out.
void encode(const Event& event, const Engine& engine, ByteWriter& to);

// Restores all records of one group. False (with `why`) if they make no sense to this engine.
bool restoreGroup(const uint8_t* data, size_t size, Engine& engine, std::string& why);

}  // namespace troupe::terminal
