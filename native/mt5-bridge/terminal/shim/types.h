// The types of MQL5 that C++ does not have under the same name. MQL5's long has 64 bits, and so has that of Linux.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

using uchar = uint8_t;
using ushort = uint16_t;
using uint = uint32_t;
using ulong = unsigned long;
using datetime = long;   // seconds since 1970-01-01, server time
using color = uint32_t;  // 0x00BBGGRR
static_assert(sizeof(long) == 8 && sizeof(ulong) == 8 && sizeof(ushort) == 2 && sizeof(uint) == 4,
              "the simulated terminal needs a 64-bit long");

// MQL5's string: UTF-16 outside (lengths and positions count its units), UTF-8 inside. It has only what MetaEditor has
// too: an expert that calls a method of it does not compile here either. `utf8` is for the terminal behind the shim.
class string {
 public:
  string() = default;
  string(const char* text) : utf8_(text == nullptr ? "" : text) {}
  string(std::string text) : utf8_(std::move(text)) {}

  const std::string& utf8() const { return utf8_; }

  string& operator+=(const string& other) {
    utf8_ += other.utf8_;
    return *this;
  }
  friend string operator+(const string& a, const string& b) { return string(a.utf8_ + b.utf8_); }
  friend bool operator==(const string& a, const string& b) { return a.utf8_ == b.utf8_; }
  friend auto operator<=>(const string& a, const string& b) { return a.utf8_ <=> b.utf8_; }
  // For messages of tests.
  friend std::ostream& operator<<(std::ostream& to, const string& text) { return to << text.utf8_; }

 private:
  std::string utf8_;
};

// An input is a variable that the terminal sets before OnInit.
#define input [[maybe_unused]] static
#define sinput [[maybe_unused]] static
