// A self-test for a demo account: prints what this terminal and this broker really do, to be attached to a bug report.
// Attach it to a chart of a liquid symbol. With Trade=true it places and removes a pending order and opens and
// closes one position of the least volume; on any account that is no demo account it refuses to.
#ifdef __MQL5__
#property copyright "The Troupe authors"
#property version "1.00"
#property description "Prints a report about this terminal and broker. Trades the least volume, on a demo account only."
#else
#include "terminal/shim/mql5.h"
#endif

#include "selftest.mqh"
