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
/** Gaps on one side from which on they are taken for a period of their own. */
const NEEDED_GAPS = 4;
const DAY_MS = 86_400_000;
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
 * How long each bar lasts, ms: the longest period of MT5 that fits the smallest gap among its neighbours. Each side is
 * looked at by itself and the longer period wins, so that the days before a change to hours are still days; but a side
 * must be sure of it: enough bars, all of them where bars of that period can begin (one-minute bars of a thin market are
 * not). The gap to the next bar is never exceeded, so that ticks of two bars never overlap.
 */
export function barPeriodsMs(timesMs: readonly number[], defaultPeriodMs: number): number[] {
  const last = timesMs.length - 1;
  return timesMs.map((_, i) => {
    const from = Math.max(0, i - NEIGHBOURS);
    const to = Math.min(last, i + NEIGHBOURS);
    const smallest = periodOf(smallestGap(timesMs, from, to));
    const sides = [sureOf(timesMs, from, i), sureOf(timesMs, i, to)].filter((period) => period !== undefined);
    const period = Math.max(smallest, ...sides);
    if (!Number.isFinite(period)) return defaultPeriodMs;
    return i === last ? period : Math.min(period, periodOf(timesMs[i + 1]! - timesMs[i]!));
  });
}

function smallestGap(timesMs: readonly number[], from: number, to: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = from; i < to; i++) least = Math.min(least, timesMs[i + 1]! - timesMs[i]!);
  return least;
}

function periodOf(gapMs: number): number {
  if (!Number.isFinite(gapMs)) return gapMs;
  return PERIODS_MS.findLast((period) => period <= gapMs) ?? gapMs;
}

/** The period that bars from..to show beyond doubt, if they do. */
function sureOf(timesMs: readonly number[], from: number, to: number): number | undefined {
  if (to - from < NEEDED_GAPS) return undefined;
  const period = periodOf(smallestGap(timesMs, from, to));
  // Weeks and months begin on any day.
  const grid = Math.min(period, DAY_MS);
  for (let i = from; i <= to; i++) if (timesMs[i]! % grid !== 0) return undefined;
  return period;
}
