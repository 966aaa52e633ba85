// Text in fixed arrays: UTF-8, zero-terminated, zero-padded.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace troupe::link {

// Writes `text` and pads with zeros. False (and an empty array) when it does not fit with its zero, or holds a zero.
template <size_t N>
[[nodiscard]] bool setText(char (&to)[N], std::string_view text) {
  std::memset(to, 0, N);
  if (text.size() >= N || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(to, text.data(), text.size());
  return true;
}

// As setText, but cuts what does not fit, never inside a UTF-8 character: for remarks, never for names.
template <size_t N>
void setTextCut(char (&to)[N], std::string_view text) {
  size_t size = text.substr(0, text.find('\0')).size();
  if (size >= N) {
    size = N - 1;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  }
  std::memset(to, 0, N);
  std::memcpy(to, text.data(), size);
}

template <size_t N>
std::string_view textOf(const char (&from)[N]) {
  const void* end = std::memchr(from, 0, N);
  return {from, end ? static_cast<size_t>(static_cast<const char*>(end) - from) : N};
}

// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool isUtf8(std::string_view text);

// True when the array holds a zero, only zeros after it, and UTF-8 before it.
template <size_t N>
bool isText(const char (&from)[N]) {
  const std::string_view text = textOf(from);
  if (text.size() == N) return false;
  for (size_t i = text.size(); i < N; ++i)
    if (from[i] != 0) return false;
  return isUtf8(text);
}

}  // namespace troupe::link
