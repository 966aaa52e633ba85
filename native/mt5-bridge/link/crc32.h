// CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320): for the frames of the link, the records of the bridge's journal
// and those of the terminal's history.
//
// Frames of ticks pass here at hundreds of megabytes a second: long runs are folded where the processor can
// (crc32_fold.h), the rest is taken eight bytes at a time (slicing by 8). The polynomial is the one that MQL5 and any
// table of 256 numbers compute too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "link/crc32_fold.h"

namespace troupe::link {

// kCrcTables[k][b]: what byte b does to the checksum when k more bytes come after it.
inline constexpr std::array<std::array<uint32_t, 256>, 8> kCrcTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1) ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    tables[0][i] = c;
  }
  for (size_t k = 1; k < tables.size(); ++k)
    for (size_t i = 0; i < 256; ++i) tables[k][i] = tables[0][tables[k - 1][i] & 0xFF] ^ (tables[k - 1][i] >> 8);
  return tables;
}();

// A checksum over several pieces: begin, add each, end.
constexpr uint32_t crc32Begin() { return 0xFFFFFFFFu; }

inline uint32_t crc32ByTables(uint32_t c, const uint8_t* bytes, size_t size) {
  for (; size >= 8; size -= 8, bytes += 8) {
    uint32_t low, high;
    std::memcpy(&low, bytes, sizeof low);
    std::memcpy(&high, bytes + sizeof low, sizeof high);
    low ^= c;
    c = kCrcTables[7][low & 0xFF] ^ kCrcTables[6][low >> 8 & 0xFF] ^ kCrcTables[5][low >> 16 & 0xFF] ^
        kCrcTables[4][low >> 24] ^ kCrcTables[3][high & 0xFF] ^ kCrcTables[2][high >> 8 & 0xFF] ^
        kCrcTables[1][high >> 16 & 0xFF] ^ kCrcTables[0][high >> 24];
  }
  for (; size > 0; --size, ++bytes) c = kCrcTables[0][(c ^ *bytes) & 0xFF] ^ (c >> 8);
  return c;
}

inline uint32_t crc32Add(uint32_t c, const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
#ifdef TROUPE_CRC_FOLDS
  if (size >= kFoldBytes && crc32CanFold()) {
    const size_t folded = size & ~size_t{15};
    c = crc32Fold(c, bytes, folded);
    bytes += folded;
    size -= folded;
  }
#endif
  return crc32ByTables(c, bytes, size);
}

constexpr uint32_t crc32End(uint32_t c) { return ~c; }

inline uint32_t crc32(const void* data, size_t size) { return crc32End(crc32Add(crc32Begin(), data, size)); }

}  // namespace troupe::link
