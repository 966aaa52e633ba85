// Chance without state: each draw is a function of the seed, of what is drawn for (an order id or ticket) and of the
// purpose. The same orders meet the same luck in whatever order they come, and after a restart of the terminal.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::terminal {

enum class Draw : uint64_t { kReject = 1, kPartial = 2, kFirstPart = 3, kSlippage = 4, kLatency = 5 };

// SplitMix64's finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// FNV-1a.
constexpr uint64_t hash64(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (char c : text) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  return h;
}

// Uniform in [0, 1). `part` tells the draws for the several deals of one order apart.
constexpr double draw(uint64_t seed, uint64_t key, Draw purpose, uint64_t part = 0) {
  const uint64_t bits = mix64(mix64(mix64(seed) ^ key) ^ (static_cast<uint64_t>(purpose) << 32 | part));
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace troupe::terminal
