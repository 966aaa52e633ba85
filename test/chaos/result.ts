/** The figures of a run. Pure. */
import type { FaultKind } from './plan.ts';

/** How long what was struck was away. A frozen node is a node: it serves again when others have its actors. */
export const recoveryKinds = ['actor', 'thread', 'node', 'nats', 'bridge', 'terminal', 'postgres', 'cut'] as const;
export type RecoveryKind = (typeof recoveryKinds)[number];
export const recoveryKind = (kind: FaultKind): RecoveryKind => (kind === 'freeze' ? 'node' : kind);

/** Milliseconds; null where nothing was measured. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** By nearest rank: a figure that was measured, never one in between. */
export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number | null => {
    const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
    return value === undefined ? null : Math.round(value * 10) / 10;
  };
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
