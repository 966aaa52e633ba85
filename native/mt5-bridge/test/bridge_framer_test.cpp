#include <gtest/gtest.h>

#include <map>
#include <random>

#include "bridge/framer.h"

using namespace troupe;
using namespace troupe::bridge;
using link::LinkError;

namespace {

struct FakeSink : FrameSink {
  size_t size = 4, used = 0;
  std::vector<market::v1::TickFrame> frames;
  size_t room() const override { return size - used; }
  size_t window() const override { return size; }
  bool publish(uint32_t, const market::v1::TickFrame& frame) override {
    if (used == size) return false;
    ++used;
    frames.push_back(frame);
    return true;
  }
};

link::Tick tick(int64_t ms, uint32_t symbol = 0, uint32_t flags = 6) { return {ms, 1.0, 1.5, symbol, flags}; }

struct Fixture : testing::Test {
  FakeSink sink;
  Framer framer{{.max_ticks = 4, .linger_us = 1000, .linger_loaded_us = 5000, .linger_per_open_us = 50}, sink};
  LinkError error = LinkError::kNone;

  void begin(std::vector<std::string> symbols = {"A", "B"}, int32_t offset_s = 0) {
    framer.begin("SRC", "s1", offset_s, symbols, std::vector<uint64_t>(symbols.size(), 0));
  }
  size_t add(std::vector<link::Tick> ticks, int64_t now_us) {
    return framer.add(ticks.data(), ticks.size(), 77, now_us, error);
  }
};

using FramerTest = Fixture;

TEST_F(FramerTest, closesWhenFull) {
  begin();
  EXPECT_EQ(add({tick(1), tick(2), tick(3)}, 0), 3u);
  EXPECT_TRUE(sink.frames.empty());
  EXPECT_EQ(add({tick(4), tick(5)}, 0), 2u);
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(sink.frames[0].bid_size(), 4);
  EXPECT_EQ(sink.frames[0].first_sequence(), 1);
  framer.flush();
  ASSERT_EQ(sink.frames.size(), 2u);
  EXPECT_EQ(sink.frames[1].first_sequence(), 5);
}

TEST_F(FramerTest, lingersOneMillisecondWhenIdle) {
  begin();
  add({tick(1)}, 10'000);
  add({tick(2)}, 10'900);  // later ticks do not prolong it
  EXPECT_EQ(framer.nextDueUs(), 11'000);
  framer.pass(10'999);
  EXPECT_TRUE(sink.frames.empty());
  framer.pass(11'000);
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(sink.frames[0].bid_size(), 2);
  EXPECT_EQ(framer.nextDueUs(), INT64_MAX);
}

TEST_F(FramerTest, halfLeavesAtATimeTheOldestFirst) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) names.push_back("S" + std::to_string(i));
  sink.size = 1'000'000;  // so that it does not stretch the linger
  begin(names);
  for (uint32_t s = 0; s < 8; ++s) add({tick(1, s)}, s);
  framer.pass(999);
  EXPECT_TRUE(sink.frames.empty());
  framer.pass(1000);
  ASSERT_EQ(sink.frames.size(), 4u);
  EXPECT_EQ(sink.frames[0].symbol(), "S0");
  EXPECT_EQ(sink.frames[3].symbol(), "S3");
  EXPECT_EQ(framer.nextDueUs(), 1500) << "overdue, and yet not right behind the others";
  framer.pass(1499);
  EXPECT_EQ(sink.frames.size(), 4u);
  framer.pass(1500);
  ASSERT_EQ(sink.frames.size(), 6u) << "half of those that are open then";
  EXPECT_EQ(sink.frames[4].symbol(), "S4");
}

TEST_F(FramerTest, symbolsThatTickWithoutAPauseSettleApart) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) names.push_back("S" + std::to_string(i));
  sink.size = 1000;
  Framer busy({.linger_us = 1000, .linger_per_open_us = 500}, sink);
  busy.begin("SRC", "s1", 0, names, std::vector<uint64_t>(8, 0));
  std::map<std::string, int64_t> left;
  std::vector<size_t> together;
  int64_t longest = 0;
  for (int64_t now = 0; now < 100'000; now += 50) {
    for (uint32_t s = 0; s < 8; ++s) {
      const auto one = tick(now / 1000, s);
      ASSERT_EQ(busy.add(&one, 1, 77, now, error), 1u);
    }
    const size_t before = sink.frames.size();
    busy.pass(now);
    if (sink.frames.size() > before) together.push_back(sink.frames.size() - before);
    for (size_t i = before; i < sink.frames.size(); ++i) {
      int64_t& last = left[sink.frames[i].symbol()];
      if (now > 20'000) longest = std::max(longest, now - last);
      last = now;
    }
  }
  EXPECT_LE(*std::max_element(together.begin(), together.end()), 4u);
  EXPECT_LE(longest, 4'500) << "eight open frames linger 4 ms";
  EXPECT_NEAR(static_cast<double>(sink.frames.size()), 200, 20) << "2,000 frames a second";
}

TEST_F(FramerTest, theRestLeavesTooOnceTheDepartedFillHalfOfTheWindow) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) names.push_back("S" + std::to_string(i));
  sink.size = 10;
  sink.used = 4;
  begin(names);
  for (uint32_t s = 0; s < 8; ++s) add({tick(1, s)}, 0);
  framer.pass(10'000);
  EXPECT_EQ(sink.used, sink.size);
  EXPECT_EQ(sink.frames.size(), 6u);
}

TEST_F(FramerTest, whenTheServerIsBehindAllLeaveWithTheFirst) {
  begin();
  sink.size = 10;
  sink.used = 6;
  add({tick(1, 0)}, 0);
  add({tick(1, 1)}, 900);
  framer.pass(framer.nextDueUs());
  ASSERT_EQ(sink.frames.size(), 2u);
  EXPECT_EQ(framer.nextDueUs(), INT64_MAX);
}

TEST_F(FramerTest, whatTheWindowHasNoRoomForStaysDue) {
  begin();
  sink.used = sink.size - 1;
  add({tick(1, 0), tick(1, 1)}, 0);
  framer.pass(5000);
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_LE(framer.nextDueUs(), 5000);
  sink.used = 0;
  framer.pass(5000);
  EXPECT_EQ(sink.frames.size(), 2u);
}

TEST_F(FramerTest, lingerStretchesWithTheWindow) {
  begin();
  sink.used = 2;  // half of the window
  add({tick(1)}, 0);
  EXPECT_EQ(framer.nextDueUs(), 3000);
  sink.used = 3;
  EXPECT_EQ(framer.nextDueUs(), 4000);
}

TEST_F(FramerTest, manyBusySymbolsLingerLonger) {
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back("S" + std::to_string(i));
  sink.size = 10'000;
  begin(names);
  for (uint32_t s = 0; s < 500; ++s) add({tick(1, s)}, 0);
  EXPECT_EQ(framer.nextDueUs(), 25'000);
}

TEST_F(FramerTest, oldestFirst) {
  begin();
  add({tick(1, 1)}, 0);
  add({tick(1, 0)}, 10);
  framer.pass(5000);
  framer.pass(10'000);
  ASSERT_EQ(sink.frames.size(), 2u);
  EXPECT_EQ(sink.frames[0].symbol(), "B");
  EXPECT_EQ(sink.frames[1].symbol(), "A");
}

TEST_F(FramerTest, fullWindowLetsFramesGrowThenHoldsTheTerminal) {
  begin();
  sink.used = sink.size;
  EXPECT_EQ(add({tick(1)}, 0), 1u);
  framer.pass(1'000'000);
  EXPECT_TRUE(sink.frames.empty()) << "nothing may be published beyond the window";
  EXPECT_EQ(add({tick(2), tick(3), tick(4)}, 1'000'000), 3u) << "open frames grow";
  EXPECT_TRUE(framer.blocked());
  EXPECT_EQ(add({tick(5)}, 1'000'000), 0u) << "a full frame takes no more";
  EXPECT_EQ(add({tick(9, 1), tick(5)}, 1'000'000), 1u) << "other symbols still grow";
  sink.used = sink.size - 1;
  framer.pass(1'000'001);
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(sink.frames[0].symbol(), "A") << "the frame that holds up the terminal goes first";
  EXPECT_FALSE(framer.blocked());
  EXPECT_EQ(add({tick(5)}, 1'000'002), 1u);
}

TEST_F(FramerTest, timesAreUtcAndOffsets) {
  begin({"A"}, 7200);
  add({tick(7'200'000 + 1000), tick(7'200'000 + 1000), tick(7'200'000 + 1250)}, 0);
  framer.flush();
  const auto& frame = sink.frames.at(0);
  EXPECT_EQ(frame.base_time_ms(), 1000);
  EXPECT_EQ(frame.utc_offset_s(), 7200);
  EXPECT_EQ(frame.time_offset_ms(0), 0u);
  EXPECT_EQ(frame.time_offset_ms(1), 0u);
  EXPECT_EQ(frame.time_offset_ms(2), 250u);
  EXPECT_EQ(frame.first_sent_us(), 77);
  EXPECT_EQ(frame.session(), "s1");
  EXPECT_EQ(frame.source(), "SRC");
}

TEST_F(FramerTest, aTickThatCannotStandInTheFrameBeginsAnother) {
  begin();
  add({tick(1000), tick(999), tick(999 + (int64_t{1} << 32))}, 0);
  framer.flush();
  ASSERT_EQ(sink.frames.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sink.frames[static_cast<size_t>(i)].first_sequence(), i + 1);
}

TEST_F(FramerTest, aBackwardTickWaitsWhenTheWindowIsFull) {
  begin();
  add({tick(1000)}, 0);
  sink.used = sink.size;
  EXPECT_EQ(add({tick(999)}, 0), 0u);
  sink.used = 0;
  framer.pass(1);
  EXPECT_EQ(add({tick(999)}, 1), 1u);
  framer.flush();
  ASSERT_EQ(sink.frames.size(), 2u);
}

TEST_F(FramerTest, flagsOnlyWhenASideIsMissing) {
  begin();
  add({tick(1), tick(2, 0, 14)}, 0);
  framer.flush();
  EXPECT_EQ(sink.frames.at(0).flags_size(), 0) << "bits beside bid and ask do not matter";
  add({tick(3, 0, 6), tick(4, 0, 2)}, 0);
  framer.flush();
  ASSERT_EQ(sink.frames.at(1).flags_size(), 2);
  EXPECT_EQ(sink.frames[1].flags(0), 6u);
  EXPECT_EQ(sink.frames[1].flags(1), 2u);
  add({tick(5)}, 0);
  framer.flush();
  EXPECT_EQ(sink.frames.at(2).flags_size(), 0);
}

TEST_F(FramerTest, stopsBeforeWhatIsNoTick) {
  begin();
  EXPECT_EQ(add({tick(1), tick(2, 2)}, 0), 1u);
  EXPECT_EQ(error, LinkError::kBadSymbol);
  error = LinkError::kNone;
  auto bad = tick(3);
  bad.ask = std::numeric_limits<double>::infinity();
  EXPECT_EQ(add({bad}, 0), 0u);
  EXPECT_EQ(error, LinkError::kBadNumber);
}

// Whatever the window does: every tick comes out once, in order, numbered without holes, in columns of equal length.
TEST(FramerProperty, everyTickOnceInOrder) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    FakeSink sink;
    sink.size = 1 + below(8);
    Framer framer({.max_ticks = 1 + below(16), .linger_us = 1000, .linger_loaded_us = 5000}, sink);
    const uint32_t symbols = 1 + below(6);
    std::vector<std::string> names;
    for (uint32_t s = 0; s < symbols; ++s) names.push_back(std::string(1, static_cast<char>('A' + s)));
    framer.begin("SRC", "s", 0, names, std::vector<uint64_t>(symbols, 0));
    std::vector<link::Tick> ticks(200 + below(300));
    int64_t ms = 1'000'000;
    for (size_t i = 0; i < ticks.size(); ++i) {
      ms += below(20) == 0 ? -5 : static_cast<int64_t>(below(3));
      ticks[i] = {ms, static_cast<double>(i), i + 0.5, below(symbols), below(10) == 0 ? 2u : 6u};
    }
    int64_t now = 0;
    LinkError error = LinkError::kNone;
    for (size_t at = 0; at < ticks.size();) {
      const size_t n = std::min<size_t>(ticks.size() - at, 1 + below(40));
      at += framer.add(ticks.data() + at, n, 1, now, error);
      now += below(3000);
      if (below(2)) sink.used -= std::min<size_t>(sink.used, below(4));
      framer.pass(now);
      ASSERT_LE(sink.used, sink.size);
    }
    while (!framer.flush()) sink.used = 0;
    ASSERT_EQ(error, LinkError::kNone);
    std::map<std::string, uint64_t> next;
    std::map<std::string, std::vector<link::Tick>> want, got;
    for (const auto& t : ticks) want[names[t.symbol]].push_back(t);
    for (const auto& frame : sink.frames) {
      uint64_t& n = next.try_emplace(frame.symbol(), 1).first->second;
      ASSERT_EQ(frame.first_sequence(), static_cast<double>(n)) << "seed " << seed;
      n += static_cast<uint64_t>(frame.bid_size());
      ASSERT_EQ(frame.ask_size(), frame.bid_size());
      ASSERT_EQ(frame.time_offset_ms_size(), frame.bid_size());
      ASSERT_TRUE(frame.flags_size() == 0 || frame.flags_size() == frame.bid_size());
      for (int i = 0; i < frame.bid_size(); ++i) {
        ASSERT_GE(frame.time_offset_ms(i), frame.time_offset_ms(std::max(0, i - 1)));
        got[frame.symbol()].push_back({static_cast<int64_t>(frame.base_time_ms()) + frame.time_offset_ms(i),
                                       frame.bid(i), frame.ask(i), 0, frame.flags_size() ? frame.flags(i) : 6});
      }
    }
    for (auto& [symbol, list] : want) {
      ASSERT_EQ(got[symbol].size(), list.size()) << "seed " << seed;
      for (size_t i = 0; i < list.size(); ++i) {
        ASSERT_EQ(int64_t{got[symbol][i].time_ms}, int64_t{list[i].time_ms});
        ASSERT_EQ(double{got[symbol][i].bid}, double{list[i].bid});
        ASSERT_EQ(double{got[symbol][i].ask}, double{list[i].ask});
        ASSERT_EQ(uint32_t{got[symbol][i].flags}, uint32_t{list[i].flags});
      }
    }
  }
}

// Times are added and subtracted: one at the ends of 64 bits would overflow.
TEST_F(FramerTest, aTimeThatIsNoneIsRefused) {
  for (const int64_t ms : {INT64_MIN, int64_t{-1}, link::kMaxTimeMs + 1, INT64_MAX}) {
    begin({"A"}, -86'399);
    error = LinkError::kNone;
    EXPECT_EQ(add({tick(ms)}, 0), 0u) << ms;
    EXPECT_EQ(error, LinkError::kBadNumber) << ms;
  }
  error = LinkError::kNone;
  EXPECT_EQ(add({tick(0), tick(link::kMaxTimeMs)}, 0), 2u);
  EXPECT_EQ(error, LinkError::kNone);
}

}  // namespace
