// Files, sockets and hashes.
#include "link/sha256.h"
#include "terminal/mql5/api.h"

using troupe::terminal::MqlApi;

int FileOpen(const string& name, int flags, short, uint) {
  int error = 0;
  const int handle =
      MqlApi::passing("FileOpen", [&] { return MqlApi::files().open(name.utf8(), flags, &MqlApi::running(), error); });
  if (handle == INVALID_HANDLE) MqlApi::fail(error);
  return handle;
}
void FileClose(int handle) {
  MqlApi::passing("FileClose", [&] {
    MqlApi::files().close(handle);
    return true;
  });
}
void FileFlush(int handle) {
  if (std::FILE* file = MqlApi::files().at(handle)) MqlApi::passing("FileFlush", [&] { return std::fflush(file); });
}
bool FileIsExist(const string& name, int) { return MqlApi::files().exists(name.utf8()); }
bool FileDelete(const string& name, int) {
  return MqlApi::passing("FileDelete", [&] { return MqlApi::files().remove(name.utf8()); }) ||
         MqlApi::fail(ERR_FILE_NOT_EXIST);
}
bool FileMove(const string& from, int, const string& to, int mode) {
  return MqlApi::passing("FileMove",
                         [&] { return MqlApi::files().move(from.utf8(), to.utf8(), (mode & FILE_REWRITE) != 0); }) ||
         MqlApi::fail(ERR_CANNOT_OPEN_FILE);
}
bool FileSeek(int handle, long offset, ENUM_FILE_POSITION origin) {
  if (!MqlApi::files().at(handle)) return MqlApi::fail(ERR_INVALID_FILEHANDLE);
  return MqlApi::files().seek(handle, offset, origin);
}
ulong FileTell(int handle) {
  std::FILE* file = MqlApi::files().at(handle);
  return file ? static_cast<ulong>(std::ftell(file)) : 0;
}
ulong FileSize(int handle) {
  std::FILE* file = MqlApi::files().at(handle);
  if (!file) return 0;
  const long at = std::ftell(file);
  std::fseek(file, 0, SEEK_END);
  const long size = std::ftell(file);
  std::fseek(file, at, SEEK_SET);
  return static_cast<ulong>(size);
}
bool FileIsEnding(int handle) { return FileTell(handle) >= FileSize(handle); }
uint FileWriteString(int handle, const string& text, int length) {
  std::string bytes = text.utf8();
  if (length >= 0) bytes.resize(static_cast<size_t>(length));
  return static_cast<uint>(mql5::writeFile(handle, bytes.data(), bytes.size()));
}
string FileReadString(int handle, int length) {
  std::string line;
  char c;
  while ((length < 0 || line.size() < static_cast<size_t>(length)) && mql5::readFile(handle, &c, 1) == 1 && c != '\n')
    if (c != '\r') line += c;
  return line;
}

int SocketCreate(uint) {
  int error = 0;
  const int handle = MqlApi::sockets().create(&MqlApi::running(), error);
  if (handle == INVALID_HANDLE) MqlApi::fail(error);
  return handle;
}
bool SocketConnect(int handle, const string& server, uint port, uint timeout_ms) {
  int error = 0;
  return MqlApi::sockets().connect(handle, server.utf8(), port, timeout_ms, error) || MqlApi::fail(error);
}
bool SocketClose(int handle) { return MqlApi::sockets().close(handle) || MqlApi::fail(ERR_NETSOCKET_INVALIDHANDLE); }
bool SocketIsConnected(int handle) { return MqlApi::sockets().connected(handle); }
uint SocketIsReadable(int handle) { return MqlApi::sockets().readable(handle); }
bool SocketIsWritable(int handle) { return MqlApi::sockets().writable(handle); }
bool SocketTlsHandshake(int handle, const string& host) {
  int error = 0;
  return MqlApi::sockets().tlsHandshake(handle, host.utf8(), error) || MqlApi::fail(error);
}
bool SocketTimeouts(int handle, uint send_ms, uint) { return MqlApi::sockets().timeouts(handle, send_ms); }

namespace mql5 {

size_t writeFile(int handle, const void* from, size_t bytes) {
  if (!MqlApi::files().at(handle)) return MqlApi::fail(ERR_INVALID_FILEHANDLE);
  const size_t written = MqlApi::passing("FileWrite", [&] { return MqlApi::files().write(handle, from, bytes); });
  if (written < bytes) MqlApi::fail(ERR_FILE_WRITEERROR);
  return written;
}
size_t readFile(int handle, void* to, size_t bytes) {
  if (!MqlApi::files().at(handle)) return MqlApi::fail(ERR_INVALID_FILEHANDLE);
  return MqlApi::files().read(handle, to, bytes);
}
int hash(ENUM_CRYPT_METHOD method, const uchar* from, size_t bytes, uchar* to) {
  if (method != CRYPT_HASH_SHA256) return 0;
  const auto digest = troupe::link::sha256({{from, bytes}});
  std::copy(digest.begin(), digest.end(), to);
  return static_cast<int>(digest.size());
}
int socketRead(int handle, uchar* to, uint most, uint timeout_ms) {
  int error = 0;
  const int got = MqlApi::sockets().read(handle, to, most, timeout_ms, error);
  if (error != 0) MqlApi::fail(error);
  return got;
}
int socketTlsRead(int handle, uchar* to, uint most) {
  int error = 0;
  const int got = MqlApi::sockets().tlsRead(handle, to, most, error);
  if (got < 0) MqlApi::fail(error);
  return got;
}
int socketTlsSend(int handle, const uchar* from, uint bytes) {
  int error = 0;
  const int sent = MqlApi::sockets().tlsSend(handle, from, bytes, error);
  if (sent < 0) MqlApi::fail(error);
  return sent;
}
int socketSend(int handle, const uchar* from, uint bytes) {
  int error = 0;
  const int sent = MqlApi::sockets().send(handle, from, bytes, error);
  if (error != 0) MqlApi::fail(error);
  return sent;
}

}  // namespace mql5
