// The host program, in which several experts use the library in threads of their own, against the daemon and a real
// nats-server. With the Windows build of both under Wine this is the way of the binary that a terminal loads.
#include "dll_host_support.h"
#include "tls_support.h"

using namespace troupe;
using namespace troupe::dll::testing_support;

namespace {

struct HostLink : HostTest {
  std::vector<std::string> options(std::vector<std::string> more, const char* key = kKey) {
    std::vector<std::string> out{"--key", key};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
};

TEST_F(HostLink, ProvesTheKeyAndIsRefusedWithoutIt) {
  Daemon daemon(folder, "ACC", *nats);
  daemon.start();
  {
    std::string wrong = kKey;
    wrong[0] = 'f';
    Host host(folder, options({"--expert", "A:" + std::to_string(daemon.port)}, wrong.c_str()));
    const std::string refused = host.line({R"("event":"refused")"});
    EXPECT_NE(refused.find("E_LINK_KEY"), std::string::npos) << refused << host.child->out();
    EXPECT_EQ(host.stop(), 0);
  }
  Host host(folder, options({"--expert", "A:" + std::to_string(daemon.port)}));
  EXPECT_FALSE(host.line({R"("event":"up")"}).empty()) << host.child->out() << daemon.child->err();
  EXPECT_TRUE(daemon.ready());
  EXPECT_EQ(host.stop(), 0);
}

TEST_F(HostLink, SeveralExpertsStoreEveryTickOnceThroughKillsAndReloadsAndStopUnderASecond) {
  constexpr uint64_t kTicks = 200'000;
  Daemon first(folder, "ACC1", *nats), second(folder, "ACC2", *nats);
  first.start();
  second.start();
  Host host(folder, options({"--expert", "A:" + std::to_string(first.port), "--expert",
                             "B:" + std::to_string(second.port), "--ticks", std::to_string(kTicks), "--batch", "50"}));
  ASSERT_TRUE(first.ready() && second.ready()) << host.child->out();

  // One daemon is killed in the middle of it; the other's link must not notice.
  first.child->end(SIGKILL);
  ASSERT_FALSE(host.line({R"("event":"lost")", R"("expert":"A")"}).empty()) << host.child->out();
  first.start();
  ASSERT_FALSE(host.line({R"("event":"up")", R"("expert":"A")"}, 2).empty()) << host.child->out();

  // The terminal takes its experts away without their OnDeinit, unloads the library, and loads both again.
  host.say("reload");
  const std::string reloaded = host.line({R"("event":"reloaded")"});
  EXPECT_NE(reloaded.find(R"("same":true)"), std::string::npos) << reloaded;
  for (const char* expert : {R"("expert":"A")", R"("expert":"B")"})
    ASSERT_FALSE(host.line({R"("event":"started")", expert}, 2).empty()) << host.child->out();

  for (const char* source : {"SIMACC1", "SIMACC2"})
    EXPECT_TRUE(eventually([&] { return nats->messages("MARKET") > 0 && countTicks(*nats, source) == kTicks; }))
        << source << ": " << countTicks(*nats, source);
  EXPECT_EQ(host.child->out().find(R"("event":"lost","expert":"B")"), std::string::npos);
  EXPECT_EQ(host.stop(), 0);
  for (const char* expert : {R"("expert":"A")", R"("expert":"B")"}) {
    const std::string stopped = host.line({R"("event":"stopped")", expert});
    EXPECT_EQ(Host::number(stopped, "answer"), 0) << stopped;
    EXPECT_LT(Host::number(stopped, "ms"), 1000) << stopped;
  }
}

// Schannel under Wine, OpenSSL on Linux: the same answers.
TEST_F(HostLink, SpeaksTlsToWhomItTrustsAndSaysWhyToNobodyElse) {
  link::testing_support::TestCa ca(folder), other(folder, "other");
  const auto good = ca.issue("good", "DNS:localhost,IP:127.0.0.1");
  const auto expired = ca.issue("expired", "DNS:localhost", -7200, -3600);
  const auto elsewhere = ca.issue("elsewhere", "DNS:elsewhere.example");
  // A path of Unix as a program under Wine has it.
  const std::string drive = std::getenv("TROUPE_DLL_HOST_COMMAND") != nullptr ? "Z:" : "";
  const auto pin = link::testing_support::TestCa::hex(good.fingerprint);
  const struct {
    const char* what;
    const link::testing_support::TestCa::Issued* bridge;  // null: a bridge without TLS
    std::vector<std::string> trust;
    const char* code;  // null: it comes up
  } table[] = {
      {"signed by the CA, for this name", &good, {"--ca", drive + ca.file, "--host", "localhost"}, nullptr},
      {"signed by the CA, for this address", &good, {"--ca", drive + ca.file}, nullptr},
      {"pinned", &good, {"--fingerprint", pin}, nullptr},
      {"another's fingerprint", &expired, {"--fingerprint", pin}, "E_LINK_TLS_CERTIFICATE"},
      {"another's signature", &good, {"--ca", drive + other.file}, "E_LINK_TLS_CERTIFICATE"},
      {"expired", &expired, {"--ca", drive + ca.file, "--host", "localhost"}, "E_LINK_TLS_EXPIRED"},
      {"expired, pinned",
       &expired,
       {"--fingerprint", link::testing_support::TestCa::hex(expired.fingerprint)},
       "E_LINK_TLS_EXPIRED"},
      {"for another name", &elsewhere, {"--ca", drive + ca.file, "--host", "localhost"}, "E_LINK_TLS_NAME"},
      {"for another address", &elsewhere, {"--ca", drive + ca.file}, "E_LINK_TLS_NAME"},
      {"a bridge without TLS", nullptr, {"--fingerprint", pin}, "E_LINK_TLS_MISSING"},
      {"a terminal without TLS", &good, {}, "E_LINK_TLS_MISSING"},
  };
  int number = 0;
  for (const auto& row : table) {
    SCOPED_TRACE(row.what);
    const std::string account = "TLS" + std::to_string(++number);
    Daemon daemon(folder, account, *nats);
    if (row.bridge != nullptr)
      daemon.options = {"--link-tls-cert", row.bridge->certificate, "--link-tls-key", row.bridge->key};
    daemon.start();
    std::vector<std::string> more{"--expert", "A:" + std::to_string(daemon.port), "--ticks", "20000"};
    more.insert(more.end(), row.trust.begin(), row.trust.end());
    Host host(folder, options(more));
    if (row.code == nullptr) {
      EXPECT_TRUE(eventually([&] { return countTicks(*nats, "SIM" + account) == 20'000; }))
          << host.child->out() << daemon.child->err();
      const auto placed = ask(*nats, account, placeOf("o1"));
      EXPECT_EQ(placed.outcome(), bridge::v1::OUTCOME_DONE) << placed.ShortDebugString();
    } else {
      EXPECT_FALSE(host.line({row.trust.empty() ? R"("event":"refused")" : R"("event":"lost")", row.code}).empty())
          << host.child->out() << daemon.child->err();
      EXPECT_EQ(host.child->out().find(R"("event":"up")"), std::string::npos);
    }
    EXPECT_EQ(host.stop(), 0);
  }
}

TEST_F(HostLink, AnswersCommands) {
  Daemon daemon(folder, "ACC", *nats);
  daemon.start();
  Host host(folder, options({"--expert", "A:" + std::to_string(daemon.port)}));
  ASSERT_TRUE(daemon.ready()) << host.child->out();
  for (int i = 0; i < 50; ++i) {
    const std::string id = "o" + std::to_string(i);
    const auto placed = ask(*nats, "ACC", placeOf(id));
    ASSERT_EQ(placed.outcome(), bridge::v1::OUTCOME_DONE) << placed.ShortDebugString();
    const auto found = ask(*nats, "ACC", findCommand(id));
    EXPECT_EQ(found.outcome(), bridge::v1::OUTCOME_DONE) << found.ShortDebugString();
    EXPECT_EQ(found.order().ticket(), placed.order().ticket());
    EXPECT_EQ(ask(*nats, "ACC", placeOf(id)).order().ticket(), placed.order().ticket()) << "not executed again";
  }
  EXPECT_EQ(ask(*nats, "ACC", findCommand("nobody")).outcome(), bridge::v1::OUTCOME_NOT_FOUND);
  EXPECT_EQ(host.stop(), 0);
}

// Every tick that was pushed must be stored, or there is no figure.
TEST_F(HostLink, PushesATickInUnderAMicrosecond) {
  for (const char* batch : {"1", "64"}) {
    constexpr uint64_t kTicks = 64 * 4000;
    const std::string account = std::string("PUSH") + batch;
    Daemon daemon(folder, account, *nats);
    daemon.start();
    Host host(folder, options({"--expert", "A:" + std::to_string(daemon.port), "--ticks", std::to_string(kTicks),
                               "--batch", batch}));
    const std::string pushed = host.line({R"("event":"pushed")"});
    ASSERT_FALSE(pushed.empty()) << host.child->out();
    ASSERT_TRUE(eventually([&] { return countTicks(*nats, "SIM" + account) == kTicks; }));
    const double median = Host::number(pushed, "medianNs");
    std::printf(
        "push, %2s ticks a message: median %.0f ns a tick (p99 %.0f), %.1f times a bare copy of it; %.0f times "
        "under the limit of 1 us\n",
        batch, median, Host::number(pushed, "p99Ns"), median / Host::number(pushed, "copyMedianNs"), 1000 / median);
#ifndef TROUPE_SANITIZED
    EXPECT_LT(median, 1000);
#endif
    EXPECT_EQ(host.stop(), 0);
  }
}

}  // namespace
