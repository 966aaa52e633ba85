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

constexpr uint64_t kChunkBytes = 256u << 10;

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
  const bool blank = file.size() < kJournalMagic.size() || file.find_first_not_of('\0') == std::string::npos;
  if (blank) {
    image_.end = kJournalMagic.size();
  } else if (std::string why; !image_.read(file, why)) {
    error = path + ": " + why;
    return false;
  }
  end_ = image_.end;
  std::lock_guard io(io_);
  // Zeros over the cut record, so that no later crash can bring its remains back to life.
  if (::ftruncate(fd_, static_cast<off_t>(blank ? 0 : image_.end)) != 0) {
    error = systemError(path);
    return false;
  }
  if (blank &&
      ::pwrite(fd_, kJournalMagic.data(), kJournalMagic.size(), 0) != static_cast<ssize_t>(kJournalMagic.size())) {
    error = systemError(path);
    return false;
  }
  reserved_ = end_;
  return reserve(kChunkBytes, error);
}

bool Journal::find(const std::string& order_id, Entry& entry) const {
  std::lock_guard lock(memory_);
  const auto at = image_.entries.find(order_id);
  if (at == image_.entries.end()) return false;
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
  std::lock_guard io(io_);
  if (!writeWaiting(false, error) || !append(receivedRecord(order_id, command_id, fence, wall_us), false, error))
    return false;
  std::lock_guard lock(memory_);
  image_.entries[order_id] = {command_id, fence, wall_us, {}, false};
  image_.highest_fence = std::max(image_.highest_fence, fence);
  return true;
}

bool Journal::durable(std::string& error) {
  std::lock_guard io(io_);
  return writeWaiting(true, error);
}

void Journal::forget(const std::string& order_id) {
  std::lock_guard lock(memory_);
  image_.entries.erase(order_id);
}

void Journal::result(const std::string& order_id, std::string reply) {
  const std::string record = resultRecord(order_id, reply);
  std::lock_guard lock(memory_);
  image_.entries[order_id].reply = std::move(reply);
  waiting_ += record;
}

bool Journal::fence(double fence, std::string& error) {
  std::lock_guard io(io_);
  if (!append(fenceRecord(fence), true, error)) return false;
  std::lock_guard lock(memory_);
  image_.highest_fence = std::max(image_.highest_fence, fence);
  return true;
}

double Journal::highestFence() const {
  std::lock_guard lock(memory_);
  return image_.highest_fence;
}

size_t Journal::orders() const {
  std::lock_guard lock(memory_);
  return image_.entries.size();
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
    compact_at_ = std::max(kCompactBytes, 2 * (done ? end_.load() : bytes));
    if (!done) return false;
  }
  std::lock_guard io(io_);
  return writeWaiting(true, error) && (end_ + kChunkBytes / 2 < reserved_ || reserve(kChunkBytes, error));
}

std::string Journal::compacted(size_t replies) const {
  std::vector<std::pair<int64_t, const std::string*>> settled;
  for (const auto& [id, entry] : image_.entries)
    if (!entry.reply.empty()) settled.emplace_back(entry.received_us, &id);
  std::sort(settled.begin(), settled.end(), [](const auto& a, const auto& b) { return a > b; });
  if (settled.size() > replies) settled.resize(replies);
  std::unordered_set<std::string_view> kept;
  for (const auto& [time, id] : settled) kept.insert(*id);

  std::string out(kJournalMagic);
  out += fenceRecord(image_.highest_fence);
  for (const auto& [id, entry] : image_.entries) {
    const bool whole = kept.contains(id);
    const bool received = whole || (entry.reply.empty() && !entry.settled);
    out += received ? receivedRecord(id, entry.command_id, entry.fence, entry.received_us) : settledRecord(id);
    if (whole) out += resultRecord(id, entry.reply);
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
    JournalImage fresh_image;
    std::string ignored;
    fresh_image.read(bytes, ignored);
    std::lock_guard lock(memory_);
    std::swap(fresh_image.entries, image_.entries);
    // Orders noted, and answers come, while the disk worked.
    for (auto& [id, entry] : fresh_image.entries) {
      Entry& now = image_.entries[id];
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
