#include "link/key.h"

#ifdef _WIN32
#include <windows.h>
// After windows.h, which it needs.
#include <bcrypt.h>
#else
#include <sys/random.h>
#endif

namespace troupe::link {

bool randomBytes(void* to, size_t size) {
  if (size > 256) return false;
#ifdef _WIN32
  return ::BCryptGenRandom(nullptr, static_cast<PUCHAR>(to), static_cast<ULONG>(size),
                           BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
#else
  return ::getrandom(to, size, 0) == static_cast<ssize_t>(size);
#endif
}

}  // namespace troupe::link
