/**
 * When a failed child starts again, as a pure function of its failures: at once after the first, then with doubling
 * delays and full jitter, and not at all once the budget of its window is spent (DESIGN.md section 6).
 */
import type { Random } from '../runtime/random.ts';

export interface Budget {
  /** Restarts allowed ... */
  readonly restarts: number;
  /** ... within this time, milliseconds. Failures older than it are forgotten, and with them the delay. */
  readonly windowMs: number;
}

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

export const CHILD_BUDGET: Budget = { restarts: 5, windowMs: 60_000 };
export const SUPERVISOR_BUDGET: Budget = { restarts: 20, windowMs: 60_000 };
export const BACKOFF: Backoff = { firstMs: 100, longestMs: 10_000 };

export type Verdict =
  | { readonly restart: true; readonly delayMs: number; readonly attempt: number; readonly remaining: number }
  | { readonly restart: false; readonly attempt: number };

/** The failures that still count at `nowMs`. */
export function recent(failuresMs: readonly number[], nowMs: number, budget: Budget): number[] {
  return failuresMs.filter((atMs) => nowMs - atMs < budget.windowMs);
}

/**
 * Verdict on a child whose failures (the newest included) happened at `failuresMs`, ascending.
 * Full jitter as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): uniform in 0 .. the doubled delay.
 */
export function judge(
  failuresMs: readonly number[],
  nowMs: number,
  random: Random,
  budget: Budget = CHILD_BUDGET,
  backoff: Backoff = BACKOFF,
): Verdict {
  const attempt = recent(failuresMs, nowMs, budget).length;
  if (attempt > budget.restarts) return { restart: false, attempt };
  const remaining = budget.restarts - attempt;
  if (attempt <= 1) return { restart: true, delayMs: 0, attempt, remaining };
  const ceilingMs = Math.min(backoff.longestMs, backoff.firstMs * 2 ** (attempt - 2));
  return { restart: true, delayMs: Math.round(random.next() * ceilingMs), attempt, remaining };
}
