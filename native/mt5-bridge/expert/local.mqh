// What the link client itself is told and tells: the mirror of dll/troupe_link.h, held to it byte for byte by
// test/expert_layout_test.cpp. The DLL and the expert's own socket client (folder sockets/) speak the same.
#ifndef TROUPE_LOCAL_MQH
#define TROUPE_LOCAL_MQH

#include "messages.mqh"

#ifndef __MQL5__
#pragma pack(push, 1)
#endif

#define LINK_CONFIG_VERSION 2
// Longest message that is received.
#define LINK_RECEIVE_BYTES 65536

// from the link client
#define LOCAL_LINK_UP 0x8001
#define LOCAL_LINK_LOST 0x8002
#define LOCAL_REFUSED 0x8003
#define LOCAL_DROPPED 0x8004
// to the link client: end this session and begin another; the bridge then asks for a snapshot
#define LOCAL_RELINK 0x9001

#define LINK_NOT_LINKED (-33)

struct LinkConfig {
  uint size;
  ushort version;
  ushort port;
  Text64 host;
  Text72 key;
  Text32 instance;
  Text32 feed;
  Text32 login;
  Text32 terminal;
  Text12 margin_mode;
  int utc_offset_s;
  uint send_ring_bytes;
  uint receive_ring_bytes;
  uint idle_limit_ms;
  uint flags;
  Text96 tls_fingerprint;
  Text256 tls_ca_file;
};

struct MessageHead {
  ushort type;
  ushort reserved;
};

struct LinkUp {
  Text32 bridge;
  ushort link_version;
  ushort reserved;
  ulong bridge_wall_us;
  Text32 session;
  ulong connection;
};

struct LinkLost {
  int error;
  Text32 code;
  Text128 message;
  uint retry_ms;
};

struct LinkRefused {
  Text32 code;
  Text128 message;
  uint retry_ms;
  uint is_final;
};

struct LinkDropped {
  ulong ticks;
  ulong others;
  ulong total;
};

#ifndef __MQL5__
#pragma pack(pop)
#endif

#endif
