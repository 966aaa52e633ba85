// Text, files, hashes and profiles.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "link/connection.h"
#include "test/mql5_support.h"
#include "test/tls_support.h"

namespace mql5_test {
namespace {

TEST_F(MqlTest, FormatsAsMetaTraderDoes) {
  EXPECT_EQ(StringFormat("%d %u %I64d %I64u %lld", -1, 3000000000u, 1L << 40, ~0UL, -5L),
            "-1 3000000000 1099511627776 18446744073709551615 -5");
  EXPECT_EQ(StringFormat("%d", 1L << 40), "0");  // 32 bits only
  EXPECT_EQ(StringFormat("%05.1f|%-4d|%4s|%x|%c|%%", 2.25, 7, "ab", 255, 65), "002.2|7   |  ab|ff|A|%");
  EXPECT_EQ(StringFormat("%.*f", 3, 1.5), "1.500");
  EXPECT_THROW(StringFormat("%s", 5), std::logic_error);
  EXPECT_THROW(StringFormat("%d", "x"), std::logic_error);
  EXPECT_THROW(StringFormat("%d", 1.5), std::logic_error);
  EXPECT_THROW(StringFormat("%d %d", 1), std::logic_error);
}

TEST_F(MqlTest, StringsCountUnitsOfUtf16) {
  const string text = "a\xC3\xA4\xF0\x9F\x98\x80z";  // a, a umlaut, an emoji of two units, z
  EXPECT_EQ(StringLen(text), 5);
  EXPECT_EQ(StringSubstr(text, 1, 1), "\xC3\xA4");
  EXPECT_EQ(StringSubstr(text, 2, 2), "\xF0\x9F\x98\x80");
  EXPECT_EQ(StringFind(text, "z"), 4);
  EXPECT_EQ(StringGetCharacter(text, 1), 0xE4);
  uchar bytes[16];
  EXPECT_EQ(StringToCharArray(text, bytes, 0, WHOLE_ARRAY, CP_UTF8), 9);
  EXPECT_EQ(CharArrayToString(bytes, 0, WHOLE_ARRAY, CP_UTF8), text);
  EXPECT_EQ(StringToCharArray("\xC3\xA4", bytes), 2);
  EXPECT_EQ(bytes[0], 0xE4);
  string padded = "  x ";
  StringTrimLeft(padded);
  StringTrimRight(padded);
  EXPECT_EQ(padded, "x");
  EXPECT_EQ(DoubleToString(1.005, 2), "1.00");
  EXPECT_EQ(TimeToString(1'700'042'400, TIME_DATE | TIME_SECONDS), "2023.11.15 10:00:00");
}

TEST_F(MqlTest, FilesAreOpenedOnceAndKeepWhatWasFlushed) {
  start();
  const int file = FileOpen("a\\b.bin", FILE_READ | FILE_WRITE | FILE_BIN);
  ASSERT_GE(file, 0);
  EXPECT_EQ(FileOpen("a\\b.bin", FILE_READ), INVALID_HANDLE);
  EXPECT_EQ(GetLastError(), ERR_CANNOT_OPEN_FILE);
  const long numbers[3] = {1, 2, 3};
  EXPECT_EQ(FileWriteArray(file, numbers, 1, 2), 2u);
  MqlTick tick = {};
  EXPECT_EQ(FileWriteStruct(file, tick), 60u);
  FileFlush(file);
  EXPECT_EQ(std::filesystem::file_size(folder_ / "MQL5/Files/a/b.bin"), 76u);
  EXPECT_EQ(FileSize(file), 76u);
  EXPECT_TRUE(FileSeek(file, 8, SEEK_SET));
  long back[1];
  EXPECT_EQ(FileReadArray(file, back, 0, 1), 1u);
  EXPECT_EQ(back[0], 3);
  EXPECT_FALSE(FileDelete("a\\b.bin"));
  FileClose(file);
  EXPECT_TRUE(FileMove("a\\b.bin", 0, "c.bin", FILE_REWRITE));
  EXPECT_TRUE(FileIsExist("c.bin"));
  EXPECT_TRUE(FileDelete("c.bin"));
  EXPECT_EQ(FileOpen("../out.bin", FILE_WRITE), INVALID_HANDLE);
  EXPECT_EQ(FileOpen("none.bin", FILE_READ), INVALID_HANDLE);
  EXPECT_EQ(GetLastError(), ERR_FILE_NOT_EXIST);
}

// Seeking to where the file stands already may cost nothing, and must not matter, whatever was done with it before.
TEST_F(MqlTest, AFileIsWrittenWhereItWasSoughtAfterWritingReadingAndFlushing) {
  start();
  const int file = FileOpen("places.bin", FILE_READ | FILE_WRITE | FILE_BIN);
  ASSERT_GE(file, 0);
  std::vector<long> expected;
  const auto writeAt = [&](size_t place, long value) {
    const long one[1] = {value};
    EXPECT_TRUE(FileSeek(file, static_cast<long>(place * sizeof value), SEEK_SET));
    EXPECT_EQ(FileWriteArray(file, one, 0, 1), 1u);
    if (expected.size() <= place) expected.resize(place + 1);
    expected[place] = value;
  };
  const auto readAt = [&](size_t place) {
    long one[1];
    EXPECT_TRUE(FileSeek(file, static_cast<long>(place * sizeof one[0]), SEEK_SET));
    EXPECT_EQ(FileReadArray(file, one, 0, 1), 1u);
    EXPECT_EQ(one[0], expected[place]);
  };
  writeAt(0, 10);
  writeAt(1, 11);  // right behind, buffered
  FileFlush(file);
  writeAt(2, 12);  // right behind, flushed
  readAt(1);
  writeAt(2, 22);  // where the reading ended
  readAt(2);
  writeAt(3, 13);  // at the end, where the reading ended
  EXPECT_EQ(FileSize(file), 4 * sizeof(long));
  writeAt(4, 14);  // after its size was asked
  writeAt(1, 21);
  // More than the buffer holds.
  for (long i = 0; i < 20'000; ++i) writeAt(static_cast<size_t>(5 + i), i);
  for (const size_t place : {0u, 1u, 2u, 3u, 4u, 5u, 8'191u, 8'192u, 20'004u}) readAt(place);
  FileClose(file);
  std::vector<long> stored(expected.size() + 1);
  std::ifstream in(folder_ / "MQL5/Files/places.bin", std::ios::binary);
  in.read(reinterpret_cast<char*>(stored.data()), static_cast<std::streamsize>(stored.size() * sizeof(long)));
  EXPECT_EQ(static_cast<size_t>(in.gcount()), expected.size() * sizeof(long));
  stored.pop_back();
  EXPECT_EQ(stored, expected);
}

// Not emptied where it is, which takes long for a large one: another name of the old file still has it whole.
TEST_F(MqlTest, WritingAloneBeginsANewFile) {
  start();
  const long numbers[3] = {1, 2, 3};
  int file = FileOpen("log.bin", FILE_WRITE | FILE_BIN);
  EXPECT_EQ(FileWriteArray(file, numbers, 0, 3), 3u);
  FileClose(file);
  const auto path = folder_ / "MQL5/Files/log.bin", other = folder_ / "MQL5/Files/other.bin";
  std::filesystem::create_hard_link(path, other);
  file = FileOpen("log.bin", FILE_WRITE | FILE_BIN);
  ASSERT_GE(file, 0);
  EXPECT_EQ(FileSize(file), 0u);
  EXPECT_EQ(FileWriteArray(file, numbers, 0, 1), 1u);
  FileClose(file);
  EXPECT_EQ(std::filesystem::file_size(path), 8u);
  EXPECT_EQ(std::filesystem::file_size(other), 24u);
}

TEST_F(MqlTest, HandlesOfAProgramEndWithIt) {
  watch().during = [](const std::string& what) {
    if (what == "init") {
      EXPECT_GE(FileOpen("mine.bin", FILE_WRITE), 0);
    }
  };
  start();
  EXPECT_EQ(FileOpen("mine.bin", FILE_READ), INVALID_HANDLE);
  terminal->detach(0, REASON_REMOVE);
  EXPECT_GE(FileOpen("mine.bin", FILE_READ), 0);
}

// A bridge of one connection that answers each message with itself, on the other side of a program's socket.
struct EchoBridge {
  explicit EchoBridge(const troupe::link::testing_support::TestCa::Issued& issued) {
    std::string error;
    secure = troupe::link::makeSecureServer(issued.certificate, issued.key, error);
    EXPECT_TRUE(secure && listener.listen("127.0.0.1", 0, error)) << error;
    thread = std::thread([this] { run(); });
  }
  ~EchoBridge() {
    ending = true;
    thread.join();
  }
  void run() {
    using namespace troupe::link;
    std::unique_ptr<Connection> link;
    while (!ending) {
      if (!link) {
        const int fd = listener.accept();
        if (fd >= 0) link = std::make_unique<Connection>(fd, Peer::kTerminal, secure->channel());
        std::this_thread::yield();
        continue;
      }
      const LinkError failed = link->wait(10);
      for (FrameView frame; link->next(frame) == Next::kFrame;) {
        Heartbeat beat;
        if (readOne(frame, beat)) link->send(FrameType::kHeartbeat, beat);
      }
      if (failed != LinkError::kNone) link.reset();
    }
  }
  troupe::link::Listener listener;
  std::shared_ptr<const troupe::link::SecureServer> secure;
  std::thread thread;
  std::atomic<bool> ending{false};
};

TEST_F(MqlTest, SocketsSpeakTlsToWhomTheMachineTrusts) {
  namespace link = troupe::link;
  const auto folder = std::filesystem::path(testing::TempDir()) / ("mql-tls-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  link::testing_support::TestCa ca(folder);
  EchoBridge bridge(ca.issue("bridge", "IP:127.0.0.1"));
  start();
  const auto connected = [&] {
    const int handle = SocketCreate();
    EXPECT_TRUE(SocketConnect(handle, "127.0.0.1", bridge.listener.port(), 2000));
    return handle;
  };
  int handle = connected();
  EXPECT_FALSE(SocketTlsHandshake(handle, "127.0.0.1")) << "signed by nobody whom this machine knows";
  EXPECT_EQ(GetLastError(), ERR_NETSOCKET_HANDSHAKE_FAILED);
  EXPECT_FALSE(SocketIsConnected(handle));
  SocketClose(handle);
  ::setenv("SSL_CERT_FILE", ca.file.c_str(), 1);
  handle = connected();
  ASSERT_TRUE(SocketTlsHandshake(handle, "127.0.0.1"));
  const link::Heartbeat beat{42};
  const iovec part{const_cast<link::Heartbeat*>(&beat), sizeof beat};
  const link::FrameHeader header = link::headerOf(link::FrameType::kHeartbeat, &part, 1, 1);
  uchar frame[sizeof header + sizeof beat], back[sizeof frame];
  std::memcpy(frame, &header, sizeof header);
  std::memcpy(frame + sizeof header, &beat, sizeof beat);
  EXPECT_EQ(SocketTlsSend(handle, frame, sizeof frame), static_cast<int>(sizeof frame));
  size_t have = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (have < sizeof back && std::chrono::steady_clock::now() < end) {
    uchar piece[7];
    const int got = SocketTlsReadAvailable(handle, piece, sizeof piece);
    ASSERT_GE(got, 0);
    ASSERT_LE(have + static_cast<size_t>(got), sizeof back);
    std::copy_n(piece, got, back + have);
    have += static_cast<size_t>(got);
  }
  EXPECT_EQ(std::memcmp(frame, back, sizeof back), 0);
  SocketClose(handle);
  ::unsetenv("SSL_CERT_FILE");
  std::filesystem::remove_all(folder);
}

TEST_F(MqlTest, HashesAndGlobalVariables) {
  start();
  const uchar text[3] = {'a', 'b', 'c'}, none[1] = {0};
  uchar hash[32];
  EXPECT_EQ(CryptEncode(CRYPT_HASH_SHA256, text, none, hash), 32);
  EXPECT_EQ(hash[0], 0xBA);
  EXPECT_EQ(hash[31], 0xAD);
  EXPECT_EQ(CryptEncode(CRYPT_HASH_MD5, text, none, hash), 0);
  GlobalVariableSet("x", 2.5);
  EXPECT_EQ(GlobalVariableGet("x"), 2.5);
  EXPECT_FALSE(GlobalVariableSetOnCondition("x", 1, 2));
  EXPECT_TRUE(GlobalVariableDel("x"));
  EXPECT_FALSE(GlobalVariableCheck("x"));
}

TEST(ProfileTest, EveryProfileOfTheFolderIsValid) {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TROUPE_PROFILES)) {
    std::vector<std::string> faults;
    loadProfile(entry.path().string(), faults);
    EXPECT_EQ(faults, std::vector<std::string>{});
    ++n;
  }
  EXPECT_GE(n, 5);
}

TEST(ProfileTest, ValuesArrive) {
  std::vector<std::string> faults;
  const Profile profile = loadProfile(std::string(TROUPE_PROFILES) + "/exchange.json", faults);
  EXPECT_EQ(profile.margin_mode, ACCOUNT_MARGIN_MODE_EXCHANGE);
  EXPECT_EQ(profile.execution, SYMBOL_TRADE_EXECUTION_EXCHANGE);
  EXPECT_EQ(profile.filling, 2u);
  EXPECT_EQ(profile.book_depth, 10u);
  ASSERT_EQ(profile.sessions.size(), 5u);
  EXPECT_EQ(profile.sessions[0].day, 1);
  EXPECT_EQ(profile.sessions[0].from_s, 36000);
  EXPECT_EQ(profile.latency_us, 15000);
  EXPECT_EQ(parseProfile(R"({"execution": "exchange"})", faults).filling, 3u);
  EXPECT_EQ(parseProfile(R"({"execution": "exchange", "filling": []})", faults).filling, 0u);
  EXPECT_EQ(faults, std::vector<std::string>{});
}

TEST(ProfileTest, AllFaultsAreToldAtOnce) {
  std::vector<std::string> faults;
  parseProfile(R"({"marginMode": "both", "latencyMs": -1, "colour": 1, "filling": ["gtc"], "limitOrders": 1.5,
                   "sessions": [{"day": "monday", "fromMinute": 5, "toMinute": 5}],
                   "faults": {"lostReply": 2, "disconnectEveryMs": 5}})",
               faults);
  EXPECT_EQ(faults, (std::vector<std::string>{
                        "marginMode: must be one of netting, exchange, hedging",
                        "latencyMs: must be a number 0..60000 ms",
                        "colour: is not known here",
                        "filling[0]: must be one of fok, ioc",
                        "limitOrders: must be a whole number 0..100000 orders",
                        "sessions[0].fromMinute: must be below toMinute",
                        "faults.lostReply: must be a number 0..1",
                        "filling: market execution needs fok or ioc",
                        "faults.disconnectEveryMs: needs disconnectForMs, and the other way round",
                    }));
}

class BadJson : public ::testing::TestWithParam<const char*> {};
TEST_P(BadJson, IsRefusedWithItsLine) {
  std::vector<std::string> faults;
  parseProfile(GetParam(), faults);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].rfind("profile: ", 0), 0u) << faults[0];
}
INSTANTIATE_TEST_SUITE_P(All, BadJson,
                         ::testing::Values("", "{", "{\"a\" 1}", "{\"a\": }", "{\"seed\": nan}", "[1, 2", "{} x",
                                           "{\"company\": \"x\n\"}", "{\"company\": \"\\u0041\"}", "[]",
                                           "{\"company\": \"x\", \"company\": \"y\"}", "{\"latencyMs\": +1}"));

}  // namespace
}  // namespace mql5_test
