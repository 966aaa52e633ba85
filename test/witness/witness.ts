/** Everything that must hold when a run has come to rest. */
import { activated, confirmed, halted, policies } from './halts.ts';
import type { History, Violation } from './history.ts';
import { executedOnce, nothingLost, outcomes, truthful } from './orders.ts';
import { fenced, oneOwner } from './ownership.ts';
import { positions } from './positions.ts';
import { quiet } from './quiet.ts';
import { ticks } from './ticks.ts';

export type { History, Violation } from './history.ts';

const invariants = [
  outcomes,
  executedOnce,
  truthful,
  nothingLost,
  positions,
  halted,
  activated,
  confirmed,
  policies,
  oneOwner,
  fenced,
  ticks,
  quiet,
];

/** What does not hold, of a history whose faults are over. */
export function judge(history: History): Violation[] {
  return invariants.flatMap((invariant) => invariant(history));
}
