/** How far the played market may run ahead of the company, and how often it has to hear of it. */
import type { FleetOptions } from './options.ts';

/** How far the market of a run may be ahead of it, in its own time: strategies trade at prices that they saw. */
export const LEAD_LIMIT_MS = 30_000;
const SHORTEST_MS = 1;
/** Where nobody waits for it, for the progress that a person sees: each telling wakes node, starter and terminal. */
const LONGEST_MS = 250;
/** Without a limit and as fast as possible: whoever plays it so wants to know how long it took. */
const TIMED_MS = 50;
/** So many times the market hears of the company while it plays its lead, so that it need not stand still. */
const TIMES_PER_LEAD = 10;

/** Milliseconds between two lines of a node that say how many ticks it has applied. */
export function appliedEveryMs({ speed, leadLimitMs }: Pick<FleetOptions, 'speed' | 'leadLimitMs'>): number {
  if (leadLimitMs === 0) return speed === 0 ? TIMED_MS : LONGEST_MS;
  // As fast as possible: the company is what it waits for.
  if (speed === 0) return SHORTEST_MS;
  const leadMs = leadLimitMs / speed;
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.floor(leadMs / TIMES_PER_LEAD)));
}
