#include "bridge/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <vector>

#include "link/crc32.h"

namespace troupe::bridge {

namespace {

constexpr std::string_view kMagic = "TRPJRNL1";
constexpr uint64_t kChunkBytes = 256u << 10;
constexpr uint32_t kMaxBodyBytes = 1u << 20;
enum Kind : char { kReceived = 1, kResult = 2, kFence = 3, kSettled = 4 };

template <typename T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void putText(std::string& to, std::string_view text) {
  put(to, static_cast<uint32_t>(text.size()));
  to.append(text);
}
template <typename T>
bool take(std::string_view& from, T& value) {
  if (from.size() < sizeof value) return false;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return true;
}
bool takeText(std::string_view& from, std::string& text) {
  uint32_t size;
  if (!take(from, size) || from.size() < size) return false;
  text.assign(from.substr(0, size));
  from.remove_prefix(size);
  return true;
}

std::string record(const std::string& body) {
  std::string out;
  put(out, static_cast<uint32_t>(body.size()));
  put(out, link::crc32(body.data(), body.size()));
  return out + body;
}

// The body of the record at `at`, empty when there is no whole and sound one.
std::string_view bodyAt(std::string_view file, size_t at) {
  std::string_view rest = file.substr(at);
  uint32_t size, crc;
  if (!take(rest, size) || !take(rest, crc) || size == 0 || size > kMaxBodyBytes || rest.size() < size) return {};
  const std::string_view body = rest.substr(0, size);
  return link::crc32(body.data(), body.size()) == crc ? body : std::string_view{};
}

std::string systemError(const std::string& path) { return path + ": " + std::strerror(errno); }

}  // namespace

Journal::~Journal() {
  if (fd_ < 0) return;
  std::string ignored;
  sync(ignored);
  ::close(fd_);
}

bool Journal::open(const std::string& path, std::string& error) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    error = systemError(path);
    return false;
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    error = path + ": another bridge uses this journal";
    return false;
  }
  struct stat status {};
  ::fstat(fd_, &status);
  std::string file(static_cast<size_t>(status.st_size), '\0');
  for (size_t done = 0; done < file.size();) {
    const ssize_t n = ::pread(fd_, file.data() + done, file.size() - done, static_cast<off_t>(done));
    if (n <= 0) {
      error = systemError(path);
      return false;
    }
    done += static_cast<size_t>(n);
  }
  // Shorter than its own head, or all zeros: a crash while it was made.
  const bool blank = file.size() < kMagic.size() || file.find_first_not_of('\0') == std::string::npos;
  if (!blank && std::string_view(file).substr(0, kMagic.size()) != kMagic) {
    error = path + ": not a journal of this bridge (it does not begin with TRPJRNL1)";
    return false;
  }
  end_ = kMagic.size();
  if (!blank && !scan(file, error)) return false;
  std::lock_guard io(io_);
  // Zeros over the cut record, so that no later crash can bring its remains back to life.
  if (::ftruncate(fd_, static_cast<off_t>(blank ? 0 : end_)) != 0) {
    error = systemError(path);
    return false;
  }
  if (blank && ::pwrite(fd_, kMagic.data(), kMagic.size(), 0) != static_cast<ssize_t>(kMagic.size())) {
    error = systemError(path);
    return false;
  }
  reserved_ = end_;
  return reserve(kChunkBytes, error);
}

bool Journal::scan(std::string_view file, std::string& error) {
  while (end_ < file.size()) {
    const std::string_view body = bodyAt(file, end_);
    if (body.empty()) break;
    if (!apply(body)) {
      error = path_ + ": record at byte " + std::to_string(end_) + " is of an unknown kind";
      return false;
    }
    end_ += 8 + body.size();
  }
  const size_t last = file.find_last_not_of('\0');
  if (last == std::string_view::npos || last < end_) return true;
  dropped_bytes_ = last + 1 - end_;
  for (size_t at = end_ + 1; at <= last; ++at) {
    if (bodyAt(file, at).empty()) continue;
    error = path_ + ": damaged at byte " + std::to_string(end_) + ", but sound again at byte " + std::to_string(at) +
            "; restore it from a copy, or move it away after the terminal's orders have been checked";
    return false;
  }
  return true;
}

bool Journal::apply(std::string_view body) {
  char kind;
  std::string order_id;
  if (!take(body, kind)) return false;
  if (kind == kFence) {
    double fence;
    if (!take(body, fence)) return false;
    highest_fence_ = std::max(highest_fence_, fence);
    return true;
  }
  if (!takeText(body, order_id)) return false;
  Entry& entry = entries_[order_id];
  if (kind == kReceived) {
    if (!takeText(body, entry.command_id) || !take(body, entry.fence) || !take(body, entry.received_us)) return false;
    highest_fence_ = std::max(highest_fence_, entry.fence);
    return true;
  }
  if (kind == kSettled) {
    entry.settled = true;
    return true;
  }
  return kind == kResult && takeText(body, entry.reply);
}

bool Journal::find(const std::string& order_id, Entry& entry) const {
  std::lock_guard lock(memory_);
  const auto at = entries_.find(order_id);
  if (at == entries_.end()) return false;
  entry = at->second;
  return true;
}

bool Journal::received(const std::string& order_id, const std::string& command_id, double fence, int64_t wall_us,
                       std::string& error) {
  if (!note(order_id, command_id, fence, wall_us, error)) return false;
  if (durable(error)) return true;
  forget(order_id);
  return false;
}

bool Journal::note(const std::string& order_id, const std::string& command_id, double fence, int64_t wall_us,
                   std::string& error) {
  std::string body(1, kReceived);
  putText(body, order_id);
  putText(body, command_id);
  put(body, fence);
  put(body, wall_us);
  std::lock_guard io(io_);
  if (!writeWaiting(false, error) || !append(record(body), false, error)) return false;
  std::lock_guard lock(memory_);
  entries_[order_id] = {command_id, fence, wall_us, {}, false};
  highest_fence_ = std::max(highest_fence_, fence);
  return true;
}

bool Journal::durable(std::string& error) {
  std::lock_guard io(io_);
  return writeWaiting(true, error);
}

void Journal::forget(const std::string& order_id) {
  std::lock_guard lock(memory_);
  entries_.erase(order_id);
}

void Journal::result(const std::string& order_id, std::string reply) {
  std::string body(1, kResult);
  putText(body, order_id);
  putText(body, reply);
  std::lock_guard lock(memory_);
  entries_[order_id].reply = std::move(reply);
  waiting_ += record(body);
}

bool Journal::fence(double fence, std::string& error) {
  std::string body(1, kFence);
  put(body, fence);
  std::lock_guard io(io_);
  if (!append(record(body), true, error)) return false;
  std::lock_guard lock(memory_);
  highest_fence_ = std::max(highest_fence_, fence);
  return true;
}

double Journal::highestFence() const {
  std::lock_guard lock(memory_);
  return highest_fence_;
}

size_t Journal::orders() const {
  std::lock_guard lock(memory_);
  return entries_.size();
}

bool Journal::sync(std::string& error) {
  uint64_t bytes;
  {
    std::lock_guard io(io_);
    bytes = end_;
  }
  if (bytes >= compact_at_) {
    // Not again at once where it failed, or where nothing could be dropped.
    const bool done = compact(kKeptReplies, error);
    compact_at_ = std::max(kCompactBytes, 2 * (done ? end_ : bytes));
    if (!done) return false;
  }
  std::lock_guard io(io_);
  return writeWaiting(true, error) && (end_ + kChunkBytes / 2 < reserved_ || reserve(kChunkBytes, error));
}

std::string Journal::compacted(size_t replies) const {
  std::vector<std::pair<int64_t, const std::string*>> settled;
  for (const auto& [id, entry] : entries_)
    if (!entry.reply.empty()) settled.emplace_back(entry.received_us, &id);
  std::sort(settled.begin(), settled.end(), [](const auto& a, const auto& b) { return a > b; });
  if (settled.size() > replies) settled.resize(replies);
  std::unordered_set<std::string_view> kept;
  for (const auto& [time, id] : settled) kept.insert(*id);

  std::string out(kMagic);
  std::string body(1, kFence);
  put(body, highest_fence_);
  out += record(body);
  for (const auto& [id, entry] : entries_) {
    const bool whole = kept.contains(id);
    body.assign(1, whole || (entry.reply.empty() && !entry.settled) ? kReceived : kSettled);
    putText(body, id);
    if (body[0] == kReceived) {
      putText(body, entry.command_id);
      put(body, entry.fence);
      put(body, entry.received_us);
    }
    out += record(body);
    if (!whole) continue;
    body.assign(1, kResult);
    putText(body, id);
    putText(body, entry.reply);
    out += record(body);
  }
  return out;
}

bool Journal::compact(size_t replies, std::string& error) {
  std::lock_guard io(io_);
  // First what waits, so that the old file is whole should the new one not come about.
  if (!writeWaiting(true, error)) return false;
  std::string bytes;
  {
    std::lock_guard lock(memory_);
    bytes = compacted(replies);
  }
  const std::string fresh = path_ + ".new";
  const int fd = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto failed = [&](const std::string& at) {
    error = systemError(at);
    if (fd >= 0) ::close(fd);
    ::unlink(fresh.c_str());
    return false;
  };
  if (fd < 0) return failed(fresh);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed(fresh);
    done += static_cast<size_t>(n);
  }
  // Locked and on the disk before it has the name: a crash leaves the old journal or the new one, each whole.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || ::fsync(fd) != 0) return failed(fresh);
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return failed(path_);
  const size_t slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  if (const int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  ::close(fd_);
  fd_ = fd;
  end_ = reserved_ = bytes.size();
  dirty_ = false;
  {
    // What the file no longer says is no longer remembered either.
    std::string_view rest(bytes);
    std::lock_guard lock(memory_);
    std::unordered_map<std::string, Entry> before;
    before.swap(entries_);
    for (size_t at = kMagic.size(); at < rest.size();) {
      const std::string_view body = bodyAt(rest, at);
      apply(body);
      at += 8 + body.size();
    }
    // Orders noted, and answers come, while the disk worked.
    for (auto& [id, entry] : before) {
      Entry& now = entries_[id];
      if (!now.settled) now = std::move(entry);
    }
  }
  return reserve(kChunkBytes, error);
}

bool Journal::writeWaiting(bool durable, std::string& error) {
  std::string bytes;
  {
    std::lock_guard lock(memory_);
    bytes.swap(waiting_);
  }
  if (bytes.empty() && !(durable && dirty_)) return true;
  if (append(bytes, durable, error)) return true;
  // Kept for the next attempt: the disk may have room again by then.
  std::lock_guard lock(memory_);
  waiting_.insert(0, bytes);
  return false;
}

bool Journal::append(const std::string& bytes, bool durable, std::string& error) {
  // Never into the last bytes of what is reserved: the zeros behind the last record are its end mark.
  if (end_ + bytes.size() + 8 > reserved_ && !reserve(bytes.size() + kChunkBytes, error)) return false;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(end_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      error = systemError(path_);
      return false;  // end_ has not moved: the next record overwrites this one
    }
    done += static_cast<size_t>(n);
  }
  dirty_ = true;
  if (durable && ::fdatasync(fd_) != 0) {
    error = systemError(path_);
    return false;
  }
  if (durable) dirty_ = false;
  end_ += bytes.size();
  return true;
}

bool Journal::reserve(uint64_t bytes, std::string& error) {
  const std::string zeros(kChunkBytes, '\0');
  const uint64_t want = end_ + bytes;
  while (reserved_ < want) {
    const ssize_t n = ::pwrite(fd_, zeros.data(), zeros.size(), static_cast<off_t>(reserved_));
    if (n <= 0) {
      error = systemError(path_);
      return false;
    }
    reserved_ += static_cast<uint64_t>(n);
  }
  if (::fsync(fd_) != 0) {
    error = systemError(path_);
    return false;
  }
  return true;
}

}  // namespace troupe::bridge
