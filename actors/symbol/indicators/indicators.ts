/** Indicators over closed bars: bid prices, one update per bar, O(1), NaN until warm. */
import type { BarInput, Indicator, Kernel } from './kernel.ts';
import { ema, wilder } from './smoothing.ts';
import { DEVIATION_MEAN, deviation, lag, sma, windowSum } from './window.ts';

/** A kernel over one number of the bar. */
function over(kernel: Kernel, read: (bar: Readonly<BarInput>) => number): Indicator {
  return {
    size: 1 + kernel.size,
    outputs: 1,
    warmup: [kernel.warmup],
    update(state, at, bar) {
      state[at] = kernel.push(state, at + 1, read(bar));
    },
  };
}

const close = (bar: Readonly<BarInput>): number => bar.close;

/** Average of the last n closes. Warm after n bars. */
export const smaOfClose = (n: number): Indicator => over(sma(n), close);

/** EMA(n) of closes. Warm after n bars. */
export const emaOfClose = (n: number): Indicator => over(ema(n), close);

/** Mean spread (ask minus bid, price units) of the bar's ticks. Warm at once. */
export const meanSpread = (): Indicator =>
  over({ size: 0, warmup: 1, push: (_s, _a, x) => x }, (bar) => bar.spreadMean);

/** Smallest spread of the bar's ticks, price units. Warm at once. */
export const minSpread = (): Indicator => over({ size: 0, warmup: 1, push: (_s, _a, x) => x }, (bar) => bar.spreadMin);

/**
 * Relative strength index, 0..100: 100 - 100 / (1 + average gain / average loss), both averages Wilder's over n changes
 * (J. W. Wilder, New Concepts in Technical Trading Systems, 1978). Warm after n + 1 bars. A market that has not moved
 * at all has neither gain nor loss and reads 50.
 */
export function rsi(n: number): Indicator {
  const average = wilder(n);
  const STARTED = 1;
  const PREVIOUS = 2;
  const GAIN = 3;
  const LOSS = GAIN + average.size;
  return {
    size: LOSS + average.size,
    outputs: 1,
    warmup: [n + 1],
    update(state, at, bar) {
      let reading = Number.NaN;
      if (state[at + STARTED] === 1) {
        const change = bar.close - state[at + PREVIOUS]!;
        const gain = average.push(state, at + GAIN, Math.max(change, 0));
        const loss = average.push(state, at + LOSS, Math.max(-change, 0));
        // gain / (gain + loss) is the same as 1 - 1 / (1 + gain / loss), without dividing by a loss of zero.
        const moved = gain + loss;
        reading = moved === 0 ? 50 : (100 * gain) / moved;
      }
      state[at + STARTED] = 1;
      state[at + PREVIOUS] = bar.close;
      state[at] = reading;
    },
  };
}

/**
 * Average true range, price units: Wilder's average over n of max(high, previous close) - min(low, previous close); the
 * first bar has no previous close and counts high - low (Wilder, 1978). Warm after n bars.
 */
export function atr(n: number): Indicator {
  const average = wilder(n);
  const STARTED = 1;
  const PREVIOUS = 2;
  const RANGE = 3;
  return {
    size: RANGE + average.size,
    outputs: 1,
    warmup: [n],
    update(state, at, bar) {
      const previous = state[at + PREVIOUS]!;
      const started = state[at + STARTED] === 1;
      const high = started && previous > bar.high ? previous : bar.high;
      const low = started && previous < bar.low ? previous : bar.low;
      state[at] = average.push(state, at + RANGE, high - low);
      state[at + STARTED] = 1;
      state[at + PREVIOUS] = bar.close;
    },
  };
}

/**
 * Moving average convergence/divergence: EMA(fast) - EMA(slow) of closes, its signal EMA(signal) and the histogram, their
 * difference (G. Appel, The Moving Average Convergence-Divergence Trading Method, 1985). Each average is seeded by the
 * simple average of its own first values. Warm after `slow` bars, signal and histogram after slow + signal - 1.
 * Outputs: line, signal, histogram.
 */
export function macd(fastBars: number, slowBars: number, signalBars: number): Indicator {
  const fast = ema(fastBars);
  const slow = ema(slowBars);
  const signal = ema(signalBars);
  const FAST = 3;
  const SLOW = FAST + fast.size;
  const SIGNAL = SLOW + slow.size;
  const lineWarm = Math.max(fastBars, slowBars);
  const signalWarm = lineWarm + signalBars - 1;
  return {
    size: SIGNAL + signal.size,
    outputs: 3,
    warmup: [lineWarm, signalWarm, signalWarm],
    update(state, at, bar) {
      const line = fast.push(state, at + FAST, bar.close) - slow.push(state, at + SLOW, bar.close);
      // Not before the line is a number: a NaN pushed into the signal would stay there.
      const average = Number.isNaN(line) ? Number.NaN : signal.push(state, at + SIGNAL, line);
      state[at] = line;
      state[at + 1] = average;
      state[at + 2] = line - average;
    },
  };
}

/**
 * Bollinger bands: SMA(n) of closes, and `width` population standard deviations above and below (J. Bollinger, Bollinger on
 * Bollinger Bands, 2001). Warm after n bars. Outputs: middle, upper, lower.
 */
export function bollinger(n: number, width: number): Indicator {
  const spread = deviation(n);
  return {
    size: 3 + spread.size,
    outputs: 3,
    warmup: [n, n, n],
    update(state, at, bar) {
      const reach = width * spread.push(state, at + 3, bar.close);
      const middle = Number.isNaN(reach) ? Number.NaN : state[at + 3 + DEVIATION_MEAN]!;
      state[at] = middle;
      state[at + 1] = middle + reach;
      state[at + 2] = middle - reach;
    },
  };
}

/**
 * Realised volatility: the root of the sum of squared log returns over the last n bars (Andersen and Bollerslev,
 * International Economic Review 39(4), 1998). It is the volatility of those n bars together, NOT annualised; for a year
 * of N bars multiply by the root of N / n. Warm after n + 1 bars. NaN for up to 2n bars after a price that is not above zero.
 */
export function realisedVolatility(n: number): Indicator {
  const sum = windowSum(n);
  const STARTED = 1;
  const PREVIOUS = 2;
  const SUM = 3;
  return {
    size: SUM + sum.size,
    outputs: 1,
    warmup: [n + 1],
    update(state, at, bar) {
      let reading = Number.NaN;
      if (state[at + STARTED] === 1) {
        const logReturn = Math.log(bar.close / state[at + PREVIOUS]!);
        // Below zero only by rounding.
        reading = Math.sqrt(Math.max(0, sum.push(state, at + SUM, logReturn * logReturn)));
      }
      state[at + STARTED] = 1;
      state[at + PREVIOUS] = bar.close;
      state[at] = reading;
    },
  };
}

/** Simple return over n bars: close / close n bars ago - 1. Warm after n + 1 bars. */
export function returnOver(n: number): Indicator {
  const before = lag(n);
  return {
    size: 1 + before.size,
    outputs: 1,
    warmup: [n + 1],
    update(state, at, bar) {
      const then = before.push(state, at + 1, bar.close);
      state[at] = then === 0 ? Number.NaN : bar.close / then - 1;
    },
  };
}
