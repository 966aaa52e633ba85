/** Older shapes of the broker's context. A broker never starts blank: it would forget what it has sent. */
import type { Migration, StoredState } from '../../runtime/actor.ts';
import type { BrokerContext } from './context.ts';
import type { Order } from './order/order.ts';

type Older = Omit<BrokerContext, 'finished' | 'orders' | 'counters'> & {
  readonly finished: Float64Array;
  readonly orders: Readonly<Record<string, Omit<Order, 'stray'>>>;
  readonly counters: Omit<BrokerContext['counters'], 'adjustments' | 'resolved'>;
};

/**
 * 1 to 2: safe mode, operations, corrections, seals; finished orders are remembered by strategy. Whose the old ones are
 * is not known, so every strategy that is known remembers all of them until they are forgotten.
 */
function toVersion2({ value, context }: StoredState): StoredState {
  const { finished, orders, counters, ...kept } = context as Older;
  const names = new Set(Object.values(kept.strategies));
  const next: BrokerContext = {
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

export const brokerMigrations: readonly Migration[] = [{ from: 1, to: 2, migrate: toVersion2 }];
