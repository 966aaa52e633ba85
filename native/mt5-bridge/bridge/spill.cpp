#include "bridge/spill.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "link/crc32.h"

namespace troupe::bridge {

namespace {

constexpr char kMagic[] = "TRPSPIL1";
constexpr size_t kReadBytes = 1u << 20;
constexpr uint32_t kMostBody = 8u << 20;

#pragma pack(push, 1)
struct Head {
  uint32_t length, crc;
};
struct Body {
  uint32_t units;
  uint16_t subject, id;  // lengths; the texts follow, then the data
};
#pragma pack(pop)

std::string failed(const std::string& path, const char* what) {
  return path + ": " + what + ": " + std::strerror(errno);
}

bool writeAll(int fd, const char* data, size_t size, uint64_t at) {
  while (size > 0) {
    const ssize_t n = ::pwrite(fd, data, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
    at += static_cast<uint64_t>(n);
  }
  return true;
}

// Empty when these bytes are no record.
bool parse(std::string_view bytes, Publication& out, uint64_t& size) {
  Head head;
  Body body;
  if (bytes.size() < sizeof head) return false;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.length < sizeof body || head.length > kMostBody || bytes.size() - sizeof head < head.length) return false;
  bytes = bytes.substr(sizeof head, head.length);
  if (link::crc32(bytes.data(), bytes.size()) != head.crc) return false;
  std::memcpy(&body, bytes.data(), sizeof body);
  const size_t texts = size_t{body.subject} + body.id;
  bytes.remove_prefix(sizeof body);
  if (bytes.size() < texts) return false;
  out.subject = bytes.substr(0, body.subject);
  out.id = bytes.substr(body.subject, body.id);
  out.data = bytes.data() + texts;
  out.size = bytes.size() - texts;
  out.units = body.units;
  out.key = 0;
  size = sizeof head + head.length;
  return true;
}

}  // namespace

Spill::~Spill() {
  if (fd_ < 0) return;
  std::string ignored;
  sync(ignored);
  ::close(fd_);
}

bool Spill::open(const std::string& path, uint64_t most_bytes, const std::function<void(const Publication&)>& each,
                 std::string& error) {
  path_ = path;
  most_ = most_bytes;
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct stat info;
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) {
    error = failed(path, "open");
    return false;
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  char magic[kHeader] = {};
  const ssize_t got = ::pread(fd_, magic, kHeader, 0);
  if (got > 0 && std::memcmp(magic, kMagic, static_cast<size_t>(got)) != 0) {
    error = path + ": this is no spill file of a bridge";
    return false;
  }
  if (got < static_cast<ssize_t>(kHeader) && !writeAll(fd_, kMagic, kHeader, 0)) {
    error = failed(path, "write");
    return false;
  }
  read_ = end_ = kHeader;
  while (end_ < size) {
    Publication record{};
    std::string ignored;
    if (!load(end_, ignored) ||
        !parse({buffer_.data() + (end_ - buffer_at_), buffer_.size() - (end_ - buffer_at_)}, record, front_bytes_))
      break;
    each(record);
    end_ += front_bytes_;
  }
  dropped_ = size > end_ ? size - end_ : 0;
  if (dropped_ > 0 && ::ftruncate(fd_, static_cast<off_t>(end_)) != 0) {
    error = failed(path, "truncate");
    return false;
  }
  buffer_.clear();
  full_ = end_ > most_;
  return true;
}

// Fills the buffer so that the record at `at` stands in it whole.
bool Spill::load(uint64_t at, std::string& error) {
  uint64_t wanted = sizeof(Head);
  for (;;) {
    const bool inside = at >= buffer_at_ && at + wanted <= buffer_at_ + buffer_.size();
    if (inside) {
      Head head;
      std::memcpy(&head, buffer_.data() + (at - buffer_at_), sizeof head);
      const uint64_t whole = sizeof head + uint64_t{head.length};
      if (head.length <= kMostBody && at + whole <= buffer_at_ + buffer_.size()) return true;
      if (head.length > kMostBody || wanted == whole) break;
      wanted = whole;
    }
    buffer_.resize(std::max<uint64_t>(wanted, kReadBytes));
    buffer_at_ = at;
    size_t got = 0;
    while (got < buffer_.size()) {
      const ssize_t n = ::pread(fd_, buffer_.data() + got, buffer_.size() - got, static_cast<off_t>(at + got));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      got += static_cast<size_t>(n);
    }
    buffer_.resize(got);
    if (got < wanted) break;
  }
  error = path_ + ": the record at byte " + std::to_string(at) + " cannot be read";
  return false;
}

bool Spill::append(const Publication& p, std::string& error) {
  const Body body{p.units, static_cast<uint16_t>(p.subject.size()), static_cast<uint16_t>(p.id.size())};
  record_.assign(sizeof(Head), '\0');
  record_.append(reinterpret_cast<const char*>(&body), sizeof body);
  record_.append(p.subject).append(p.id).append(static_cast<const char*>(p.data), p.size);
  if (end_ + record_.size() > kHeader + most_) {
    full_ = true;
    return false;
  }
  const size_t length = record_.size() - sizeof(Head);
  const Head head{static_cast<uint32_t>(length), link::crc32(record_.data() + sizeof(Head), length)};
  std::memcpy(record_.data(), &head, sizeof head);
  if (!writeAll(fd_, record_.data(), record_.size(), end_)) {
    error = failed(path_, "write");
    // Half a record at the end is what a crash leaves too.
    if (::ftruncate(fd_, static_cast<off_t>(end_)) != 0) return false;
    return false;
  }
  end_ += record_.size();
  dirty_ = true;
  return true;
}

bool Spill::sync(std::string& error) {
  if (!dirty_) return true;
  if (::fdatasync(fd_) != 0) {
    error = failed(path_, "fdatasync");
    return false;
  }
  dirty_ = false;
  return true;
}

bool Spill::front(Publication& publication, std::string& error) {
  if (!load(read_, error)) return false;
  if (parse({buffer_.data() + (read_ - buffer_at_), buffer_.size() - (read_ - buffer_at_)}, publication, front_bytes_))
    return true;
  error = path_ + ": the record at byte " + std::to_string(read_) + " is damaged";
  return false;
}

void Spill::pass() { read_ += front_bytes_; }

bool Spill::clear(std::string& error) {
  if (::ftruncate(fd_, static_cast<off_t>(kHeader)) != 0) {
    error = failed(path_, "truncate");
    return false;
  }
  read_ = end_ = kHeader;
  buffer_.clear();
  full_ = dirty_ = false;
  return true;
}

}  // namespace troupe::bridge
