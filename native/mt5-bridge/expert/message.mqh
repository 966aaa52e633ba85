// One message between expert and link client: u16 type, u16 0, payload. The two buffers are global because MQL5 has a
// small stack, and because the program has one thread.
#ifndef TROUPE_MESSAGE_MQH
#define TROUPE_MESSAGE_MQH

#include "local.mqh"

// Holds the specs of MAX_SYMBOLS symbols, which go in one message.
#define MESSAGE_BYTES 262144

struct Message {
  int length;
  uchar data[MESSAGE_BYTES];
};

Message g_out;
Message g_in;

void BeginMessage(Message &m, int type) {
  m.data[0] = (uchar)(type & 0xFF);
  m.data[1] = (uchar)((type >> 8) & 0xFF);
  m.data[2] = 0;
  m.data[3] = 0;
  m.length = 4;
}

int TypeOf(Message &m) { return m.length < 4 ? 0 : (int)m.data[0] + 256 * (int)m.data[1]; }

// The caller keeps lists short enough.
template <typename T>
void Append(Message &m, const T &value) {
  StructToCharArray(value, m.data, (uint)m.length);
  m.length += (int)sizeof(T);
}

// A payload that is exactly one T.
template <typename T>
bool ReadOne(Message &m, T &value) {
  if (m.length != 4 + (int)sizeof(T)) return false;
  return CharArrayToStruct(value, m.data, 4);
}

#endif
