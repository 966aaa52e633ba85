// The tape: a file of ticks, memory-mapped and read-only. Layout, little-endian:
//   0 char[8] "TRPTAPE1"; 8 u32 symbol_count; 12 i32 utc_offset_s; 16 u64 tick_count; 24 u64 data_offset
//   32 symbol_count x char[32] names, zero-padded; at data_offset tick_count records like link::Tick, whose symbol is
//   an index into these names. Times never fall.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "link/messages.h"

namespace troupe::terminal {

// What the player needs of a tape; tests make one from a vector.
struct TapeView {
  const link::Tick* ticks = nullptr;
  uint64_t count = 0;
  // From the tape's symbol index to the index in the config's list of symbols (what goes over the link).
  std::vector<uint32_t> symbol_of;
};

class Tape {
 public:
  // Throws Fault (E_TAPE_*) if the file cannot be mapped, is no tape, is cut short, or holds a record that no market
  // can have made. `symbols` are the configured names.
  Tape(const std::string& path, const std::vector<std::string>& symbols);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  const TapeView& view() const { return view_; }
  int32_t utc_offset_s() const { return utc_offset_s_; }
  // Tells this tape from another one; not a checksum of all its bytes.
  uint64_t identity() const;

 private:
  void readNames(const std::string& path, const std::vector<std::string>& symbols);
  void checkRecords(const std::string& path) const;

  const uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
  int32_t utc_offset_s_ = 0;
  uint32_t symbol_count_ = 0;
  TapeView view_;
};

}  // namespace troupe::terminal
