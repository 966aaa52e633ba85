// One JSON object per line: events for the parent process on stdout, the log on stderr.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace troupe::bridge {

struct Field {
  std::string_view name;
  std::variant<std::string_view, int64_t, uint64_t, double> value;
};

std::string jsonText(std::string_view text);  // quoted and escaped
std::string jsonLine(std::initializer_list<Field> fields);

// False once the reader of stdout is gone: the parent has ended, and so should we.
bool printEvent(std::initializer_list<Field> fields);

// Log lines of this thread name this account from now on.
void logAs(std::string_view account);
void logInfo(std::string_view message);
// `code` is stable (docs/errors.md), the message is for people.
void logWarn(std::string_view code, std::string_view message);
void logError(std::string_view code, std::string_view message);

}  // namespace troupe::bridge
