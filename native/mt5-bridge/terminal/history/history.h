// The terminal's memory across a restart: an append-only journal of what the engine told of, and the place on the tape.
//
// File: a page of 4096 bytes (identity of the account, the feed's name, place on the tape), then groups
//   u32 length, u32 CRC-32 of the payload, payload = the records of everything one command or tick did.
// A group is there wholly or not at all, so an order and its deals cannot come apart, nor they and the place on the
// tape at which they happened. A group is written before its events are sent. It survives kill -9 of the terminal (the
// kernel has it), not a power cut of the machine (no fsync).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace troupe::terminal {

class History {
 public:
  // Opens or creates, and locks. Throws Fault (E_HISTORY_*) if another terminal has it, if it belongs to another
  // account (`account`: login, currency and margin mode in one line), or cannot be used.
  History(const std::string& path, const std::string& account, uint64_t tape_identity);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // Puts everything into the engine. A group that a kill cut short at the end is dropped (true); damage before the end
  // throws E_HISTORY_DAMAGED with the offset.
  bool restore(Engine& engine);

  // `played`: ticks that the engine had seen when this happened. Throws E_HISTORY_WRITE (disk full ...): then nothing
  // of it may be told to anybody.
  void append(const std::vector<Event>& events, const Engine& engine, uint64_t played);

  // Ticks of the tape that the engine has seen; 0 if the file knew another tape. Call setPlayed before they are sent:
  // the bridge must never know a tick that a restarted terminal would play for the first time. Costs a store.
  uint64_t played() const;
  void setPlayed(uint64_t ticks);
  // Whether the parent has said `play` for this tape.
  bool begun() const;
  void setBegun();
  // Name of the feed (Hello::feed): the one that is known, or else `fresh` from now on.
  std::string feed(const std::string& fresh);

 private:
  struct Page;
  void create(const std::string& account, uint64_t tape_identity);
  void check(const std::string& account, uint64_t tape_identity);

  std::string path_;
  int fd_ = -1;
  Page* page_ = nullptr;
};

}  // namespace troupe::terminal
