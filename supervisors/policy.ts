/**
 * When a failed child starts again, as pure functions of its failures: at once after the first, then with doubling
 * delays and full jitter, and not at all once the budget of its window is spent (DESIGN.md section 6).
 */
import type { ErrorCode } from '../runtime/errors.ts';
import { errorTable } from '../runtime/errors.ts';
import type { OnBudgetSpent } from './spec.ts';

export interface Budget {
  /** Restarts allowed ... */
  readonly restarts: number;
  /** ... within this time, milliseconds. A failure exactly this old is forgotten. */
  readonly windowMs: number;
}

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** After running this long a child is healthy: its next failure is again a first one. */
  readonly healthyMs: number;
}

export const CHILD_BUDGET: Budget = { restarts: 5, windowMs: 60_000 };
export const SUPERVISOR_BUDGET: Budget = { restarts: 20, windowMs: 60_000 };
export const BACKOFF: Backoff = { firstMs: 100, longestMs: 10_000, healthyMs: 60_000 };

/** The failures that still count at `nowMs`. */
export function recent(failuresMs: readonly number[], nowMs: number, budget: Budget): readonly number[] {
  const oldest = failuresMs[0];
  if (oldest === undefined || nowMs - oldest < budget.windowMs) return failuresMs;
  return failuresMs.filter((atMs) => nowMs - atMs < budget.windowMs);
}

/** Whether as many failures are more than the budget allows. */
export const isSpent = (failures: number, budget: Budget): boolean => failures > budget.restarts;

export const remaining = (failures: number, budget: Budget): number => Math.max(0, budget.restarts - failures);

/** Failures in a row, one that happens now included. `ranMs`: how long the child had been running, 0 if not at all. */
export const nextStreak = (streak: number, ranMs: number, backoff: Backoff): number =>
  ranMs >= backoff.healthyMs ? 1 : streak + 1;

/** Longest delay before the start that follows the `streak`-th failure in a row. */
export function ceilingMs(streak: number, backoff: Backoff): number {
  return streak <= 1 ? 0 : Math.min(backoff.longestMs, backoff.firstMs * 2 ** (streak - 2));
}

/**
 * Full jitter as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): uniform in 0 .. the doubled delay.
 * `draw` is uniform in [0, 1) and comes from outside: the machine that asks is pure.
 */
export const delayMs = (streak: number, draw: number, backoff: Backoff): number =>
  Math.round(draw * ceilingMs(streak, backoff));

/**
 * Fatal for the request that met them, not for an actor: a new start has an empty mailbox, another output, a server that
 * has recovered. BUS_CONFLICT and FENCED do not come here: they end a child as `fenced`.
 */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BUS_CONFLICT',
  'FENCED',
  'BUS_TOO_LARGE',
  'BUS_NO_STREAM',
  'BUS_REFUSED',
  'MAILBOX_CONTROL_FULL',
  'ORDER_REJECTED',
  'ORDER_SUPERSEDED',
]);

/** Need a person, and no start before that person has acted can go better, here or elsewhere. */
const UNUSABLE_SNAPSHOT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['SNAPSHOT_CORRUPT', 'SNAPSHOT_VERSION']);

/** Faults of one actor's own: it stays down, because its node would end for it, and the next one, and the next. */
export function isItsOwn(code: ErrorCode | undefined, onBudgetSpent: OnBudgetSpent): boolean {
  if (code === undefined) return false;
  return UNUSABLE_SNAPSHOT.has(code) || (code === 'ACTOR_THREW' && onBudgetSpent === 'leave_if_threw');
}

/** Errors that starting again cannot mend: everything of class `fatal` but those above. A new code is one of them. */
export function isHopeless(code: ErrorCode | undefined): boolean {
  if (code === undefined) return false;
  return UNUSABLE_SNAPSHOT.has(code) || (errorTable[code].class === 'fatal' && !MAY_PASS.has(code));
}
