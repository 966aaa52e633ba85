// StringFormat, Print and their like: arguments keep their type, because MetaTrader does not look at them as C does.
#pragma once

#include <type_traits>
#include <vector>

#include "terminal/shim/types.h"

namespace mql5 {

struct Argument {
  enum class Kind { kInteger, kUnsigned, kReal, kBool, kText };
  Kind kind = Kind::kInteger;
  int64_t integer = 0;
  double real = 0;
  string text;
};

template <typename T>
Argument argument(const T& value) {
  Argument a;
  if constexpr (std::is_same_v<T, bool>) {
    a.kind = Argument::Kind::kBool;
    a.integer = value ? 1 : 0;
  } else if constexpr (std::is_floating_point_v<T>) {
    a.kind = Argument::Kind::kReal;
    a.real = value;
  } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
    a.kind = std::is_unsigned_v<T> ? Argument::Kind::kUnsigned : Argument::Kind::kInteger;
    a.integer = static_cast<int64_t>(value);
  } else {
    a.kind = Argument::Kind::kText;
    a.text = string(value);
  }
  return a;
}

// As MetaTrader formats: %d and %u take 32 bits, %I64d, %I64u and %lld 64; a text where a number is meant, a missing
// argument or an unknown letter throw std::logic_error: in MetaTrader they print nonsense.
string formatted(const string& format, const std::vector<Argument>& arguments);
// One argument as Print writes it.
string printed(const Argument& argument);
void journal(const string& line);
void comment(const string& text);

}  // namespace mql5

template <typename... A>
string StringFormat(const string& format, const A&... arguments) {
  return mql5::formatted(format, {mql5::argument(arguments)...});
}
template <typename... A>
void PrintFormat(const string& format, const A&... arguments) {
  mql5::journal(mql5::formatted(format, {mql5::argument(arguments)...}));
}
template <typename... A>
void Print(const A&... arguments) {
  string line;
  ((line += mql5::printed(mql5::argument(arguments))), ...);
  mql5::journal(line);
}
template <typename... A>
void Alert(const A&... arguments) {
  Print(string("Alert: "), arguments...);
}
template <typename... A>
void Comment(const A&... arguments) {
  string text;
  ((text += mql5::printed(mql5::argument(arguments))), ...);
  mql5::comment(text);
}
