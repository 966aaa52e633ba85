// The expert and its terminal are killed at every point between "command received" and "result handed over", started
// again, and the command is repeated: at most one execution, and what is said of it is true.
//
// The points are not listed anywhere. A first run writes down every call of the expert that leaves a trace outside of
// it (files, requests, messages on the link) and every handler that begins and ends, before and after each; every one
// of them is a point. A second run dies at each in turn, and must come by there.
//
// The commands: an order at the market, one that waits for its price, and the changes of what is there already: cancel
// and modify of a working order, protect of a position. An order that was noted is never sent again; a change may be,
// because it says the whole of what shall be, and the server must have made it once all the same.
#include <algorithm>
#include <set>

#include "test/mql5_expert.h"

namespace mql5_test {
namespace {

struct Died {};

enum class Command { kMarket, kPending, kCancel, kModify, kProtect };

struct Case {
  bool hedging;
  Command command;
  bool requests_arrive;  // those that were on their way to the broker
};

std::string nameOf(const ::testing::TestParamInfo<Case>& info) {
  const char* const commands[] = {"Market", "Pending", "Cancel", "Modify", "Protect"};
  return std::string(info.param.hedging ? "Hedging" : "Netting") + commands[static_cast<int>(info.param.command)] +
         (info.param.requests_arrive ? "Arrives" : "Lost");
}

std::vector<Case> cases(const std::vector<bool>& arrive) {
  std::vector<Case> all;
  for (const bool hedging : {true, false})
    for (const Command c : {Command::kMarket, Command::kPending, Command::kCancel, Command::kModify, Command::kProtect})
      for (const bool arrives : arrive) all.push_back({hedging, c, arrives});
  return all;
}

// What the changes change: it is there before the recording begins.
constexpr char kBase[] = "base-1";
constexpr double kModifiedPrice = 1.04, kStopLoss = 1.03, kTakeProfit = 1.2;

class ExpertCrash : public ExpertTest, public ::testing::WithParamInterface<Case> {
 protected:
  using Answers = std::vector<wire::Result>;

  static bool isChange() { return GetParam().command >= Command::kCancel; }
  static bool pending() { return GetParam().command != Command::kMarket && GetParam().command != Command::kProtect; }
  wire::Place order(const char* id, uint64_t command) {
    wire::Place place{};
    place.command = command;
    std::strcpy(place.order_id, id);
    std::strcpy(place.symbol, "EURUSD");
    place.side = 1;
    place.type = pending() ? 2 : 1;
    place.price = pending() ? 1.05 : 0;
    place.volume_lots = 0.1;
    place.deviation_points = 50;
    place.magic = 7;
    return place;
  }
  Answers answers() { return fakeLink().all<wire::Result>(wire::FrameType::kResult); }
  // A world as it was before the command: the same each time.
  void world() {
    terminal.reset();
    engine.reset();
    std::filesystem::remove_all(folder_);
    clock = VirtualClock(kStartMs * 1000);
    now_ms = kStartMs;
    fakeLink() = expert_test::FakeLink();
    bridge = expert_test::Bridge();
    passed = nullptr;
    remember = [this](const std::vector<Event>& events) { count(events); };
    use(GetParam().hedging ? "retail-hedging.json" : "instant-netting.json");
    profile.requote = profile.reject = profile.late_tick = 0;
    mql5_expert::InpNotFoundAfterS = 2;
    started();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
    pass(2'000'000);
    if (isChange()) {
      const auto placed = repeated([&](uint64_t id) { say(wire::FrameType::kPlace, order(kBase, id)); }, 100);
      ASSERT_TRUE(placed.outcome == OUTCOME_DONE || placed.outcome == OUTCOME_ACCEPTED) << placed.message;
      base_ticket_ = engine->orders().back().ticket;
    }
    countFromHere();
    // What was said so far is not the command's answer.
    ASSERT_TRUE(bridge.hear());
    fakeLink().sent.clear();
    bridge.read = 0;
  }
  void started() {
    start();
    tick("EURUSD", 1.1);
    tick("GBPUSD", 1.3);
  }
  // Sets what happens at each point, from now on; start() takes it over for the terminal.
  void watchPoints(std::function<void(const char*, bool)> at) {
    fakeLink().passed = at;
    passed = std::move(at);
  }
  template <typename T>
  void say(wire::FrameType type, const T& body) {
    fakeLink().say(static_cast<uint16_t>(type), body);
  }
  // The command of the case. Orders are named by their id alone, as by a broker that has not heard the ticket; the
  // position by what the account asks for.
  void command(uint64_t id) {
    switch (GetParam().command) {
      case Command::kMarket:
      case Command::kPending:
        say(wire::FrameType::kPlace, order("order-1", id));
        break;
      case Command::kCancel: {
        wire::Cancel cancel{};
        cancel.command = id;
        std::strcpy(cancel.order_id, kBase);
        say(wire::FrameType::kCancel, cancel);
        break;
      }
      case Command::kModify: {
        wire::Modify modify{};
        modify.command = id;
        std::strcpy(modify.order_id, kBase);
        modify.price = kModifiedPrice;
        modify.stop_loss = kStopLoss;
        modify.take_profit = kTakeProfit;
        say(wire::FrameType::kModify, modify);
        break;
      }
      case Command::kProtect: {
        wire::Protect protect{};
        protect.command = id;
        std::strcpy(protect.symbol, "EURUSD");
        protect.position_id = GetParam().hedging ? engine->positions().at(0).position_id : 0;
        protect.stop_loss = kStopLoss;
        protect.take_profit = kTakeProfit;
        say(wire::FrameType::kProtect, protect);
        break;
      }
    }
  }
  // Repeats a command, as the bridge would, until somebody knows.
  wire::Result repeated(const std::function<void(uint64_t)>& send, uint64_t id) {
    wire::Result last{};
    for (int i = 0; i < 20; ++i) {
      const size_t before = answers().size();
      send(id);
      for (int k = 0; k < 100 && answers().size() == before; ++k) pass(100'000);
      if (answers().size() == before) break;
      last = answers().back();
      if (last.outcome != OUTCOME_UNKNOWN && last.outcome != OUTCOME_REFUSED) break;
      pass(500'000);
    }
    return last;
  }
  // Changes as the server makes them, whoever hears of it.
  void count(const std::vector<Event>& events) {
    for (const Event& event : events) {
      if (event.kind == Event::Kind::kOrder && event.order.ticket == base_ticket_) ++changes_;
      if (event.kind == Event::Kind::kPosition && GetParam().command == Command::kProtect) ++changes_;
    }
  }
  size_t orders() { return pending() ? engine->activeOrders().size() : engine->deals().size(); }
  void countFromHere() {
    at_first_ = orders();
    changes_ = 0;
  }
  size_t executed() { return isChange() ? changes_ : orders() - at_first_; }
  // Whether the server has what the change asks for.
  bool serverHasTheChange() {
    if (GetParam().command == Command::kProtect) {
      const auto position = engine->positions().at(0);
      return position.stop_loss == kStopLoss && position.take_profit == kTakeProfit;
    }
    const Order* base = engine->orderByTicket(base_ticket_);
    if (GetParam().command == Command::kCancel) return base->state == OrderState::kCancelled;
    return base->active() && base->price == kModifiedPrice && base->stop_loss == kStopLoss &&
           base->take_profit == kTakeProfit;
  }
  // The order that an answer shows is the one that the server has.
  void expectOrderOfTheServer(const wire::Result& result) {
    if (!isChange() || !result.has_order) return;
    const Order* base = engine->orderByTicket(base_ticket_);
    EXPECT_EQ(result.order.ticket, base_ticket_);
    EXPECT_EQ(result.order.state, static_cast<uint8_t>(base->state));
    EXPECT_EQ(result.order.price, base->price);
    EXPECT_EQ(result.order.stop_loss, base->stop_loss);
    EXPECT_EQ(result.order.take_profit, base->take_profit);
  }
  // What may be said of a command that the server has executed `times`. Of an order that waits for its price the server
  // says that the request is done, and a search that the order was accepted.
  static bool isTrue(int outcome, size_t times) {
    if (times == 0) return !isChange() && outcome == OUTCOME_NOT_FOUND;
    return outcome == OUTCOME_DONE || (GetParam().command == Command::kPending && outcome == OUTCOME_ACCEPTED);
  }
  size_t at_first_ = 0;
  size_t changes_ = 0;
  uint64_t base_ticket_ = 0;
};

TEST_P(ExpertCrash, KilledAtEveryPointItExecutesAtMostOnceAndTellsTheTruth) {
  // Which points there are.
  std::vector<std::string> points;
  bool watching = false;
  passed = [&](const char* call, bool done) {
    if (watching) points.push_back(std::string(call) + (done ? " done" : ""));
  };
  const auto whole = passed;
  world();
  // The hook of the terminal is set when it is started.
  const auto begin = [&](const std::function<void(const char*, bool)>& at) {
    kill();
    watchPoints(at);
    started();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();
    pass(2'000'000);
    countFromHere();
  };
  begin(whole);
  watching = true;
  command(1);
  for (int i = 0; i < 1000 && answers().empty(); ++i) pass(1'000);
  watching = false;
  ASSERT_EQ(answers().size(), 1u);
  ASSERT_TRUE(isTrue(answers()[0].outcome, 1)) << int{answers()[0].outcome};
  std::vector<std::string> least{"troupe_receive", "OrderSendAsync", "OnTradeTransaction", "OnTimer", "troupe_send"};
  // Only what must never be sent twice is noted before.
  if (!isChange()) {
    least.emplace_back("FileWrite");
    least.emplace_back("FileFlush");
  }
  for (const std::string& call : least) {
    EXPECT_NE(std::find(points.begin(), points.end(), call + " done"), points.end()) << call;
  }

  int never = 0, once = 0;
  for (size_t n = 0; n < points.size(); ++n) {
    SCOPED_TRACE("killed at point " + std::to_string(n) + " of " + std::to_string(points.size()) + ", " + points[n]);
    size_t passed_points = 0;
    std::string last;
    bool armed = false;
    world();
    begin([&](const char* call, bool done) {
      if (!armed) return;
      last = std::string(call) + (done ? " done" : "");
      if (passed_points++ == n) throw Died{};
    });
    if (HasFatalFailure()) return;
    armed = true;
    bool died = false;
    try {
      command(1);
      for (int i = 0; i < 1000 && answers().empty(); ++i) pass(1'000);
    } catch (const Died&) {
      died = true;
    }
    armed = false;
    ASSERT_TRUE(died) << "the point is never reached";
    ASSERT_EQ(last, points[n]) << "another run has other points";
    const Answers before = answers();
    // Orders are judged by what has become of them in the end, changes by what was so when it was said.
    const size_t at_death = executed();
    kill(GetParam().requests_arrive);
    const size_t at_restart = executed();
    watchPoints(nullptr);
    started();
    ASSERT_GE(terminal->attach(expertProgram(), "EURUSD"), 0);
    link();  // forgets what was sent
    const wire::Result again = repeated([&](uint64_t id) { command(id); }, 2);
    const size_t times = executed();
    ASSERT_LE(times, 1u) << "executed more than once";
    ((isChange() ? at_restart : times) == 1 ? once : never)++;
    EXPECT_TRUE(isTrue(again.outcome, times)) << int{again.outcome} << " " << again.message;
    EXPECT_EQ(again.command, 2u);
    expectOrderOfTheServer(again);
    if (isChange()) {
      EXPECT_TRUE(serverHasTheChange());
    }
    if (!before.empty() && before[0].outcome != OUTCOME_UNKNOWN) {
      EXPECT_TRUE(isTrue(before[0].outcome, isChange() ? at_death : times)) << "what was said before the kill";
      expectOrderOfTheServer(before[0]);
    }
    // The next order is none the worse for it.
    const size_t orders_before = orders();
    const auto next = repeated([&](uint64_t id) { say(wire::FrameType::kPlace, order("order-2", id)); }, 3);
    EXPECT_TRUE(next.outcome == OUTCOME_DONE || (pending() && next.outcome == OUTCOME_ACCEPTED)) << next.message;
    EXPECT_EQ(orders(), orders_before + 1);
    if (HasFailure()) return;
  }
  std::printf("%zu points: executed once %d, not at all %d%s\n", points.size(), once, never,
              isChange() ? " before it was repeated" : "");
  // Before the order was noted the repeated command is the first one; after that nothing is sent again.
  EXPECT_GT(once, 0);
  if (!GetParam().requests_arrive) {
    EXPECT_GT(never, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Accounts, ExpertCrash, ::testing::ValuesIn(cases({true, false})), nameOf);

// The bridge's side dies instead, or the network does: the expert lives on with what it has under way.
class ExpertLinkBreaks : public ExpertCrash {};

TEST_P(ExpertLinkBreaks, AtEveryMomentOfACommandItExecutesOnceAndTellsTheTruth) {
  bool answered = false;
  int moments = 0;
  for (int after_ms = 0; !answered; after_ms += 2, ++moments) {
    SCOPED_TRACE("the link breaks after " + std::to_string(after_ms) + " ms");
    ASSERT_LT(after_ms, 2000) << "no answer";
    world();
    if (HasFatalFailure()) return;
    command(1);
    pass(after_ms * 1000);
    answered = !answers().empty();
    const size_t before = executed();
    ASSERT_TRUE(!answered || before == 1) << "what was said before the link broke";
    fakeLink().lost();
    fakeLink().up();
    const wire::Result again = repeated([&](uint64_t id) { command(id); }, 2);
    EXPECT_EQ(again.command, 2u);
    EXPECT_EQ(executed(), 1u);
    EXPECT_TRUE(isTrue(again.outcome, 1)) << int{again.outcome} << " " << again.message;
    expectOrderOfTheServer(again);
    if (isChange()) {
      EXPECT_TRUE(serverHasTheChange());
    }
    if (HasFailure()) return;
  }
  // Before the server has it, and after.
  EXPECT_GT(moments, 10);
}

INSTANTIATE_TEST_SUITE_P(Accounts, ExpertLinkBreaks, ::testing::ValuesIn(cases({true})), nameOf);

}  // namespace
}  // namespace mql5_test
