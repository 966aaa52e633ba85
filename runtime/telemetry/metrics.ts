/** What a node counts, for Prometheus. Names and labels are a promise: dashboards and alert rules use them. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Upper bounds, ms: fine where the promises lie (5 ms, 10 ms), coarse beyond. */
const LATENCY_BUCKETS_MS = [0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 25, 50, 100, 250, 1_000, 10_000];

export type { Counter } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly ticksApplied: Counter;
  /** By `reason`: late, duplicate, missing. */
  readonly ticksDropped: Counter<'reason'>;
  readonly bars: Counter<'timeframe'>;
  readonly intents: Counter<'strategy'>;
  /** By `outcome`: filled, cancelled, rejected, expired. */
  readonly orders: Counter<'outcome'>;
  readonly fills: Counter;
  /** By `code` of the denial table. */
  readonly denials: Counter<'code'>;
  /** Times that broker and terminal were found to disagree, and symbols that are halted for it now. */
  readonly differences: Counter;
  readonly haltedSymbols: Gauge;
  /** Orders of which nobody knows the outcome, now. */
  readonly unknownOrders: Gauge;
  readonly actorRestarts: Counter<'kind'>;
  /** What this node has told on `sys.lifecycle`, by kind of actor and event. */
  readonly lifecycle: Counter<'kind' | 'event'>;
  /** Actors that this node runs. */
  readonly actors: Gauge<'kind'>;
  readonly leaseHeld: Gauge;
  readonly deadLetters: Counter<'kind'>;
  readonly mailboxDepth: Gauge<'kind' | 'id'>;
  readonly busConnected: Gauge;
  readonly commitLatency: Histogram;
  readonly tickToBar: Histogram;
  readonly intentToTerminal: Histogram;
}

/** A registry of its own per call, so that several nodes of one process (tests) do not share counts. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const buckets = LATENCY_BUCKETS_MS;
  // Memory, garbage collection, event-loop lag (troupe_nodejs_eventloop_lag_*) and the like. The lag that we judge by is
  // event-loop.ts's; of this one a sample in 50 ms is enough.
  collectDefaultMetrics({ register: registry, prefix: 'troupe_', eventLoopMonitoringPrecision: 50 });
  return {
    registry,
    ticksApplied: new Counter({
      name: 'troupe_ticks_applied_total',
      help: 'Ticks applied by symbol actors',
      registers,
    }),
    ticksDropped: new Counter({
      name: 'troupe_ticks_dropped_total',
      help: 'Ticks that were not applied, by reason',
      labelNames: ['reason'],
      registers,
    }),
    bars: new Counter({
      name: 'troupe_bars_total',
      help: 'Bars published, by timeframe',
      labelNames: ['timeframe'],
      registers,
    }),
    intents: new Counter({
      name: 'troupe_intents_total',
      help: 'Order intents, by strategy',
      labelNames: ['strategy'],
      registers,
    }),
    orders: new Counter({
      name: 'troupe_orders_total',
      help: 'Orders that came to an end, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    fills: new Counter({ name: 'troupe_fills_total', help: 'Fills', registers }),
    denials: new Counter({
      name: 'troupe_denials_total',
      help: 'Intents denied by the risk gate, by code (docs/errors.md)',
      labelNames: ['code'],
      registers,
    }),
    differences: new Counter({
      name: 'troupe_reconcile_differences_total',
      help: 'Differences between broker and terminal that reconciliation has found',
      registers,
    }),
    haltedSymbols: new Gauge({
      name: 'troupe_reconcile_halted_symbols',
      help: 'Symbols (and the account, for its balance) halted because broker and terminal disagree',
      registers,
    }),
    unknownOrders: new Gauge({
      name: 'troupe_orders_unknown',
      help: 'Orders of which nobody knows the outcome',
      registers,
    }),
    actorRestarts: new Counter({
      name: 'troupe_actor_restarts_total',
      help: 'Restarts of actors by their supervisor, by kind',
      labelNames: ['kind'],
      registers,
    }),
    lifecycle: new Counter({
      name: 'troupe_lifecycle_events_total',
      help: 'Events that this node has told on sys.lifecycle: starts, stops, failures, moves, lease changes',
      labelNames: ['kind', 'event'],
      registers,
    }),
    actors: new Gauge({
      name: 'troupe_actors',
      help: 'Actors that this node runs, by kind',
      labelNames: ['kind'],
      registers,
    }),
    leaseHeld: new Gauge({
      name: 'troupe_lease_held',
      help: '1 while this node holds its lease; nothing of it has effect without',
      registers,
    }),
    deadLetters: new Counter({
      name: 'troupe_dead_letters_total',
      help: 'Inputs given up after repeated failures, by kind of actor',
      labelNames: ['kind'],
      registers,
    }),
    mailboxDepth: new Gauge({
      name: 'troupe_mailbox_depth',
      help: 'Events that wait in an actor’s mailbox',
      labelNames: ['kind', 'id'],
      registers,
    }),
    busConnected: new Gauge({ name: 'troupe_bus_connected', help: '1 while connected to NATS', registers }),
    commitLatency: new Histogram({
      name: 'troupe_commit_ms',
      help: 'Compare-and-set of an actor’s snapshot, milliseconds',
      buckets,
      registers,
    }),
    tickToBar: new Histogram({
      name: 'troupe_tick_to_bar_ms',
      help: 'From the terminal’s sending of the tick that closes a bar to the bar, milliseconds',
      buckets,
      registers,
    }),
    intentToTerminal: new Histogram({
      name: 'troupe_intent_to_terminal_ms',
      help: 'From an intent to the terminal’s answer, milliseconds',
      buckets,
      registers,
    }),
  };
}
