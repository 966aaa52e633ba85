// The terminal's base of ticks, as CopyTicks shows it.
#include <algorithm>
#include <vector>

#include "test/mql5_support.h"

namespace mql5_test {
namespace {

MqlTick g_ticks[10'000], g_many[70'000];

TEST_F(MqlTest, CopyTicksGoesForwardFromATimeAndBackFromNow) {
  start();
  for (int i = 0; i < 10; ++i) tick("EURUSD", 1.1 + i * 0.001, i % 2);  // pairs within one millisecond
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 0, 3), 3);
  EXPECT_NEAR(g_ticks[2].bid, 1.109, 1e-9);
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, static_cast<ulong>(kStartMs + 1), 4), 4);
  EXPECT_EQ(g_ticks[0].time_msc, kStartMs + 1);
  EXPECT_NEAR(g_ticks[0].bid, 1.101, 1e-9);
  EXPECT_EQ(g_ticks[1].time_msc, kStartMs + 1);
  EXPECT_EQ(g_ticks[0].flags, 6u);
  EXPECT_EQ(g_ticks[0].time, kStartMs / 1000);
  EXPECT_EQ(CopyTicksRange("EURUSD", g_ticks, COPY_TICKS_ALL, static_cast<ulong>(kStartMs + 1),
                           static_cast<ulong>(kStartMs + 2)),
            4);
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_TRADE, 0, 3), 0);
}

TEST_F(MqlTest, CopyTicksRefusesWhatItDoesNotKnow) {
  start();
  EXPECT_EQ(CopyTicks("NOSUCH", g_ticks), -1);
  EXPECT_EQ(GetLastError(), ERR_MARKET_UNKNOWN_SYMBOL);
  EXPECT_TRUE(SymbolSelect("GBPUSD", false));
  EXPECT_EQ(CopyTicks("GBPUSD", g_ticks), -1);
  EXPECT_EQ(GetLastError(), ERR_MARKET_NOT_SELECTED);
  EXPECT_EQ(SymbolsTotal(true), 1);
  EXPECT_EQ(SymbolName(0, true), "EURUSD");
}

TEST_F(MqlTest, AnArrayThatIsTooSmallIsFilledAndSaysSo) {
  start();
  for (int i = 0; i < 10; ++i) tick("EURUSD", 1.1);
  MqlTick few[4];
  EXPECT_EQ(CopyTicksRange("EURUSD", few), 4);
  EXPECT_EQ(GetLastError(), ERR_HISTORY_SMALL_BUFFER);
}

TEST_F(MqlTest, WithoutACountThereAreTwoThousand) {
  start();
  for (int i = 0; i < 2500; ++i) tick("EURUSD", 1.1);
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks), 2000);
}

TEST_F(MqlTest, LateTicksAreInsertedWhereTheirTimeIs) {
  profile.late_tick = 0.3;
  profile.late_tick_us = 200'000;
  start();
  for (int i = 0; i < 100; ++i) tick("EURUSD", 1.1 + i * 0.0001);
  const int before = CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 1, 1000);
  EXPECT_LT(before, 90);
  EXPECT_GT(before, 50);
  pass(200'000);
  ASSERT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 1, 1000), 100);
  for (int i = 0; i < 100; ++i) EXPECT_NEAR(g_ticks[i].bid, 1.1 + i * 0.0001, 1e-9);
}

TEST_F(MqlTest, BeyondTheFastCacheReadingTakesTime) {
  profile.slow_ticks_us = 30'000;
  profile.first_ticks_us = 500'000;
  start();
  for (int i = 0; i < 5000; ++i) tick("EURUSD", 1.1);
  int64_t before = clock.nowUs();
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 0, 4096), 4096);
  EXPECT_EQ(clock.nowUs() - before, 500'000);  // the first time
  before = clock.nowUs();
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 0, 4096), 4096);
  EXPECT_EQ(clock.nowUs() - before, 0);
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 0, 4097), 4097);
  EXPECT_EQ(clock.nowUs() - before, 30'000);
}

TEST_F(MqlTest, WithAnOpenDepthOfMarketTheFastCacheIsSixteenTimesAsLarge) {
  profile.slow_ticks_us = 30'000;
  profile.book_depth = 5;
  start();
  for (int i = 0; i < 70'000; ++i) tick("EURUSD", 1.1);
  const auto took_us = [&](uint count) {
    const int64_t before = clock.nowUs();
    EXPECT_EQ(CopyTicks("EURUSD", g_many, COPY_TICKS_ALL, 0, count), static_cast<int>(count));
    return clock.nowUs() - before;
  };
  EXPECT_EQ(took_us(4097), 30'000) << "nobody has opened it";
  ASSERT_TRUE(MarketBookAdd("EURUSD"));
  EXPECT_EQ(took_us(65'536), 0);
  EXPECT_EQ(took_us(65'537), 30'000);
}

TEST_F(MqlTest, TheFirstTickOfATimeIsFoundWhereverItStands) {
  for (size_t count = 0; count < 70; ++count) {
    TickBase base(100);
    std::vector<int64_t> times;
    for (size_t i = 0; i < count; ++i) {
      times.push_back(static_cast<int64_t>(10 + i * i % 7 + i / 2 * 3));
      base.add({times.back(), 1.1, 1.2, 6});
    }
    std::sort(times.begin(), times.end());
    for (int64_t time = 0; time < 130; ++time)
      ASSERT_EQ(base.lowerBound(time),
                static_cast<size_t>(std::lower_bound(times.begin(), times.end(), time) - times.begin()))
          << time << " of " << count;
  }
}

TEST_F(MqlTest, TheOldestTicksAreForgotten) {
  base_ticks = 100;
  start();
  for (int i = 0; i < 150; ++i) tick("EURUSD", 1.1);
  EXPECT_EQ(CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 1, 1000), 100);
  EXPECT_EQ(g_ticks[0].time_msc, kStartMs + 51);
}

TEST_F(MqlTest, ReadTicksAreKnownAsRead) {
  start();
  for (int i = 0; i < 10; ++i) tick("EURUSD", 1.1);
  EXPECT_EQ(terminal->unread(0), 10u);
  CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 1, 4);
  EXPECT_EQ(terminal->unread(0), 6u);
  CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 1, 2);
  EXPECT_EQ(terminal->unread(0), 6u);
  CopyTicks("EURUSD", g_ticks, COPY_TICKS_ALL, 1, 100);
  EXPECT_EQ(terminal->unread(0), 0u);
}

TEST_F(MqlTest, TheClocksOfServerAndMachine) {
  start();
  tick("EURUSD", 1.1, 5000);
  EXPECT_EQ(TimeCurrent(), kStartMs / 1000 + 5);
  clock.sleepUs(60'000'000);
  EXPECT_EQ(TimeCurrent(), kStartMs / 1000 + 5);  // stands still without quotes
  EXPECT_EQ(TimeGMT(), TimeTradeServer());
  EXPECT_GE(TimeGMT(), kStartMs / 1000 + 60);
}

}  // namespace
}  // namespace mql5_test
