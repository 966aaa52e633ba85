#include "bridge/spent.h"

#include <gtest/gtest.h>

#include <vector>

namespace troupe::bridge {
namespace {

std::vector<int*> destroyed;
void destroyInt(int* one) { destroyed.push_back(one); }
using SpentInts = Spent<int, destroyInt>;

TEST(Spent, areGivenBackTogetherEachOnceAndTheRestAtTheEnd) {
  destroyed.clear();
  std::vector<int> all(2 * SpentInts::kTogether + 3);
  {
    SpentInts spent;
    for (size_t i = 0; i < all.size(); i++) {
      spent.add(&all[i]);
      // Nothing is held back beyond one lot, and nothing leaves before it is full.
      EXPECT_EQ(destroyed.size(), (i + 1) / SpentInts::kTogether * SpentInts::kTogether);
    }
  }
  ASSERT_EQ(destroyed.size(), all.size());
  for (size_t i = 0; i < all.size(); i++) EXPECT_EQ(destroyed[i], &all[i]);
}

}  // namespace
}  // namespace troupe::bridge
