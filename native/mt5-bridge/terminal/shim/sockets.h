// MQL5's client sockets, and hashes. A socket blocks; its handle dies with the program.
#pragma once

#include <algorithm>

#include "terminal/shim/constants.h"
#include "terminal/shim/enums_market.h"

int SocketCreate(uint flags = SOCKET_DEFAULT);
bool SocketConnect(int handle, const string& server, uint port, uint timeout_ms);
bool SocketClose(int handle);
bool SocketIsConnected(int handle);
uint SocketIsReadable(int handle);
bool SocketIsWritable(int handle);
bool SocketTimeouts(int handle, uint send_ms, uint receive_ms);
bool SocketTlsHandshake(int handle, const string& host);

namespace mql5 {
int socketRead(int handle, uchar* to, uint most, uint timeout_ms);
int socketSend(int handle, const uchar* from, uint bytes);
int socketTlsRead(int handle, uchar* to, uint most);
int socketTlsSend(int handle, const uchar* from, uint bytes);
// Bytes of the hash, 0 for a method that is not simulated. `to` has room for 32.
int hash(ENUM_CRYPT_METHOD method, const uchar* from, size_t bytes, uchar* to);
}  // namespace mql5

// Under TLS reads and writes are the same calls; without it these have nothing to say.
template <size_t N>
int SocketTlsReadAvailable(int handle, uchar (&to)[N], uint most) {
  return mql5::socketTlsRead(handle, to, std::min<uint>(most, N));
}
template <size_t N>
int SocketTlsSend(int handle, const uchar (&from)[N], uint bytes) {
  return mql5::socketTlsSend(handle, from, std::min<uint>(bytes, N));
}
template <size_t N>
int SocketRead(int handle, uchar (&to)[N], uint most, uint timeout_ms) {
  return mql5::socketRead(handle, to, std::min<uint>(most, N), timeout_ms);
}
template <size_t N>
int SocketSend(int handle, const uchar (&from)[N], uint bytes) {
  return mql5::socketSend(handle, from, std::min<uint>(bytes, N));
}
// All of `from` is hashed, `key` is not used by hashes. Returns the bytes of the hash.
template <size_t N, size_t K, size_t R>
int CryptEncode(ENUM_CRYPT_METHOD method, const uchar (&from)[N], const uchar (&)[K], uchar (&to)[R]) {
  uchar digest[32];
  const int bytes = mql5::hash(method, from, N, digest);
  if (bytes <= 0 || static_cast<size_t>(bytes) > R) return 0;
  std::copy(digest, digest + bytes, to);
  return bytes;
}
