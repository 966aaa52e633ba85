// Files of MQL5 programs, in MQL5/Files below the terminal's data folder. What is flushed survives a kill.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace troupe::terminal {

class MqlFiles {
 public:
  explicit MqlFiles(const std::string& data_folder);
  ~MqlFiles();
  MqlFiles(const MqlFiles&) = delete;
  MqlFiles& operator=(const MqlFiles&) = delete;

  // A handle, or -1 with an MQL5 error. `owner`: the program.
  int open(const std::string& name, int flags, const void* owner, int& error);
  std::FILE* at(int handle);
  // False for no such handle, or where the system refuses.
  bool seek(int handle, long offset, int origin);
  // Bytes moved. The handle is an open one.
  size_t write(int handle, const void* from, size_t bytes);
  size_t read(int handle, void* to, size_t bytes);
  void close(int handle);
  void closeAll(const void* owner);
  // The process is gone: what was not flushed is lost.
  void kill();
  bool exists(const std::string& name) const;
  bool remove(const std::string& name);
  bool move(const std::string& from, const std::string& to, bool rewrite);

 private:
  struct Open {
    std::FILE* file = nullptr;
    std::string path;
    bool shared = false;
    const void* owner = nullptr;
    bool writing = false;  // what was done with it last, apart from flushing
  };
  // Empty for a name that leads out of the folder.
  std::string path(const std::string& name) const;
  bool isOpen(const std::string& path) const;
  // What stood under that name is gone; there is no such file afterwards.
  void replace(const std::string& path);

  std::string folder_;
  std::vector<Open> open_;
  std::jthread closing_;
};

}  // namespace troupe::terminal
