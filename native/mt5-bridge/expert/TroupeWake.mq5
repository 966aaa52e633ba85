// Wakes TroupeBridge as soon as the bridge has sent something or a tick has come, instead of at its next timer.
#ifdef __MQL5__
#property service
#property copyright "The Troupe authors"
#property version "1.00"
#property description "Wakes the expert TroupeBridge without waiting for its timer. Needs troupe-link.dll."
#import "troupe-link.dll"
int troupe_wait(int handle, int timeout_ms);
#import
#else
#include "terminal/shim/mql5.h"
#include "dll/troupe_link.h"
#endif

bool WaitForMessage(int handle, int wait_ms) {
  if (handle > 0) {
    const int waited = troupe_wait(handle, wait_ms);
    if (waited >= 0) return waited == 1;
  }
  // No such handle (any more).
  Sleep(wait_ms);
  return false;
}

#include "wake-loop.mqh"
