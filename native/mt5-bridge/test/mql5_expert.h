// The expert itself, the same sources that MetaEditor compiles, in the simulated terminal on virtual time. Every test
// file that includes this has an expert of its own; its link client keeps what it sends.
#pragma once

#include "dll/troupe_link.h"
#include "link/messages.h"
#include "terminal/shim/mql5.h"
#include "test/expert_bridge.h"
#include "test/mql5_support.h"

namespace {

namespace mql5_expert {
#include "expert/TroupeBridge.mq5"
}  // namespace mql5_expert

namespace wire = troupe::link;
using expert_test::fakeLink;

inline troupe::terminal::Program expertProgram() {
  mql5_expert::InpKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  troupe::terminal::Program program;
  program.name = "TroupeBridge";
  program.on_init = mql5_expert::OnInit;
  program.on_deinit = mql5_expert::OnDeinit;
  program.on_tick = mql5_expert::OnTick;
  program.on_timer = mql5_expert::OnTimer;
  program.on_transaction = mql5_expert::OnTradeTransaction;
  program.on_chart = mql5_expert::OnChartEvent;
  return program;
}

// A terminal with the expert, and the bridge that it is linked to.
class ExpertTest : public mql5_test::MqlTest {
 protected:
  void SetUp() override {
    MqlTest::SetUp();
    fakeLink() = expert_test::FakeLink();
    mql5_expert::InpLogMb = 4;
    mql5_expert::InpTimerMs = 10;
    bridge = expert_test::Bridge();
  }
  void use(const std::string& name) {
    std::vector<std::string> faults;
    profile = troupe::terminal::loadProfile(std::string(TROUPE_PROFILES) + "/" + name, faults);
    ASSERT_TRUE(faults.empty()) << faults.front();
    profile.sessions.clear();
  }
  // A new process: of the expert's variables nothing is left that it trusts.
  void boot() {
    start();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
  }
  // The terminal is gone, with what was on its way and what was not flushed.
  void kill(bool requests_arrive = true) {
    terminal->kill(requests_arrive);
    terminal.reset();
    mql5_expert::g_log.older.is_open = mql5_expert::g_log.newer.is_open = mql5_expert::g_log.next.is_open = false;
    mql5_expert::g_journal_file = INVALID_HANDLE;
    fakeLink().running = false;
    fakeLink().incoming.clear();
  }
  // Linked; the bridge says what it keeps.
  void link() {
    for (int i = 0; i < 600 && !fakeLink().running; ++i) pass(100'000);
    ASSERT_TRUE(fakeLink().running) << (printed.empty() ? "" : printed.back());
    bridge.begin();
    fakeLink().up();
    for (int i = 0; i < 3; ++i) {
      pass(100'000);
      ASSERT_TRUE(bridge.hear()) << "a tick has another's number";
    }
  }
  expert_test::Bridge bridge;
};

}  // namespace
