#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "link/handshake.h"
#include "link/validate.h"

using namespace troupe::link;

namespace {

const std::string kText = "00112233445566778899aabbccddeeff0123456789abcdefFEDCBA9876543210";

Key keyOf(const std::string& text) {
  Key key;
  EXPECT_TRUE(parseKey(text, key));
  return key;
}

template <typename T>
FrameView frame(FrameType type, const T& payload) {
  return {type, 1, reinterpret_cast<const uint8_t*>(&payload), sizeof payload};
}

Hello helloOf(const char* login = "1001", const char* margin_mode = "netting") {
  Hello hello{};
  setTextCut(hello.session, "s");
  setTextCut(hello.feed, "f");
  setTextCut(hello.login, login);
  setTextCut(hello.terminal, "test");
  setTextCut(hello.margin_mode, margin_mode);
  EXPECT_TRUE(prepare(hello));
  return hello;
}

struct Handshake : testing::Test {
  Key key = keyOf(kText);
  Policy policy;
  Hello hello = helloOf();
  std::string detail;

  // The bridge's answer to this hello and, if it asks for one, to the proof of a candidate with `candidate_key`.
  LinkError ask(const Key& candidate_key) {
    Greeter greeter(key, policy);
    Challenge challenge;
    if (const LinkError e = greeter.onHello(frame(FrameType::kHello, hello), challenge); e != LinkError::kNone)
      return e;
    Candidate candidate(candidate_key, hello);
    std::optional<Proof> proof;
    EXPECT_EQ(candidate.onFrame(frame(FrameType::kChallenge, challenge), proof), LinkError::kNone);
    if (!proof) return LinkError::kNone;
    return greeter.onProof(frame(FrameType::kProof, *proof), detail);
  }
};

TEST_F(Handshake, bothProveTheKeyAndAreJoined) {
  Greeter greeter(key, policy);
  Candidate candidate(key, hello);
  Challenge challenge;
  std::optional<Proof> proof;
  ASSERT_EQ(greeter.onHello(frame(FrameType::kHello, hello), challenge), LinkError::kNone);
  ASSERT_EQ(candidate.onFrame(frame(FrameType::kChallenge, challenge), proof), LinkError::kNone);
  ASSERT_TRUE(proof);
  EXPECT_FALSE(candidate.welcomed());
  ASSERT_EQ(greeter.onProof(frame(FrameType::kProof, *proof), detail), LinkError::kNone);
  EXPECT_EQ(textOf(greeter.hello().login), "1001");
  const Welcome welcome = greeter.welcome("bridge", 7);
  EXPECT_EQ(uint16_t{welcome.version}, kVersion);
  EXPECT_EQ(candidate.onFrame(frame(FrameType::kWelcome, welcome), proof), LinkError::kNone);
  EXPECT_TRUE(candidate.welcomed());
  EXPECT_EQ(candidate.onFrame(frame(FrameType::kWelcome, welcome), proof), LinkError::kUnexpected) << "only once";
}

TEST_F(Handshake, everyReasonToRefuseHasItsCode) {
  const struct {
    const char* name;
    std::function<void()> change;
    LinkError want;
  } cases[] = {
      {"as it should be", [&] {}, LinkError::kNone},
      {"speaks newer versions only", [&] { hello.version_low = hello.version_high = kVersion + 1; },
       LinkError::kBadVersion},
      {"speaks older versions only", [&] { hello.version_low = hello.version_high = kVersion - 1; },
       LinkError::kBadVersion},
      {"speaks none at all", [&] { hello.version_low = kVersion + 1, hello.version_high = kVersion - 1; },
       LinkError::kBadVersion},
      {"speaks others too", [&] { hello.version_low = 1, hello.version_high = 9; }, LinkError::kNone},
      {"no session", [&] { hello.session[0] = 0; }, LinkError::kBadText},
      {"a name that is no text", [&] { std::memset(hello.terminal, 'x', sizeof hello.terminal); }, LinkError::kBadText},
      {"login as wanted", [&] { policy.login = "1001"; }, LinkError::kNone},
      {"another login", [&] { policy.login = "1002"; }, LinkError::kWrongAccount},
      {"margin mode as wanted", [&] { policy.margin_mode = "netting"; }, LinkError::kNone},
      {"another margin mode", [&] { policy.margin_mode = "hedging"; }, LinkError::kWrongMarginMode},
  };
  for (const auto& c : cases) {
    hello = helloOf();
    policy = {};
    detail.clear();
    c.change();
    EXPECT_EQ(ask(key), c.want) << c.name;
  }
}

TEST_F(Handshake, aWrongKeyIsSaidBeforeAnythingAboutTheAccount) {
  policy.login = "1002";
  EXPECT_EQ(ask(keyOf(std::string(63, '0') + "1")), LinkError::kBadProof);
  EXPECT_EQ(detail, "") << "a stranger is not told which account this is";
  EXPECT_EQ(ask(key), LinkError::kWrongAccount);
  EXPECT_EQ(detail, "the terminal's login is '1001', this bridge is for '1002'");
}

TEST_F(Handshake, framesOutOfTurnAreRefused) {
  Greeter greeter(key, policy);
  Challenge challenge;
  EXPECT_EQ(greeter.onHello(frame(FrameType::kProof, Proof{}), challenge), LinkError::kUnexpected);
  ASSERT_EQ(greeter.onHello(frame(FrameType::kHello, hello), challenge), LinkError::kNone);
  EXPECT_EQ(greeter.onProof(frame(FrameType::kHello, hello), detail), LinkError::kUnexpected);
  FrameView cut = frame(FrameType::kHello, hello);
  --cut.size;
  EXPECT_EQ(Greeter(key, policy).onHello(cut, challenge), LinkError::kBadSize);

  Candidate candidate(key, hello);
  std::optional<Proof> proof;
  EXPECT_EQ(candidate.onFrame(frame(FrameType::kWelcome, Welcome{}), proof), LinkError::kUnexpected)
      << "nobody is believed who has not asked for the proof";
  EXPECT_EQ(candidate.onFrame(frame(FrameType::kPlace, Place{}), proof), LinkError::kUnexpected);
  ASSERT_EQ(candidate.onFrame(frame(FrameType::kChallenge, challenge), proof), LinkError::kNone);
  EXPECT_EQ(candidate.onFrame(frame(FrameType::kChallenge, challenge), proof), LinkError::kUnexpected)
      << "one proof for one hello";
}

TEST_F(Handshake, aProofIsGoodForOneChallengeAndOneHello) {
  Greeter first(key, policy), second(key, policy);
  Challenge one, two;
  ASSERT_EQ(first.onHello(frame(FrameType::kHello, hello), one), LinkError::kNone);
  ASSERT_EQ(second.onHello(frame(FrameType::kHello, hello), two), LinkError::kNone);
  EXPECT_NE(std::memcmp(one.nonce, two.nonce, sizeof one.nonce), 0);
  Proof heard;
  const Digest mac = proofOf(key, one, hello);
  std::memcpy(heard.mac, mac.data(), mac.size());
  EXPECT_EQ(second.onProof(frame(FrameType::kProof, heard), detail), LinkError::kBadProof) << "heard and said again";

  // Whoever stands in between and changes a single bit of the hello is found out.
  for (size_t bit = 0; bit < 8 * sizeof(Hello); bit += 7) {
    Hello changed = hello;
    reinterpret_cast<uint8_t*>(&changed)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Greeter greeter(key, policy);
    Challenge challenge;
    if (greeter.onHello(frame(FrameType::kHello, changed), challenge) != LinkError::kNone) continue;
    const Digest digest = proofOf(key, challenge, hello);
    Proof proof;
    std::memcpy(proof.mac, digest.data(), digest.size());
    EXPECT_EQ(greeter.onProof(frame(FrameType::kProof, proof), detail), LinkError::kBadProof) << bit;
  }
}

TEST_F(Handshake, aBridgeThatDoesNotKnowTheKeyIsFoundOut) {
  const auto answered = [&](const std::function<void(const Challenge&, const Proof&, Welcome&)>& forge) {
    Greeter greeter(key, policy);
    Challenge challenge;
    EXPECT_EQ(greeter.onHello(frame(FrameType::kHello, hello), challenge), LinkError::kNone);
    Candidate candidate(key, hello);
    std::optional<Proof> proof;
    EXPECT_EQ(candidate.onFrame(frame(FrameType::kChallenge, challenge), proof), LinkError::kNone);
    Welcome welcome = greeter.welcome("bridge", 1);
    forge(challenge, *proof, welcome);
    const LinkError e = candidate.onFrame(frame(FrameType::kWelcome, welcome), proof);
    EXPECT_EQ(candidate.welcomed(), e == LinkError::kNone);
    return e;
  };
  EXPECT_EQ(answered([](auto&, auto&, auto&) {}), LinkError::kNone);
  EXPECT_EQ(answered([](auto&, auto&, Welcome& w) { std::memset(w.mac, 0, sizeof w.mac); }), LinkError::kBadProof);
  EXPECT_EQ(answered([](auto&, const Proof& p, Welcome& w) { std::memcpy(w.mac, p.mac, sizeof w.mac); }),
            LinkError::kBadProof)
      << "the terminal's own proof sent back";
  EXPECT_EQ(answered([](auto&, auto&, Welcome& w) { w.version = kVersion - 1; }), LinkError::kBadProof)
      << "the version is part of what is proved";
  EXPECT_EQ(answered([&](auto&, auto&, Welcome& w) {
              Hello other = helloOf();
              Greeter elsewhere(key, policy);
              Challenge c;
              EXPECT_EQ(elsewhere.onHello(frame(FrameType::kHello, other), c), LinkError::kNone);
              w = elsewhere.welcome("bridge", 1);
            }),
            LinkError::kBadProof)
      << "the welcome of another handshake";
  EXPECT_EQ(answered([](auto&, auto&, Welcome& w) { std::memset(w.bridge, 'x', sizeof w.bridge); }),
            LinkError::kBadText);
}

TEST_F(Handshake, aRefusalIsReadWhole) {
  Candidate candidate(key, hello);
  std::optional<Proof> proof;
  const Refused refused = refusedFor(LinkError::kAccountTaken, "taken by another");
  ASSERT_EQ(candidate.onFrame(frame(FrameType::kRefused, refused), proof), LinkError::kRefused);
  EXPECT_EQ(textOf(candidate.refusal().code), "E_LINK_ACCOUNT_TAKEN");
  EXPECT_EQ(textOf(candidate.refusal().message), "taken by another");
  EXPECT_EQ(uint32_t{candidate.refusal().retry_after_ms}, 5'000u);
  EXPECT_EQ(uint32_t{refusedFor(LinkError::kBadProof, "").retry_after_ms}, 30'000u);
  EXPECT_EQ(textOf(refusedFor(LinkError::kBadProof, "").message), messageOf(LinkError::kBadProof));
  for (const LinkError e : {LinkError::kBadVersion, LinkError::kWrongAccount, LinkError::kWrongMarginMode})
    EXPECT_EQ(uint32_t{refusedFor(e, "").retry_after_ms}, 0u) << "nothing changes by itself";
  Refused garbled = refused;
  std::memset(garbled.message, 'x', sizeof garbled.message);
  EXPECT_EQ(candidate.onFrame(frame(FrameType::kRefused, garbled), proof), LinkError::kBadText);
}

TEST(KeyText, sixtyFourHexDigitsAndNoPlaceholder) {
  Key key;
  ASSERT_TRUE(parseKey(kText, key));
  EXPECT_EQ(key.bytes[0], 0x00);
  EXPECT_EQ(key.bytes[1], 0x11);
  EXPECT_EQ(key.bytes[31], 0x10);
  const std::string bad[] = {"",
                             kText.substr(1),
                             kText + "0",
                             "g" + kText.substr(1),
                             " " + kText.substr(1),
                             std::string(64, '0'),
                             std::string(64, 'f')};
  for (const auto& text : bad) EXPECT_FALSE(parseKey(text, key)) << text;
}

struct KeySource : testing::Test {
  std::filesystem::path file = std::filesystem::path(testing::TempDir()) / ("key-" + std::to_string(::getpid()));
  Key key;
  std::string error;
  void TearDown() override {
    std::filesystem::remove(file);
    ::unsetenv(kKeyVariable);
  }
  void write(const std::string& text, mode_t mode) {
    std::filesystem::remove(file);
    const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_EXCL, 0600);
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(::fchmod(fd, mode), 0);
    ::close(fd);
  }
};

TEST_F(KeySource, aFileThatOthersCannotRead) {
  write(kText + "\n", 0600);
  EXPECT_TRUE(loadKey(file.string(), key, error)) << error;
  EXPECT_EQ(key.bytes[1], 0x11);
  for (const mode_t mode : {0640, 0604, 0620, 0666}) {
    write(kText, mode);
    EXPECT_FALSE(loadKey(file.string(), key, error));
    EXPECT_NE(error.find("0600"), std::string::npos) << error;
  }
  write("secret words\n", 0600);
  EXPECT_FALSE(loadKey(file.string(), key, error));
  EXPECT_NE(error.find("64 hex digits"), std::string::npos) << error;
  EXPECT_EQ(error.find("secret words"), std::string::npos) << "what was read is never said";
  EXPECT_FALSE(loadKey("/no/such/key", key, error));
  EXPECT_NE(error.find("No such file"), std::string::npos) << error;
}

TEST_F(KeySource, theEnvironmentWhereNoFileIsNamed) {
  EXPECT_FALSE(loadKey("", key, error));
  EXPECT_NE(error.find("TROUPE_BRIDGE_KEY is not set"), std::string::npos) << error;
  ::setenv(kKeyVariable, "hunter2", 1);
  EXPECT_FALSE(loadKey("", key, error));
  EXPECT_EQ(error.find("hunter2"), std::string::npos) << "what was read is never said";
  ::setenv(kKeyVariable, kText.c_str(), 1);
  EXPECT_TRUE(loadKey("", key, error));
}

}  // namespace
