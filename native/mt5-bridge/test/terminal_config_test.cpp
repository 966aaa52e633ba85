// The configuration: all faults at once, each with field and range; and the desk that holds orders.
#include <algorithm>

#include "config.h"
#include "session/desk.h"
#include "terminal_harness.h"

namespace troupe::terminal {
namespace {

using namespace testing;

std::vector<std::string> faultsOf(const std::string& json) {
  std::vector<std::string> faults;
  parseConfig(json, faults);
  return faults;
}

TEST(Config, GoodOneHasNoFaults) {
  std::vector<std::string> faults;
  const Config config = parseConfig(configJson(4000, "t.tape", R"(,"speed":10,"execution":{"seed":"5"})"), faults);
  EXPECT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(config.bridge_port, 4000);
  EXPECT_EQ(config.engine.balance, 1000000);
  EXPECT_EQ(config.engine.symbols[0].volume_step, toVolume(0.01));
  EXPECT_EQ(config.engine.execution.seed, 5u);
}

TEST(Config, WhatTheExpertNeedsIsSaid) {
  const std::string more = R"(,"program":"expert")";
  EXPECT_TRUE(faultsOf(configJson(1, "t", more)).empty());
  EXPECT_TRUE(faultsOf(configJson(1, "t", R"(,"login":"demo","utcOffsetS":17)")).empty()) << "native does not mind";
  const auto faults =
      faultsOf(configJson(1, "t", more + R"(,"login":"demo","utcOffsetS":17,"profile":"/no/such.json")"));
  ASSERT_EQ(faults.size(), 3u);
  EXPECT_EQ(faults[0], "login: 'demo' is not a whole number of 1..14 digits, as the program expert needs it");
  EXPECT_NE(faults[1].find("utcOffsetS: 17 is not a multiple of 900"), std::string::npos) << faults[1];
  EXPECT_NE(faults[2].find("profile: /no/such.json"), std::string::npos) << faults[2];
  EXPECT_EQ(faultsOf(configJson(1, "t", R"(,"program":"robot")")),
            std::vector<std::string>{"program: 'robot' is not expert, expert-sockets or native"});
  EXPECT_EQ(faultsOf(configJson(1, "t", R"(,"profile":"x.json")")),
            std::vector<std::string>{"profile: only the programs expert and expert-sockets have one"});
}

TEST(Config, ABrokersProfileIsReadAndTheAccountSaysHowItHoldsPositions) {
  TempFolder folder;
  const std::string profile =
      writeText(folder.file("p.json"), R"({"marginMode":"exchange","execution":"exchange","latencyMs":40,
    "sessions":[{"day":"monday","fromMinute":600,"toMinute":700}]})");
  std::vector<std::string> faults;
  const std::string more =
      R"(,"program":"expert","profile":")" + profile + R"(","execution":{"latencyMs":2,"latencyJitterMs":1})";
  Config config = parseConfig(configJson(4000, "t.tape", more), faults);
  ASSERT_TRUE(faults.empty()) << faults.front();
  EXPECT_EQ(config.profile.margin_mode, ACCOUNT_MARGIN_MODE_RETAIL_NETTING);
  EXPECT_EQ(config.profile.execution, SYMBOL_TRADE_EXECUTION_EXCHANGE);
  EXPECT_EQ(config.profile.latency_us, 40'000);
  ASSERT_EQ(config.profile.sessions.size(), 1u) << "by the time of the tape";
  EXPECT_EQ(config.profile.sessions[0].from_s, 36'000);
  config = parseConfig(
      configJson(4000, "t.tape", R"(,"program":"expert","execution":{"latencyMs":2,"latencyJitterMs":1})"), faults);
  EXPECT_EQ(config.profile.latency_us, 2'000);
  EXPECT_EQ(config.profile.latency_jitter_us, 1'000);
}

TEST(Config, UnknownKeyAndSyntaxAreNamed) {
  ASSERT_EQ(faultsOf(configJson(1, "t", R"(,"sped":1)")).size(), 1u);
  EXPECT_NE(faultsOf(configJson(1, "t", R"(,"sped":1)"))[0].find("sped"), std::string::npos);
  EXPECT_EQ(faultsOf("{").size(), 1u);
  EXPECT_EQ(faultsOf(configJson(1, "t", R"(,"rounds":"many")")).size(), 1u);
}

TEST(Config, AllFaultsAtOnce) {
  const auto faults = faultsOf(R"({"bridge":"nowhere","currency":"USD","balance":-1,"leverage":0,"marginMode":"x",
    "speed":-2,"utcOffsetS":90000,"leadLimitMs":-1,"rounds":2000000,"stopOutLevelPercent":2000,"commissionPerLot":-1,
    "currencyRates":{"GBP":0},
    "execution":{"latencyMs":-1,"slippageMaxPoints":-1,"rejectProbability":2,"partialFillProbability":-1},
    "symbols":[{"name":"EURGBP","digits":20,"volumeMin":1,"volumeMax":0.5,"volumeStep":0.3,"currencyBase":"EUR",
    "currencyProfit":"GBP","currencyMargin":"EUR","calcMode":"other"}]})");
  std::string all;
  for (const std::string& fault : faults) all += fault + "\n";
  for (const char* field : {"bridge:",
                            "login:",
                            "balance:",
                            "leverage:",
                            "marginMode:",
                            "speed:",
                            "utcOffsetS:",
                            "leadLimitMs:",
                            "rounds:",
                            "stopOutLevelPercent:",
                            "commissionPerLot:",
                            "currencyRates.GBP:",
                            "currencyRates:",
                            "execution.latencyMs:",
                            "execution.slippageMaxPoints:",
                            "execution.rejectProbability:",
                            "execution.partialFillProbability:",
                            "tape:",
                            "symbols[0].digits:",
                            "symbols[0].point:",
                            "symbols[0].tickSize:",
                            "symbols[0].contractSize:",
                            "symbols[0].volumeMin:",
                            "symbols[0].calcMode:"}) {
    EXPECT_NE(all.find(field), std::string::npos) << field << "\n" << all;
  }
  EXPECT_NE(all.find("outside 1..10000"), std::string::npos);
}

Command placeCommand(uint64_t number, const std::string& id) {
  link::Place place{};
  place.command = number;
  link::setTextCut(place.order_id, id);
  return {place, 0, 1};
}

TEST(Desk, HoldsForTheLatencyAndKeepsTheOrderOfOneId) {
  Desk desk(10, 4, 1);
  EXPECT_EQ(desk.waitUs(0), -1);
  for (uint64_t i = 1; i <= 50; ++i) desk.accept(placeCommand(i, "a" + std::to_string(i)), 0);
  link::Find find{};
  find.command = 100;
  link::setTextCut(find.order_id, "a50");
  desk.accept({find, 0, 1}, 1000);
  EXPECT_FALSE(desk.due(5999));
  EXPECT_GE(desk.waitUs(0), 6000);
  std::vector<uint64_t> order;
  for (int64_t now = 0; now <= 14'000; now += 10) {
    while (const auto command = desk.due(now)) order.push_back(command->number());
  }
  ASSERT_EQ(order.size(), 51u);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end())) << "latencies differ";
  EXPECT_LT(std::find(order.begin(), order.end(), 50), std::find(order.begin(), order.end(), 100));
}

TEST(Desk, QuestionsAboutOthersAreAnsweredAtOnce) {
  Desk desk(10, 0, 1);
  desk.accept(placeCommand(1, "a"), 0);
  link::Find find{};
  find.command = 2;
  link::setTextCut(find.order_id, "b");
  desk.accept({find, 0, 1}, 0);
  const auto first = desk.due(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->number(), 2u);
  EXPECT_FALSE(desk.due(9999));
  EXPECT_TRUE(desk.due(10000));
}

}  // namespace
}  // namespace troupe::terminal
