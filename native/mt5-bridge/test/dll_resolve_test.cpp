// The bridge's host by its name: asked for beside the thread of the link, so that nothing waits for it.
#include <arpa/inet.h>

#include <atomic>

#include "dll/client.h"
#include "dll_support.h"

using namespace troupe;
using namespace troupe::dll;
using namespace troupe::dll::testing_support;

namespace {

Settings settingsFor(uint16_t port, Resolve resolve) {
  TroupeConfig config = configFor(port);
  link::setTextCut(config.host, "bridge.example");
  Settings settings;
  EXPECT_EQ(readConfig(reinterpret_cast<const uint8_t*>(&config), sizeof config, settings), 0);
  settings.resolve = std::move(resolve);
  return settings;
}

// The next message's type and what it holds.
template <typename T>
T next(LinkClient& client, uint16_t wanted) {
  std::vector<uint8_t> buffer(TROUPE_RECEIVE_BYTES);
  int32_t got = 0;
  EXPECT_TRUE(eventually([&] { return (got = client.receive(buffer.data(), TROUPE_RECEIVE_BYTES)) != 0; }));
  TroupeMessage head{};
  T out{};
  EXPECT_EQ(got, static_cast<int32_t>(sizeof head + sizeof out));
  std::memcpy(&head, buffer.data(), sizeof head);
  EXPECT_EQ(head.type, wanted);
  std::memcpy(&out, buffer.data() + sizeof head, sizeof out);
  return out;
}

TEST(DllResolve, TheSystemKnowsThisMachine) {
  const std::vector<uint32_t> addresses = systemResolve("localhost");
  ASSERT_FALSE(addresses.empty());
  EXPECT_EQ(addresses[0], htonl(INADDR_LOOPBACK));
  EXPECT_TRUE(systemResolve("no-such-host.invalid").empty());
}

TEST(DllResolve, LinksToANameAndOfSeveralAddressesTakesOneThatAnswers) {
  Bridge bridge;
  std::atomic<int> asked{0};
  LinkClient client(settingsFor(bridge.port(), [&](const std::string& host) {
    EXPECT_EQ(host, "bridge.example");
    ++asked;
    // At the first nobody listens.
    return std::vector<uint32_t>{inet_addr("127.255.255.254"), htonl(INADDR_LOOPBACK)};
  }));
  ASSERT_TRUE(client.start());
  EXPECT_EQ(+next<TroupeLinkLost>(client, TROUPE_LINK_LOST).error, TROUPE_E_CONNECT);
  ASSERT_TRUE(bridge.meet());
  bridge.welcome();
  next<TroupeLinkUp>(client, TROUPE_LINK_UP);
  EXPECT_GE(asked, 2) << "asked anew for each connection: addresses change";
}

TEST(DllResolve, SaysThatAHostHasNoAddress) {
  LinkClient client(settingsFor(1, [](const std::string&) { return std::vector<uint32_t>(); }));
  ASSERT_TRUE(client.start());
  const auto lost = next<TroupeLinkLost>(client, TROUPE_LINK_LOST);
  EXPECT_EQ(+lost.error, TROUPE_E_RESOLVE);
  EXPECT_STREQ(lost.code, "E_DLL_RESOLVE");
}

// Who answers names may be out of reach for half a minute: stopping must not wait for that, nor may each attempt make
// one more thread that waits.
TEST(DllResolve, StopsUnderASecondWhileNobodyAnswersAndAsksOnlyOnce) {
  struct Held {
    std::atomic<bool> release{false};
    std::atomic<int> asked{0}, answered{0};
  };
  // Outlives the client, as a real question would.
  const auto held = std::make_shared<Held>();
  {
    LinkClient client(settingsFor(1, [held](const std::string&) {
      ++held->asked;
      while (!held->release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++held->answered;
      return std::vector<uint32_t>();
    }));
    ASSERT_TRUE(client.start());
    EXPECT_EQ(+next<TroupeLinkLost>(client, TROUPE_LINK_LOST).error, TROUPE_E_RESOLVE) << "after five seconds";
    EXPECT_EQ(held->asked, 1);
    const int64_t begin = nowMs();
    client.stop();
    EXPECT_LT(nowMs() - begin, 1000);
  }
  EXPECT_EQ(held->asked, 1);
  held->release = true;
  EXPECT_TRUE(eventually([&] { return held->answered == 1; }));
}

}  // namespace
