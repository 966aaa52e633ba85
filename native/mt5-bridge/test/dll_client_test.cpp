#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "dll_support.h"

using namespace troupe;
using namespace troupe::dll::testing_support;
using link::FrameType;

namespace {

// Of this process: 0 all that it has asked for, 1 what it uses.
size_t memoryBytes(int which) {
  std::ifstream statm("/proc/self/statm");
  size_t pages[2] = {};
  statm >> pages[0] >> pages[1];
  return pages[which] * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

constexpr auto kTypeOf = [](FrameType type) { return static_cast<uint16_t>(type); };

TEST(DllClient, ProvesTheKeyAndCarriesMessagesBothWays) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  EXPECT_EQ(expert.send(message(FrameType::kTapeEnd, "12345678", 8)), TROUPE_E_NOT_LINKED);
  const TroupeLinkUp up = meetUp(bridge, expert);
  EXPECT_STREQ(up.bridge, "bridge");
  EXPECT_EQ(+up.link_version, link::kVersion);
  EXPECT_EQ(+up.bridge_wall_us, 7u);
  EXPECT_EQ(+up.connection, 1u);
  EXPECT_STREQ(up.session, bridge.greeter->hello().session);
  EXPECT_EQ(link::textOf(bridge.greeter->hello().login), "1001");

  link::Spec spec{};
  link::setTextCut(spec.name, "EURUSD");
  EXPECT_EQ(expert.send(message(FrameType::kSymbols, &spec, sizeof spec)), 1);
  ASSERT_TRUE(bridge.next(FrameType::kSymbols));
  const uint64_t kept[3] = {5, 6, 7};
  bridge.link->sendArray(FrameType::kResume, kept, 3);
  ASSERT_TRUE(eventually([&] { return expert.poll(); }));
  EXPECT_EQ(expert.type, kTypeOf(FrameType::kResume));
  EXPECT_EQ(expert.size, sizeof kept);
  bridge.link->send(FrameType::kFind, findOf(42));
  EXPECT_EQ(+expert.expect<link::Find>(FrameType::kFind).command, 42u);
  EXPECT_EQ(expert.send(tickMessage(1, 300)), 1);
  ASSERT_TRUE(bridge.next(FrameType::kTicks));
  EXPECT_EQ(bridge.frame.size, sizeof(link::TickBatchHeader) + 300 * sizeof(link::Tick));
}

TEST(DllClient, RefusesWhatIsNoMessageOfAnExpert) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  meetUp(bridge, expert);
  uint8_t one[4] = {3, 0, 0, 0};
  EXPECT_EQ(troupe_send(expert.handle, nullptr, 4), TROUPE_E_ARGUMENT);
  EXPECT_EQ(troupe_send(expert.handle, one, -4), TROUPE_E_ARGUMENT);
  EXPECT_EQ(troupe_send(expert.handle, one, 3), TROUPE_E_MESSAGE_SIZE);
  EXPECT_EQ(troupe_send(expert.handle, one, 4), TROUPE_E_MESSAGE_SIZE) << "ticks without ticks";
  EXPECT_EQ(expert.send(message(FrameType::kTicks, std::vector<uint8_t>(2 << 20).data(), 2 << 20)),
            TROUPE_E_MESSAGE_SIZE);
  for (const auto type : {FrameType::kHello, FrameType::kProof, FrameType::kHeartbeat, FrameType::kPlace})
    EXPECT_EQ(expert.send(message(type, std::vector<uint8_t>(400).data(), 400)), TROUPE_E_MESSAGE_TYPE);
  EXPECT_EQ(expert.send(message(uint16_t{999})), TROUPE_E_MESSAGE_TYPE);
  EXPECT_EQ(expert.send(message(uint16_t{TROUPE_LINK_UP})), TROUPE_E_MESSAGE_TYPE);
  one[2] = 1;
  EXPECT_EQ(troupe_send(expert.handle, one, 4), TROUPE_E_MESSAGE_RESERVED);
  for (const int32_t handle : {0, -1, INT32_MAX, INT32_MIN, expert.handle + 1, expert.handle + TROUPE_MAX_HANDLES}) {
    EXPECT_EQ(troupe_send(handle, one, 4), TROUPE_E_HANDLE);
    EXPECT_EQ(troupe_receive(handle, one, 4), TROUPE_E_HANDLE);
    EXPECT_EQ(troupe_wait(handle, 1), TROUPE_E_HANDLE);
    EXPECT_EQ(troupe_stop(handle), TROUPE_E_HANDLE);
  }
  EXPECT_EQ(troupe_receive(expert.handle, nullptr, 10), TROUPE_E_ARGUMENT);
  EXPECT_EQ(troupe_wait(expert.handle, -1), TROUPE_E_ARGUMENT);
}

TEST(DllClient, KeepsAMessageThatDoesNotFitIntoTheBuffer) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  meetUp(bridge, expert);
  bridge.link->send(FrameType::kFind, findOf(42));
  uint8_t small[10];
  int32_t got = 0;
  ASSERT_TRUE(eventually([&] { return (got = troupe_receive(expert.handle, small, sizeof small)) != 0; }));
  EXPECT_EQ(got, TROUPE_E_BUFFER);
  EXPECT_EQ(+expert.expect<link::Find>(FrameType::kFind).command, 42u);
}

TEST(DllClient, SaysOnceThatNobodyAnswersAndConnectsWhenSomebodyDoes) {
  uint16_t port;
  {
    Bridge gone;
    port = gone.port();
  }
  Expert expert(configFor(port));
  const auto lost = expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST);
  EXPECT_EQ(+lost.error, TROUPE_E_CONNECT);
  EXPECT_STREQ(lost.code, "E_DLL_CONNECT");
  Bridge bridge(port);
  meetUp(bridge, expert);  // and no second word about nobody
}

TEST(DllClient, ComesBackAtOnceAndThenMoreAndMoreSeldom) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  std::vector<uint32_t> told;
  std::vector<int64_t> took;
  for (int i = 0; i < 8; ++i) {
    const int64_t since = nowMs();
    meetUp(bridge, expert);
    took.push_back(nowMs() - since);
    bridge.link->shutdown();
    told.push_back(expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST).retry_ms);
  }
  EXPECT_EQ(told, (std::vector<uint32_t>{20, 40, 80, 160, 320, 640, 1000, 1000}));
  for (size_t i = 1; i < took.size(); ++i) EXPECT_GE(took[i] + 5, told[i - 1]) << "it came sooner than it said";
}

TEST(DllClient, SaysWhyItWasRefused) {
  Bridge bridge;
  TroupeConfig config = configFor(bridge.port());
  config.key[0] = 'f';
  Expert expert(config);
  EXPECT_FALSE(bridge.meet());
  bridge.link->send(FrameType::kRefused, link::refusedFor(link::LinkError::kBadProof, ""));
  const auto refused = expert.expect<TroupeRefused>(TROUPE_REFUSED);
  EXPECT_STREQ(refused.code, "E_LINK_KEY");
  EXPECT_GE(+refused.retry_ms, 20'000u);
  EXPECT_EQ(+refused.final, 0u);
}

TEST(DllClient, DoesNotBelieveABridgeWithoutTheKey) {
  Bridge bridge;
  TroupeConfig config = configFor(bridge.port());
  config.key[0] = 'f';
  Expert expert(config);
  EXPECT_FALSE(bridge.meet());
  bridge.welcome();
  EXPECT_EQ(+expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST).error, TROUPE_E_LINK_KEY);
}

TEST(DllClient, WhatBelongsToALostSessionNeitherLeavesNorArrivesOnTheNext) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  meetUp(bridge, expert);
  // A command that the expert has not received, and a session that ends.
  bridge.link->send(FrameType::kFind, findOf(1));
  ASSERT_EQ(troupe_wait(expert.handle, 5000), 1);
  bridge.link->shutdown();
  ASSERT_TRUE(bridge.meet());
  bridge.welcome();
  bridge.link->send(FrameType::kFind, findOf(2));
  // The expert has not looked: what it says now it says to the old session.
  EXPECT_EQ(expert.send(message(FrameType::kTapeEnd, "12345678", 8)), 1);
  // What came of the old session before its loss was seen is not for the expert any more, whichever way it looks.
  std::vector<uint16_t> types;
  ASSERT_TRUE(eventually([&] {
    if (expert.poll()) types.push_back(expert.type);
    return !types.empty() && types.back() == kTypeOf(FrameType::kFind);
  }));
  EXPECT_EQ(types, (std::vector<uint16_t>{TROUPE_LINK_LOST, TROUPE_LINK_UP, kTypeOf(FrameType::kFind)}));
  EXPECT_EQ(+expert.payload<link::Find>().command, 2u);
  EXPECT_EQ(expert.send(tickMessage(1, 1)), 1);
  EXPECT_TRUE(bridge.next(FrameType::kTicks)) << "the end of the tape was the old session's";
}

TEST(DllClient, RelinksWhenTheExpertAsks) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  EXPECT_EQ(expert.send(message(uint16_t{TROUPE_RELINK})), TROUPE_E_NOT_LINKED);
  const TroupeLinkUp first = meetUp(bridge, expert);
  EXPECT_EQ(expert.send(message(uint16_t{TROUPE_RELINK})), 1);
  EXPECT_TRUE(bridge.closed());
  EXPECT_EQ(+expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST).error, TROUPE_E_RELINK);
  const TroupeLinkUp second = meetUp(bridge, expert);
  EXPECT_EQ(+second.connection, 2u);
  EXPECT_STRNE(first.session, second.session);
}

TEST(DllClient, CountsWhatItDropsAndSaysSoWhenThereIsRoom) {
  Bridge bridge;
  TroupeConfig config = configFor(bridge.port());
  config.send_ring_bytes = 256 << 10;
  Expert expert(config);
  meetUp(bridge, expert);
  // The bridge does not read: ring, client and kernel fill up, until for a while nothing more is taken.
  const std::vector<uint8_t> batch = tickMessage(1, 1000);
  uint64_t taken = 0, dropped = 0;
  for (int64_t since = nowMs(); nowMs() - since < 200;) {
    const int32_t got = expert.send(batch);
    ASSERT_GE(got, 0);
    if (got == 1) {
      ++taken;
      since = nowMs();
    } else {
      ++dropped;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_LT(taken * batch.size(), size_t{64} << 20) << "bounded";
  }
  EXPECT_GE(dropped, 3u);
  EXPECT_FALSE(expert.poll()) << "there is no room yet";
  // Everything else has room of its own, and overtakes the ticks that wait.
  EXPECT_EQ(
      expert.send(message(FrameType::kSymbols, std::vector<uint8_t>(sizeof(link::Spec)).data(), sizeof(link::Spec))),
      1);
  uint64_t before = 0, after = 0;
  bool overtaken = false;
  ASSERT_TRUE(eventually([&] {
    link::FrameView frame;
    while (bridge.link->next(frame) == link::Next::kFrame) {
      if (frame.type == FrameType::kSymbols) overtaken = true;
      if (frame.type == FrameType::kTicks) ++(overtaken ? after : before);
    }
    bridge.link->send(FrameType::kHeartbeat, link::Heartbeat{1});
    bridge.link->wait(5);
    return before + after == taken;
  })) << before
      << " + " << after << " of " << taken;
  EXPECT_GT(after, 0u);
  const auto told = expert.expect<TroupeDropped>(TROUPE_DROPPED);
  EXPECT_EQ(+told.ticks, dropped);
  EXPECT_EQ(+told.others, 0u);
  EXPECT_EQ(+told.total, dropped);
  EXPECT_FALSE(expert.poll()) << "once";
}

// Its system answers TCP, the program reads nothing. While it beats it only asks for patience (JetStream is away, say);
// without a beat it is dead, and the next link begins with empty rings.
TEST(DllClient, ABridgeThatNeverReadsCostsBoundedMemoryAndWhenItIsSilentTheLink) {
  Bridge bridge;
  TroupeConfig config = configFor(bridge.port());
  config.send_ring_bytes = 256 << 10;
  Expert expert(config);
  meetUp(bridge, expert);
  const std::vector<uint8_t> batch = tickMessage(1, 1000);
  const std::vector<uint8_t> result =
      message(FrameType::kResult, std::vector<uint8_t>(sizeof(link::Result)).data(), sizeof(link::Result));
  [[maybe_unused]] const size_t before = memoryBytes(1);
  uint64_t taken_bytes = 0, dropped = 0;
  // As an expert does it: it pushes whatever there is, and looks what the link says. False once that is something.
  const auto push = [&] {
    for (const auto* what : {&batch, &result}) {
      const int32_t got = expert.send(*what);
      EXPECT_GE(got, 0);
      taken_bytes += got == 1 ? what->size() : 0;
      dropped += got == 0;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (!expert.poll()) return true;
    // Told at the beginning, while the kernel still takes something.
    if (expert.type != TROUPE_DROPPED) return false;
    const auto told = expert.payload<TroupeDropped>();
    EXPECT_GT(told.ticks + told.others, 0u);
    EXPECT_EQ(+told.total, dropped) << "what was not taken is counted";
    return true;
  };
  const int64_t since = nowMs();
  int64_t beat = 0;
  while (nowMs() - since < 6'500) {
    if (nowMs() - beat > 500) {
      bridge.link->send(FrameType::kHeartbeat, link::Heartbeat{1});
      beat = nowMs();
    }
    ASSERT_TRUE(push()) << "it beats, so the link stays; type " << expert.type;
  }
  const uint64_t taken_while_it_beat = taken_bytes;
  EXPECT_GT(dropped, 100u) << "nothing was full: this shows nothing";
  while (push()) ASSERT_LT(nowMs() - beat, 20'000) << "the link does not end";
  EXPECT_EQ(expert.type, TROUPE_LINK_LOST);
  EXPECT_STREQ(expert.payload<TroupeLinkLost>().code, "E_LINK_SILENT");
  EXPECT_GE(nowMs() - beat, 4'500);
  EXPECT_LT(nowMs() - beat, 8'000);
  // Rings, what waits in the client, and the kernel's buffers; none of it grows with the time that it lasts.
  EXPECT_LT(taken_bytes, size_t{32} << 20);
  EXPECT_LT(taken_bytes - taken_while_it_beat, size_t{1} << 20) << "full is full";
#ifndef __SANITIZE_ADDRESS__
  // The sanitizer keeps what has been freed.
  EXPECT_LT(memoryBytes(1), before + (size_t{32} << 20));
#endif
  // And it comes back, with nothing of what was not heard.
  meetUp(bridge, expert);
  EXPECT_EQ(expert.send(tickMessage(7, 1)), 1);
  ASSERT_TRUE(bridge.next(FrameType::kTicks));
  link::Tick first;
  std::memcpy(&first, bridge.frame.data + sizeof(link::TickBatchHeader), sizeof first);
  EXPECT_EQ(+first.time_ms, 7);
  EXPECT_FALSE(expert.poll()) << "what was dropped belongs to the session that is over";
}

TEST(DllClient, DoesNotReadTheBridgeWhileTheExpertDoesNotReadIt) {
  Bridge bridge;
  TroupeConfig config = configFor(bridge.port());
  config.receive_ring_bytes = 256 << 10;
  Expert expert(config);
  meetUp(bridge, expert);
  constexpr uint64_t kCommands = 40'000;  // ten rings full
  for (uint64_t i = 1; i <= kCommands; ++i)
    ASSERT_EQ(bridge.link->send(FrameType::kFind, findOf(i)), link::LinkError::kNone);
  uint64_t next = 1;
  ASSERT_TRUE(eventually([&] {
    bridge.link->wait(0);
    link::FrameView frame;
    while (bridge.link->next(frame) == link::Next::kFrame) {
    }
    while (expert.poll())
      if (expert.type != kTypeOf(FrameType::kFind) || expert.payload<link::Find>().command != next++) return true;
    return next > kCommands;
  }));
  EXPECT_EQ(next, kCommands + 1) << "all of them, in order";
}

TEST(DllClient, LosesABridgeThatIsSilentOrSaysWhatCannotBe) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  meetUp(bridge, expert);
  link::Find bad = findOf(1);
  std::memset(bad.order_id, 'x', sizeof bad.order_id);
  bridge.link->send(FrameType::kFind, bad);
  auto lost = expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST);
  EXPECT_EQ(+lost.error, TROUPE_E_LINK_CONTENT);
  EXPECT_STREQ(lost.code, "E_LINK_TEXT");
  meetUp(bridge, expert);
  const int64_t since = nowMs();
  lost = expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST);
  EXPECT_EQ(+lost.error, TROUPE_E_LINK_SILENT);
  EXPECT_GE(nowMs() - since, 4000);
}

TEST(DllClient, BeatsWhileTheExpertIsThereAndLetsGoWhenItIsNot) {
  Bridge bridge;
  TroupeConfig config = configFor(bridge.port());
  config.idle_limit_ms = 1500;
  Expert expert(config);
  meetUp(bridge, expert);
  int beats = 0;
  // An expert that calls, with nothing to say.
  const int64_t since = nowMs();
  while (nowMs() - since < 2500) {
    EXPECT_FALSE(expert.poll());
    bridge.link->send(FrameType::kHeartbeat, link::Heartbeat{1});
    bridge.link->wait(20);
    link::FrameView frame;
    while (bridge.link->next(frame) == link::Next::kFrame) beats += frame.type == FrameType::kHeartbeat;
  }
  EXPECT_GE(beats, 3);
  // And then does not.
  EXPECT_TRUE(bridge.closed());
  EXPECT_LT(bridge.listener.accept(), 0);
  EXPECT_EQ(+expert.expect<TroupeLinkLost>(TROUPE_LINK_LOST).error, TROUPE_E_IDLE);
  meetUp(bridge, expert);
}

TEST(DllClient, WhatWasTakenBeforeTheStopStillLeaves) {
  Bridge bridge;
  std::vector<FrameType> rest;
  int64_t took = 0;
  {
    Expert expert(configFor(bridge.port()));
    meetUp(bridge, expert);
    // Unread by the expert: closing over it must not take away what the expert has said.
    bridge.link->send(FrameType::kFind, findOf(1));
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(expert.send(tickMessage(i, 1)), 1);
    std::thread stopper([&] {
      const int64_t since = nowMs();
      EXPECT_EQ(troupe_stop(expert.handle), 0);
      took = nowMs() - since;
    });
    EXPECT_TRUE(bridge.closed(&rest));
    stopper.join();
  }
  EXPECT_EQ(rest.size(), 1000u);
  EXPECT_LT(took, 1000);
}

TEST(DllClient, StopsUnderASecondWhateverItIsDoing) {
  const auto stop = [](int32_t handle) {
    const int64_t since = nowMs();
    EXPECT_EQ(troupe_stop(handle), 0);
    EXPECT_LT(nowMs() - since, 1000);
  };
  Bridge bridge;
  TroupeConfig nowhere = configFor(9);
  link::setTextCut(nowhere.host, "192.0.2.1");  // RFC 5737: nobody is there
  const int32_t connecting = start(nowhere);
  const int32_t greeting = start(configFor(bridge.port(), "greeting"));
  ASSERT_TRUE(bridge.meet());
  stop(connecting);
  stop(greeting);
  Expert stuck(configFor(bridge.port(), "stuck"));
  meetUp(bridge, stuck);
  while (stuck.send(tickMessage(1, 1000)) == 1) {
  }
  stop(stuck.handle);
}

TEST(DllClient, AStartOfTheSameInstanceEndsTheEarlierOneAndOthersLiveOn) {
  Bridge bridge, other_bridge;
  Expert other(configFor(other_bridge.port(), "other"));
  meetUp(other_bridge, other);
  Expert first(configFor(bridge.port(), "same"));
  meetUp(bridge, first);
  Expert second(configFor(bridge.port(), "same"));
  uint8_t buffer[64];
  EXPECT_EQ(troupe_receive(first.handle, buffer, sizeof buffer), TROUPE_E_HANDLE);
  EXPECT_NE(first.handle, second.handle);
  meetUp(bridge, second);
  EXPECT_EQ(other.send(tickMessage(1, 1)), 1);
  EXPECT_TRUE(other_bridge.next(FrameType::kTicks));
}

// Nothing is thrown across the boundary: a terminal would die of it.
TEST(DllClient, WithoutMemoryItSaysSoAndTheNextStartIsAsGoodAsAny) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's own memory has no bound";
#endif
  const auto startWithoutMemory = [] {
    const rlim_t most = memoryBytes(0) + (64u << 20);
    const rlimit limit{most, most};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
    TroupeConfig config = configFor(9);
    config.send_ring_bytes = 256u << 20;
    for (int i = 0; i <= TROUPE_MAX_HANDLES; ++i)
      if (start(config) != TROUPE_E_MEMORY) return 3;
    config.send_ring_bytes = 256u << 10;
    return start(config) > 0 ? 0 : 4;
  };
  EXPECT_EXIT(std::_Exit(startWithoutMemory()), ::testing::ExitedWithCode(0), "");
}

TEST(DllClient, HasASeatForSixteenAndTellsTheNext) {
  std::vector<int32_t> handles;
  for (int i = 0; i < TROUPE_MAX_HANDLES; ++i)
    handles.push_back(start(configFor(9, ("many" + std::to_string(i)).c_str())));
  for (const int32_t handle : handles) EXPECT_GT(handle, 0);
  EXPECT_EQ(start(configFor(9, "one more")), TROUPE_E_TOO_MANY);
  EXPECT_EQ(troupe_stop(handles[3]), 0);
  const int32_t again = start(configFor(9, "one more"));
  EXPECT_GT(again, 0);
  EXPECT_EQ(troupe_stop(again), 0);
  for (size_t i = 0; i < handles.size(); ++i) EXPECT_EQ(troupe_stop(handles[i]), i == 3 ? TROUPE_E_HANDLE : 0);
}

TEST(DllClient, WakesWhoWaitsForAMessageOrForTheEnd) {
  Bridge bridge;
  Expert expert(configFor(bridge.port()));
  meetUp(bridge, expert);
  EXPECT_EQ(troupe_wait(expert.handle, 20), 0);
  int32_t woken = 0;
  std::thread service([&] { woken = troupe_wait(expert.handle, 10'000); });
  bridge.link->send(FrameType::kFind, findOf(1));
  service.join();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(+expert.expect<link::Find>(FrameType::kFind).command, 1u);
  std::thread sleeper([&] { woken = troupe_wait(expert.handle, 10'000); });
  const int64_t since = nowMs();
  EXPECT_EQ(troupe_stop(expert.handle), 0);
  sleeper.join();
  EXPECT_EQ(woken, TROUPE_E_HANDLE);
  EXPECT_LT(nowMs() - since, 1000);
}

TEST(DllClient, CallsStopsAndStartsFromManyThreadsDoNotMeet) {
  Bridge bridge;
  std::atomic<bool> done{false};
  std::atomic<int32_t> handle{start(configFor(bridge.port(), "shared"))};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const int32_t got = troupe_wait(handle, 1);
        EXPECT_TRUE(got == 0 || got == 1 || got == TROUPE_E_HANDLE) << got;
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    const int32_t next = start(configFor(bridge.port(), "shared"));
    ASSERT_GT(next, 0);
    handle = next;
    if (i % 3 == 0) {
      EXPECT_EQ(troupe_stop(next), 0);
    }
  }
  done = true;
  for (auto& thread : threads) thread.join();
  troupe_stop(handle);
}

}  // namespace
