// Strings to the fixed UTF-8 arrays of the messages and back.
#ifndef TROUPE_TEXT_MQH
#define TROUPE_TEXT_MQH

#include "messages.mqh"

uchar g_utf8[1024];

// Cuts what does not fit with its zero, never inside a character. True when nothing was cut: names must fit, remarks
// need not.
template <typename T>
bool SetText(T &to, string text) {
  ZeroMemory(to);
  ZeroMemory(g_utf8);
  if (StringLen(text) > 255) text = StringSubstr(text, 0, 255);
  StringToCharArray(text, g_utf8, 0, WHOLE_ARRAY, CP_UTF8);
  int size = 0;
  while (size < 1023 && g_utf8[size] != 0) size++;
  const int room = (int)sizeof(T) - 1;
  const bool fits = size <= room;
  if (!fits) {
    size = room;
    while (size > 0 && (g_utf8[size] & 0xC0) == 0x80) size--;
  }
  for (int i = 0; i < size; i++) to.c[i] = g_utf8[i];
  return fits;
}

template <typename T>
string TextOf(const T &from) {
  int size = 0;
  while (size < (int)sizeof(T) && from.c[size] != 0) size++;
  return size == 0 ? "" : CharArrayToString(from.c, 0, size, CP_UTF8);
}

bool SameText(const Text32 &a, const Text32 &b) {
  for (int i = 0; i < 32; i++) {
    if (a.c[i] != b.c[i]) return false;
    if (a.c[i] == 0) return true;
  }
  return true;
}

bool IsEmpty(const Text32 &text) { return text.c[0] == 0; }

int LengthOf(const Text32 &text) {
  int size = 0;
  while (size < 32 && text.c[size] != 0) size++;
  return size;
}

// FNV-1a, for tables that are looked up by name.
uint HashOf(const Text32 &text) {
  uint h = 2166136261;
  for (int i = 0; i < 32 && text.c[i] != 0; i++) h = (h ^ (uint)text.c[i]) * 16777619;
  return h;
}

#endif
