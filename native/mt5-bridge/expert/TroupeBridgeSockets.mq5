// The expert of Troupe without any DLL, on MQL5's own sockets: see README.md for how to install it.
#ifdef __MQL5__
#property copyright "The Troupe authors"
#property link "https://www.apache.org/licenses/LICENSE-2.0"
#property version "1.00"
#property description "Joins this terminal to Troupe's bridge, without a DLL. The bridge's address must be allowed."
#else
#include "terminal/shim/mql5.h"
#endif

#define TROUPE_SOCKETS
#include "expert.mqh"
