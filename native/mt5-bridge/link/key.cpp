#include "link/key.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace troupe::link {

namespace {

constexpr const char* kShape = "must be 64 hex digits, such as `openssl rand -hex 32` prints";

int digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

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

bool parseKey(std::string_view hex, Key& key) {
  if (hex.size() != 2 * key.bytes.size()) return false;
  for (size_t i = 0; i < key.bytes.size(); ++i) {
    const int high = digitOf(hex[2 * i]), low = digitOf(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    key.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return hex.find_first_not_of(hex[0]) != std::string_view::npos;
}

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

bool randomBytes(void* to, size_t size) {
  return size <= 256 && ::getrandom(to, size, 0) == static_cast<ssize_t>(size);
}

}  // namespace troupe::link
