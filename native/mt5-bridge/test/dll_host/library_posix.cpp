#include "test/dll_host/library.h"

namespace troupe::dll::host {

bool load(const std::string&, Library& library, std::string&) {
  library = {troupe_start, troupe_send, troupe_receive, troupe_stop, troupe_wait, troupe_error_text, &library};
  return true;
}

void unload(Library&) {}

}  // namespace troupe::dll::host
