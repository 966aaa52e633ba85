// Wakes TroupeBridgeSockets at every look: a service cannot see another program's socket.
#ifdef __MQL5__
#property service
#property copyright "The Troupe authors"
#property version "1.00"
#property description "Wakes the expert TroupeBridgeSockets without waiting for its timer."
#else
#include "terminal/shim/mql5.h"
#endif

bool WaitForMessage(int handle, int wait_ms) {
  Sleep(handle > 0 ? wait_ms : 10);
  return handle > 0;
}

#include "wake-loop.mqh"
