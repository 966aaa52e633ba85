// Text, files, hashes and profiles.
#include <fstream>
#include <stdexcept>

#include "test/mql5_support.h"

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
