// The service's loop: rings the expert's chart as soon as there is something to do.
#ifndef TROUPE_WAKE_LOOP_MQH
#define TROUPE_WAKE_LOOP_MQH

#include "wake.mqh"

#define WAKE_SYMBOLS 512

input int InpWaitMs = 1;  // Wait: milliseconds between two looks at ticks

long g_wake_ticks[WAKE_SYMBOLS];

// Whether a symbol of the Market Watch has a newer tick.
bool AnyNewTick() {
  bool any = false;
  int count = SymbolsTotal(true);
  if (count > WAKE_SYMBOLS) count = WAKE_SYMBOLS;
  for (int i = 0; i < count; i++) {
    MqlTick tick = {};
    if (!SymbolInfoTick(SymbolName(i, true), tick) || tick.time_msc == g_wake_ticks[i]) continue;
    g_wake_ticks[i] = tick.time_msc;
    any = true;
  }
  return any;
}

void OnStart() {
  ArrayInitialize(g_wake_ticks, 0);
  while (!IsStopped()) {
    const long chart = WakeChart();
    if (chart == 0) {
      Sleep(100);
      continue;
    }
    const bool message = WaitForMessage(WakeHandle(), InpWaitMs);
    if (AnyNewTick() || message) {
      EventChartCustom(chart, (ushort)WAKE_EVENT, 0, 0.0, "");
      // The expert needs a moment to take what there is; until then there would be no end of ringing.
      if (message) Sleep(1);
    }
  }
}

#endif
