// The expert of Troupe, with troupe-link.dll: see README.md for how to install it.
#ifdef __MQL5__
#property copyright "The Troupe authors"
#property link "https://www.apache.org/licenses/LICENSE-2.0"
#property version "1.00"
#property description "Joins this terminal to Troupe's bridge. Needs troupe-link.dll and the permission for DLLs."
#else
#include "terminal/shim/mql5.h"
#endif

#include "expert.mqh"
