// How the expert proves to the bridge that it knows the key, and the bridge to the expert: link/handshake.h in MQL5.
// HMAC-SHA256 is made of two hashes, which CryptEncode computes over arrays of exactly the right length.
#ifndef TROUPE_SOCKETS_HANDSHAKE_MQH
#define TROUPE_SOCKETS_HANDSHAKE_MQH

#include "../clock.mqh"
#include "../local.mqh"
#include "../text.mqh"

#define FRAME_HELLO 1
#define FRAME_HEARTBEAT 15
#define FRAME_PROOF 16
#define FRAME_WELCOME 32
#define FRAME_CHALLENGE 40
#define FRAME_REFUSED 41
#define LINK_VERSION 4

// CryptEncode gives its result in an array that it sizes itself; C++ has none.
#ifdef __MQL5__
#define DYNAMIC_BYTES(name, size) uchar name[]
#else
#define DYNAMIC_BYTES(name, size) uchar name[size]
#endif

#ifndef __MQL5__
#pragma pack(push, 1)
#endif
struct Bytes32 {
  uchar c[32];
};
struct WireHello {
  ushort version_low;
  ushort version_high;
  Bytes32 nonce;
  Text32 session;
  Text32 feed;
  Text32 login;
  Text32 terminal;
  Text12 margin_mode;
  int utc_offset_s;
  ulong wall_us;
};
struct WireWelcome {
  Text32 bridge;
  ushort version;
  Bytes32 mac;
  ulong wall_us;
};
struct WireRefused {
  Text32 code;
  Text128 message;
  uint retry_after_ms;
};
struct WireHeartbeat {
  ulong wall_us;
};
// What is hashed.
struct ProofInput {
  uchar pad[64];
  uchar label[17];
  Bytes32 challenge;
  WireHello hello;
};
struct WelcomeInput {
  uchar pad[64];
  uchar label[15];
  Bytes32 nonce;
  Bytes32 challenge;
  ushort version;
};
struct OuterInput {
  uchar pad[64];
  Bytes32 inner;
};
struct NonceInput {
  Bytes32 key;
  Bytes32 before;
  ulong number[8];
};
#ifndef __MQL5__
#pragma pack(pop)
#endif

Bytes32 g_shared_key;
Bytes32 g_nonce;  // the last one; goes into the next
uchar g_proof_bytes[301];
uchar g_welcome_bytes[145];
uchar g_outer_bytes[96];
uchar g_nonce_bytes[128];
DYNAMIC_BYTES(g_hash_key, 1);  // hashes have none
DYNAMIC_BYTES(g_hash, 32);

int HexDigit(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 64 hex digits, not all the same: that is a placeholder.
bool ParseKey(const Text72 &hex, Bytes32 &key) {
  bool differs = false;
  for (int i = 0; i < 32; i++) {
    const int high = HexDigit(hex.c[2 * i]);
    const int low = HexDigit(hex.c[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    differs = differs || hex.c[2 * i] != hex.c[0] || hex.c[2 * i + 1] != hex.c[0];
    key.c[i] = (uchar)(high * 16 + low);
  }
  return differs && hex.c[64] == 0;
}

void TakeHash(Bytes32 &to) {
  for (int i = 0; i < 32; i++) to.c[i] = g_hash[i];
}

// A nonce must not come twice, and nobody else can foretell it: the key is in it. MQL5 has no better source.
bool MakeNonce() {
  NonceInput hashed;
  ZeroMemory(hashed);
  hashed.key = g_shared_key;
  hashed.before = g_nonce;
  hashed.number[0] = (ulong)GetMicrosecondCount();
  hashed.number[1] = (ulong)GetTickCount64();
  hashed.number[2] = (ulong)TimeLocal();
  hashed.number[3] = WallUs();
  hashed.number[4] = (ulong)MathRand() * 32768 + (ulong)MathRand();
  hashed.number[5] = (ulong)AccountInfoInteger(ACCOUNT_LOGIN);
  hashed.number[6] = (ulong)ChartID();
  StructToCharArray(hashed, g_nonce_bytes, 0);
  if (CryptEncode(CRYPT_HASH_SHA256, g_nonce_bytes, g_hash_key, g_hash) != 32) return false;
  TakeHash(g_nonce);
  return true;
}

uchar Padded(int i, int pad) { return (uchar)((i < 32 ? (int)g_shared_key.c[i] : 0) ^ pad); }

bool OuterHash(Bytes32 &mac) {
  OuterInput outer;
  for (int i = 0; i < 64; i++) outer.pad[i] = Padded(i, 0x5C);
  TakeHash(outer.inner);
  StructToCharArray(outer, g_outer_bytes, 0);
  if (CryptEncode(CRYPT_HASH_SHA256, g_outer_bytes, g_hash_key, g_hash) != 32) return false;
  TakeHash(mac);
  return true;
}

bool ProofOf(const WireHello &hello, const Bytes32 &challenge, Bytes32 &mac) {
  ProofInput hashed;
  for (int i = 0; i < 64; i++) hashed.pad[i] = Padded(i, 0x36);
  const string label = "troupe-terminal-3";
  for (int i = 0; i < 17; i++) hashed.label[i] = (uchar)StringGetCharacter(label, i);
  hashed.challenge = challenge;
  hashed.hello = hello;
  StructToCharArray(hashed, g_proof_bytes, 0);
  if (CryptEncode(CRYPT_HASH_SHA256, g_proof_bytes, g_hash_key, g_hash) != 32) return false;
  return OuterHash(mac);
}

bool WelcomeOf(const WireHello &hello, const Bytes32 &challenge, ushort version, Bytes32 &mac) {
  WelcomeInput hashed;
  for (int i = 0; i < 64; i++) hashed.pad[i] = Padded(i, 0x36);
  const string label = "troupe-bridge-3";
  for (int i = 0; i < 15; i++) hashed.label[i] = (uchar)StringGetCharacter(label, i);
  hashed.nonce = hello.nonce;
  hashed.challenge = challenge;
  hashed.version = version;
  StructToCharArray(hashed, g_welcome_bytes, 0);
  if (CryptEncode(CRYPT_HASH_SHA256, g_welcome_bytes, g_hash_key, g_hash) != 32) return false;
  return OuterHash(mac);
}

// Takes as long whether the first byte differs or the last.
bool SameBytes(const Bytes32 &a, const Bytes32 &b) {
  int differences = 0;
  for (int i = 0; i < 32; i++) differences |= (int)a.c[i] ^ (int)b.c[i];
  return differences == 0;
}

#endif
