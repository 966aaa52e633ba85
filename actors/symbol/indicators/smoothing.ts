/** Averages that forget exponentially. They contract: an error shrinks with every value, so they need no refreshing. */
import type { Kernel } from './kernel.ts';

const SEEN = 0;
const VALUE = 1;

function smoothed(n: number, weight: number): Kernel {
  return {
    size: 2,
    warmup: n,
    push(state, at, x) {
      const seen = state[at + SEEN]!;
      const value = state[at + VALUE]!;
      if (seen < n) {
        state[at + SEEN] = seen + 1;
        // Until warm, VALUE is the sum of the seed.
        state[at + VALUE] = seen + 1 === n ? (value + x) / n : value + x;
        return seen + 1 === n ? state[at + VALUE]! : Number.NaN;
      }
      state[at + VALUE] = value + weight * (x - value);
      return state[at + VALUE]!;
    },
  };
}

/**
 * Exponential moving average, weight 2/(n + 1), seeded by the simple average of the first n values
 * (Appel, Technical Analysis: Power Tools for Active Investors, 2005).
 */
export const ema = (n: number): Kernel => smoothed(n, 2 / (n + 1));

/**
 * Wilder's smoothing, weight 1/n, seeded by the simple average of the first n values
 * (J. W. Wilder, New Concepts in Technical Trading Systems, 1978).
 */
export const wilder = (n: number): Kernel => smoothed(n, 1 / n);
