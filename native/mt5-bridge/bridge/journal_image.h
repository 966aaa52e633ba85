// What the bytes of a journal say, and how its records are written. Pure: no file here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::bridge {

inline constexpr std::string_view kJournalMagic = "TRPJRNL1";
// Above this a fence is no revision of anything, and a double no longer counts by ones.
inline constexpr double kMostFence = 9'007'199'254'740'992.0;

struct JournalEntry {
  std::string command_id;
  double fence = 0;
  int64_t received_us = 0;  // wall clock
  std::string reply;        // serialized CommandReply; empty while nobody knows
  bool settled = false;     // it had a final reply, which has been dropped since: the terminal knows it
};

// Records, each {u32 length, u32 crc32 of the body, body}.
std::string receivedRecord(std::string_view order_id, std::string_view command_id, double fence, int64_t wall_us);
std::string resultRecord(std::string_view order_id, std::string_view reply);
std::string fenceRecord(double fence);
std::string settledRecord(std::string_view order_id);

// The body of the record at `at`, empty when there is no whole and sound one.
std::string_view journalBodyAt(std::string_view file, size_t at);

struct JournalImage {
  std::unordered_map<std::string, JournalEntry> entries;
  double highest_fence = 0;
  uint64_t end = 0;      // of the last whole record
  uint64_t dropped = 0;  // bytes of a record behind it that a crash has cut

  // False when the body is of no known kind, or not what its kind must hold. Nothing is changed then.
  bool apply(std::string_view body);
  // Reads a whole file. False with `error` set (without the file's name): it is no journal, or it is damaged.
  bool read(std::string_view file, std::string& error);
};

}  // namespace troupe::bridge
