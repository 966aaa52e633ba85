// Bars are collected first and turned into ticks at the end of the file, because how long a bar lasts is only known
// from its neighbours: exports may change their period in the middle (a broker that has only coarser history for the
// older years), and bars without a tick are absent.

import { isPrice, type TickSink, type UnusableReason } from './sink.ts';

/** Periods of MT5 up to one week; a month lasts as long as its neighbours say. */
const PERIODS_MS = [
  ...[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 4, 6, 8, 12, 24, 168].map((hours) => hours * 3_600_000),
];
/** Neighbours on each side that are looked at; more than the bars that are ever missing in a row at one spot. */
const NEIGHBOURS = 16;
const BOTH_SIDES = 6;

export interface BarOptions {
  /** Decimals of the price; one point is 10^-digits. */
  readonly digits: number;
  /** Spread in points where the file has none. */
  readonly spreadPoints: number;
}

export class BarCollector {
  /** Period of a bar without neighbours, ms. */
  defaultPeriodMs = 60_000;
  readonly #sink: TickSink;
  readonly #timeMs: number[] = [];
  /** open, high, low, close, spread in points (NaN where the file has none): five numbers per bar. */
  readonly #values: number[] = [];

  constructor(sink: TickSink) {
    this.#sink = sink;
  }

  get count(): number {
    return this.#timeMs.length;
  }

  /** One bar of bid prices on the file's clock. */
  bar(timeMs: number, open: number, high: number, low: number, close: number, spreadPoints: number): void {
    const fault = this.#fault(timeMs, open, high, low, close);
    if (fault !== undefined) this.#sink.reject(fault);
    else {
      this.#timeMs.push(timeMs);
      this.#values.push(open, high, low, close, spreadPoints);
    }
  }

  #fault(timeMs: number, open: number, high: number, low: number, close: number): UnusableReason | undefined {
    if (Number.isNaN(open + high + low + close)) return 'malformed_line';
    if (timeMs <= (this.#timeMs.at(-1) ?? Number.NEGATIVE_INFINITY)) return 'time_backwards';
    if (!isPrice(open) || !isPrice(high) || !isPrice(low) || !isPrice(close)) return 'bad_price';
    if (high < Math.max(open, low, close) || low > Math.min(open, close)) return 'broken_bar';
    return undefined;
  }

  /**
   * Four ticks per bar, as MT5's tester makes them of one-minute OHLC: the open at the start of the bar, then low and
   * high (a falling bar: high and low) at one and two thirds of its period, and the close one second before its end.
   * The ask is the bid plus the bar's spread, on the price grid.
   */
  flush(options: BarOptions): void {
    const scale = 10 ** options.digits;
    const periods = barPeriodsMs(this.#timeMs, this.defaultPeriodMs);
    for (let i = 0; i < this.#timeMs.length; i++) {
      const at = i * 5;
      const [open, high, low, close, written] = this.#values.slice(at, at + 5) as [
        number,
        number,
        number,
        number,
        number,
      ];
      const points = Number.isNaN(written) ? options.spreadPoints : written;
      const emit = (timeMs: number, bid: number) =>
        this.#sink.tick(timeMs, bid, points === 0 ? bid : Math.round(bid * scale + points) / scale, BOTH_SIDES);
      const start = this.#timeMs[i]!;
      const third = Math.floor(periods[i]! / 3);
      const falling = close < open;
      emit(start, open);
      emit(start + third, falling ? high : low);
      emit(start + 2 * third, falling ? low : high);
      emit(start + periods[i]! - Math.min(1000, third), close);
    }
  }
}

/**
 * How long each bar lasts, ms: the longest period of MT5 that fits the smallest gap among its neighbours. Looking to
 * each side by itself and taking the longer keeps the bars before a change of period from being taken for the ones after
 * it; the gap to the next bar is never exceeded, so that ticks of two bars never overlap.
 */
export function barPeriodsMs(timesMs: readonly number[], defaultPeriodMs: number): number[] {
  const gaps = timesMs.slice(1).map((timeMs, i) => timeMs - timesMs[i]!);
  const smallest = (from: number, to: number): number => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = Math.max(0, from); i < Math.min(gaps.length, to); i++) least = Math.min(least, gaps[i]!);
    return least;
  };
  return timesMs.map((_, i) => {
    const before = smallest(i - NEIGHBOURS, i);
    const after = smallest(i, i + NEIGHBOURS);
    const longer =
      Number.isFinite(before) && Number.isFinite(after) ? Math.max(before, after) : Math.min(before, after);
    const gap = Math.min(longer, gaps[i] ?? longer);
    if (!Number.isFinite(gap)) return defaultPeriodMs;
    return PERIODS_MS.findLast((period) => period <= gap) ?? gap;
  });
}
