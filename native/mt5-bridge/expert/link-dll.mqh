// The link by way of troupe-link.dll, which has a thread of its own for everything that takes time.
#ifndef TROUPE_LINK_DLL_MQH
#define TROUPE_LINK_DLL_MQH

#include "message.mqh"
#include "text.mqh"

#ifdef __MQL5__
#import "troupe-link.dll"
int troupe_start(const uchar &config[], int length);
int troupe_send(int handle, const uchar &message[], int length);
int troupe_receive(int handle, uchar &buffer[], int capacity);
int troupe_stop(int handle);
int troupe_error_text(int error, uchar &buffer[], int capacity);
#import
#else
#include "dll/troupe_link.h"
#endif

int g_link_handle = 0;
uchar g_link_config[1024];
Text128 g_link_error;

int LinkHandle() { return g_link_handle; }

int LinkStart(const LinkConfig &config) {
  StructToCharArray(config, g_link_config, 0);
  g_link_handle = troupe_start(g_link_config, (int)sizeof(LinkConfig));
  return g_link_handle;
}

int LinkSend(Message &m) { return troupe_send(g_link_handle, m.data, m.length); }

int LinkReceive(Message &m) {
  m.length = troupe_receive(g_link_handle, m.data, MESSAGE_BYTES);
  return m.length;
}

void LinkStop() {
  if (g_link_handle > 0) troupe_stop(g_link_handle);
  g_link_handle = 0;
}

string LinkErrorText(int error) {
  ZeroMemory(g_link_error);
  if (troupe_error_text(error, g_link_error.c, 128) <= 0) return IntegerToString(error);
  return TextOf(g_link_error);
}

#endif
