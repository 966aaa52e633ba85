/** Older shapes of the broker's context. A broker never starts blank: it would forget what it has sent. */
import type { Migration, StoredState } from '../../runtime/actor.ts';
import type { BrokerContext } from './context.ts';
import type { Order } from './order/order.ts';

type Version2 = Omit<BrokerContext, 'numbers'>;
type Version1 = Omit<Version2, 'finished' | 'orders' | 'counters'> & {
  readonly finished: Float64Array;
  readonly orders: Readonly<Record<string, Omit<Order, 'stray'>>>;
  readonly counters: Omit<BrokerContext['counters'], 'adjustments' | 'resolved'>;
};

/**
 * 1 to 2: safe mode, operations, corrections, seals; finished orders are remembered by strategy. Whose the old ones are
 * is not known, so every strategy that is known remembers all of them until they are forgotten.
 */
function toVersion2({ value, context }: StoredState): StoredState {
  const { finished, orders, counters, ...kept } = context as Version1;
  const names = new Set(Object.values(kept.strategies));
  const next: Version2 = {
    ...kept,
    correcting: [],
    operation: null,
    operations: 0,
    safe: null,
    safePolicy: 'cancel',
    liveLimits: null,
    configuredLimits: kept.limits,
    seals: 0,
    finished: Object.fromEntries([...names].map((name) => [name, finished.slice()])),
    orders: Object.fromEntries(Object.entries(orders).map(([id, order]) => [id, { ...order, stray: false }])),
    counters: { ...counters, adjustments: 0, resolved: 0 },
  };
  return { value, context: next };
}

/** 2 to 3: intents are numbered. Of none of them is known which was the last, so the next comes by its message. */
function toVersion3({ value, context }: StoredState): StoredState {
  const next: BrokerContext = { ...(context as Version2), numbers: {} };
  return { value, context: next };
}

export const brokerMigrations: readonly Migration[] = [
  { from: 1, to: 2, migrate: toVersion2 },
  { from: 2, to: 3, migrate: toVersion3 },
];
