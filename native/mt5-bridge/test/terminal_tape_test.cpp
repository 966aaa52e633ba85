// Tapes that are none, and the player's pace under a clock of the test's own.
#include <cmath>

#include "fault.h"
#include "player/player.h"
#include "player/resend.h"
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;

std::string faultOf(const std::string& path, const std::vector<std::string>& symbols) {
  try {
    Tape tape(path, symbols);
  } catch (const Fault& fault) {
    return fault.code() + " " + fault.what();
  }
  return "";
}

TEST(TapeFile, EachFaultIsNamed) {
  TempFolder folder;
  const std::string path = folder.file("tape");
  const auto expect = [&](const std::string& code, const std::string& part) {
    const std::string fault = faultOf(path, {"EURUSD"});
    EXPECT_EQ(fault.substr(0, fault.find(' ')), code) << fault;
    EXPECT_NE(fault.find(part), std::string::npos) << fault;
    EXPECT_NE(fault.find(path), std::string::npos) << fault;
  };
  expect("E_TAPE_OPEN", "No such file");
  writeText(path, "");
  expect("E_TAPE_TRUNCATED", "0 bytes");
  writeText(path, std::string(64, 'x'));
  expect("E_TAPE_MAGIC", "TRPTAPE1");
  const auto good = triangle(10);
  writeTape(path, {"EURUSD"}, good);
  EXPECT_EQ(faultOf(path, {"EURUSD"}), "");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  expect("E_TAPE_TRUNCATED", "says 10 ticks, holds 9");
  writeTape(path, {"EURUSD"}, {});
  expect("E_TAPE_EMPTY", "no ticks");
  writeTape(path, {"GBPUSD"}, good);
  expect("E_TAPE_SYMBOL", "GBPUSD is not among");
  writeTape(path, {"EURUSD", "EURUSD"}, good);
  expect("E_TAPE_SYMBOL", "named twice");
  writeTape(path, {std::string(32, 'A')}, good);
  expect("E_TAPE_SYMBOL", "longer than 31");
  const auto with = [&](auto change) {
    auto ticks = good;
    change(ticks[5]);
    writeTape(path, {"EURUSD"}, ticks);
  };
  with([](link::Tick& t) { t.symbol = 1; });
  expect("E_TAPE_TICK", "tick 5: symbol index");
  with([](link::Tick& t) { t.time_ms -= 11; });
  expect("E_TAPE_TICK", "tick 5: time runs backwards");
  with([](link::Tick& t) { t.bid = t.ask + 1; });
  expect("E_TAPE_TICK", "tick 5: bid above ask");
  with([](link::Tick& t) { t.ask = std::nan(""); });
  expect("E_TAPE_TICK", "tick 5: bid");
  with([](link::Tick& t) { t.bid = 0; });
  expect("E_TAPE_TICK", "tick 5: bid or ask is not a price");
}

// A player over ticks at given times; counts how many leave at a given moment.
struct Play {
  std::vector<link::Tick> ticks;
  std::vector<link::Tick> out = std::vector<link::Tick>(100);
  Player player;

  Play(const std::vector<int64_t>& times, const PlayerConfig& config, uint64_t position = 0)
      : ticks(made(times)), player({ticks.data(), ticks.size(), {0}}, config, position) {
    player.play();
  }
  static std::vector<link::Tick> made(const std::vector<int64_t>& times) {
    std::vector<link::Tick> ticks;
    for (const int64_t time : times) ticks.push_back({time, 1, 1, 0, 6});
    return ticks;
  }
  size_t at(int64_t now_us) { return player.take(now_us, out.data(), out.size()); }
};

TEST(Player, MarketTimeRunsWithTheWall) {
  Play play({1000, 1010, 1010, 1500, 3000}, {.speed = 10});
  EXPECT_EQ(play.at(5'000'000), 1u) << "the first tick starts the clock";
  EXPECT_EQ(play.player.waitUs(5'000'000), 1000) << "10 ms of market are 1 ms of wall";
  EXPECT_EQ(play.at(5'000'999), 0u);
  EXPECT_EQ(play.at(5'001'000), 2u);
  EXPECT_EQ(play.at(5'200'000), 2u) << "a late caller gets what is due";
  EXPECT_TRUE(play.player.ended());
  EXPECT_EQ(play.player.waitUs(9'000'000), -1);
}

TEST(Player, SkipsGapsOfMoreThanAMinute) {
  Play play({0, 100, 60'100, 60'100 + 60'001, 60'100 + 60'101}, {.speed = 1});
  EXPECT_EQ(play.at(0), 1u);
  EXPECT_EQ(play.at(100'000), 1u);
  EXPECT_EQ(play.at(60'099'000), 0u) << "a minute exactly is waited for";
  EXPECT_EQ(play.at(60'100'000), 2u) << "more is skipped";
  EXPECT_EQ(play.player.waitUs(60'100'000), 100'000);
  EXPECT_EQ(play.at(60'200'000), 1u);
}

TEST(Player, PausesWithTheLink) {
  Play play({0, 1000, 2000}, {.speed = 1});
  EXPECT_EQ(play.at(0), 1u);
  play.player.resume();
  EXPECT_EQ(play.at(50'000'000), 1u) << "goes on with the next unsent tick, without a burst";
  EXPECT_EQ(play.at(50'999'999), 0u);
  EXPECT_EQ(play.at(51'000'000), 1u);
}

TEST(Player, LeadLimit) {
  Play play({0, 10, 20, 500, 501, 502}, {.speed = 0, .lead_limit_ms = 15});
  EXPECT_EQ(play.at(0), 1u) << "nothing applied: one tick, because applied equals sent";
  EXPECT_EQ(play.at(0), 0u);
  EXPECT_EQ(play.player.waitUs(0), -1);
  play.player.applied(1);
  EXPECT_EQ(play.player.waitUs(0), 0);
  EXPECT_EQ(play.at(0), 1u) << "time 10, not 20";
  play.player.applied(2);
  EXPECT_EQ(play.at(0), 1u) << "20, not 500";
  EXPECT_EQ(play.at(0), 0u);
  play.player.applied(3);
  EXPECT_EQ(play.at(0), 1u) << "500 because everything sent is applied";
  play.player.applied(4);
  EXPECT_EQ(play.at(0), 2u);
}

TEST(Player, LeadLimitHoldsAtASpeedToo) {
  Play play({0, 1000, 2000, 3000}, {.speed = 1000, .lead_limit_ms = 1500});
  EXPECT_EQ(play.at(0), 1u);
  play.player.applied(1);
  EXPECT_EQ(play.at(999), 0u) << "a second of market time is a millisecond";
  EXPECT_EQ(play.player.waitUs(999), 1);
  EXPECT_EQ(play.at(1'000), 1u);
  EXPECT_EQ(play.at(2'000), 0u) << "due, but 2000 is 2000 ahead of what is applied";
  EXPECT_EQ(play.player.waitUs(2'000), -1);
  play.player.applied(2);
  EXPECT_EQ(play.at(2'000), 1u);
  play.player.applied(3);
  EXPECT_EQ(play.at(2'000), 0u) << "within the lead, but not due";
  EXPECT_EQ(play.at(3'000), 1u);
}

TEST(Player, LeadLimitGoesOnAfterARestart) {
  Play play({0, 1, 2, 3, 4, 1000, 1001}, {.speed = 0, .lead_limit_ms = 10}, 5);
  EXPECT_EQ(play.at(0), 0u) << "nobody has said yet what was applied";
  play.player.applied(4);
  EXPECT_EQ(play.at(0), 0u);
  play.player.applied(5);
  EXPECT_EQ(play.at(0), 1u);
}

// Whatever is kept of each symbol: exactly the rest comes again, in the order it had.
TEST(Resend, SendsExactlyWhatIsNotKept) {
  std::vector<link::Tick> ticks;
  const uint32_t pattern[] = {0, 1, 0, 2, 2, 0, 1};
  for (size_t i = 0; i < 7; ++i) ticks.push_back({static_cast<int64_t>(i), 1.0, 1.0, pattern[i], 6});
  const TapeView tape{ticks.data(), ticks.size(), {0, 1, 2}};
  for (const uint64_t position : {0u, 1u, 5u, 7u, 12u, 21u}) {
    const Player player(tape, {.rounds = 3}, position);
    std::vector<uint64_t> played(3, 0);
    for (uint64_t i = 0; i < position; ++i) ++played[player.tick(i).symbol];
    for (uint64_t a = 0; a <= played[0]; ++a) {
      for (uint64_t b = 0; b <= played[1]; ++b) {
        Resend resend(player, 3);
        const std::vector<uint64_t> kept{a, b, played[2]};
        ASSERT_TRUE(resend.begin(player, kept));
        std::vector<int64_t> want, got;
        std::vector<uint64_t> number(3, 0);
        for (uint64_t i = 0; i < position; ++i) {
          const link::Tick tick = player.tick(i);
          if (++number[tick.symbol] > kept[tick.symbol]) want.push_back(tick.time_ms);
        }
        link::Tick batch[2];
        while (resend.pending()) {
          const size_t n = resend.take(player, batch, 2);
          ASSERT_GT(n, 0u);
          for (size_t i = 0; i < n; ++i) got.push_back(batch[i].time_ms);
        }
        ASSERT_EQ(got, want) << position << " " << a << " " << b;
      }
    }
    Resend resend(player, 3);
    EXPECT_FALSE(resend.begin(player, {played[0] + 1, 0, 0})) << "more than was ever played";
    EXPECT_FALSE(resend.begin(player, {0, 0})) << "other symbols";
  }
}

TEST(Player, RoundsShiftTimeOn) {
  Play play({1000, 1700, 3200}, {.speed = 0, .lead_limit_ms = 0, .rounds = 3});
  EXPECT_EQ(play.player.total(), 9u);
  ASSERT_EQ(play.at(0), 9u);
  // last - first + 1000 = 3200, rounded up to 4000.
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(play.out[i].time_ms, play.ticks[i % 3].time_ms + static_cast<int64_t>(i / 3) * 4000);
    EXPECT_EQ(play.out[i].time_ms, play.player.tick(i).time_ms);
  }
}

TEST(Player, MapsSymbolsAndGoesOnWhereItWas) {
  std::vector<link::Tick> ticks = Play::made({1, 2, 3});
  ticks[1].symbol = 1;
  Player player({ticks.data(), 3, {4, 2}}, {}, 1);
  std::vector<link::Tick> out(10);
  EXPECT_EQ(player.take(0, out.data(), 10), 0u) << "not before play";
  player.play();
  ASSERT_EQ(player.take(0, out.data(), 10), 2u);
  EXPECT_EQ(out[0].symbol, 2u);
  EXPECT_EQ(out[1].symbol, 4u);
}

}  // namespace
}  // namespace troupe::terminal
