// The shim's memory functions do with fixed arrays what MetaTrader does. Sizes and numbers are asserted by the shim
// itself (terminal/shim/checks.h) whenever it is compiled.
#include <gtest/gtest.h>

#include "terminal/shim/mql5.h"

namespace {

TEST(ShimMemory, StructsGoIntoBytesAndBack) {
  MqlTick tick = {};
  tick.time_msc = 1'700'000'000'123;
  tick.ask = 1.1;
  tick.flags = TICK_FLAG_ASK;
  uchar bytes[70];
  ASSERT_TRUE(StructToCharArray(tick, bytes, 10));
  EXPECT_EQ(bytes[10 + 48], TICK_FLAG_ASK);
  MqlTick back = {};
  ASSERT_TRUE(CharArrayToStruct(back, bytes, 10));
  EXPECT_EQ(back.time_msc, tick.time_msc);
  EXPECT_EQ(back.ask, tick.ask);
  EXPECT_FALSE(StructToCharArray(tick, bytes, 11));
  EXPECT_FALSE(CharArrayToStruct(back, bytes, 11));
}

TEST(ShimMemory, ZeroMemoryClearsStringsToo) {
  MqlTradeRequest request = {};
  request.comment = "x";
  request.volume = 1;
  ZeroMemory(request);
  EXPECT_EQ(request.comment, "");
  EXPECT_EQ(request.volume, 0);
}

TEST(ShimMemory, CopiesStayInsideBothArrays) {
  int from[4] = {1, 2, 3, 4};
  int to[3] = {};
  EXPECT_EQ(ArrayCopy(to, from, 1, 1), 2);
  EXPECT_EQ(to[0], 0);
  EXPECT_EQ(to[1], 2);
  EXPECT_EQ(to[2], 3);
  EXPECT_EQ(ArrayCopy(to, from, 3, 0), 0);
  EXPECT_EQ(ArrayCopy(to, from, 0, 5), 0);
}

}  // namespace
