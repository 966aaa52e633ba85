#include "terminal/mql5/files.h"

#include <fcntl.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <filesystem>

#include "terminal/shim/constants.h"

namespace troupe::terminal {

namespace fs = std::filesystem;

namespace {
// A pass of an expert writes some kilobytes: one call of the system for all of them.
constexpr size_t kBufferBytes = 64 << 10;
}  // namespace

MqlFiles::MqlFiles(const std::string& data_folder) : folder_(data_folder + "/MQL5/Files") {}

MqlFiles::~MqlFiles() {
  for (Open& open : open_)
    if (open.file) std::fclose(open.file);
}

std::string MqlFiles::path(const std::string& name) const {
  if (name.empty() || name.front() == '/' || name.find("..") != std::string::npos) return "";
  std::string plain = name;
  for (char& c : plain)
    if (c == '\\') c = '/';
  return folder_ + "/" + plain;
}

bool MqlFiles::isOpen(const std::string& path) const {
  for (const Open& open : open_)
    if (open.file && open.path == path) return true;
  return false;
}

int MqlFiles::open(const std::string& name, int flags, const void* owner, int& error) {
  const std::string at = path(name);
  if (at.empty() || (flags & (FILE_READ | FILE_WRITE)) == 0) {
    error = ERR_WRONG_FILENAME;
    return INVALID_HANDLE;
  }
  const bool shared = (flags & (FILE_SHARE_READ | FILE_SHARE_WRITE)) != 0;
  for (const Open& open : open_) {
    if (!open.file || open.path != at || (open.shared && shared)) continue;
    error = ERR_CANNOT_OPEN_FILE;
    return INVALID_HANDLE;
  }
  const bool there = fs::exists(at);
  if (!there && (flags & FILE_WRITE) == 0) {
    error = ERR_FILE_NOT_EXIST;
    return INVALID_HANDLE;
  }
  std::error_code ignored;
  fs::create_directories(fs::path(at).parent_path(), ignored);
  if (there && (flags & FILE_READ) == 0 && !isOpen(at)) replace(at);
  // Reading and writing keeps what is there; writing alone begins anew.
  const char* mode = (flags & FILE_WRITE) == 0 ? "rb" : (flags & FILE_READ) != 0 && there ? "r+b" : "w+b";
  std::FILE* file = std::fopen(at.c_str(), mode);
  if (!file) {
    error = ERR_CANNOT_OPEN_FILE;
    return INVALID_HANDLE;
  }
  std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  for (size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].file) continue;
    open_[i] = {file, at, shared, owner};
    return static_cast<int>(i);
  }
  open_.push_back({file, at, shared, owner});
  return static_cast<int>(open_.size()) - 1;
}

// Emptying a file of many megabytes takes Linux 5 to 30 ms, in which the terminal would do nothing else; where MetaTrader
// runs it takes next to nothing. So the old one is unlinked, and closed, which is what takes so long, by another thread.
void MqlFiles::replace(const std::string& path) {
  const int old = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (old < 0) return;
  if (::unlink(path.c_str()) != 0) {
    ::close(old);
    return;
  }
  closing_ = std::jthread([old] { ::close(old); });
}

std::FILE* MqlFiles::at(int handle) {
  return handle >= 0 && static_cast<size_t>(handle) < open_.size() ? open_[static_cast<size_t>(handle)].file : nullptr;
}

// The C library forgets its buffer at every seek, and reads it again before it writes. Whoever goes on behind what was
// written last is there already.
bool MqlFiles::seek(int handle, long offset, int origin) {
  std::FILE* file = at(handle);
  if (!file) return false;
  bool& writing = open_[static_cast<size_t>(handle)].writing;
  if (writing && origin == SEEK_SET && std::ftell(file) == offset) return true;
  writing = false;
  return std::fseek(file, offset, origin) == 0;
}

size_t MqlFiles::write(int handle, const void* from, size_t bytes) {
  open_[static_cast<size_t>(handle)].writing = true;
  return std::fwrite(from, 1, bytes, at(handle));
}

size_t MqlFiles::read(int handle, void* to, size_t bytes) {
  open_[static_cast<size_t>(handle)].writing = false;
  return std::fread(to, 1, bytes, at(handle));
}

void MqlFiles::close(int handle) {
  if (!at(handle)) return;
  std::fclose(at(handle));
  open_[static_cast<size_t>(handle)] = {};
}

void MqlFiles::closeAll(const void* owner) {
  for (size_t i = 0; i < open_.size(); ++i)
    if (open_[i].file && open_[i].owner == owner) close(static_cast<int>(i));
}

void MqlFiles::kill() {
  for (Open& open : open_) {
    if (!open.file) continue;
    __fpurge(open.file);
    std::fclose(open.file);
    open = {};
  }
}

bool MqlFiles::exists(const std::string& name) const { return !path(name).empty() && fs::exists(path(name)); }

bool MqlFiles::remove(const std::string& name) {
  std::error_code failed;
  return exists(name) && !isOpen(path(name)) && fs::remove(path(name), failed);
}

bool MqlFiles::move(const std::string& from, const std::string& to, bool rewrite) {
  if (!exists(from) || path(to).empty() || isOpen(path(from)) || isOpen(path(to))) return false;
  if (exists(to) && !rewrite) return false;
  std::error_code failed;
  fs::rename(path(from), path(to), failed);
  return !failed;
}

}  // namespace troupe::terminal
