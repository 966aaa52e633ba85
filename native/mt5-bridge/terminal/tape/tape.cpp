#include "tape/tape.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>

#include "engine/random.h"
#include "fault.h"

namespace troupe::terminal {

namespace {

constexpr uint64_t kHeaderBytes = 32;
constexpr uint64_t kNameBytes = 32;

struct Header {
  char magic[8];
  uint32_t symbol_count;
  int32_t utc_offset_s;
  uint64_t tick_count;
  uint64_t data_offset;
};
static_assert(sizeof(Header) == kHeaderBytes);

}  // namespace

Tape::Tape(const std::string& path, const std::vector<std::string>& symbols) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Fault("E_TAPE_OPEN", path + ": " + strerror(errno));
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  bytes_ = known ? static_cast<uint64_t>(info.st_size) : 0;
  void* mapped = MAP_FAILED;
  if (bytes_ >= kHeaderBytes) mapped = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (!known) throw Fault("E_TAPE_OPEN", path + ": not a regular file");
  if (bytes_ < kHeaderBytes) {
    throw Fault("E_TAPE_TRUNCATED", path + ": " + std::to_string(bytes_) + " bytes, a tape has at least 32");
  }
  if (mapped == MAP_FAILED) throw Fault("E_TAPE_OPEN", path + ": cannot be mapped: " + strerror(errno));
  data_ = static_cast<const uint8_t*>(mapped);
  try {
    Header header;
    std::memcpy(&header, data_, sizeof header);
    if (std::memcmp(header.magic, "TRPTAPE1", 8) != 0) {
      throw Fault("E_TAPE_MAGIC", path + ": does not begin with TRPTAPE1");
    }
    utc_offset_s_ = header.utc_offset_s;
    symbol_count_ = header.symbol_count;
    if (symbol_count_ == 0 || symbol_count_ > 65536) {
      throw Fault("E_TAPE_HEADER", path + ": " + std::to_string(symbol_count_) + " symbols, allowed 1..65536");
    }
    if (header.data_offset % 32 != 0 || header.data_offset < kHeaderBytes + kNameBytes * symbol_count_) {
      throw Fault("E_TAPE_HEADER", path + ": data offset " + std::to_string(header.data_offset) +
                                       " is not a multiple of 32 behind the names");
    }
    if (header.tick_count == 0) throw Fault("E_TAPE_EMPTY", path + ": holds no ticks");
    const uint64_t room = header.data_offset > bytes_ ? 0 : (bytes_ - header.data_offset) / sizeof(link::Tick);
    if (room < header.tick_count) {
      throw Fault("E_TAPE_TRUNCATED",
                  path + ": says " + std::to_string(header.tick_count) + " ticks, holds " + std::to_string(room));
    }
    view_.ticks = reinterpret_cast<const link::Tick*>(data_ + header.data_offset);
    view_.count = header.tick_count;
    readNames(path, symbols);
    ::madvise(mapped, bytes_, MADV_SEQUENTIAL);
    checkRecords(path);
  } catch (...) {
    ::munmap(mapped, bytes_);
    throw;
  }
}

Tape::~Tape() { ::munmap(const_cast<uint8_t*>(data_), bytes_); }

void Tape::readNames(const std::string& path, const std::vector<std::string>& symbols) {
  std::set<std::string> seen;
  for (uint32_t i = 0; i < symbol_count_; ++i) {
    const char* at = reinterpret_cast<const char*>(data_ + kHeaderBytes + kNameBytes * i);
    const std::string name(at, strnlen(at, kNameBytes));
    if (name.empty() || name.size() == kNameBytes) {
      throw Fault("E_TAPE_SYMBOL",
                  path + ": name of symbol " + std::to_string(i) + " is empty or longer than 31 bytes");
    }
    if (!seen.insert(name).second) throw Fault("E_TAPE_SYMBOL", path + ": symbol " + name + " is named twice");
    const auto found = std::find(symbols.begin(), symbols.end(), name);
    if (found == symbols.end()) {
      throw Fault("E_TAPE_SYMBOL", path + ": symbol " + name + " is not among the configured symbols");
    }
    view_.symbol_of.push_back(static_cast<uint32_t>(found - symbols.begin()));
  }
}

void Tape::checkRecords(const std::string& path) const {
  int64_t last = view_.ticks[0].time_ms;
  for (uint64_t i = 0; i < view_.count; ++i) {
    const link::Tick& tick = view_.ticks[i];
    const char* wrong = nullptr;
    if (tick.symbol >= symbol_count_) wrong = "symbol index outside the list of names";
    if (tick.time_ms < last) wrong = "time runs backwards";
    if (!(std::isfinite(tick.bid) && std::isfinite(tick.ask) && tick.bid > 0)) wrong = "bid or ask is not a price";
    if (!(tick.bid <= tick.ask)) wrong = "bid above ask";
    if (wrong) throw Fault("E_TAPE_TICK", path + ": tick " + std::to_string(i) + ": " + wrong);
    last = tick.time_ms;
  }
}

uint64_t Tape::identity() const {
  const link::Tick& first = view_.ticks[0];
  const link::Tick& last = view_.ticks[view_.count - 1];
  uint64_t id = mix64(view_.count) ^ hash64({reinterpret_cast<const char*>(data_), kHeaderBytes});
  id = mix64(id ^ hash64({reinterpret_cast<const char*>(&first), sizeof first}));
  return mix64(id ^ hash64({reinterpret_cast<const char*>(&last), sizeof last}));
}

}  // namespace troupe::terminal
