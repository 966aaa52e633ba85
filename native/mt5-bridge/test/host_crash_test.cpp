// Every point between "command received" and "result acknowledged" in daemon, DLL and terminal: the program is killed
// there and started again, and the command repeated. It must have been executed at most once, and what is said of it
// must be true. The points are those of link/crash_point.h, all of them, for netting and for hedging accounts.
#include "dll_host_support.h"
#include "link/crash_point.h"

using namespace troupe;
using namespace troupe::dll::testing_support;

namespace {

const char* const kPoints[] = {
#define NAME(point) #point,
    TROUPE_CRASH_POINTS_OF_A_COMMAND(NAME)
#undef NAME
};

struct HostCrash : HostTest, testing::WithParamInterface<const char*> {
  // How often the trade server's book has the order.
  int executions(const std::string& book, const std::string& id) {
    std::stringstream lines(slurp(book));
    int times = 0;
    for (std::string line; std::getline(lines, line);) times += line.rfind(id + " ", 0) == 0;
    return times;
  }

  void killAt(const std::string& point) {
    const bool in_daemon = point.rfind("kDaemon", 0) == 0;
    const Environment here{{"TROUPE_CRASH_AT", point}};
    const std::string name = point + GetParam(), book = folder / (name + ".book");
    const std::vector<std::string> command{TROUPE_DLL_HOST_CRASH};
    Daemon daemon(folder, name, *nats, TROUPE_BRIDGE_CRASH);
    daemon.start(in_daemon ? here : Environment{});
    const std::vector<std::string> options{"--key",  kKey, "--expert",      "A:" + std::to_string(daemon.port),
                                           "--book", book, "--margin-mode", GetParam()};
    auto host = std::make_unique<Host>(folder, options, in_daemon ? Environment{} : here, command);
    ASSERT_TRUE(daemon.ready()) << host->child->out() << daemon.child->err();

    const auto first = ask(*nats, name, placeOf("o1"), 400);
    // Whoever has the point has died of it: a point that is never reached would prove nothing.
    ASSERT_EQ((in_daemon ? *daemon.child : *host->child).wait(), 128 + SIGKILL) << first.ShortDebugString();
    if (in_daemon) {
      daemon.start();
    } else {
      host = std::make_unique<Host>(folder, options, Environment{}, command);
    }
    const auto answered = [](const bridge::v1::CommandReply& reply) {
      return reply.outcome() != bridge::v1::OUTCOME_UNSPECIFIED && reply.outcome() != bridge::v1::OUTCOME_UNKNOWN &&
             reply.outcome() != bridge::v1::OUTCOME_REFUSED;
    };
    bridge::v1::CommandReply again, found;
    ASSERT_TRUE(eventually([&] { return answered(again = ask(*nats, name, placeOf("o1"), 1000)); }))
        << again.ShortDebugString() << host->child->out();
    ASSERT_TRUE(eventually([&] { return answered(found = ask(*nats, name, findCommand("o1"), 1000)); }))
        << found.ShortDebugString();

    const int times = executions(book, "o1");
    EXPECT_LE(times, 1) << "executed more than once";
    const auto truth = times == 1 ? bridge::v1::OUTCOME_DONE : bridge::v1::OUTCOME_NOT_FOUND;
    EXPECT_EQ(again.outcome(), truth) << again.ShortDebugString();
    EXPECT_EQ(found.outcome(), truth) << found.ShortDebugString();
    if (times == 1) {
      EXPECT_EQ(again.order().ticket(), found.order().ticket());
      EXPECT_NEAR(found.order().filled_lots(), 0.02, 1e-9);
    }
    if (answered(first)) {
      EXPECT_EQ(first.outcome(), truth) << "what was said before the kill";
    }
    // The next order is none the worse for it.
    const auto next = ask(*nats, name, placeOf("o2"));
    EXPECT_EQ(next.outcome(), bridge::v1::OUTCOME_DONE) << next.ShortDebugString();
    EXPECT_EQ(executions(book, "o2"), 1);
    std::printf("%-26s %-8s executed %d, then said %s\n", point.c_str(), GetParam(), times,
                bridge::v1::Outcome_Name(again.outcome()).c_str());
  }
};

TEST_P(HostCrash, KilledAtEveryPointItExecutesAtMostOnceAndTellsTheTruth) {
  for (const char* point : kPoints) {
    SCOPED_TRACE(point);
    killAt(point);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Accounts, HostCrash, testing::Values("netting", "hedging"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
