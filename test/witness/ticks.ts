/** Every tick is counted once: the ticks of the bars are those of the frames. */
import type { BarSeen, FrameSeen, History, Violation } from './history.ts';
import { violation } from './history.ts';

const SLOT_MS = 1_000;

/**
 * Ticks per one-second slot, each number of a session once. A tick that comes after a newer one is late and in no bar:
 * what a bridge had under way when it died may reach the stream after the first ticks of the next one.
 */
function expected(frames: readonly FrameSeen[]): Map<number, number> {
  const next = new Map<string, number>();
  const slots = new Map<number, number>();
  let newestMs = 0;
  for (const { session, firstSequence, timesMs } of frames) {
    timesMs.forEach((timeMs, i) => {
      const number = firstSequence + i;
      if (number < (next.get(session) ?? 1)) return;
      next.set(session, number + 1);
      if (timeMs < newestMs) return;
      newestMs = timeMs;
      const slot = Math.floor(timeMs / SLOT_MS) * SLOT_MS;
      slots.set(slot, (slots.get(slot) ?? 0) + 1);
    });
  }
  return slots;
}

/** Bars of one second as they stand last; the newest slot of each symbol is still open. */
export function ticks(history: History): Violation[] {
  const { frames = [], bars = [], sentTicks } = history;
  const found: Violation[] = [];
  const perSymbol = new Map<string, FrameSeen[]>();
  for (const frame of frames) perSymbol.set(frame.symbol, [...(perSymbol.get(frame.symbol) ?? []), frame]);
  const told = new Map<string, Map<number, number>>();
  for (const { symbol, timeframe, openTimeMs, ticks: count } of bars as BarSeen[]) {
    if (timeframe !== '1s') continue;
    const own = told.get(symbol) ?? new Map<number, number>();
    told.set(symbol, own.set(openTimeMs, count));
  }
  for (const [symbol, own] of perSymbol) {
    const slots = expected(own);
    const newest = Math.max(...slots.keys());
    const counted = told.get(symbol) ?? new Map<number, number>();
    for (const [slot, count] of slots) {
      const have = counted.get(slot) ?? 0;
      if (slot < newest && have !== count) {
        found.push(violation('ticks-once', `${symbol} at ${slot}: ${count} ticks came, the bar counts ${have}`));
      }
    }
    for (const slot of counted.keys()) {
      if (!slots.has(slot)) found.push(violation('ticks-once', `${symbol} at ${slot}: a bar without a tick`));
    }
    const sent = sentTicks?.get(symbol);
    const kept = [...slots.values()].reduce((sum, count) => sum + count, 0);
    if (sent !== undefined && kept > sent) {
      found.push(violation('ticks-once', `${symbol}: ${sent} ticks were sent, ${kept} stand in the stream`));
    }
  }
  return found;
}
