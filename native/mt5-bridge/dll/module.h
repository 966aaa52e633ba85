// The library as something that is loaded and unloaded.
#pragma once

namespace troupe::dll {

// Keeps the library loaded until the process ends: a terminal unloads it when its last expert goes, and must not take
// the code of a thread that is still ending.
void pinModule();

}  // namespace troupe::dll
