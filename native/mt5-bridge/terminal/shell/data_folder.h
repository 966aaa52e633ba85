// Where the terminal keeps the files of its programs: beside the history, or without one in a folder that goes with it.
#pragma once

#include <string>

namespace troupe::terminal {

class DataFolder {
 public:
  // Throws Fault (E_TERMINAL_FOLDER).
  explicit DataFolder(const std::string& history);
  ~DataFolder();
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool temporary_;
};

}  // namespace troupe::terminal
