// The terminal's parent: one JSON object per line on stdout, short commands per line on stdin, errors on stderr.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::terminal {

// Text as a JSON string, with quotes.
std::string jsonText(const std::string& text);

// Writes the line and its newline at once. A parent that has gone is no reason to stop dealing: it shows on stdin.
void say(const std::string& json);
void log(const char* level, const std::string& code, const std::string& message);

// What the parent may say.
struct ParentCommand {
  enum class Kind : uint8_t { kPlay, kApplied, kQuit, kUnknown };
  Kind kind = Kind::kUnknown;
  uint64_t ticks = 0;  // of kApplied
};
// Complains of an unknown one.
ParentCommand parseCommand(const std::string& line);

class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}
  // Reads what is there; whole lines without their newline. False at the end of the input.
  bool read(std::vector<std::string>& lines);

 private:
  int fd_;
  std::string rest_;
};

}  // namespace troupe::terminal
