// A piece of memory to be sent, on systems that have it and on Windows.
#pragma once

#ifdef _WIN32
#include <cstddef>
struct iovec {
  void* iov_base;
  size_t iov_len;
};
#else
#include <sys/uio.h>
#endif
