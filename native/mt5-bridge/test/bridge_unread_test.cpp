// A terminal that lives, talks and never reads: its window fills up, and what it is told can go nowhere.
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "bridge_daemon_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;
using link::FrameType;
using Clock = std::chrono::steady_clock;

namespace {

int64_t since(Clock::time_point from) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - from).count();
}

// Answers to commands that are sent without waiting for them.
struct Inbox {
  natsConnection* connection;
  natsSubscription* subscription = nullptr;
  std::mutex mutex;
  std::map<std::string, std::vector<bridge::v1::CommandReply>> replies;  // by command id

  explicit Inbox(natsConnection* c) : connection(c) {
    EXPECT_EQ(natsConnection_Subscribe(&subscription, connection, "unread.>", &Inbox::heard, this), NATS_OK);
  }
  ~Inbox() {
    natsSubscription_Unsubscribe(subscription);
    natsSubscription_Destroy(subscription);
  }
  static void heard(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    bridge::v1::CommandReply reply;
    reply.ParseFromArray(natsMsg_GetData(message), natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    auto& inbox = *static_cast<Inbox*>(self);
    std::lock_guard lock(inbox.mutex);
    inbox.replies[reply.command_id()].push_back(reply);
  }
  void send(const std::string& account, const bridge::v1::Command& command) {
    const std::string bytes = command.SerializeAsString();
    // A subject for each: a bridge may publish one answer to each that it was asked from.
    const std::string subject = "bridge." + account + ".command", back = "unread." + command.command_id();
    natsConnection_PublishRequest(connection, subject.c_str(), back.c_str(), bytes.data(),
                                  static_cast<int>(bytes.size()));
  }
  size_t count() {
    std::lock_guard lock(mutex);
    return replies.size();
  }
};

struct UnreadTest : DaemonTest {
  void SetUp() override {
    served = {{"A", "SA"}, {"B", "SB"}};
    DaemonTest::SetUp();
  }
  bool lost(const std::string& account, const std::string& code) {
    for (const auto& [subject, json] : nats->all("SYSTEM"))
      if (subject == "sys.lifecycle.bridge." + account && json.find(code) != std::string::npos) return true;
    return false;
  }
  static bridge::v1::Command find(const std::string& id) {
    bridge::v1::Command c;
    c.set_command_id(id);
    c.set_fence(1);
    c.mutable_find()->set_order_id("nobody");
    return c;
  }
  // Answers every order of B until it is told to stop.
  static void serve(FakeTerminal& terminal, const std::atomic<bool>& done) {
    auto beat = Clock::now();
    while (!done) {
      if (since(beat) > 500) {
        terminal.link().send(FrameType::kHeartbeat, link::Heartbeat{1});
        beat = Clock::now();
      }
      link::FrameView frame;
      while (terminal.link().next(frame) == link::Next::kFrame) {
        link::Place placed;
        if (frame.type != FrameType::kPlace || !link::readOne(frame, placed)) continue;
        link::Result result{};
        result.command = placed.command;
        result.outcome = bridge::v1::OUTCOME_DONE;
        result.retcode = 10009;
        terminal.link().send(FrameType::kResult, result);
      }
      terminal.link().wait(5);
    }
  }
};

TEST_F(UnreadTest, aTerminalThatNeverReadsLosesItsLinkAndHoldsUpNobodyElse) {
  startAll();
  FakeTerminal a(port), b(port);
  a.greet("a", {"EURUSD"}, 0, "feed-a", "1");
  b.greet("b", {"EURUSD"}, 0, "feed-b", "2");
  // What the window is now (some 64 KiB) it stays; 2 MiB would take more commands to fill, and no other way.
  const int least = 1;
  ASSERT_EQ(setsockopt(a.link().fd(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least), 0);
  std::atomic<bool> done{false};
  std::thread talks([&] {
    while (!done) {
      a.link().send(FrameType::kHeartbeat, link::Heartbeat{1});
      for (int i = 0; i < 20 && !done; ++i) a.link().wait(10, false);
    }
  });
  std::thread serves([&] { serve(b, done); });
  Inbox inbox(nats->admin());
  constexpr int kOrders = 20, kQuestions = 6'000;
  const auto from = Clock::now();
  for (int i = 0; i < kOrders; ++i) inbox.send("A", place("a" + std::to_string(i)));
  for (int i = 0; i < kQuestions; ++i) inbox.send("A", find("q" + std::to_string(i)));

  std::vector<int64_t> took_ms;
  for (int i = 0; since(from) < 3'000; ++i) {
    const auto sent = Clock::now();
    const auto reply = command("B", place("b" + std::to_string(i)));
    took_ms.push_back(since(sent));
    EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE) << reply.ShortDebugString();
    if (HasFailure()) break;
  }
  std::sort(took_ms.begin(), took_ms.end());
  EXPECT_LT(took_ms[took_ms.size() / 2], 100) << "median of B";
  EXPECT_LT(took_ms.back(), 2'000) << "the slowest of B";

  EXPECT_TRUE(eventually([&] { return lost("A", "E_LINK_OVERFLOW"); })) << daemon->err();
  // 5 s without progress, seen at a heartbeat, and told through NATS on a machine that is busy.
  EXPECT_LT(since(from), 10'000);
  EXPECT_FALSE(lost("B", "E_LINK"));
  // Everybody who asked is told once, and that nobody knows: it may have been read, for all that this side sees.
  EXPECT_TRUE(eventually([&] { return inbox.count() == kOrders + kQuestions; })) << inbox.count();
  {
    std::lock_guard lock(inbox.mutex);
    for (const auto& [id, replies] : inbox.replies) {
      ASSERT_EQ(replies.size(), 1u) << id;
      ASSERT_EQ(replies[0].outcome(), bridge::v1::OUTCOME_UNKNOWN) << replies[0].ShortDebugString();
      ASSERT_TRUE(replies[0].code() == "TERMINAL_TIMEOUT" || replies[0].code() == "LINK_LOST") << replies[0].code();
    }
  }
  done = true;
  talks.join();
  serves.join();

  // The seat is free. Of an order that never arrived the terminal is asked; it is not sent again.
  FakeTerminal again(port);
  again.greet("a2", {"EURUSD"}, 0, "feed-a", "1");
  bridge::v1::CommandReply reply;
  std::thread asks([&] { reply = command("A", place("a0")); });
  const auto question = again.expect<link::Find>(FrameType::kFind);
  ASSERT_TRUE(question);
  EXPECT_EQ(link::textOf(question->order_id), "a0");
  link::Result nothing{};
  nothing.command = question->command;
  nothing.outcome = bridge::v1::OUTCOME_NOT_FOUND;
  again.link().send(FrameType::kResult, nothing);
  asks.join();
  EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_NOT_FOUND) << reply.ShortDebugString();
  std::printf("B while A does not read: median %lld ms, slowest %lld ms\n",
              static_cast<long long>(took_ms[took_ms.size() / 2]), static_cast<long long>(took_ms.back()));
}

}  // namespace
