#include "dll/module.h"

namespace troupe::dll {

// Linked into the program itself.
void pinModule() {}

}  // namespace troupe::dll
