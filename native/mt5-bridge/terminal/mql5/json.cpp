#include "terminal/mql5/json.h"

#include <algorithm>
#include <charconv>

namespace troupe::terminal {

namespace {

constexpr int kMaxDepth = 16;

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  bool whole(Json& value) {
    if (!any(value, 0)) return false;
    space();
    return at_ == text_.size() || fail("something follows the end");
  }
  std::string fault() const {
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    return "line " + std::to_string(line) + ": " + fault_;
  }

 private:
  bool fail(const char* what) {
    fault_ = what;
    return false;
  }
  void space() {
    while (at_ < text_.size() && std::string(" \t\r\n").find(text_[at_]) != std::string::npos) ++at_;
  }
  bool next(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(const char* word) {
    const std::string expected = word;
    if (text_.compare(at_, expected.size(), expected) != 0) return false;
    at_ += expected.size();
    return true;
  }
  bool any(Json& value, int depth) {
    space();
    if (depth > kMaxDepth) return fail("too deep");
    if (at_ >= text_.size()) return fail("ends too early");
    const char c = text_[at_];
    if (c == '{') return object(value, depth);
    if (c == '[') return array(value, depth);
    if (c == '"') {
      value.kind = Json::Kind::kText;
      return quoted(value.text);
    }
    if (word("true") || word("false")) {
      value.kind = Json::Kind::kBool;
      value.truth = text_[at_ - 2] == 'u';
      return true;
    }
    return number(value);
  }
  bool number(Json& value) {
    value.kind = Json::Kind::kNumber;
    const char* from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, text_.data() + text_.size(), value.number);
    if (error != std::errc() || (*from != '-' && (*from < '0' || *from > '9'))) return fail("no value");
    at_ += static_cast<size_t>(end - from);
    return true;
  }
  bool quoted(std::string& to) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("control character in a text");
      if (text_[at_] == '\\') {
        ++at_;
        if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) return fail("unknown escape in a text");
      }
      to += text_[at_++];
    }
    if (at_ >= text_.size()) return fail("a text has no end");
    ++at_;
    return true;
  }
  bool array(Json& value, int depth) {
    value.kind = Json::Kind::kArray;
    ++at_;
    if (next(']')) return true;
    do {
      value.items.emplace_back();
      if (!any(value.items.back(), depth + 1)) return false;
    } while (next(','));
    return next(']') || fail("expected , or ]");
  }
  bool object(Json& value, int depth) {
    value.kind = Json::Kind::kObject;
    ++at_;
    if (next('}')) return true;
    do {
      space();
      if (at_ >= text_.size() || text_[at_] != '"') return fail("expected a name");
      std::string name;
      if (!quoted(name)) return false;
      for (const auto& [known, unused] : value.members)
        if (known == name) return fail("a name stands twice");
      if (!next(':')) return fail("expected :");
      value.members.emplace_back(name, Json{});
      if (!any(value.members.back().second, depth + 1)) return false;
    } while (next(','));
    return next('}') || fail("expected , or }");
  }

  const std::string& text_;
  size_t at_ = 0;
  std::string fault_;
};

}  // namespace

bool parseJson(const std::string& text, Json& value, std::string& fault) {
  Reader reader(text);
  if (reader.whole(value)) return true;
  fault = reader.fault();
  return false;
}

}  // namespace troupe::terminal
