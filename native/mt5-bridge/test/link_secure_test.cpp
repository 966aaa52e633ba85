// TLS of the link: who is trusted and who is not, each with its own error, on both sides.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "link/connection.h"
#include "tls_support.h"

using namespace troupe::link;
using testing_support::TestCa;
namespace fs = std::filesystem;

namespace {

struct SecureTest : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / ("tls-" + std::to_string(::getpid()));
  std::unique_ptr<TestCa> ca;
  std::string error;

  void SetUp() override {
    fs::create_directories(folder);
    ca = std::make_unique<TestCa>(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::shared_ptr<const SecureServer> serverOf(const TestCa::Issued& issued) {
    auto out = makeSecureServer(issued.certificate, issued.key, error);
    EXPECT_TRUE(out) << error;
    return out;
  }
  std::shared_ptr<const SecureClient> trusting(const std::string& ca_file) {
    Trust trust;
    trust.ca_file = ca_file;
    auto out = makeSecureClient(trust, error);
    EXPECT_TRUE(out) << error;
    return out;
  }
  std::shared_ptr<const SecureClient> pinning(const Digest& fingerprint) {
    Trust trust;
    trust.pinned = true;
    trust.fingerprint = fingerprint;
    return makeSecureClient(trust, error);
  }

  struct Met {
    LinkError client = LinkError::kNone, server = LinkError::kNone;
    Bytes client_heard, server_heard;
    std::string server_detail;
  };
  // Both say something at once and are carried to each other, `chunk` bytes at a time, until nothing moves any more.
  static Met meet(SecureChannel& client, SecureChannel& server, const Bytes& from_client, const Bytes& from_server,
                  size_t chunk = 1000) {
    Met met;
    Bytes up, down;
    met.client = client.begin(up);
    EXPECT_EQ(server.begin(down), LinkError::kNone);
    EXPECT_TRUE(down.empty()) << "a bridge says nothing first";
    EXPECT_EQ(client.seal(from_client.data(), from_client.size(), up), LinkError::kNone);
    EXPECT_EQ(server.seal(from_server.data(), from_server.size(), down), LinkError::kNone);
    while (!up.empty() || !down.empty()) {
      const auto carry = [chunk](Bytes& wire, Bytes& back, SecureChannel& to, LinkError& error, Bytes& heard) {
        const size_t count = std::min(chunk, wire.size());
        const Bytes part(wire.begin(), wire.begin() + static_cast<ptrdiff_t>(count));
        wire.erase(wire.begin(), wire.begin() + static_cast<ptrdiff_t>(count));
        if (error == LinkError::kNone && count > 0) error = to.take(part.data(), count, heard, back);
      };
      carry(up, down, server, met.server, met.server_heard);
      carry(down, up, client, met.client, met.client_heard);
    }
    met.server_detail = server.detail();
    return met;
  }
  static Bytes text(size_t bytes, uint8_t seed) {
    Bytes out(bytes);
    for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(seed + i * 7);
    return out;
  }
};

TEST_F(SecureTest, CarriesAllBytesWhateverTheyAreCutInto) {
  const auto issued = ca->issue("bridge", "DNS:localhost,IP:127.0.0.1");
  const auto server = serverOf(issued);
  const Bytes up = text(100'000, 1), down = text(50'000, 99);
  for (const size_t chunk : {1ul, 7ul, 1500ul, 1ul << 20}) {
    for (const auto& client : {trusting(ca->file), pinning(issued.fingerprint)}) {
      const auto a = client->channel("127.0.0.1"), b = server->channel();
      const Met met = meet(*a, *b, chunk == 1 ? text(500, 1) : up, chunk == 1 ? text(500, 99) : down, chunk);
      EXPECT_EQ(met.client, LinkError::kNone) << a->detail();
      EXPECT_EQ(met.server, LinkError::kNone) << b->detail();
      EXPECT_EQ(met.server_heard, chunk == 1 ? text(500, 1) : up);
      EXPECT_EQ(met.client_heard, chunk == 1 ? text(500, 99) : down);
    }
  }
}

TEST_F(SecureTest, NothingOfOursLeavesToWhoIsNotTrustedAndEachFaultHasItsError) {
  TestCa other(folder, "other");
  const auto good = ca->issue("good", "DNS:bridge.example,DNS:*.wild.example,IP:127.0.0.1");
  const auto expired = ca->issue("expired", "IP:127.0.0.1", -7200, -3600);
  const auto early = ca->issue("early", "IP:127.0.0.1", 3600, 7200);
  const auto nameless = ca->issue("127.0.0.1", "");
  const struct {
    const char* what;
    TestCa::Issued bridge;
    std::shared_ptr<const SecureClient> client;
    const char* host;
    LinkError error;
  } table[] = {
      {"the address", good, trusting(ca->file), "127.0.0.1", LinkError::kNone},
      {"the name", good, trusting(ca->file), "Bridge.example", LinkError::kNone},
      {"a wildcard", good, trusting(ca->file), "a.wild.example", LinkError::kNone},
      {"two labels for a wildcard", good, trusting(ca->file), "a.b.wild.example", LinkError::kTlsName},
      {"another name", good, trusting(ca->file), "bridge.example.org", LinkError::kTlsName},
      {"another address", good, trusting(ca->file), "127.0.0.2", LinkError::kTlsName},
      {"only its common name fits", nameless, trusting(ca->file), "127.0.0.1", LinkError::kTlsName},
      {"signed by another", good, trusting(other.file), "127.0.0.1", LinkError::kTlsCertificate},
      {"another fingerprint", good, pinning(expired.fingerprint), "127.0.0.1", LinkError::kTlsCertificate},
      {"pinned, whatever its name", good, pinning(good.fingerprint), "elsewhere.example", LinkError::kNone},
      {"expired", expired, trusting(ca->file), "127.0.0.1", LinkError::kTlsExpired},
      {"expired, pinned", expired, pinning(expired.fingerprint), "127.0.0.1", LinkError::kTlsExpired},
      {"not valid yet", early, trusting(ca->file), "127.0.0.1", LinkError::kTlsExpired},
      {"not valid yet, pinned", early, pinning(early.fingerprint), "127.0.0.1", LinkError::kTlsExpired},
  };
  for (const auto& row : table) {
    const auto a = row.client->channel(row.host);
    const auto server = serverOf(row.bridge);
    const auto b = server->channel();
    const Met met = meet(*a, *b, text(100, 1), {});
    EXPECT_EQ(met.client, row.error) << row.what << ": " << codeOf(met.client) << " " << a->detail();
    const bool good_one = row.error == LinkError::kNone;
    EXPECT_EQ(met.server, good_one ? LinkError::kNone : LinkError::kTlsRejected) << row.what << b->detail();
    EXPECT_EQ(met.server_detail.empty(), good_one) << row.what;
    EXPECT_EQ(met.server_heard.empty(), !good_one) << row.what;
  }
}

TEST_F(SecureTest, NoisyPeersAreToldApartFromTls) {
  const auto issued = ca->issue("bridge", "IP:127.0.0.1");
  Bytes plain, wire;
  const Bytes hello = text(40, 0xBC);
  EXPECT_EQ(serverOf(issued)->channel()->take(hello.data(), hello.size(), plain, wire), LinkError::kTlsMissing);
  const auto client = trusting(ca->file);
  const auto channel = client->channel("127.0.0.1");
  EXPECT_EQ(channel->begin(wire), LinkError::kNone);
  EXPECT_TRUE(looksLikeTls(wire.data(), wire.size()));
  EXPECT_EQ(channel->take(hello.data(), hello.size(), plain, wire), LinkError::kTlsMissing);
  const Bytes nonsense{0x16, 3, 3, 0, 4, 'n', 'o', 'p', 'e'};
  const auto server = serverOf(issued);
  const auto bridge = server->channel();
  EXPECT_EQ(bridge->take(nonsense.data(), nonsense.size(), plain, wire), LinkError::kTlsFailed);
  EXPECT_FALSE(bridge->detail().empty());
  EXPECT_TRUE(plain.empty());
}

TEST_F(SecureTest, FilesThatCannotBeUsedAreNamed) {
  const auto one = ca->issue("one", "IP:127.0.0.1"), two = ca->issue("two", "IP:127.0.0.1");
  EXPECT_FALSE(makeSecureServer("/nowhere.crt", one.key, error));
  EXPECT_NE(error.find("/nowhere.crt: no certificate"), std::string::npos) << error;
  EXPECT_FALSE(makeSecureServer(one.certificate, "/nowhere.key", error));
  EXPECT_NE(error.find("/nowhere.key: no key"), std::string::npos) << error;
  EXPECT_FALSE(makeSecureServer(one.certificate, two.key, error));
  EXPECT_NE(error.find("is not the key of the certificate"), std::string::npos) << error;
  EXPECT_FALSE(makeSecureServer(one.key, one.key, error));
  Trust trust;
  trust.ca_file = one.key;
  EXPECT_FALSE(makeSecureClient(trust, error));
  EXPECT_NE(error.find("no certificates in PEM format"), std::string::npos) << error;
}

TEST(Fingerprint, IsSixtyFourHexDigitsWithOrWithoutColons) {
  Digest digest{};
  std::string bare;
  for (int i = 0; i < 32; ++i) bare += i % 2 ? "a0" : "0F";
  EXPECT_TRUE(parseFingerprint(bare, digest));
  EXPECT_EQ(digest[0], 0x0F);
  EXPECT_EQ(digest[31], 0xA0);
  Digest again{};
  EXPECT_TRUE(parseFingerprint(TestCa::hex(digest), again));
  EXPECT_EQ(again, digest);
  for (const std::string& bad :
       {std::string(), bare + "0", bare.substr(1), "g" + bare.substr(1), ":" + bare, "0:" + bare.substr(1), " " + bare})
    EXPECT_FALSE(parseFingerprint(bad, digest)) << bad;
}

// Many senders and one reader on each side share a session of TLS that only one may use at a time.
TEST_F(SecureTest, ManyThreadsSendOnOneConnection) {
  const auto issued = ca->issue("bridge", "IP:127.0.0.1");
  const auto server = serverOf(issued);
  const auto client = pinning(issued.fingerprint);
  Listener listener;
  ASSERT_TRUE(listener.listen("127.0.0.1", 0, error)) << error;
  auto terminal = Connection::connect("127.0.0.1", listener.port(), Peer::kBridge, 2000, error, client.get());
  ASSERT_TRUE(terminal) << error;
  pollfd p{listener.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&p, 1, 2000), 1);
  Connection bridge(listener.accept(), Peer::kTerminal, server->channel());

  constexpr int kThreads = 4, kFrames = 500;
  std::vector<Tick> ticks(300);
  const auto sender = [&] {
    for (int i = 0; i < kFrames; ++i) {
      const TickBatchHeader head{static_cast<uint32_t>(ticks.size()), 0, 1};
      EXPECT_EQ(terminal->send(FrameType::kTicks, head, ticks.data(), ticks.size()), LinkError::kNone);
      if (i % 10 != 0) continue;
      EXPECT_EQ(bridge.send(FrameType::kHeartbeat, Heartbeat{1}), LinkError::kNone);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(sender);
  std::atomic<int> beats{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    FrameView frame;
    while (!done) {
      EXPECT_EQ(terminal->wait(10), LinkError::kNone);
      while (terminal->next(frame) == Next::kFrame) ++beats;
    }
  });
  int frames = 0;
  for (FrameView frame; frames < kThreads * kFrames;) {
    const LinkError waited = bridge.wait(20'000);
    if (waited != LinkError::kNone) ADD_FAILURE() << codeOf(waited) << bridge.detail();
    if (waited != LinkError::kNone) break;
    while (bridge.next(frame) == Next::kFrame) ++frames;
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(frames, kThreads * kFrames);
  for (int i = 0; i < 2000 && beats < kThreads * kFrames / 10; ++i) bridge.wait(10);
  done = true;
  terminal->wake();
  reader.join();
  EXPECT_EQ(beats, kThreads * kFrames / 10);
}

}  // namespace
