#include <windows.h>

#include "dll/module.h"
#include "dll/troupe_link.h"

namespace troupe::dll {

void pinModule() {
  HMODULE module;
  ::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       reinterpret_cast<LPCWSTR>(&troupe_start), &module);
}

}  // namespace troupe::dll
