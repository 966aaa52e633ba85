// The functions of troupe_link.h, from wherever this program has them: on Windows from the DLL, loaded as a terminal
// loads it; on Linux they are linked in.
#pragma once

#include <string>

#include "dll/troupe_link.h"

namespace troupe::dll::host {

struct Library {
  decltype(&troupe_start) start = nullptr;
  decltype(&troupe_send) send = nullptr;
  decltype(&troupe_receive) receive = nullptr;
  decltype(&troupe_stop) stop = nullptr;
  decltype(&troupe_wait) wait = nullptr;
  decltype(&troupe_error_text) error_text = nullptr;
  void* module = nullptr;
};

// `path` is UTF-8. False with `error` set.
bool load(const std::string& path, Library& library, std::string& error);
// As a terminal does when its last expert goes; the library may stay where it is.
void unload(Library& library);

}  // namespace troupe::dll::host
