#include "bridge/log.h"

#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "bridge/clock.h"

namespace troupe::bridge {

namespace {

std::mutex g_output;
thread_local std::string t_account;

bool writeLine(int fd, std::string line) {
  line += '\n';
  std::lock_guard lock(g_output);
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

void log(std::string_view level, std::string_view code, std::string_view message) {
  std::string line = jsonLine({{"level", level}, {"time", Clock().wallUs() / 1000}});
  line.pop_back();
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) line += ',' + jsonText(name) + ':' + jsonText(value);
  };
  add("code", code);
  add("message", message);
  add("account", t_account);
  writeLine(STDERR_FILENO, line + '}');
}

}  // namespace

std::string jsonText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (b < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", b);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string jsonLine(std::initializer_list<Field> fields) {
  std::string out = "{";
  for (const Field& field : fields) {
    if (out.size() > 1) out += ',';
    out += jsonText(field.name) + ':';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      out += jsonText(*text);
    } else if (const auto* i = std::get_if<int64_t>(&field.value)) {
      out += std::to_string(*i);
    } else if (const auto* u = std::get_if<uint64_t>(&field.value)) {
      out += std::to_string(*u);
    } else {
      char number[40];
      std::snprintf(number, sizeof number, "%.10g", std::get<double>(field.value));
      out += number;
    }
  }
  return out + '}';
}

bool printEvent(std::initializer_list<Field> fields) { return writeLine(STDOUT_FILENO, jsonLine(fields)); }

void logAs(std::string_view account) { t_account = account; }
void logInfo(std::string_view message) { log("info", "", message); }
void logWarn(std::string_view code, std::string_view message) { log("warn", code, message); }
void logError(std::string_view code, std::string_view message) { log("error", code, message); }

}  // namespace troupe::bridge
