/** Bars computed the plain way: sort ticks into slots, look at each slot. Shares no code with actors/symbol. */
import type { TickColumns } from '../../../runtime/bus/ticks.ts';

export interface Tick {
  timeMs: number;
  bid: number;
  ask: number;
}

export interface PlainBar {
  timeframe: string;
  openTimeMs: number;
  closeTimeMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  askClose: number;
  ticks: number;
  spreadMin: number;
  spreadMean: number;
  lastTickMs: number;
}

export const LENGTH_MS: Record<string, number> = {
  '1s': 1e3,
  '1m': 6e4,
  '5m': 3e5,
  '15m': 9e5,
  '1h': 36e5,
  '4h': 144e5,
  '1d': 864e5,
};

/** Sum of doubles without any rounding until the end: whole multiples of 2^-100 in a BigInt. */
function exactSum(values: number[]): number {
  let sum = 0n;
  for (const value of values) sum += BigInt(value * 2 ** 100);
  return Number(sum) / 2 ** 100;
}

/** Every bar that has a tick, in order. `offsetMs`: how far the grid is ahead of UTC. */
export function plainBars(ticks: Tick[], timeframe: string, offsetMs: number): PlainBar[] {
  const lengthMs = LENGTH_MS[timeframe]!;
  const slots = new Map<number, Tick[]>();
  for (const tick of ticks) {
    const openTimeMs = Math.floor((tick.timeMs + offsetMs) / lengthMs) * lengthMs - offsetMs;
    const inside = slots.get(openTimeMs);
    if (inside) inside.push(tick);
    else slots.set(openTimeMs, [tick]);
  }
  return [...slots].map(([openTimeMs, inside]) => {
    const spreads = inside.map(({ bid, ask }) => ask - bid);
    const bids = inside.map(({ bid }) => bid);
    return {
      timeframe,
      openTimeMs,
      closeTimeMs: openTimeMs + lengthMs,
      open: bids[0]!,
      high: Math.max(...bids),
      low: Math.min(...bids),
      close: bids.at(-1)!,
      askClose: inside.at(-1)!.ask,
      ticks: inside.length,
      spreadMin: Math.min(...spreads),
      spreadMean: exactSum(spreads) / spreads.length,
      lastTickMs: inside.at(-1)!.timeMs,
    };
  });
}

export interface FrameParts {
  firstSequence?: number;
  session?: string;
  utcOffsetS?: number;
  firstSentUs?: number;
  symbol?: string;
}

export function frameOf(ticks: Tick[], parts: FrameParts = {}): TickColumns {
  const baseTimeMs = Math.min(...ticks.map(({ timeMs }) => timeMs));
  return {
    symbol: parts.symbol ?? 'EURUSD',
    source: 'test',
    session: parts.session ?? 'a',
    firstSequence: parts.firstSequence ?? 1,
    count: ticks.length,
    baseTimeMs,
    utcOffsetS: parts.utcOffsetS ?? 0,
    timeOffsetMs: Uint32Array.from(ticks, ({ timeMs }) => timeMs - baseTimeMs),
    bid: Float64Array.from(ticks, ({ bid }) => bid),
    ask: Float64Array.from(ticks, ({ ask }) => ask),
    flags: new Uint32Array(0),
    firstSentUs: parts.firstSentUs ?? 0,
  };
}

/** Ticks `stepMs` apart, prices that wander without randomness. */
export function wander(count: number, startMs: number, stepMs: number): Tick[] {
  return Array.from({ length: count }, (_, i) => {
    const bid = 1.1 + Math.round(500 * Math.sin(i / 17) + 300 * Math.sin(i / 3.7)) / 1e5;
    return { timeMs: startMs + i * stepMs, bid, ask: bid + (1 + (i % 5)) / 1e5 };
  });
}
