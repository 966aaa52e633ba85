// Frames of the link (link/codec.h) to and from a byte stream: header, number, checksum. Bounded on both sides.
#ifndef TROUPE_SOCKETS_FRAMES_MQH
#define TROUPE_SOCKETS_FRAMES_MQH

#include "../crc32.mqh"
#include "../message.mqh"
#include "handshake.mqh"

#define FRAME_HEADER_BYTES 20
#define SEND_BYTES 4194304
#define RECEIVE_BYTES 524288
#define CHUNK_BYTES 65536

#ifndef __MQL5__
#pragma pack(push, 1)
#endif
struct WireFrameHeader {
  uint length;
  ushort type;
  ushort version;
  ulong sequence;
  uint crc;
};
#ifndef __MQL5__
#pragma pack(pop)
#endif

struct SendQueue {
  int begin;
  int used;
  ulong sequence;  // of the last frame
  uchar data[SEND_BYTES];
};

struct ReceiveQueue {
  int begin;
  int end;
  ulong sequence;
  uchar data[RECEIVE_BYTES];
};

SendQueue g_send;
ReceiveQueue g_receive;
uchar g_chunk[CHUNK_BYTES];
uchar g_header[FRAME_HEADER_BYTES];

void FramesReset() {
  g_send.begin = 0;
  g_send.used = 0;
  g_send.sequence = 0;
  g_receive.begin = 0;
  g_receive.end = 0;
  g_receive.sequence = 0;
  CrcPrepare();
}

void SendByte(uchar value) {
  g_send.data[(g_send.begin + g_send.used) % SEND_BYTES] = value;
  g_send.used++;
}

// False when there is no room; then nothing has changed.
bool QueueFrame(Message &m) {
  const int payload = m.length - 4;
  if (SEND_BYTES - g_send.used < payload + FRAME_HEADER_BYTES) return false;
  WireFrameHeader header;
  header.length = (uint)payload;
  header.type = (ushort)TypeOf(m);
  header.version = LINK_VERSION;
  header.sequence = g_send.sequence + 1;
  header.crc = 0;
  StructToCharArray(header, g_header, 0);
  uint c = CrcBegin();
  for (int i = 0; i < 16; i++) c = CrcAdd(c, g_header[i]);
  for (int i = 0; i < payload; i++) c = CrcAdd(c, m.data[4 + i]);
  header.crc = CrcEnd(c);
  StructToCharArray(header, g_header, 0);
  for (int i = 0; i < FRAME_HEADER_BYTES; i++) SendByte(g_header[i]);
  for (int i = 0; i < payload; i++) SendByte(m.data[4 + i]);
  g_send.sequence++;
  return true;
}

// The next bytes to send, in g_chunk; how many.
int NextChunk() {
  const int count = g_send.used < CHUNK_BYTES ? g_send.used : CHUNK_BYTES;
  for (int i = 0; i < count; i++) g_chunk[i] = g_send.data[(g_send.begin + i) % SEND_BYTES];
  return count;
}

void ChunkSent(int count) {
  g_send.begin = (g_send.begin + count) % SEND_BYTES;
  g_send.used -= count;
}

int ReceiveRoom() {
  if (g_receive.begin == g_receive.end) {
    g_receive.begin = 0;
    g_receive.end = 0;
  } else if (g_receive.begin > RECEIVE_BYTES / 2) {
    for (int i = g_receive.begin; i < g_receive.end; i++) g_receive.data[i - g_receive.begin] = g_receive.data[i];
    g_receive.end -= g_receive.begin;
    g_receive.begin = 0;
  }
  const int room = RECEIVE_BYTES - g_receive.end;
  return room < CHUNK_BYTES ? room : CHUNK_BYTES;
}

// Bytes that came, from g_chunk.
void Received(int count) {
  for (int i = 0; i < count; i++) g_receive.data[g_receive.end + i] = g_chunk[i];
  g_receive.end += count;
}

// 1: a whole frame is in `m`. 0: more must come. Below 0: what the link cannot be trusted after, with the numbers of
// dll/troupe_link.h.
int NextFrame(Message &m) {
  if (g_receive.end - g_receive.begin < FRAME_HEADER_BYTES) return 0;
  for (int i = 0; i < FRAME_HEADER_BYTES; i++) g_header[i] = g_receive.data[g_receive.begin + i];
  WireFrameHeader header;
  if (!CharArrayToStruct(header, g_header, 0)) return -110;
  if (header.version != LINK_VERSION) return -107;
  if (header.length > LINK_RECEIVE_BYTES) return -104;
  const int length = (int)header.length;
  if (g_receive.end - g_receive.begin - FRAME_HEADER_BYTES < length) return 0;
  const int at = g_receive.begin + FRAME_HEADER_BYTES;
  uint c = CrcBegin();
  for (int i = 0; i < 16; i++) c = CrcAdd(c, g_header[i]);
  for (int i = 0; i < length; i++) c = CrcAdd(c, g_receive.data[at + i]);
  if (CrcEnd(c) != header.crc) return -108;
  if (header.sequence != g_receive.sequence + 1) return -109;
  g_receive.sequence++;
  g_receive.begin = at + length;
  BeginMessage(m, header.type);
  for (int i = 0; i < length; i++) m.data[4 + i] = g_receive.data[at + i];
  m.length = 4 + length;
  return 1;
}

#endif
