#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "dll/ring.h"

using troupe::dll::Ring;

namespace {

constexpr size_t kBytes = 4096;

TEST(DllRing, GivesBackWhatWasPushedInOrderAndRefusesWhatDoesNotFit) {
  Ring ring(kBytes);
  std::mt19937 random(1);
  std::vector<std::pair<uint32_t, size_t>> inside;
  size_t first = 0;
  uint32_t pushed = 0;
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      const std::vector<uint8_t> record(1 + random() % ring.longestRecord(), static_cast<uint8_t>(pushed));
      if (ring.push(pushed, record.data(), record.size(), nullptr, 0)) {
        inside.emplace_back(pushed++, record.size());
      } else {
        ++refused;
        ASSERT_LT(first, inside.size()) << "an empty ring takes everything";
      }
    } else {
      Ring::Record record;
      ASSERT_EQ(ring.front(record), first < inside.size());
      if (first == inside.size()) continue;
      ASSERT_EQ(record.tag, inside[first].first);
      ASSERT_EQ(record.size, inside[first].second);
      for (uint32_t at = 0; at < record.size; ++at) ASSERT_EQ(record.data[at], static_cast<uint8_t>(record.tag));
      ring.pop();
      ++first;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(ring.empty(), first == inside.size());
}

TEST(DllRing, TakesTheLongestRecordWhereverTheLastOneEnded) {
  for (size_t offset = 0; offset < kBytes; offset += 8) {
    Ring ring(kBytes);
    std::vector<uint8_t> filler(8), longest(ring.longestRecord(), 7);
    Ring::Record record;
    for (size_t at = 0; at < offset; at += 16) {
      ASSERT_TRUE(ring.push(1, filler.data(), 8, nullptr, 0));
      ASSERT_TRUE(ring.front(record));
      ring.pop();
    }
    ASSERT_TRUE(ring.push(2, longest.data(), 5, longest.data() + 5, longest.size() - 5)) << offset;
    ASSERT_TRUE(ring.front(record));
    ASSERT_EQ(record.size, longest.size());
    ASSERT_EQ(std::vector<uint8_t>(record.data, record.data + record.size), longest);
  }
}

TEST(DllRing, TwoThreadsLoseAndDoubleNothing) {
  Ring ring(kBytes);
  constexpr uint32_t kRecords = 200'000;
  std::thread pusher([&] {
    for (uint32_t i = 0; i < kRecords;) {
      const uint32_t body[8] = {i, i, i, i, i, i, i, i};
      const size_t bytes = 4 * (1 + i % 8);
      if (ring.push(i, &i, sizeof i, body, bytes)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < kRecords;) {
    Ring::Record record;
    if (!ring.front(record)) {
      std::this_thread::yield();
      continue;
    }
    wrong += record.tag != i || record.size != 4 + 4 * (1 + i % 8);
    for (uint32_t at = 0; at < record.size; at += 4) wrong += std::memcmp(record.data + at, &i, 4) != 0;
    ring.pop();
    ++i;
  }
  pusher.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(ring.empty());
}

}  // namespace
