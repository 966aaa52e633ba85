#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "link/crc32.h"

using namespace troupe::link;

namespace {

// Bit by bit, as the polynomial says.
uint32_t slowly(const uint8_t* bytes, size_t size) {
  uint32_t c = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; ++i) {
    c ^= bytes[i];
    for (int k = 0; k < 8; ++k) c = (c & 1) ? 0xEDB88320u ^ (c >> 1) : c >> 1;
  }
  return ~c;
}

TEST(Crc, knownAnswers) {
  EXPECT_EQ(crc32("123456789", 9), 0xCBF43926u);
  EXPECT_EQ(crc32("", 0), 0u);
  const std::vector<uint8_t> zeros(32, 0), ones(32, 0xFF);
  EXPECT_EQ(crc32(zeros.data(), zeros.size()), 0x190A55ADu);
  EXPECT_EQ(crc32(ones.data(), ones.size()), 0xFF6CAB0Bu);
}

TEST(Crc, foldedEightBytesAtATimeOrNeitherItIsTheSame) {
  std::mt19937 random(1);
  std::vector<uint8_t> bytes(320);
  for (auto& b : bytes) b = static_cast<uint8_t>(random());
  for (size_t from = 0; from < 16; ++from)
    for (size_t size = 0; size <= 300; ++size)
      ASSERT_EQ(crc32(bytes.data() + from, size), slowly(bytes.data() + from, size)) << from << ", " << size;
}

#ifdef TROUPE_CRC_FOLDS
// Where the processor cannot fold, whole frames go by the tables.
TEST(Crc, theTablesSayWhatTheFoldSays) {
  if (!crc32CanFold()) GTEST_SKIP() << "this processor has no carry-less multiplication";
  std::mt19937 random(3);
  std::vector<uint8_t> bytes(4096);
  for (auto& b : bytes) b = static_cast<uint8_t>(random());
  for (size_t size = kFoldBytes; size <= bytes.size(); size += 16) {
    const uint32_t begin = random();
    ASSERT_EQ(crc32Fold(begin, bytes.data(), size), crc32ByTables(begin, bytes.data(), size)) << size;
  }
}
#endif

TEST(Crc, inPiecesItIsTheSame) {
  std::mt19937 random(2);
  std::vector<uint8_t> bytes(5000);
  for (auto& b : bytes) b = static_cast<uint8_t>(random());
  const uint32_t whole = crc32(bytes.data(), bytes.size());
  for (int round = 0; round < 200; ++round) {
    uint32_t crc = crc32Begin();
    for (size_t at = 0; at < bytes.size();) {
      const size_t n = std::min<size_t>(bytes.size() - at, random() % 700);
      crc = crc32Add(crc, bytes.data() + at, n);
      at += n;
    }
    ASSERT_EQ(crc32End(crc), whole);
  }
}

}  // namespace
