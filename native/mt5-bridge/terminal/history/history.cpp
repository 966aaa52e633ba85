#include "history/history.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fault.h"
#include "history/records.h"
#include "link/crc32.h"

namespace troupe::terminal {

namespace {

constexpr size_t kPageBytes = 4096;
constexpr uint32_t kMaxGroupBytes = 64u << 20;
constexpr char kMagic[9] = "TRPHIST1";

}  // namespace

struct History::Page {
  char magic[8];
  char account[248];
  uint64_t tape_identity;
  // Through the mapping, not write(): a store costs nothing at millions of ticks a second, and lives in the page cache
  // when the process dies.
  volatile uint64_t played;
  char feed[32];
  volatile uint8_t begun;
  uint64_t groups_of_tape;  // groups before this byte tell of places on an earlier tape
};

History::History(const std::string& path, const std::string& account, uint64_t tape_identity) : path_(path) {
  static_assert(sizeof(Page) <= kPageBytes);
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0644);
  if (fd_ < 0) throw Fault("E_HISTORY_OPEN", path + ": " + strerror(errno));
  try {
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) throw Fault("E_HISTORY_LOCKED", path + ": another terminal uses it");
    struct stat info {};
    if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode))
      throw Fault("E_HISTORY_OPEN", path + ": not a regular file");
    // Shorter than its page: the terminal was killed while it made the file, before anything could be remembered.
    const bool fresh = info.st_size < static_cast<off_t>(kPageBytes);
    if (fresh) create(account, tape_identity);
    void* mapped = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (mapped == MAP_FAILED) throw Fault("E_HISTORY_OPEN", path + ": cannot be mapped: " + strerror(errno));
    page_ = static_cast<Page*>(mapped);
    check(account, tape_identity);
  } catch (...) {
    if (page_) ::munmap(page_, kPageBytes);
    ::close(fd_);
    throw;
  }
}

History::~History() {
  ::munmap(page_, kPageBytes);
  ::close(fd_);
}

void History::create(const std::string& account, uint64_t tape_identity) {
  if (account.size() >= sizeof(Page::account)) throw Fault("E_HISTORY_ACCOUNT", "account name too long for " + path_);
  uint8_t bytes[kPageBytes] = {};
  auto* page = reinterpret_cast<Page*>(bytes);
  std::memcpy(page->magic, kMagic, 8);
  std::memcpy(page->account, account.data(), account.size());
  page->tape_identity = tape_identity;
  if (::ftruncate(fd_, 0) != 0 || ::write(fd_, bytes, sizeof bytes) != static_cast<ssize_t>(sizeof bytes)) {
    throw Fault("E_HISTORY_WRITE", path_ + ": " + strerror(errno));
  }
}

void History::check(const std::string& account, uint64_t tape_identity) {
  if (std::memcmp(page_->magic, kMagic, 8) != 0) {
    throw Fault("E_HISTORY_DAMAGED", path_ + ": is not a history of the simulated terminal");
  }
  const std::string owner(page_->account, strnlen(page_->account, sizeof page_->account));
  if (owner != account) {
    throw Fault("E_HISTORY_ACCOUNT", path_ + ": belongs to account '" + owner + "', configured is '" + account + "'");
  }
  if (page_->tape_identity != tape_identity) {
    // Another tape is another feed: its ticks are numbered from 1.
    page_->played = 0;
    page_->begun = 0;
    struct stat info {};
    if (::fstat(fd_, &info) != 0) throw Fault("E_HISTORY_OPEN", path_ + ": " + strerror(errno));
    page_->groups_of_tape = static_cast<uint64_t>(info.st_size);
    std::memset(page_->feed, 0, sizeof page_->feed);
    page_->tape_identity = tape_identity;
  }
}

uint64_t History::played() const { return page_->played; }
void History::setPlayed(uint64_t ticks) { page_->played = ticks; }
bool History::begun() const { return page_->begun != 0; }
void History::setBegun() { page_->begun = 1; }

std::string History::feed(const std::string& fresh) {
  if (page_->feed[0] == 0) std::memcpy(page_->feed, fresh.data(), std::min(fresh.size(), sizeof page_->feed - 1));
  return {page_->feed, strnlen(page_->feed, sizeof page_->feed)};
}

bool History::restore(Engine& engine) {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) throw Fault("E_HISTORY_OPEN", path_ + ": " + strerror(errno));
  const auto size = static_cast<size_t>(info.st_size);
  if (size <= kPageBytes) return false;
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
  if (mapped == MAP_FAILED) throw Fault("E_HISTORY_OPEN", path_ + ": cannot be mapped: " + strerror(errno));
  const auto* data = static_cast<const uint8_t*>(mapped);
  size_t at = kPageBytes;
  std::string damage;
  while (damage.empty() && at + 8 <= size) {
    uint32_t head[2];
    std::memcpy(head, data + at, sizeof head);
    if (head[0] > size - at - 8 && head[0] <= kMaxGroupBytes) break;  // cut short by a kill
    if (head[0] > kMaxGroupBytes || link::crc32(data + at + 8, head[0]) != head[1]) {
      damage = "checksum does not fit";
      break;
    }
    uint64_t played = 0;
    if (!restoreGroup(data + at + 8, head[0], engine, played, damage)) break;
    // Killed between the group and the page: the tick that made the group must not be played a second time.
    if (played > page_->played && at >= page_->groups_of_tape) page_->played = played;
    damage.clear();
    at += 8 + head[0];
  }
  ::munmap(mapped, size);
  if (!damage.empty()) {
    throw Fault("E_HISTORY_DAMAGED", path_ + ": at byte " + std::to_string(at) + ": " + damage);
  }
  if (at == size) return false;
  if (::ftruncate(fd_, static_cast<off_t>(at)) != 0) throw Fault("E_HISTORY_WRITE", path_ + ": " + strerror(errno));
  page_->groups_of_tape = std::min<uint64_t>(page_->groups_of_tape, at);
  return true;
}

void History::append(const std::vector<Event>& events, const Engine& engine, uint64_t played) {
  ByteWriter group;
  group.put(uint32_t{0});
  group.put(uint32_t{0});
  for (const Event& event : events) encode(event, engine, group);
  std::vector<uint8_t>& bytes = group.bytes();
  if (bytes.size() == 8) return;
  encodePlayed(played, group);
  const uint32_t head[2] = {static_cast<uint32_t>(bytes.size() - 8), link::crc32(bytes.data() + 8, bytes.size() - 8)};
  std::memcpy(bytes.data(), head, sizeof head);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw Fault("E_HISTORY_WRITE", path_ + ": " + strerror(errno));
    done += static_cast<size_t>(written);
  }
}

}  // namespace troupe::terminal
