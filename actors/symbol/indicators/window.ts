/**
 * Means and deviations over the last n values.
 *
 * Taking a value out of a running sum leaves rounding errors behind, and they add up for ever. So each window keeps a
 * second sum beside the first, begun anew whenever the ring is full once more: at that moment it has seen exactly the n
 * values of the window, added and never subtracted, and takes the first one's place. Errors live for 2n values at most,
 * and so does a NaN that got in; the price is one more addition, not a loop. Until then a window that turns flat after a jump
 * may read a deviation of 1e-8 of the jump where it should read zero.
 */
import type { Kernel } from './kernel.ts';

const FILLED = 0;
const NEXT = 1;

/** Puts x into the ring at `at + ringAt` and gives the value that fell out (0 while the ring is being filled). */
function turn(state: Float64Array, at: number, ringAt: number, n: number, x: number): number {
  const next = state[at + NEXT]!;
  const slot = at + ringAt + next;
  const old = state[slot]!;
  state[slot] = x;
  state[at + NEXT] = next + 1 === n ? 0 : next + 1;
  if (state[at + FILLED]! < n) state[at + FILLED] = state[at + FILLED]! + 1;
  return old;
}

/** Sum of the last n values. */
export function windowSum(n: number): Kernel {
  const SUM = 2;
  const FRESH = 3;
  const RING = 4;
  return {
    size: RING + n,
    warmup: n,
    push(state, at, x) {
      const old = turn(state, at, RING, n, x);
      const fresh = state[at + FRESH]! + x;
      if (state[at + NEXT] === 0) {
        state[at + SUM] = fresh;
        state[at + FRESH] = 0;
      } else {
        state[at + SUM] = state[at + SUM]! - old + x;
        state[at + FRESH] = fresh;
      }
      return state[at + FILLED] === n ? state[at + SUM]! : Number.NaN;
    },
  };
}

/** Simple moving average: the mean of the last n values (Murphy, Technical Analysis of the Financial Markets, ch. 9). */
export function sma(n: number): Kernel {
  const sum = windowSum(n);
  return { size: sum.size, warmup: n, push: (state, at, x) => sum.push(state, at, x) / n };
}

/** The value n pushes ago. */
export function lag(n: number): Kernel {
  const RING = 2;
  return {
    size: RING + n,
    warmup: n + 1,
    push(state, at, x) {
      const full = state[at + FILLED] === n;
      const old = turn(state, at, RING, n, x);
      return full ? old : Number.NaN;
    },
  };
}

/** Where `deviation` keeps its mean: a Bollinger band needs both. */
export const DEVIATION_MEAN = 2;

/**
 * Population standard deviation of the last n values, in the update of B. P. Welford (Technometrics 4(3), 1962), which
 * never subtracts two large squares; for a sliding window one value goes as another comes:
 * mean' = mean + (x - old)/n, M2' = M2 + (x - old)((x - mean') + (old - mean)).
 */
export function deviation(n: number): Kernel {
  const MEAN = DEVIATION_MEAN;
  const M2 = 3;
  const FRESH_MEAN = 4;
  const FRESH_M2 = 5;
  const RING = 6;
  return {
    size: RING + n,
    warmup: n,
    push(state, at, x) {
      const seen = state[at + NEXT]!;
      const old = turn(state, at, RING, n, x);
      const mean = state[at + FRESH_MEAN]!;
      const freshMean = mean + (x - mean) / (seen + 1);
      const freshM2 = state[at + FRESH_M2]! + (x - mean) * (x - freshMean);
      if (state[at + NEXT] === 0) {
        state[at + MEAN] = freshMean;
        state[at + M2] = freshM2;
        state[at + FRESH_MEAN] = 0;
        state[at + FRESH_M2] = 0;
      } else {
        if (state[at + FILLED] === n) {
          const oldMean = state[at + MEAN]!;
          const newMean = oldMean + (x - old) / n;
          state[at + M2] = Math.max(0, state[at + M2]! + (x - old) * (x - newMean + (old - oldMean)));
          state[at + MEAN] = newMean;
        }
        state[at + FRESH_MEAN] = freshMean;
        state[at + FRESH_M2] = freshM2;
      }
      return state[at + FILLED] === n ? Math.sqrt(state[at + M2]! / n) : Number.NaN;
    },
  };
}
