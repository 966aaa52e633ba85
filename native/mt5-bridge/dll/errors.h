// The numbers of troupe_link.h, and those of the link as such numbers.
#pragma once

#include <cstdint>

#include "dll/troupe_link.h"
#include "link/errors.h"

namespace troupe::dll {

struct ErrorEntry {
  int32_t number;
  const char* code;
  const char* text;
};

// Null when there is no such error.
const ErrorEntry* findError(int32_t number);

int32_t numberOf(link::LinkError error);

}  // namespace troupe::dll
