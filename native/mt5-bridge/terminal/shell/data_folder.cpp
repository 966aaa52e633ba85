#include "shell/data_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "fault.h"

namespace troupe::terminal {

namespace fs = std::filesystem;

DataFolder::DataFolder(const std::string& history) : path_(history + ".mt5"), temporary_(history.empty()) {
  std::error_code failed;
  if (temporary_) {
    path_ = (fs::temp_directory_path(failed) / "troupe-terminal-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw Fault("E_TERMINAL_FOLDER", path_ + ": " + strerror(errno));
  }
  fs::create_directories(path_ + "/MQL5/Files", failed);
  if (failed) throw Fault("E_TERMINAL_FOLDER", path_ + ": " + failed.message());
}

DataFolder::~DataFolder() {
  std::error_code ignored;
  if (temporary_) fs::remove_all(path_, ignored);
}

}  // namespace troupe::terminal
