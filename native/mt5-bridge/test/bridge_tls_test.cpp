// The daemon's link under TLS: terminals that trust it trade as ever, and everybody else hears one clear error, which
// stands on sys.lifecycle too.
#include "bridge_daemon_support.h"
#include "tls_support.h"

using namespace troupe;
using namespace troupe::bridge::testing_support;
using link::FrameType;
using link::LinkError;
using link::testing_support::TestCa;

namespace {

struct TlsDaemonTest : DaemonTest {
  std::unique_ptr<TestCa> ca;

  void SetUp() override {
    DaemonTest::SetUp();
    if (!IsSkipped()) ca = std::make_unique<TestCa>(folder);
  }
  void startWith(const TestCa::Issued& issued) {
    startAll({"--link-tls-cert", issued.certificate, "--link-tls-key", issued.key});
  }
  std::shared_ptr<const link::SecureClient> trusting(const std::string& ca_file) {
    link::Trust trust;
    trust.ca_file = ca_file;
    std::string error;
    auto out = link::makeSecureClient(trust, error);
    EXPECT_TRUE(out) << error;
    return out;
  }
  // What a terminal hears that tries to come in.
  LinkError comes(const link::SecureClient* secure, link::Refused& refusal) {
    FakeTerminal terminal(port, secure);
    return terminal.introduce(helloOf("s"), refusal);
  }
  std::string told(const std::string& code) {
    EXPECT_TRUE(eventually([&] { return lifecycle(code); })) << code << "\n" << daemon->err();
    return daemon->err();
  }
};

TEST_F(TlsDaemonTest, carriesTicksAndCommandsToWhoTrustsIt) {
  const auto issued = ca->issue("bridge", "IP:127.0.0.1");
  startWith(issued);
  const auto client = trusting(ca->file);
  FakeTerminal terminal(port, client.get());
  terminal.greet("s1", {"EURUSD", "GBPUSD"});
  ASSERT_TRUE(said(R"("state":"ready")")) << daemon->err();
  terminal.ticks(ticks(30'000, 2));
  terminal.tapeEnd(30'000);
  ASSERT_TRUE(terminal.pumpUntil([&] {
    return daemon->out().find(R"("tape_end","ticks":30000)") != std::string::npos;
  })) << daemon->out()
      << daemon->err();
  expectAllTicks(30'000, 2);
  bridge::v1::CommandReply reply;
  std::thread asks([&] { reply = command(place("o1")); });
  const auto placed = terminal.expect<link::Place>(FrameType::kPlace);
  ASSERT_TRUE(placed);
  link::Result result{};
  result.command = placed->command;
  result.outcome = bridge::v1::OUTCOME_DONE;
  result.retcode = 10009;
  terminal.link().send(FrameType::kResult, result);
  asks.join();
  EXPECT_EQ(reply.outcome(), bridge::v1::OUTCOME_DONE) << reply.ShortDebugString();
}

TEST_F(TlsDaemonTest, whoDoesNotTrustItGoesAwayAndWhoSpeaksPlainlyIsRefused) {
  TestCa other(folder, "other");
  startWith(ca->issue("bridge", "DNS:elsewhere.example"));
  link::Refused refusal{};
  EXPECT_EQ(comes(trusting(other.file).get(), refusal), LinkError::kTlsCertificate);
  EXPECT_NE(told("E_LINK_TLS_REJECTED").find("does not accept this bridge's certificate"), std::string::npos);
  EXPECT_EQ(comes(trusting(ca->file).get(), refusal), LinkError::kTlsName);
  EXPECT_EQ(comes(nullptr, refusal), LinkError::kRefused);
  EXPECT_EQ(link::textOf(refusal.code), "E_LINK_TLS_MISSING");
  EXPECT_NE(link::textOf(refusal.message).find("reached by TLS only"), std::string_view::npos) << refusal.message;
  EXPECT_EQ(refusal.retry_after_ms, 0u) << "in vain until somebody has changed something";
  told("E_LINK_TLS_MISSING");
}

TEST_F(TlsDaemonTest, anExpiredCertificateIsSaidToBeOne) {
  startWith(ca->issue("bridge", "IP:127.0.0.1", -7200, -3600));
  link::Refused refusal{};
  EXPECT_EQ(comes(trusting(ca->file).get(), refusal), LinkError::kTlsExpired);
  EXPECT_NE(told("E_LINK_TLS_REJECTED").find("expired"), std::string::npos);
}

TEST_F(TlsDaemonTest, aTerminalThatSpeaksTlsToAPlainBridgeIsToldSo) {
  startAll();
  link::Refused refusal{};
  EXPECT_EQ(comes(trusting(ca->file).get(), refusal), LinkError::kTlsMissing);
  told("E_LINK_TLS_UNEXPECTED");
  EXPECT_EQ(comes(nullptr, refusal), LinkError::kNone) << "and others come in as ever";
}

struct CertificateAgainTest : TlsDaemonTest {
  std::shared_ptr<const link::SecureClient> pinning(const link::Digest& fingerprint) {
    link::Trust trust;
    trust.pinned = true;
    trust.fingerprint = fingerprint;
    std::string error;
    auto out = link::makeSecureClient(trust, error);
    EXPECT_TRUE(out) << error;
    return out;
  }
  static void put(const std::string& from, const std::string& to) {
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  }
  bool event(const std::string& name, const std::string& cause) {
    return eventually([&] {
      for (const auto& [subject, bytes] : nats->all("SYSTEM"))
        if (bytes.find("\"event\":\"" + name + "\"") != std::string::npos && bytes.find(cause) != std::string::npos)
          return true;
      return false;
    });
  }
};

TEST_F(CertificateAgainTest, isReadOnSighupForWhoComesNextAndLinksThatStandGoOn) {
  const auto used = ca->issue("bridge", "IP:127.0.0.1"), next = ca->issue("next", "IP:127.0.0.1");
  startWith(used);
  const auto old_client = pinning(used.fingerprint), new_client = pinning(next.fingerprint);
  FakeTerminal linked(port, old_client.get());
  linked.greet("s1", {"EURUSD", "GBPUSD"});
  ASSERT_TRUE(said(R"("state":"ready")")) << daemon->err();
  put(next.certificate, used.certificate);
  put(next.key, used.key);
  link::Refused refusal{};
  EXPECT_EQ(comes(new_client.get(), refusal), LinkError::kTlsCertificate) << "nobody has asked it to look";

  daemon->signal(SIGHUP);
  ASSERT_TRUE(logged("has been read again, SHA-256 " + TestCa::hex(next.fingerprint))) << daemon->err();
  EXPECT_TRUE(event("certificate_read", TestCa::hex(next.fingerprint)));
  EXPECT_EQ(comes(old_client.get(), refusal), LinkError::kTlsCertificate);
  EXPECT_EQ(comes(new_client.get(), refusal), LinkError::kRefused);
  EXPECT_EQ(link::textOf(refusal.code), "E_LINK_ACCOUNT_TAKEN") << "it is let in, and the seat is the first one's";
  linked.ticks(ticks(30'000, 2));
  linked.tapeEnd(30'000);
  ASSERT_TRUE(linked.pumpUntil([&] { return daemon->out().find(R"("tape_end","ticks":30000)") != std::string::npos; }))
      << daemon->out() << daemon->err();
  expectAllTicks(30'000, 2);
  EXPECT_EQ(daemon->out().find(R"("state":"lost")"), std::string::npos);
}

TEST_F(CertificateAgainTest, whatCannotBeUsedLeavesTheOldOneAndNamesTheOption) {
  const auto used = ca->issue("bridge", "IP:127.0.0.1"), other = ca->issue("other", "IP:127.0.0.1");
  const auto expired = ca->issue("expired", "IP:127.0.0.1", -7200, -3600);
  const std::string good_cert = (folder / "good.crt").string(), good_key = (folder / "good.key").string();
  put(used.certificate, good_cert);
  put(used.key, good_key);
  startWith(used);
  const auto refusedWith = [&](const std::string& why) {
    daemon->signal(SIGHUP);
    EXPECT_TRUE(logged(why)) << daemon->err();
    EXPECT_TRUE(event("certificate_kept", "E_LINK_TLS_REREAD: " + why));
    put(good_cert, used.certificate);
    put(good_key, used.key);
    link::Refused refusal{};
    EXPECT_EQ(comes(pinning(used.fingerprint).get(), refusal), LinkError::kNone) << why;
  };
  std::ofstream(used.certificate) << "nothing of the kind";
  refusedWith("--link-tls-cert: " + used.certificate + ": no certificate in PEM format");
  std::ofstream(used.key) << "nothing of the kind";
  refusedWith("--link-tls-key: " + used.key + ": no key in PEM format");
  put(other.key, used.key);
  refusedWith("--link-tls-key: " + used.key + ": is not the key of the certificate");
  put(expired.certificate, used.certificate);
  put(expired.key, used.key);
  refusedWith("--link-tls-cert: " + used.certificate + ": has expired or is not valid yet");
  EXPECT_EQ(daemon->end(SIGTERM), 0) << daemon->err();
}

TEST_F(CertificateAgainTest, aBridgeWithoutOneSaysSoAndGoesOn) {
  startAll();
  daemon->signal(SIGHUP);
  ASSERT_TRUE(logged("there is no certificate to read again")) << daemon->err();
  link::Refused refusal{};
  EXPECT_EQ(comes(nullptr, refusal), LinkError::kNone);
  EXPECT_EQ(daemon->end(SIGTERM), 0) << daemon->err();
}

TEST_F(TlsDaemonTest, doesNotListenInTheClearBeyondThisMachineUnlessToldTo) {
  const auto issued = ca->issue("bridge", "IP:127.0.0.1"), other = ca->issue("other", "IP:127.0.0.1");
  const auto run = [&](std::vector<std::string> more, const std::string& listen) {
    std::vector<std::string> words{
        TROUPE_BRIDGE, "--listen", listen, "--account", "ACC", "--source", "SIM", "--journal", (folder / "j").string()};
    words.insert(words.end(), more.begin(), more.end());
    fs::remove(folder / "e");
    Child child(words, folder / "o", folder / "e", {{"TROUPE_NATS_URL", nats->url()}});
    const int status = child.wait();
    return std::to_string(status) + " " + child.err();
  };
  const auto faulty = [&](std::vector<std::string> more, const std::string& listen, const std::string& why) {
    const std::string said = run(std::move(more), listen);
    EXPECT_EQ(said.substr(0, 2), "2 ") << said;
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  faulty({}, "0.0.0.0:0", "--listen: 0.0.0.0 is not this machine alone");
  faulty({"--plain-link", "loopback"}, "10.0.0.1:0", "--listen: 10.0.0.1 is not this machine alone");
  faulty({"--plain-link", "yes"}, "127.0.0.1:0", "--plain-link: not loopback or anywhere: yes");
  faulty({"--link-tls-cert", issued.certificate}, "127.0.0.1:0", "--link-tls-key: missing beside --link-tls-cert");
  faulty({"--link-tls-key", issued.key}, "127.0.0.1:0", "--link-tls-cert: missing beside --link-tls-key");
  faulty({"--link-tls-cert", issued.certificate, "--link-tls-key", other.key}, "127.0.0.1:0",
         "is not the key of the certificate");
  faulty({"--link-tls-cert", "/nowhere", "--link-tls-key", other.key}, "127.0.0.1:0", "/nowhere: no certificate");
  nats->companyStreams();
  for (const auto& more : {std::vector<std::string>{"--plain-link", "anywhere"},
                           {"--link-tls-cert", issued.certificate, "--link-tls-key", issued.key}}) {
    listen_host = "0.0.0.0";
    startDaemon(more);
    EXPECT_TRUE(said(R"("state":"waiting")")) << daemon->err();
    daemon->end(SIGTERM);
  }
}

}  // namespace
