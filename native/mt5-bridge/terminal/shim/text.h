// Functions of strings. Positions and lengths count UTF-16 units, as in MetaTrader.
#pragma once

#include <cstring>

#include "terminal/shim/constants.h"
#include "terminal/shim/format.h"

int StringLen(const string& text);
// The rest of the text for a count of 0 or -1, as MetaTrader has it.
string StringSubstr(const string& text, int from, int count = -1);
int StringFind(const string& text, const string& what, int from = 0);
ushort StringGetCharacter(const string& text, int at);
int StringTrimLeft(string& text);
int StringTrimRight(string& text);
bool StringToLower(string& text);
bool StringToUpper(string& text);
int StringReplace(string& text, const string& what, const string& with);
int StringCompare(const string& a, const string& b, bool case_sensitive = true);
long StringToInteger(const string& text);
double StringToDouble(const string& text);
string IntegerToString(long number, int width = 0, ushort fill = ' ');
string DoubleToString(double number, int digits = 8);
string CharToString(uchar code);
string ShortToString(ushort code);

enum { TIME_DATE = 1, TIME_MINUTES = 2, TIME_SECONDS = 4 };
string TimeToString(datetime time, int mode = TIME_DATE | TIME_MINUTES);

namespace mql5 {
string textOfBytes(const uchar* bytes, size_t size, uint codepage);
std::string bytesOfText(const string& text, uint codepage);
}  // namespace mql5

// The name of the value in MetaEditor is not known here: its number stands for it.
template <typename T>
string EnumToString(T value) {
  return IntegerToString(static_cast<long>(value));
}

// Copies with the zero at the end when `count` is WHOLE_ARRAY. Returns how many bytes.
template <size_t N>
int StringToCharArray(const string& text, uchar (&to)[N], int start = 0, int count = WHOLE_ARRAY,
                      uint codepage = CP_ACP) {
  const std::string bytes = mql5::bytesOfText(text, codepage);
  if (start < 0 || static_cast<size_t>(start) >= N) return 0;
  size_t size = bytes.size() + 1;
  if (count >= 0 && static_cast<size_t>(count) < size) size = static_cast<size_t>(count);
  if (size > N - static_cast<size_t>(start)) size = N - static_cast<size_t>(start);
  std::memcpy(to + start, bytes.c_str(), size);
  return static_cast<int>(size);
}
// Up to the first zero.
template <size_t N>
string CharArrayToString(const uchar (&from)[N], int start = 0, int count = WHOLE_ARRAY, uint codepage = CP_ACP) {
  if (start < 0 || static_cast<size_t>(start) >= N) return "";
  size_t size = N - static_cast<size_t>(start);
  if (count >= 0 && static_cast<size_t>(count) < size) size = static_cast<size_t>(count);
  return mql5::textOfBytes(from + start, strnlen(reinterpret_cast<const char*>(from) + start, size), codepage);
}
