// SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), for the proof of the key: portable, because the same code goes into
// the DLL. It is fed a few hundred bytes a connection; speed is of no concern.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace troupe::link {

using Digest = std::array<uint8_t, 32>;

struct Piece {
  const void* data;
  size_t size;
};

Digest sha256(std::initializer_list<Piece> pieces);
// Over the pieces, one after the other.
Digest hmacSha256(const Piece& key, std::initializer_list<Piece> pieces);

// Takes as long whether the first byte differs or the last: a guess must not be told how near it came.
bool equalInConstantTime(const void* a, const void* b, size_t size);

}  // namespace troupe::link
