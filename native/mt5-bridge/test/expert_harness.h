// The expert of native/mt5-bridge/expert, compiled as C++ against the small terminal of test/mql5. Every test file that
// includes this has an expert of its own.
#pragma once

#include <gtest/gtest.h>

#include "dll/troupe_link.h"
#include "link/messages.h"
#include "test/expert_link.h"
#include "test/mql5/files.h"
#include "test/mql5/sockets.h"
#include "test/mql5/trade.h"

namespace {

#include "expert/session.mqh"

constexpr const char* kTestKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

using expert_test::fakeLink;
using mql5::world;
namespace wire = troupe::link;

// A terminal with two symbols, and the expert as OnInit begins it.
class ExpertTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_log.older.is_open = g_log.newer.is_open = g_log.next.is_open = false;
    g_journal_file = INVALID_HANDLE;
    world() = mql5::World();
    fakeLink() = expert_test::FakeLink();
    world().addSymbol("EURUSD");
    world().addSymbol("USDJPY");
    world().tick("EURUSD", world().broker_ms, 1.1, 1.1002);
    world().tick("USDJPY", world().broker_ms, 150.1, 150.12);
    start();
  }
  // As OnInit; globals may have any values.
  void start() {
    g_settings.host = "127.0.0.1";
    g_settings.port = 7080;
    g_settings.key = kTestKey;
    g_settings.symbols = "";
    g_settings.log_mb = 4;
    g_settings.not_found_after_s = 10;
    ASSERT_EQ(BadSetting(), "");
    SessionBegin();
  }
  // Kill -9 of the terminal and a new one.
  void kill() {
    world().crash();
    g_log.older.is_open = g_log.newer.is_open = g_log.next.is_open = false;
    g_journal_file = INVALID_HANDLE;
    fakeLink().running = false;
    fakeLink().incoming.clear();
    start();
  }
  void pass(long us = 10'000) {
    world().now_us += us;
    Pass();
  }
  // Until the expert has told its symbols; then the bridge names what it keeps.
  void link(const std::vector<uint64_t>& kept = {0, 0}) {
    for (int i = 0; i < 10 && !fakeLink().running; ++i) pass();
    ASSERT_TRUE(fakeLink().running);
    fakeLink().up();
    pass();
    ASSERT_EQ(g_session.phase, PHASE_LINKED);
    fakeLink().say(FRAME_RESUME, kept);
    pass();
  }
};

}  // namespace
