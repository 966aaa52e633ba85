// Memory and fixed arrays. MetaTrader's dynamic arrays are outside the subset that the expert keeps to.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "terminal/shim/constants.h"

template <typename T>
void ZeroMemory(T& value) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    std::memset(static_cast<void*>(&value), 0, sizeof(T));
  } else {
    value = T{};
  }
}

template <typename T, size_t N>
bool StructToCharArray(const T& value, uchar (&to)[N], uint start = 0) {
  static_assert(std::is_trivially_copyable_v<T>, "MetaTrader refuses structs with strings here");
  if (start > N || sizeof(T) > N - start) return false;
  std::memcpy(to + start, &value, sizeof(T));
  return true;
}
template <typename T, size_t N>
bool CharArrayToStruct(T& value, const uchar (&from)[N], uint start = 0) {
  static_assert(std::is_trivially_copyable_v<T>, "MetaTrader refuses structs with strings here");
  if (start > N || sizeof(T) > N - start) return false;
  std::memcpy(&value, from + start, sizeof(T));
  return true;
}

template <typename T, size_t N>
int ArraySize(const T (&)[N]) {
  return static_cast<int>(N);
}
template <typename T, size_t N, typename V>
int ArrayInitialize(T (&array)[N], V value) {
  std::fill(array, array + N, static_cast<T>(value));
  return static_cast<int>(N);
}
template <typename T, size_t N, typename V>
void ArrayFill(T (&array)[N], int start, int count, V value) {
  for (int i = start; i < start + count && i < static_cast<int>(N); ++i) array[i] = static_cast<T>(value);
}
template <typename T, size_t N, size_t M>
int ArrayCopy(T (&to)[N], const T (&from)[M], int to_start = 0, int from_start = 0, int count = WHOLE_ARRAY) {
  if (to_start < 0 || from_start < 0 || to_start > static_cast<int>(N) || from_start > static_cast<int>(M)) return 0;
  int most = std::min(static_cast<int>(N) - to_start, static_cast<int>(M) - from_start);
  if (count >= 0) most = std::min(most, count);
  std::memmove(static_cast<void*>(to + to_start), from + from_start, sizeof(T) * static_cast<size_t>(most));
  return most;
}
