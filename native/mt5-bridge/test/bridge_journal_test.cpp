#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>

#include "bridge/journal.h"

using namespace troupe::bridge;

namespace {

struct JournalTest : testing::Test {
  std::string path = testing::TempDir() + "journal-" + std::to_string(::getpid()) + "-" +
                     testing::UnitTest::GetInstance()->current_test_info()->name();
  std::string error;

  void SetUp() override { std::filesystem::remove(path); }
  void TearDown() override { std::filesystem::remove(path); }

  void write(int orders) {
    Journal journal;
    ASSERT_TRUE(journal.open(path, error)) << error;
    for (int i = 0; i < orders; ++i) {
      const std::string id = "order-" + std::to_string(i);
      ASSERT_TRUE(journal.received(id, "c" + std::to_string(i), 10 + i, 1000 + i, error)) << error;
      if (i % 2 == 0) journal.result(id, "reply-" + std::to_string(i));
    }
  }
  std::string bytes() {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  size_t used() {
    const std::string all = bytes();
    return all.find_last_not_of('\0') + 1;
  }
};

TEST_F(JournalTest, remembersAcrossARestart) {
  write(5);
  Journal journal;
  ASSERT_TRUE(journal.open(path, error)) << error;
  EXPECT_EQ(journal.orders(), 5u);
  EXPECT_EQ(journal.highestFence(), 14);
  Journal::Entry entry;
  ASSERT_TRUE(journal.find("order-2", entry));
  EXPECT_EQ(entry.reply, "reply-2");
  EXPECT_EQ(entry.command_id, "c2");
  EXPECT_EQ(entry.fence, 12);
  EXPECT_EQ(entry.received_us, 1002);
  ASSERT_TRUE(journal.find("order-3", entry));
  EXPECT_EQ(entry.reply, "");
  EXPECT_FALSE(journal.find("order-9", entry));
}

TEST_F(JournalTest, aFenceAloneIsRemembered) {
  {
    Journal journal;
    ASSERT_TRUE(journal.open(path, error));
    ASSERT_TRUE(journal.fence(41, error));
  }
  Journal journal;
  ASSERT_TRUE(journal.open(path, error));
  EXPECT_EQ(journal.highestFence(), 41);
}

// Cut at every byte of the last record: all before it is kept, the file can be written on, and nothing comes back.
TEST_F(JournalTest, everyCutOfTheLastRecordIsTolerated) {
  write(3);  // ends with a text, so that used() finds its end
  const size_t without_last = used();
  {
    Journal journal;
    ASSERT_TRUE(journal.open(path, error));
    ASSERT_TRUE(journal.received("last", "c", 99, 1, error));
  }
  const std::string whole = bytes().substr(0, used());
  for (size_t cut = without_last; cut < whole.size(); ++cut) {
    put(whole.substr(0, cut) + std::string(4096, '\0'));
    Journal journal;
    ASSERT_TRUE(journal.open(path, error)) << "cut at " << cut << ": " << error;
    Journal::Entry entry;
    EXPECT_FALSE(journal.find("last", entry)) << cut;
    EXPECT_EQ(journal.orders(), 3u);
    ASSERT_TRUE(journal.received("next", "n", 100, 2, error));
  }
  Journal journal;
  ASSERT_TRUE(journal.open(path, error));
  EXPECT_EQ(journal.orders(), 4u);
}

// One bit turned anywhere in the last record: dropped, said so, never believed.
TEST_F(JournalTest, everyFlippedBitOfTheLastRecordIsSeen) {
  write(3);  // ends with a text, so that used() finds its end
  const size_t from = used();
  {
    Journal journal;
    ASSERT_TRUE(journal.open(path, error));
    ASSERT_TRUE(journal.received("last", "c", 99, 1, error));
  }
  const std::string whole = bytes();
  const size_t to = used();
  for (size_t at = from; at < to; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      put(damaged);
      Journal journal;
      ASSERT_TRUE(journal.open(path, error)) << at << ": " << error;
      Journal::Entry entry;
      EXPECT_FALSE(journal.find("last", entry));
      EXPECT_GT(journal.droppedBytes(), 0u);
    }
  }
}

TEST_F(JournalTest, damageInTheMiddleIsRefused) {
  write(4);
  std::string damaged = bytes();
  damaged[8 + 8 + 3] ^= 1;  // in the body of the first record
  put(damaged);
  Journal journal;
  EXPECT_FALSE(journal.open(path, error));
  EXPECT_NE(error.find("damaged at byte 8"), std::string::npos) << error;
}

TEST_F(JournalTest, anotherFileIsRefused) {
  put("this is no journal");
  Journal journal;
  EXPECT_FALSE(journal.open(path, error));
  EXPECT_NE(error.find("not a journal"), std::string::npos) << error;
}

TEST_F(JournalTest, oneBridgePerJournal) {
  Journal first, second;
  ASSERT_TRUE(first.open(path, error));
  EXPECT_FALSE(second.open(path, error));
  EXPECT_NE(error.find("another bridge"), std::string::npos) << error;
}

TEST_F(JournalTest, compactedItKeepsEveryIdTheFenceAndTheNewestReplies) {
  write(100);  // the even ones have replies
  Journal journal;
  ASSERT_TRUE(journal.open(path, error)) << error;
  const uint64_t before = journal.bytes();
  ASSERT_TRUE(journal.compact(3, error)) << error;
  EXPECT_LT(journal.bytes(), before);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  Journal second;
  EXPECT_FALSE(second.open(path, error)) << "the new file is locked as the old one was";
  ASSERT_TRUE(journal.received("after", "c", 500, 1, error)) << error;
  const auto expectAll = [](const Journal& j) {
    EXPECT_EQ(j.orders(), 101u);
    EXPECT_EQ(j.highestFence(), 500);
    for (int i = 0; i < 100; ++i) {
      Journal::Entry entry;
      ASSERT_TRUE(j.find("order-" + std::to_string(i), entry)) << i;
      EXPECT_EQ(entry.reply, i % 2 == 0 && i >= 94 ? "reply-" + std::to_string(i) : "") << i;
      EXPECT_EQ(entry.settled, i % 2 == 0 && i < 94) << i;
    }
  };
  expectAll(journal);
  const std::string whole = bytes();
  // Killed before the rename: what had been written so far lies beside the journal and means nothing.
  { std::ofstream(path + ".new") << whole.substr(0, whole.size() / 3); }
  std::filesystem::copy_file(path, path + ".copy");
  const std::string own = path;
  path += ".copy";
  {
    std::ofstream(path + ".new") << "TRPJRNL1 and nothing more";
    Journal restarted;
    ASSERT_TRUE(restarted.open(path, error)) << error;
    expectAll(restarted);
    ASSERT_TRUE(restarted.compact(3, error)) << error;
    expectAll(restarted);
  }
  Journal again;
  ASSERT_TRUE(again.open(path, error)) << error;
  EXPECT_EQ(again.droppedBytes(), 0u);
  expectAll(again);
  std::filesystem::remove(path);
  path = own;
  std::filesystem::remove(path + ".new");
}

TEST_F(JournalTest, growsBeyondItsReserve) {
  {
    Journal journal;
    ASSERT_TRUE(journal.open(path, error));
    for (int i = 0; i < 40; ++i) {
      journal.result("order-" + std::to_string(i), std::string(20'000, 'x'));
      ASSERT_TRUE(journal.sync(error)) << error;
    }
  }
  Journal journal;
  ASSERT_TRUE(journal.open(path, error)) << error;
  EXPECT_EQ(journal.orders(), 40u);
  EXPECT_EQ(journal.droppedBytes(), 0u);
}

// A fence is shown as a whole number: one that is none would be undefined behaviour there.
TEST_F(JournalTest, aRecordThatHoldsNoFenceIsRefused) {
  for (const double fence :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1.0, 2 * kMostFence}) {
    put(std::string(kJournalMagic) + fenceRecord(fence));
    Journal journal;
    EXPECT_FALSE(journal.open(path, error)) << fence;
    EXPECT_NE(error.find("record at byte 8"), std::string::npos) << error;
  }
}

// The remains of a cut record may look like the head of a long one at every byte; the bridge must start all the same.
TEST_F(JournalTest, aCutRecordOfManyHeadsIsReadSoon) {
  std::string file = std::string(kJournalMagic) + receivedRecord("o", "c", 1, 1);
  const uint32_t length = 1u << 20;
  file.append(reinterpret_cast<const char*>(&length), sizeof length).append(4, '\1');
  // Every four bytes 0x0001'0100: lengths of 64 KiB and more at each of them.
  for (int i = 0; i < 250'000; ++i) file.append("\0\1\1\0", 4);
  put(file);
  Journal journal;
  const auto from = std::chrono::steady_clock::now();
  ASSERT_TRUE(journal.open(path, error)) << error;
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(20));
  EXPECT_EQ(journal.orders(), 1u);
}

}  // namespace
