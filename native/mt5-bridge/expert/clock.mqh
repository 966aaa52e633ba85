// The wall clock in microseconds. MQL5 has it in whole seconds only, and a fine counter of unknown origin: of
// TimeGMT() - counter the largest value seen is the nearest to the truth, because TimeGMT() only ever rounds down.
#ifndef TROUPE_CLOCK_MQH
#define TROUPE_CLOCK_MQH

// Counter and wall clock drift apart, and a person may set the clock: measured anew as often as this.
#define CLOCK_EPOCH_US 600000000

long g_clock_offset_us = 0;
long g_clock_next_us = 0;
long g_clock_epoch_us = -1;

long MonotonicUs() { return (long)GetMicrosecondCount(); }
long MonotonicMs() { return MonotonicUs() / 1000; }

ulong WallUs() {
  const long counter = MonotonicUs();
  const long offset = (long)TimeGMT() * 1000000 - counter;
  if (g_clock_epoch_us < 0 || counter - g_clock_epoch_us > CLOCK_EPOCH_US) {
    // The finer value of the epoch that ends holds, unless the clock was set.
    if (g_clock_epoch_us < 0 || MathAbs((double)(g_clock_next_us - g_clock_offset_us)) > 1500000.0) {
      g_clock_offset_us = offset;
    } else {
      g_clock_offset_us = g_clock_next_us;
    }
    g_clock_next_us = offset;
    g_clock_epoch_us = counter;
  }
  if (offset > g_clock_next_us) g_clock_next_us = offset;
  if (offset > g_clock_offset_us) g_clock_offset_us = offset;
  return (ulong)(counter + g_clock_offset_us);
}

// The broker's wall clock, as if it were UTC. TimeCurrent() stands still without quotes, which is right for a
// watermark: nothing that happens later is older.
long BrokerMs() { return (long)TimeCurrent() * 1000; }

// Broker minus UTC, in quarters of an hour; the terminal does not tell it. Meaningful only while connected.
int MeasuredUtcOffsetS() {
  const double difference = (double)((long)TimeTradeServer() - (long)TimeGMT());
  return (int)(MathRound(difference / 900.0) * 900.0);
}

#endif
