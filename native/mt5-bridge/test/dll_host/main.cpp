// A program that uses the library as a terminal with several experts does, for the tests: the same source on Windows,
// where it loads the DLL, and on Linux. It prints a line of JSON for whatever happens, and ends with its input.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>

#include "test/dll_host/expert.h"

#ifdef _WIN32
#include <windows.h>
#endif

using namespace troupe::dll;
using namespace troupe::dll::host;

namespace {

struct Options {
  std::string dll_path, book, key, feed = "feed", margin_mode = "netting", host = "127.0.0.1", fingerprint, ca;
  std::vector<std::pair<std::string, uint16_t>> experts;
  uint64_t ticks = 0;
  uint32_t batch = 100;
};

bool parse(const std::vector<std::string>& words, Options& out) {
  if (words.size() % 2 != 0) return false;
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string &name = words[i], &value = words[i + 1];
    const auto number = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "--library") {
      out.dll_path = value;
    } else if (name == "--book") {
      out.book = value;
    } else if (name == "--key") {
      out.key = value;
    } else if (name == "--feed") {
      out.feed = value;
    } else if (name == "--host") {
      out.host = value;
    } else if (name == "--fingerprint") {
      out.fingerprint = value;
    } else if (name == "--ca") {
      out.ca = value;
    } else if (name == "--margin-mode") {
      out.margin_mode = value;
    } else if (name == "--ticks") {
      out.ticks = number;
    } else if (name == "--batch") {
      out.batch = static_cast<uint32_t>(number);
    } else if (name == "--expert") {
      const size_t colon = value.find(':');
      if (colon == std::string::npos) return false;
      out.experts.emplace_back(value.substr(0, colon), std::atoi(value.c_str() + colon + 1));
    } else {
      return false;
    }
  }
  return !out.experts.empty() && out.batch > 0;
}

// The terminal takes its experts away without asking them, unloads the library, and loads both again.
bool reload(const Options& options, Library& library, std::vector<std::unique_ptr<Expert>>& experts,
            const std::function<void()>& start) {
  for (auto& expert : experts) expert->abandon();
  experts.clear();
  const void* before = library.module;
  unload(library);
  std::string error;
  if (!load(options.dll_path, library, error)) {
    print(R"({"event":"error","text":")" + error + "\"}");
    return false;
  }
  print(std::string(R"({"event":"reloaded","same":)") + (library.module == before ? "true" : "false") + "}");
  start();
  return true;
}

int run(const std::vector<std::string>& words) {
  Options options;
  if (!parse(words, options)) {
    std::fprintf(stderr,
                 "options: --library P --key K --expert NAME:PORT ... [--ticks N --batch N --feed F --book P]\n");
    return 2;
  }
  Library library;
  std::string error;
  if (!load(options.dll_path, library, error)) {
    print(R"({"event":"error","text":")" + error + "\"}");
    return 1;
  }
  print(R"({"event":"loaded"})");
  Book book;
  if (!book.open(options.book, options.margin_mode == "hedging")) return 1;
  std::vector<std::unique_ptr<Expert>> experts;
  const auto start = [&] {
    for (const auto& [name, port] : options.experts)
      experts.push_back(std::make_unique<Expert>(
          library,
          Expert::Plan{name, port, options.key, options.feed, options.margin_mode, options.ticks, options.batch,
                       options.host, options.fingerprint, options.ca},
          book));
    for (auto& expert : experts) expert->begin();
  };
  start();
  for (std::string line; std::getline(std::cin, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (line == "stop") break;
    if (line == "reload" && !reload(options, library, experts, start)) return 1;
  }
  for (auto& expert : experts) expert->end();
  print(R"({"event":"end"})");
  return 0;
}

}  // namespace

#ifdef _WIN32
// Arguments as Windows has them, UTF-16: a terminal's folder may have any name.
int wmain(int argc, wchar_t** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    std::string word(4 * wcslen(argv[i]) + 1, '\0');
    const int size =
        ::WideCharToMultiByte(CP_UTF8, 0, argv[i], -1, word.data(), static_cast<int>(word.size()), nullptr, nullptr);
    word.resize(static_cast<size_t>(size > 0 ? size - 1 : 0));
    words.push_back(word);
  }
  return run(words);
}
#else
int main(int argc, char** argv) { return run(std::vector<std::string>(argv + 1, argv + argc)); }
#endif
