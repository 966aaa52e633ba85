// The way to the bridge. Which one is decided by the main file: with TROUPE_SOCKETS defined the expert brings its own
// client on MQL5's sockets, otherwise troupe-link.dll does the work. Both give the same four calls:
//
//   int LinkStart(const LinkConfig &config)   above 0, or an error
//   int LinkSend(Message &m)                  1 taken, 0 full (not taken), or an error
//   int LinkReceive(Message &m)               its bytes, 0 none, or an error
//   void LinkStop()                           under a second
#ifndef TROUPE_LINK_MQH
#define TROUPE_LINK_MQH

#include "message.mqh"
#include "text.mqh"

#ifdef TROUPE_SOCKETS
#include "sockets/client.mqh"
#else
#include "link-dll.mqh"
#endif

#endif
