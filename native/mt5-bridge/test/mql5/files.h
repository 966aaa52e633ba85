// Files of the small terminal: in memory, one opener at a time as in MetaTrader, and what is not flushed is lost when
// the terminal is killed.
#pragma once

#include <stdexcept>

#include "test/mql5/world.h"

inline bool FileIsExist(const string& name) { return mql5::world().files.count(name) > 0; }
inline int FileOpen(const string& name, int flags) {
  mql5::World& w = mql5::world();
  if (!FileIsExist(name) && (flags & FILE_WRITE) == 0) return INVALID_HANDLE;
  mql5::World::File& file = w.files[name];
  if (file.open) {
    w.last_error = 5004;
    return INVALID_HANDLE;
  }
  file.open = true;
  if ((flags & FILE_READ) == 0) {
    file.bytes.clear();
    file.flushed.clear();
  }
  w.handles.push_back({name, 0, true});
  return static_cast<int>(w.handles.size() - 1);
}
namespace mql5 {
inline World::Handle& handleOf(int handle) {
  World::Handle& at = world().handles.at(static_cast<size_t>(handle));
  if (!at.used) throw std::logic_error("a closed file is used");
  return at;
}
inline bool writeBytes(int handle, const void* data, size_t size) {
  World& w = world();
  World::Handle& at = handleOf(handle);
  if (w.writes_left == 0) {
    w.last_error = 5026;
    return false;
  }
  if (w.writes_left > 0) --w.writes_left;
  auto& bytes = w.files[at.name].bytes;
  w.files[at.name].dirty_from = std::min(w.files[at.name].dirty_from, at.at);
  if (bytes.size() < at.at + size) bytes.resize(at.at + size);
  std::memcpy(bytes.data() + at.at, data, size);
  at.at += size;
  return true;
}
inline size_t readBytes(int handle, void* to, size_t size) {
  World::Handle& at = handleOf(handle);
  const auto& bytes = world().files[at.name].bytes;
  const size_t n = at.at >= bytes.size() ? 0 : std::min(size, bytes.size() - at.at);
  if (n > 0) std::memcpy(to, bytes.data() + at.at, n);
  at.at += n;
  return n;
}
}  // namespace mql5
inline void FileFlush(int handle) {
  auto& file = mql5::world().files[mql5::handleOf(handle).name];
  if (file.dirty_from == SIZE_MAX) return;
  const size_t from = std::min(file.dirty_from, file.flushed.size());
  file.flushed.resize(from);
  file.flushed.insert(file.flushed.end(), file.bytes.begin() + static_cast<long>(from), file.bytes.end());
  file.dirty_from = SIZE_MAX;
}
inline void FileClose(int handle) {
  FileFlush(handle);
  mql5::world().files[mql5::handleOf(handle).name].open = false;
  mql5::handleOf(handle).used = false;
}
inline bool FileDelete(const string& name) { return mql5::world().files.erase(name) > 0; }
inline bool FileMove(const string& from, int, const string& to, int) {
  mql5::World& w = mql5::world();
  if (!FileIsExist(from) || w.files[from].open || (FileIsExist(to) && w.files[to].open)) return false;
  w.files[to] = w.files[from];
  w.files.erase(from);
  return true;
}
inline ulong FileSize(int handle) { return mql5::world().files[mql5::handleOf(handle).name].bytes.size(); }
inline bool FileSeek(int handle, long offset, ENUM_FILE_POSITION) {
  mql5::handleOf(handle).at = static_cast<size_t>(offset);
  return true;
}
template <typename T>
uint FileWriteStruct(int handle, const T& value) {
  return mql5::writeBytes(handle, &value, sizeof(T)) ? static_cast<uint>(sizeof(T)) : 0;
}
template <typename T>
uint FileReadStruct(int handle, T& value) {
  return static_cast<uint>(mql5::readBytes(handle, &value, sizeof(T)));
}
template <typename T, size_t N>
uint FileWriteArray(int handle, const T (&array)[N], int start, int count) {
  return mql5::writeBytes(handle, array + start, sizeof(T) * static_cast<size_t>(count)) ? static_cast<uint>(count) : 0;
}
template <typename T, size_t N>
uint FileReadArray(int handle, T (&array)[N], int start, int count) {
  return static_cast<uint>(mql5::readBytes(handle, array + start, sizeof(T) * static_cast<size_t>(count)) / sizeof(T));
}
