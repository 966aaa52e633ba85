// The self-test, the same sources that MetaEditor compiles: its report holds all that a bug report needs, and nothing
// that does not belong into one.
#include <fstream>
#include <sstream>

#include "terminal/shim/mql5.h"
#include "test/mql5_support.h"

namespace mql5_test {
namespace {

namespace selftest {
#include "expert/TroupeSelfTest.mq5"
}  // namespace selftest

class SelfTestReport : public MqlTest {
 protected:
  void SetUp() override {
    MqlTest::SetUp();
    selftest::InpTrade = true;
  }
  // Until it has said that it is done; what it has written.
  std::string run() {
    start();
    quotes();
    Program program;
    program.name = "TroupeSelfTest";
    program.on_init = selftest::OnInit;
    program.on_deinit = selftest::OnDeinit;
    program.on_tick = selftest::OnTick;
    program.on_timer = selftest::OnTimer;
    program.on_chart = selftest::OnChartEvent;
    program.on_transaction = selftest::OnTradeTransaction;
    EXPECT_GE(terminal->attach(program, "EURUSD"), 0);
    for (int i = 0; i < 60 && selftest::g_test.step != STEP_DONE; ++i) pass(1'000'000);
    EXPECT_EQ(selftest::g_test.step, STEP_DONE);
    std::ifstream file(folder_ / "MQL5" / "Files" / "troupe-selftest.txt", std::ios::binary);
    EXPECT_TRUE(file) << "no report beside what it has printed";
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  size_t deals() { return engine->deals().size() - 1; }
  static bool has(const std::string& report, const std::string& text) { return report.find(text) != std::string::npos; }
};

TEST_F(SelfTestReport, HoldsSizesEnumerationsWakeUpsLimitsAndTheOrderOfTransactions) {
  profile.latency_us = 40'000;
  const std::string report = run();
  EXPECT_FALSE(has(report, "FAIL")) << report;
  EXPECT_TRUE(has(report, "self-test done: 0 failures")) << report;
  for (const char* part :
       {"ok   sizeof(MqlTick): 60", "ok   sizeof(WirePlace): 144", "ok   sizeof(LinkConfig): 656",
        "ok   TRADE_TRANSACTION_REQUEST: 10", "ok   COPY_TICKS_ALL: -1",
        "timer of 1 ms, distance: 200 samples, median ", "wake-up by EventChartCustom: 200 samples, median ",
        "terminal build 5000, connected 1", "account: hedging, trade allowed 1", "EURUSD: execution ",
        "comment: 31 characters of 36 are kept: '0123456789ABCDEFGHIJKLMNOPQRSTU'",
        "magic: 9223372036854775807 kept of 9223372036854775807"})
    EXPECT_TRUE(has(report, part)) << part << "\n" << report;
  // Each step's transactions, numbered, with the time since its request.
  for (const char* step : {"pending order: request 1", "remove: request 2", "open: request 3", "close: request 4"})
    EXPECT_TRUE(has(report, step)) << step << "\n" << report;
  const size_t open = report.find("open: request"), close = report.find("close: request");
  const std::string of_open = report.substr(open, close - open);
  size_t at = 0;
  // Named in MetaTrader, numbers here: ORDER_ADD, DEAL_ADD, ORDER_DELETE, HISTORY_ADD.
  for (const char* type : {"1. +40000 us 0 order", "2. +40000 us 6 order", "3. +40000 us 2 order",
                           "4. +40000 us 3 order", "5. +40000 us REQUEST id 3 return code 10009"}) {
    at = of_open.find(type, at);
    ASSERT_NE(at, std::string::npos) << type << "\n" << of_open;
  }
  EXPECT_FALSE(has(report, "4711")) << "the login";
  // It leaves nothing behind but two deals of the least volume.
  EXPECT_EQ(deals(), 2u);
  EXPECT_EQ(engine->deals().back().volume, toVolume(0.01));
  EXPECT_TRUE(engine->positions().empty());
  EXPECT_TRUE(engine->activeOrders().empty());
}

TEST_F(SelfTestReport, ShowsWhatABrokerMakesOfCommentsAndMagic) {
  profile.comment_max_bytes = 16;
  EXPECT_TRUE(has(run(), "comment: 16 characters of 36 are kept: '0123456789ABCDEF'"));
}

TEST_F(SelfTestReport, TradesOnADemoAccountOnlyAndOnlyWhereItMay) {
  trade_mode = ACCOUNT_TRADE_MODE_REAL;
  std::string report = run();
  EXPECT_TRUE(has(report, "orders are not tested: this is no demo account")) << report;
  EXPECT_TRUE(has(report, "wake-up by EventChartCustom: 200 samples")) << report;
  EXPECT_EQ(deals(), 0u);
  trade_mode = ACCOUNT_TRADE_MODE_DEMO;
  selftest::InpTrade = false;
  report = run();
  EXPECT_TRUE(has(report, "orders are not tested (Trade=false)")) << report;
  EXPECT_EQ(deals(), 0u);
}

TEST_F(SelfTestReport, ARefusalAndASilentServerAreFailures) {
  profile.reject = 1;
  std::string report = run();
  EXPECT_TRUE(has(report, "FAIL the server refused it")) << report;
  EXPECT_TRUE(has(report, "self-test done: 1 failures")) << report;
  profile.reject = 0;
  profile.lost_reply = 1;
  report = run();
  EXPECT_TRUE(has(report, "FAIL step 2 has not come to its end within 15 s")) << report;
}

}  // namespace
}  // namespace mql5_test
