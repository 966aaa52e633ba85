#include "session/console.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>

namespace troupe::terminal {

namespace {

constexpr size_t kMaxLineBytes = 64 << 10;

void writeLine(int fd, std::string text) {
  text += '\n';
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    done += static_cast<size_t>(written);
  }
}

}  // namespace

std::string jsonText(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

void say(const std::string& json) { writeLine(STDOUT_FILENO, json); }

void log(const char* level, const std::string& code, const std::string& message) {
  writeLine(STDERR_FILENO, std::string("{\"level\":\"") + level + "\",\"code\":" + jsonText(code) +
                               ",\"message\":" + jsonText(message) + "}");
}

ParentCommand parseCommand(const std::string& line) {
  if (line == "play") return {ParentCommand::Kind::kPlay};
  if (line == "quit") return {ParentCommand::Kind::kQuit};
  uint64_t n = 0;
  const char* end = line.data() + line.size();
  if (line.starts_with("applied ") && line.size() > 8 && std::from_chars(line.data() + 8, end, n).ptr == end)
    return {ParentCommand::Kind::kApplied, n};
  log("warn", "E_STDIN", "not one of play, applied N, quit: " + line.substr(0, 100));
  return {};
}

bool LineReader::read(std::vector<std::string>& lines) {
  char buffer[4096];
  const ssize_t got = ::read(fd_, buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  rest_.append(buffer, static_cast<size_t>(got));
  size_t from = 0;
  for (size_t end; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1) {
    lines.push_back(rest_.substr(from, end - from));
  }
  rest_.erase(0, from);
  return rest_.size() <= kMaxLineBytes;
}

}  // namespace troupe::terminal
