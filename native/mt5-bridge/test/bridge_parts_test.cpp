// Subjects, acknowledgements, options and the state machine: the small pure parts.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "bridge/ack_window.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/status.h"
#include "bridge/subjects.h"
#include "link/crc32.h"

using namespace troupe::bridge;

namespace {

google::protobuf::Value parseJson(const std::string& text) {
  google::protobuf::Value value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(text, &value).ok()) << text;
  return value;
}

TEST(Subjects, tokens) {
  EXPECT_EQ(token("EURUSD"), "EURUSD");
  EXPECT_EQ(token("EURUSD.m"), "EURUSD=2Em");
  EXPECT_EQ(token("BRK B"), "BRK=20B");
  EXPECT_EQ(token("a=b"), "a=3Db");
  EXPECT_EQ(token("\xC3\xA4>*"), "=C3=A4=3E=2A");
  EXPECT_EQ(fnv1a32(""), 2166136261u);
  EXPECT_EQ(fnv1a32("a"), 0xe40c292cu);
  EXPECT_EQ(fnv1a32("foobar"), 0xbf9cf968u);
  EXPECT_EQ(troupe::link::crc32("123456789", 9), 0xCBF43926u);
  EXPECT_EQ(tickSubject("SIM.1", "EURUSD.m", 12), "md.4.ticks.SIM=2E1.EURUSD=2Em");
  EXPECT_EQ(commandSubject("A.1"), "bridge.A=2E1.command");
}

// The same vectors hold the TypeScript side.
TEST(Subjects, vectors) {
  std::ifstream file(std::string(TROUPE_ROOT) + "/test/vectors/subjects.json");
  ASSERT_TRUE(file) << "test/vectors/subjects.json cannot be read";
  std::stringstream text;
  text << file.rdbuf();
  const auto value = parseJson(text.str());
  ASSERT_GT(value.list_value().values_size(), 0);
  for (const auto& item : value.list_value().values()) {
    const auto& f = item.struct_value().fields();
    const std::string symbol = f.at("symbol").string_value();
    EXPECT_EQ(token(symbol), f.at("token").string_value()) << symbol;
    EXPECT_EQ(partitionOf(symbol, static_cast<uint32_t>(f.at("partitions").number_value())),
              static_cast<uint32_t>(f.at("partition").number_value()))
        << symbol;
  }
}

TEST(Acks, parse) {
  Ack ack = parseAck(R"({"stream":"MARKET", "seq":12345})");
  EXPECT_TRUE(ack.ok);
  EXPECT_EQ(ack.stream_sequence, 12345u);
  EXPECT_TRUE(parseAck(R"({"stream":"M","domain":"x","seq":7,"duplicate": true})").ok);
  ack = parseAck(
      R"({"error":{"code":503,"err_code":10023,"description":"insufficient resources"},"stream":"M","seq":0})");
  EXPECT_FALSE(ack.ok);
  EXPECT_EQ(ack.code, 10023);
  EXPECT_EQ(ack.description, "insufficient resources");
  EXPECT_FALSE(parseAck("").ok);
  EXPECT_FALSE(parseAck("+OK").ok);
}

struct WindowTest : testing::Test {
  AckWindow<int> window{4};
  std::vector<int> released;
  AckWindow<int>::Slot* disorder = nullptr;
  bool ack(uint64_t n, uint64_t sequence) { return window.ack(n, sequence, released, disorder); }
};

TEST_F(WindowTest, leavesInOrder) {
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(window.push(i, 0, 10, i), static_cast<uint64_t>(i));
  EXPECT_EQ(window.room(), 0u);
  EXPECT_TRUE(ack(2, 102));
  EXPECT_TRUE(released.empty());
  EXPECT_EQ(window.oldestSentUs(), 1);
  EXPECT_TRUE(ack(1, 101));
  EXPECT_EQ(released, (std::vector<int>{1, 2}));
  EXPECT_EQ(window.ackedUnits(), 20u);
  EXPECT_EQ(window.oldestSentUs(), 3);
  EXPECT_FALSE(ack(1, 101)) << "an acknowledgement that comes twice is nothing";
  EXPECT_FALSE(ack(99, 1));
  std::vector<uint64_t> again;
  window.forEachUnacked([&](auto&, uint64_t n) { again.push_back(n); });
  EXPECT_EQ(again, (std::vector<uint64_t>{3, 4}));
}

TEST_F(WindowTest, findsDisorderOnOneSubjectAndHealsIt) {
  window.push(1, 7, 1, 0);
  window.push(2, 7, 1, 0);
  window.push(3, 8, 1, 0);
  ack(2, 50);  // taken while the first was refused
  ack(3, 51);
  ack(1, 60);  // sent again, and now behind the second
  EXPECT_EQ(released, (std::vector<int>{1}));
  ASSERT_NE(disorder, nullptr);
  EXPECT_EQ(disorder->message, 2);
  ack(2, 61);  // under its new id
  EXPECT_EQ(disorder, nullptr);
  EXPECT_EQ(released, (std::vector<int>{1, 2, 3}));
}

TEST_F(WindowTest, aStreamMadeAnewIsNoEndlessDisorder) {
  window.push(1, 0, 1, 0);
  ack(1, 1000);
  window.push(2, 0, 1, 0);
  ack(2, 1);
  ASSERT_NE(disorder, nullptr);
  ack(2, 2);
  EXPECT_EQ(disorder, nullptr);
  EXPECT_EQ(released, (std::vector<int>{1, 2}));
}

TEST(Options, allFaultsAtOnce) {
  Options options;
  const char* bad[] = {"bridge", "--listen", "x", "--partitions", "0", "--what"};
  const std::string faults = parseOptions(6, bad, options);
  for (const char* part : {"--listen: not HOST:PORT", "--partitions: not in 1..4096", "unknown option --what",
                           "--account: missing", "--source: missing", "--journal: missing"})
    EXPECT_NE(faults.find(part), std::string::npos) << part << " in " << faults;
  const char* good[] = {"bridge", "--listen", "127.0.0.1:0", "--account", "A", "--source", "S", "--journal", "j"};
  Options fine;
  EXPECT_EQ(parseOptions(9, good, fine), "");
  EXPECT_EQ(fine.partitions, 12u);
  const char* policy[] = {"bridge", "--login", "", "--margin-mode", "none", "--key-file", ""};
  const std::string wrong = parseOptions(7, policy, options);
  for (const char* part : {"--login: not UTF-8 of 1..31 bytes", "--margin-mode: not netting, hedging or exchange",
                           "--key-file: no file named"})
    EXPECT_NE(wrong.find(part), std::string::npos) << part << " in " << wrong;
}

// As the shell splits it.
std::string parsed(const std::string& line, Options& options) {
  std::istringstream in("bridge " + line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parseOptions(static_cast<int>(argv.size()), argv.data(), options);
}

TEST(Options, severalAccountsBeginAtEachAccount) {
  Options options;
  ASSERT_EQ(parsed("--margin-mode hedging --window 64 --listen 127.0.0.1:0 --account A --source SA --journal a "
                   "--login 1 --account B --window 32 --login 2 --journal b --source SB --metrics-port 0",
                   options),
            "");
  ASSERT_EQ(options.accounts.size(), 2u);
  const AccountOptions &a = options.accounts[0], &b = options.accounts[1];
  EXPECT_EQ(a.account + a.source + a.journal + a.login + a.margin_mode, "ASAa1hedging");
  EXPECT_EQ(b.account + b.source + b.journal + b.login + b.margin_mode, "BSBb2hedging");
  EXPECT_EQ(a.window, 64u) << "said before the first account: everybody's";
  EXPECT_EQ(b.window, 32u) << "its own";
  EXPECT_EQ(a.spillFile(), "a.spill");
  EXPECT_TRUE(options.metrics);
  // One account's options may stand before it, as ever.
  Options one;
  EXPECT_EQ(parsed("--journal j --login 7 --source S --listen 127.0.0.1:0 --account A", one), "");
  EXPECT_EQ(one.accounts.at(0).login + one.accounts[0].journal, "7j");
  Options open;
  EXPECT_EQ(parsed("--listen 127.0.0.1:0 --account A --source S --journal j", open), "") << "one needs no login";
}

TEST(Options, whatAccountsMustNotShareIsSaidAtOnceForAll) {
  Options options;
  const std::string faults = parsed(
      "--listen 127.0.0.1:0 --account A --source S --journal j --login 1 "
      "--account B --source S --journal ./j --login 1 --account C --journal c --spill j.spill --source T "
      "--account A --login 3 --journal d --source U --spill-mb 5000",
      options);
  for (const char* part :
       {"--login: accounts A and B both have 1; a terminal is sent to its account by it",
        "--source: accounts A and B both have S; their ticks would have the same subjects",
        "--journal: accounts A and B both have /", "--spill: accounts A and C both have /",
        "--login of account C: missing; of several accounts each needs its own, UTF-8 of 1..31 bytes",
        "--account: accounts A and A both have A; each needs a name of its own", "--spill-mb: not in 0..4096: 5000"})
    EXPECT_NE(faults.find(part), std::string::npos) << part << " in " << faults;
  std::string many = "--listen 127.0.0.1:0";
  for (int i = 0; i < 65; ++i) {
    const std::string n = std::to_string(i);
    many += " --account A" + n + " --source S" + n + " --journal j" + n + " --login " + n;
  }
  Options all;
  EXPECT_EQ(parsed(many, all), "--account: 65 accounts, not 1..64");
}

TEST(Machine, definitionAgreesWithTheSteps) {
  const auto machine = parseJson(machineJson());
  const auto& states = machine.struct_value().fields().at("states").struct_value().fields();
  EXPECT_EQ(machine.struct_value().fields().at("initial").string_value(), "waiting");
  for (const State from : {State::kWaiting, State::kSyncing, State::kReady, State::kLost}) {
    const auto& on = states.at(nameOf(from)).struct_value().fields().at("on").struct_value().fields();
    for (const State to : {State::kWaiting, State::kSyncing, State::kReady, State::kLost}) {
      const bool there =
          std::any_of(on.begin(), on.end(), [&](auto& e) { return e.second.string_value() == nameOf(to); });
      EXPECT_EQ(there, canStep(from, to)) << nameOf(from) << " -> " << nameOf(to);
    }
  }
}

TEST(Log, textIsEscaped) { EXPECT_EQ(jsonText("a\"\\\n\x01"), "\"a\\\"\\\\\\u000a\\u0001\""); }

}  // namespace
