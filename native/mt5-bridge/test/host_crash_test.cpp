// Every point between "command received" and "result acknowledged" in daemon, DLL and terminal: the program is killed
// there and started again, or the link is cut there and both live on, and the command is repeated. It must have been
// executed at most once, and what is said of it must be true. The points are those of link/crash_point.h, all of them,
// for every command and for netting and hedging accounts.
#include "dll_host_support.h"
#include "link/crash_point.h"

using namespace troupe;
using namespace troupe::dll::testing_support;

namespace {

struct Case {
  const char *margin_mode, *command;
  bool breaks_link;
};

// What the changes change is there before: an order that waits, or a position.
constexpr char kBase[] = "base";
constexpr double kModifiedPrice = 1.04, kStopLoss = 1.03, kTakeProfit = 1.2;

struct HostCrash : HostTest, testing::WithParamInterface<Case> {
  static std::string what() { return GetParam().command; }
  static bool places() { return what() == "place"; }

  static std::vector<std::string> points() {
    std::vector<std::string> all;
#define NAME(point) all.emplace_back(#point);
    TROUPE_CRASH_POINTS_OF_A_COMMAND(NAME)
    if (places()) {
      TROUPE_CRASH_POINTS_OF_THE_JOURNAL(NAME)
    }
#undef NAME
    return all;
  }

  // How often the trade server's book has this.
  static int times(const std::string& book, const std::string& begin) {
    std::stringstream lines(slurp(book));
    int times = 0;
    for (std::string line; std::getline(lines, line);) times += (line + " ").rfind(begin + " ", 0) == 0;
    return times;
  }
  static std::string lineOfBook() { return places() ? "o1" : "+" + what() + " " + kBase; }

  static bridge::v1::Command command() {
    if (places()) return placeOf("o1");
    bridge::v1::Command command;
    command.set_command_id("c-1");
    command.set_fence(1);
    if (what() == "cancel") {
      command.mutable_cancel()->set_order_id(kBase);
    } else if (what() == "modify") {
      auto& modify = *command.mutable_modify();
      modify.set_order_id(kBase);
      modify.set_price(kModifiedPrice);
      modify.set_stop_loss(kStopLoss);
      modify.set_take_profit(kTakeProfit);
    } else {
      auto& protect = *command.mutable_protect();
      protect.set_symbol("EURUSD");
      protect.set_position_id(GetParam().margin_mode == std::string("hedging") ? 1001 : 0);
      protect.set_stop_loss(kStopLoss);
      protect.set_take_profit(kTakeProfit);
    }
    return command;
  }

  // An answer after which nobody asks again.
  static bool settles(const bridge::v1::CommandReply& reply) {
    return reply.outcome() != bridge::v1::OUTCOME_UNSPECIFIED && reply.outcome() != bridge::v1::OUTCOME_UNKNOWN &&
           reply.outcome() != bridge::v1::OUTCOME_REFUSED;
  }

  // The order that an answer shows is the one that the server has, once the command has been executed.
  void expectOrderOfTheServer(const bridge::v1::CommandReply& reply) {
    const auto& order = reply.order();
    if (places()) {
      EXPECT_NEAR(order.filled_lots(), 0.02, 1e-9);
      EXPECT_EQ(order.state(), trading::v1::ORDER_STATE_FILLED);
      return;
    }
    EXPECT_EQ(order.ticket(), 1001u);
    const auto waits = what() == "cancel"   ? trading::v1::ORDER_STATE_CANCELLED
                       : what() == "modify" ? trading::v1::ORDER_STATE_WORKING
                                            : trading::v1::ORDER_STATE_FILLED;
    EXPECT_EQ(order.state(), waits);
    if (what() == "cancel") return;
    EXPECT_EQ(order.stop_loss(), kStopLoss);
    EXPECT_EQ(order.take_profit(), kTakeProfit);
  }

  void failAt(const std::string& point) {
    const bool in_daemon = point.rfind("kDaemon", 0) == 0, breaks = GetParam().breaks_link;
    const Environment here{{"TROUPE_CRASH_AT", point}, {"TROUPE_CRASH_WHAT", breaks ? "link" : "program"}};
    const std::string name = point + what() + GetParam().margin_mode + (breaks ? "L" : "K");
    const std::string book = folder / (name + ".book");
    if (what() == "cancel" || what() == "modify") std::ofstream(book) << "+wait base 1001 1 0.02 1.05\n";
    if (what() == "protect") std::ofstream(book) << "base 1001 1 0.02\n";
    const std::vector<std::string> program{TROUPE_DLL_HOST_CRASH};
    Daemon daemon(folder, name, *nats, TROUPE_BRIDGE_CRASH);
    daemon.start(in_daemon ? here : Environment{});
    const std::vector<std::string> options{"--key",  kKey, "--expert",      "A:" + std::to_string(daemon.port),
                                           "--book", book, "--margin-mode", GetParam().margin_mode};
    auto host = std::make_unique<Host>(folder, options, in_daemon ? Environment{} : here, program);
    ASSERT_TRUE(daemon.ready()) << host->child->out() << daemon.child->err();

    const auto first = ask(*nats, name, command(), 400);
    // Whoever has the point has come by: a point that is never reached would prove nothing.
    Child& passes = in_daemon ? *daemon.child : *host->child;
    if (breaks) {
      ASSERT_TRUE(eventually([&] { return passes.err().find("link broken at " + point) != std::string::npos; }))
          << first.ShortDebugString();
      ASSERT_FALSE(host->line({"\"event\":\"lost\""}).empty()) << host->child->out();
    } else {
      ASSERT_EQ(passes.wait(), 128 + SIGKILL) << first.ShortDebugString();
      if (in_daemon) {
        daemon.start();
      } else {
        host = std::make_unique<Host>(folder, options, Environment{}, program);
      }
    }
    const int at_failure = times(book, lineOfBook());
    bridge::v1::CommandReply again, found;
    ASSERT_TRUE(eventually([&] { return settles(again = ask(*nats, name, command(), 1000)); }))
        << again.ShortDebugString() << host->child->out();
    const auto find = findCommand(places() ? "o1" : kBase);
    ASSERT_TRUE(eventually([&] { return settles(found = ask(*nats, name, find, 1000)); })) << found.ShortDebugString();

    // An order that was noted is not sent again; a change is, and must have been made by then.
    const int executed = times(book, lineOfBook());
    EXPECT_LE(executed, 1) << "executed more than once";
    EXPECT_GE(executed, places() ? 0 : 1) << "called " << bridge::v1::Outcome_Name(again.outcome());
    const auto truth = executed == 1 ? bridge::v1::OUTCOME_DONE : bridge::v1::OUTCOME_NOT_FOUND;
    EXPECT_EQ(again.outcome(), truth) << again.ShortDebugString();
    EXPECT_EQ(found.outcome(), truth) << found.ShortDebugString();
    if (executed == 1) {
      EXPECT_EQ(again.order().ticket(), found.order().ticket());
      expectOrderOfTheServer(again);
      expectOrderOfTheServer(found);
    }
    if (settles(first)) {
      EXPECT_EQ(first.outcome(), truth) << "what was said before";
    }
    // The next order is none the worse for it.
    const auto next = ask(*nats, name, placeOf("o2"));
    EXPECT_EQ(next.outcome(), bridge::v1::OUTCOME_DONE) << next.ShortDebugString();
    EXPECT_EQ(times(book, "o2"), 1);
    std::printf("%-26s executed %d then, %d in the end, said %s\n", point.c_str(), at_failure, executed,
                bridge::v1::Outcome_Name(again.outcome()).c_str());
  }
};

TEST_P(HostCrash, AtEveryPointItExecutesAtMostOnceAndTellsTheTruth) {
  for (const std::string& point : points()) {
    SCOPED_TRACE(point);
    failAt(point);
    if (HasFatalFailure()) return;
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* margin_mode : {"netting", "hedging"})
    for (const char* command : {"place", "cancel", "modify", "protect"})
      for (const bool breaks_link : {false, true}) all.push_back({margin_mode, command, breaks_link});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Accounts, HostCrash, testing::ValuesIn(cases()), [](const auto& info) {
  return std::string(info.param.margin_mode) + "_" + info.param.command + "_" +
         (info.param.breaks_link ? "link_broken" : "killed");
});

}  // namespace
