// How the service that wakes the expert finds it: by global variables of the terminal, which are doubles, so that a
// chart's number goes in two halves. The event carries nothing: it may be merged with others, and the timer would do
// the same some milliseconds later.
#ifndef TROUPE_WAKE_MQH
#define TROUPE_WAKE_MQH

#define WAKE_EVENT 7731
#define WAKE_HIGH "troupe.chart.high"
#define WAKE_LOW "troupe.chart.low"
#define WAKE_HANDLE "troupe.link.handle"

void WakeAnnounce(long chart, int handle) {
  GlobalVariableSet(WAKE_HIGH, (double)(chart / 1073741824));
  GlobalVariableSet(WAKE_LOW, (double)(chart % 1073741824));
  GlobalVariableSet(WAKE_HANDLE, (double)handle);
}

void WakeWithdraw() {
  GlobalVariableDel(WAKE_HIGH);
  GlobalVariableDel(WAKE_LOW);
  GlobalVariableDel(WAKE_HANDLE);
}

// 0: no expert is running.
long WakeChart() {
  if (!GlobalVariableCheck(WAKE_HIGH) || !GlobalVariableCheck(WAKE_LOW)) return 0;
  return (long)GlobalVariableGet(WAKE_HIGH) * 1073741824 + (long)GlobalVariableGet(WAKE_LOW);
}

int WakeHandle() { return GlobalVariableCheck(WAKE_HANDLE) ? (int)GlobalVariableGet(WAKE_HANDLE) : 0; }

#endif
