// The key of a program with an environment and files: the DLL gets its own from the expert.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "link/key.h"

namespace troupe::link {

namespace {

constexpr const char* kShape = "must be 64 hex digits, such as `openssl rand -hex 32` prints";

bool readKeyFile(const std::string& file, std::string& text, std::string& error) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about {};
  char bytes[80];
  const ssize_t got = fd >= 0 && ::fstat(fd, &about) == 0 ? ::read(fd, bytes, sizeof bytes) : -1;
  if (got < 0) error = "key file " + file + ": " + std::strerror(errno);
  if (fd >= 0) ::close(fd);
  if (got < 0) return false;
  if ((about.st_mode & 077) != 0) {
    error = "key file " + file + ": others may read or write it; its mode must be 0600 or less";
    return false;
  }
  text.assign(bytes, static_cast<size_t>(got));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return true;
}

}  // namespace

bool loadKey(const std::string& file, Key& key, std::string& error) {
  std::string text;
  if (!file.empty()) {
    if (!readKeyFile(file, text, error)) return false;
    if (parseKey(text, key)) return true;
    error = "key file " + file + ": its content " + kShape;
    return false;
  }
  const char* value = std::getenv(kKeyVariable);
  if (value == nullptr) {
    error = std::string(kKeyVariable) + " is not set: the key that bridge and terminal share";
    return false;
  }
  if (parseKey(value, key)) return true;
  error = std::string(kKeyVariable) + " " + kShape;
  return false;
}

}  // namespace troupe::link
