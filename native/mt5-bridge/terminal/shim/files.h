// Files below the terminal's MQL5/Files. A program may have a file open once only, unless it shares it.
#pragma once

#include <type_traits>

#include "terminal/shim/constants.h"

int FileOpen(const string& name, int flags, short delimiter = '\t', uint codepage = CP_ACP);
void FileClose(int handle);
void FileFlush(int handle);
bool FileIsExist(const string& name, int common = 0);
bool FileDelete(const string& name, int common = 0);
bool FileMove(const string& from, int common, const string& to, int mode);
bool FileSeek(int handle, long offset, ENUM_FILE_POSITION origin);
ulong FileTell(int handle);
ulong FileSize(int handle);
bool FileIsEnding(int handle);
uint FileWriteString(int handle, const string& text, int length = -1);
string FileReadString(int handle, int length = -1);

namespace mql5 {
size_t writeFile(int handle, const void* from, size_t bytes);
size_t readFile(int handle, void* to, size_t bytes);
}  // namespace mql5

template <typename T>
uint FileWriteStruct(int handle, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>, "MetaTrader refuses structs with strings here");
  return static_cast<uint>(mql5::writeFile(handle, &value, sizeof(T)));
}
template <typename T>
uint FileReadStruct(int handle, T& value) {
  static_assert(std::is_trivially_copyable_v<T>, "MetaTrader refuses structs with strings here");
  return static_cast<uint>(mql5::readFile(handle, &value, sizeof(T)));
}
// Both count elements, and never go beyond the array.
template <typename T, size_t N>
uint FileWriteArray(int handle, const T (&array)[N], int start = 0, int count = WHOLE_ARRAY) {
  if (start < 0 || static_cast<size_t>(start) > N) return 0;
  const size_t most = N - static_cast<size_t>(start);
  const size_t n = count < 0 || static_cast<size_t>(count) > most ? most : static_cast<size_t>(count);
  return static_cast<uint>(mql5::writeFile(handle, array + start, n * sizeof(T)) / sizeof(T));
}
template <typename T, size_t N>
uint FileReadArray(int handle, T (&array)[N], int start = 0, int count = WHOLE_ARRAY) {
  if (start < 0 || static_cast<size_t>(start) > N) return 0;
  const size_t most = N - static_cast<size_t>(start);
  const size_t n = count < 0 || static_cast<size_t>(count) > most ? most : static_cast<size_t>(count);
  return static_cast<uint>(mql5::readFile(handle, array + start, n * sizeof(T)) / sizeof(T));
}
