// Sockets of the small terminal: one connection whose other end is the test. And CryptEncode.
#pragma once

#include <vector>

#include "link/sha256.h"
#include "test/mql5/world.h"

namespace mql5 {

struct Wire {
  bool listening = true, open = false;
  std::vector<uint8_t> to_bridge, to_terminal;
  size_t most = 1 << 20;  // bytes that one call takes or gives
  bool slow = false;      // the other side reads so little that each sending waits for all of its time
  uint send_ms = 0;       // SocketTimeouts
  int connects = 0;
  bool certified = false;  // whether the terminal takes the bridge's certificate
  std::string tls;         // the host that TLS was begun with; empty: none
};
inline Wire& wireOf() {
  static Wire wire;
  return wire;
}

}  // namespace mql5

inline int SocketCreate(uint) { return 7; }
inline bool SocketConnect(int, const string&, uint, uint) {
  mql5::Wire& wire = mql5::wireOf();
  ++wire.connects;
  if (!wire.listening) return false;
  wire.open = true;
  wire.tls.clear();
  wire.to_bridge.clear();
  wire.to_terminal.clear();
  return true;
}
inline bool SocketClose(int) {
  mql5::wireOf().open = false;
  return true;
}
inline bool SocketTimeouts(int, uint send_ms, uint) {
  mql5::wireOf().send_ms = send_ms;
  return true;
}
inline bool SocketIsConnected(int) { return mql5::wireOf().open; }
inline bool SocketIsWritable(int) { return mql5::wireOf().open && mql5::wireOf().most > 0; }
inline uint SocketIsReadable(int) { return static_cast<uint>(mql5::wireOf().to_terminal.size()); }
inline bool SocketTlsHandshake(int, const string& host) {
  mql5::Wire& wire = mql5::wireOf();
  if (!wire.certified || !wire.open) return false;
  wire.tls = host;
  return true;
}
template <size_t N>
int SocketTlsSend(int, const uchar (&bytes)[N], uint count) {
  mql5::Wire& wire = mql5::wireOf();
  if (!wire.open || wire.tls.empty()) return -1;
  if (wire.slow) mql5::world().now_us += int64_t{1000} * wire.send_ms;
  const size_t n = std::min<size_t>(count, wire.most);
  wire.to_bridge.insert(wire.to_bridge.end(), bytes, bytes + n);
  return static_cast<int>(n);
}
template <size_t N>
int SocketTlsReadAvailable(int, uchar (&bytes)[N], uint most) {
  mql5::Wire& wire = mql5::wireOf();
  const size_t n = std::min({static_cast<size_t>(most), wire.most, wire.to_terminal.size()});
  if (n == 0 || wire.tls.empty()) return -1;
  std::copy_n(wire.to_terminal.begin(), n, bytes);
  wire.to_terminal.erase(wire.to_terminal.begin(), wire.to_terminal.begin() + static_cast<long>(n));
  return static_cast<int>(n);
}
template <size_t N>
int SocketSend(int, const uchar (&bytes)[N], uint count) {
  mql5::Wire& wire = mql5::wireOf();
  if (!wire.open || !wire.tls.empty()) return -1;
  if (wire.slow) mql5::world().now_us += int64_t{1000} * wire.send_ms;
  const size_t n = std::min<size_t>(count, wire.most);
  wire.to_bridge.insert(wire.to_bridge.end(), bytes, bytes + n);
  return static_cast<int>(n);
}
template <size_t N>
int SocketRead(int, uchar (&bytes)[N], uint count, uint) {
  mql5::Wire& wire = mql5::wireOf();
  const size_t n = std::min({static_cast<size_t>(count), wire.most, wire.to_terminal.size()});
  if (n == 0 || !wire.tls.empty()) return -1;
  std::copy_n(wire.to_terminal.begin(), n, bytes);
  wire.to_terminal.erase(wire.to_terminal.begin(), wire.to_terminal.begin() + static_cast<long>(n));
  return static_cast<int>(n);
}
template <size_t N, size_t K, size_t R>
int CryptEncode(ENUM_CRYPT_METHOD, const uchar (&data)[N], const uchar (&)[K], uchar (&result)[R]) {
  static_assert(R >= 32);
  const troupe::link::Digest digest = troupe::link::sha256({{data, N}});
  std::copy(digest.begin(), digest.end(), result);
  return 32;
}
inline int MathRand() { return 4; }
inline void MathSrand(int) {}
