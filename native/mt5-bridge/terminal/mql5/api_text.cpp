// Strings: UTF-8 inside, counted in UTF-16 units.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <stdexcept>

#include "terminal/mql5/api.h"

namespace {

// A broken sequence counts as one unit for each byte, so that nothing is lost.
std::u16string wide(const std::string& text) {
  std::u16string out;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uchar>(text[i]);
    const size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    uint32_t code = size == 1 ? lead : lead & (0xFFu >> (size + 1));
    for (size_t k = 1; k < size && i + k < text.size(); ++k)
      code = code << 6 | (static_cast<uchar>(text[i + k]) & 0x3F);
    i += size;
    if (code > 0xFFFF) {
      out += static_cast<char16_t>(0xD800 + ((code - 0x10000) >> 10));
      out += static_cast<char16_t>(0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
      out += static_cast<char16_t>(code);
    }
  }
  return out;
}

std::string narrow(const std::u16string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t code = text[i];
    if (code >= 0xD800 && code < 0xDC00 && i + 1 < text.size())
      code = 0x10000 + ((code - 0xD800) << 10) + (text[++i] - 0xDC00u);
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | code >> 18);
      out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return out;
}

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

thread_local uint g_random = 1;

}  // namespace

int StringLen(const string& text) { return static_cast<int>(wide(text.utf8()).size()); }
string StringSubstr(const string& text, int from, int count) {
  const std::u16string all = wide(text.utf8());
  if (from < 0 || static_cast<size_t>(from) >= all.size()) return "";
  return narrow(all.substr(static_cast<size_t>(from), count <= 0 ? std::u16string::npos : static_cast<size_t>(count)));
}
int StringFind(const string& text, const string& what, int from) {
  const size_t at = wide(text.utf8()).find(wide(what.utf8()), static_cast<size_t>(std::max(from, 0)));
  return at == std::u16string::npos ? -1 : static_cast<int>(at);
}
ushort StringGetCharacter(const string& text, int at) {
  const std::u16string all = wide(text.utf8());
  return at < 0 || static_cast<size_t>(at) >= all.size() ? 0 : all[static_cast<size_t>(at)];
}
int StringTrimLeft(string& text) {
  const std::string& all = text.utf8();
  const auto first = std::find_if_not(all.begin(), all.end(), isBlank);
  const auto cut = static_cast<int>(first - all.begin());
  text = std::string(first, all.end());
  return cut;
}
int StringTrimRight(string& text) {
  const std::string& all = text.utf8();
  const auto last = std::find_if_not(all.rbegin(), all.rend(), isBlank);
  const auto cut = static_cast<int>(last - all.rbegin());
  text = std::string(all.begin(), last.base());
  return cut;
}
bool StringToLower(string& text) {
  std::string all = text.utf8();
  for (char& c : all)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  text = all;
  return true;
}
bool StringToUpper(string& text) {
  std::string all = text.utf8();
  for (char& c : all)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  text = all;
  return true;
}
int StringReplace(string& text, const string& what, const string& with) {
  if (what.utf8().empty()) return 0;
  std::string all = text.utf8();
  int n = 0;
  for (size_t at = 0; (at = all.find(what.utf8(), at)) != std::string::npos; at += with.utf8().size(), ++n)
    all.replace(at, what.utf8().size(), with.utf8());
  text = all;
  return n;
}
int StringCompare(const string& a, const string& b, bool case_sensitive) {
  string x = a, y = b;
  if (!case_sensitive) {
    StringToLower(x);
    StringToLower(y);
  }
  return x == y ? 0 : x < y ? -1 : 1;
}
long StringToInteger(const string& text) { return std::strtol(text.utf8().c_str(), nullptr, 10); }
double StringToDouble(const string& text) { return std::strtod(text.utf8().c_str(), nullptr); }
string IntegerToString(long number, int width, ushort fill) {
  std::string text = std::to_string(number);
  if (width > 0 && text.size() < static_cast<size_t>(width))
    text.insert(0, static_cast<size_t>(width) - text.size(), static_cast<char>(fill));
  return text;
}
string DoubleToString(double number, int digits) {
  char text[400];
  snprintf(text, sizeof text, digits < 0 ? "%.*e" : "%.*f", std::abs(digits), number);
  return text;
}
string CharToString(uchar code) { return ShortToString(code); }
string ShortToString(ushort code) { return narrow(std::u16string(1, code)); }
string TimeToString(datetime time, int mode) {
  const time_t seconds = time;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[64] = "";
  std::string out;
  if (mode & TIME_DATE) {
    strftime(text, sizeof text, "%Y.%m.%d", &tm);
    out = text;
  }
  if (mode & (TIME_MINUTES | TIME_SECONDS)) {
    strftime(text, sizeof text, mode & TIME_SECONDS ? "%H:%M:%S" : "%H:%M", &tm);
    out += (out.empty() ? "" : " ") + std::string(text);
  }
  return out;
}

int MathRand() {
  g_random = g_random * 214013 + 2531011;
  return static_cast<int>(g_random >> 16 & 0x7FFF);
}
void MathSrand(int seed) { g_random = static_cast<uint>(seed); }
double NormalizeDouble(double value, int digits) {
  const double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

namespace mql5 {

string textOfBytes(const uchar* bytes, size_t size, uint codepage) {
  const std::string raw(reinterpret_cast<const char*>(bytes), size);
  if (codepage == CP_UTF8) return raw;
  std::u16string out;
  for (const char c : raw) out += static_cast<uchar>(c);
  return narrow(out);
}
// What the terminal's own code page (Latin 1 here) does not have becomes a question mark.
std::string bytesOfText(const string& text, uint codepage) {
  if (codepage == CP_UTF8) return text.utf8();
  std::string out;
  for (const char16_t c : wide(text.utf8())) out += c < 256 ? static_cast<char>(c) : '?';
  return out;
}

string printed(const Argument& a) {
  char text[64];
  switch (a.kind) {
    case Argument::Kind::kText:
      return a.text;
    case Argument::Kind::kBool:
      return a.integer != 0 ? "true" : "false";
    case Argument::Kind::kReal:
      snprintf(text, sizeof text, "%.16g", a.real);
      return text;
    case Argument::Kind::kUnsigned:
      return std::to_string(static_cast<uint64_t>(a.integer));
    case Argument::Kind::kInteger:
      break;
  }
  return std::to_string(a.integer);
}

string formatted(const string& format, const std::vector<Argument>& arguments) {
  const std::string& f = format.utf8();
  std::string out;
  size_t next = 0;
  const auto take = [&]() -> const Argument& {
    if (next >= arguments.size()) throw std::logic_error("format '" + f + "' has more places than arguments");
    return arguments[next++];
  };
  for (size_t i = 0; i < f.size(); ++i) {
    if (f[i] != '%' || i + 1 == f.size()) {
      out += f[i];
      continue;
    }
    if (f[i + 1] == '%') {
      out += '%';
      ++i;
      continue;
    }
    std::string spec = "%";
    for (++i; i < f.size() && std::string("-+ #0123456789.*").find(f[i]) != std::string::npos; ++i) {
      if (f[i] == '*') {
        spec += std::to_string(take().integer);
      } else {
        spec += f[i];
      }
    }
    bool wide64 = false;
    if (f.compare(i, 3, "I64") == 0) {
      wide64 = true;
      i += 3;
    } else if (f.compare(i, 2, "ll") == 0) {
      wide64 = true;
      i += 2;
    }
    const char kind = i < f.size() ? f[i] : ' ';
    const Argument& a = take();
    const bool is_text = a.kind == Argument::Kind::kText, is_real = a.kind == Argument::Kind::kReal;
    char text[1024];
    if (kind == 's') {
      if (!is_text) throw std::logic_error("format '" + f + "': %s with a number");
      std::vector<char> room(a.text.utf8().size() + 1024);
      snprintf(room.data(), room.size(), (spec + 's').c_str(), a.text.utf8().c_str());
      out += room.data();
      continue;
    }
    if (is_text) throw std::logic_error("format '" + f + "': a number with a text");
    if (kind == 'c' && !is_real) {
      snprintf(text, sizeof text, (spec + 'c').c_str(), static_cast<int>(a.integer));
    } else if (std::string("diuxXoc").find(kind) != std::string::npos) {
      if (is_real) throw std::logic_error("format '" + f + "': a whole number with a double");
      const auto value = static_cast<long long>(
          wide64 ? a.integer
                 : (kind == 'd' || kind == 'i' ? static_cast<int64_t>(static_cast<int32_t>(a.integer))
                                               : static_cast<int64_t>(static_cast<uint32_t>(a.integer))));
      snprintf(text, sizeof text, (spec + "ll" + kind).c_str(), value);
    } else if (std::string("fFeEgGaA").find(kind) != std::string::npos) {
      snprintf(text, sizeof text, (spec + kind).c_str(), is_real ? a.real : static_cast<double>(a.integer));
    } else {
      throw std::logic_error("format '" + f + "': unknown letter");
    }
    out += text;
  }
  return out;
}

void journal(const string& line) { troupe::terminal::MqlApi::note(line.utf8()); }
// A chart's corner shows it; here it is only said.
void comment(const string& text) { troupe::terminal::MqlApi::note(text.utf8()); }

}  // namespace mql5
