/** The history of a simulated world, as the witness wants it, gathered from the streams, the books and the actors. */
import type { BrokerContext } from '../../actors/broker/context.ts';
import { brokerStatus } from '../../actors/broker/status.ts';
import type { Memory } from '../../actors/strategy/memory.ts';
import { IntentAction, OrderState, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import { matchesSubject } from '../../runtime/bus/subjects.ts';
import { actorKey, topics } from '../../runtime/bus/topics.ts';
import { leaseKey, parseLease } from '../../runtime/lease.ts';
import type { AccountWord, ActorSeen, DealSeen, History, StrategySeen } from '../witness/history.ts';
import { ACCOUNT } from './config.ts';
import type { SimWorld } from './sim-world.ts';

/** A member tells a summary only; the witness looks at the whole of what an actor remembers. */
interface Inside {
  readonly interpreter?: { readonly current?: { readonly context: unknown } };
}

const text = new TextDecoder();
const open = { account: ACCOUNT };
const LAYOUT = { partitions: 4 };

const filters = {
  intent: topics.intent.subject(open, LAYOUT),
  order: topics.order.subject(open, LAYOUT),
  fill: topics.fill.subject(open, LAYOUT),
};

function trail(world: SimWorld): Pick<History, 'intents' | 'orders' | 'fills'> {
  const intents: History['intents'][number][] = [];
  const orders: History['orders'][number][] = [];
  const fills: DealSeen[] = [];
  for (const { subject, data } of world.network.server.messages('TRADING')) {
    if (matchesSubject(filters.intent, subject)) {
      const { intentId, strategy } = topics.intent.decode(data);
      intents.push({ intentId, strategy });
    } else if (matchesSubject(filters.order, subject)) {
      const { orderId, intentId, action, state, revision, volumeLots, filledLots } = topics.order.decode(data);
      orders.push({ orderId, intentId, action, state, revision, volumeLots, filledLots });
    } else if (matchesSubject(filters.fill, subject)) {
      const { dealTicket: ticket, orderId, strategy, symbol, side, volumeLots: lots } = topics.fill.decode(data);
      fills.push({ ticket, orderId, strategy, symbol, side, lots });
    }
  }
  return { intents, orders, fills };
}

const stops: ReadonlySet<string> = new Set(['stop_loss', 'take_profit']);

/** What the broker said of the account and of entries, in the order in which it was stored. */
function words(world: SimWorld): AccountWord[] {
  return world.told.flatMap(({ atMs, subject, data }): AccountWord[] => {
    if (subject.startsWith('trade.account.')) {
      return [{ atMs, kind: 'mode', mode: topics.account.decode(data).tradingMode }];
    }
    if (subject.startsWith('trade.order.')) {
      const { orderId, intentId, action, state, revision } = topics.order.decode(data);
      const opens = action === IntentAction.OPEN && state === OrderState.SUBMITTING && revision === 1;
      return opens ? [{ atMs, kind: 'opens', orderId, intentId }] : [];
    }
    const { event, cause, node } = topics.lifecycle.decode(data);
    // What a node says of its broker is not the broker's own word.
    return node === '' ? [{ atMs, kind: 'event', event, cause }] : [];
  });
}

function market(world: SimWorld): Pick<History, 'frames' | 'bars'> {
  const frames: NonNullable<History['frames']>[number][] = [];
  const bars: NonNullable<History['bars']>[number][] = [];
  for (const { subject, data } of world.network.server.messages('MARKET')) {
    const kind = subject.split('.')[2];
    if (kind === 'ticks') {
      const { symbol, session, firstSequence, baseTimeMs, timeOffsetMs } = topics.ticks.decode(data);
      frames.push({ symbol, session, firstSequence, timesMs: [...timeOffsetMs].map((offset) => baseTimeMs + offset) });
    } else if (kind === 'bars') {
      const { symbol, timeframe, openTimeMs, ticks } = topics.bar.decode(data);
      bars.push({ symbol, timeframe, openTimeMs, ticks });
    }
  }
  return { frames, bars };
}

/** Context of the actor's machine on the one node that runs it. */
function contextOf(world: SimWorld, kind: string, id: string): unknown {
  const found = world.slots.flatMap((slot) => {
    const placed = slot.node?.company.get(kind, id);
    if (placed === undefined) return [];
    const thread = kind === 'strategy' ? slot.threadOf(id) : undefined;
    return [thread?.context ?? (placed.member as unknown as Inside).interpreter?.current?.context];
  });
  return found.length === 1 ? found[0] : undefined;
}

function actors(world: SimWorld): ActorSeen[] {
  const { symbols, strategies } = world.plan;
  const names: [string, string][] = [
    ['recorder', 'ledger'],
    ...symbols.map((symbol): [string, string] => ['symbol', symbol]),
    ['broker', ACCOUNT],
    ...strategies.map(({ id }): [string, string] => ['strategy', id]),
  ];
  const levels = world.network.server.bucket('actors');
  return names.map(([kind, id]) => {
    const entry = levels.get(actorKey(kind, id));
    const level = entry === undefined ? {} : (JSON.parse(text.decode(entry.value)) as { state?: string });
    const on = world.slots.filter(({ node }) => node?.company.get(kind, id) !== undefined);
    const depth = Math.max(0, ...on.map(({ node }) => node?.company.get(kind, id)?.member.depth ?? 0));
    return { name: actorKey(kind, id), state: level.state ?? 'nobody’s', runsOn: on.map(({ run }) => run), depth };
  });
}

function draining(world: SimWorld): string[] {
  const leases = world.network.server.bucket('leases');
  return world.slots.flatMap(({ name, host }) => {
    const entry = host === undefined ? undefined : leases.get(leaseKey(name));
    return entry !== undefined && parseLease(entry)?.draining === true ? [name] : [];
  });
}

function ledgerOf(world: SimWorld): NonNullable<History['ledger']> {
  const fills = world.ledger.table('fills');
  const money = (value: string | undefined): number => Number(value ?? 0);
  const flows = world.ledger.table('cash_flows').reduce((sum, { amount }) => sum + money(amount), 0);
  return {
    fills: fills.map((row) => ({
      ...{ ticket: row.deal_ticket!, orderId: row.order_id!, strategy: row.strategy!, symbol: row.symbol! },
      side: row.side === 'sell' ? Side.SELL : Side.BUY,
      lots: Number(row.volume_lots),
    })),
    orders: new Map(world.ledger.table('orders').map((row) => [row.order_id!, row.state!])),
    balance: fills.reduce(
      (sum, row) => sum + money(row.profit) + money(row.commission) + money(row.swap) + money(row.fee),
      flows,
    ),
  };
}

export function observe(world: SimWorld): History {
  const { books, plan } = world;
  const deals = books.deals.filter(({ symbol }) => symbol !== '');
  const held = new Map<string, number>();
  for (const { symbol, lots } of books.positions.values()) held.set(symbol, (held.get(symbol) ?? 0) + lots);
  const brokerContext = contextOf(world, 'broker', ACCOUNT) as BrokerContext | undefined;
  const status = brokerContext?.account === undefined ? undefined : brokerStatus(brokerContext);
  const strategies = plan.strategies.flatMap(({ id, symbol }): StrategySeen[] => {
    const memory = contextOf(world, 'strategy', id) as Memory | undefined;
    if (memory?.holding === undefined) return [];
    const { holding, counters, flights } = memory;
    return [{ id, symbol, lots: holding.lots, intents: counters.intents, pending: flights.length > 0 }];
  });
  return {
    repeatsAllowed: plan.duplicateWindowMs !== undefined,
    ...trail(world),
    ...market(world),
    terminal: {
      placed: books.placed,
      deals: deals.map(({ ticket, orderId, symbol, side, volumeLots }) => ({
        ...{ ticket, orderId, strategy: '', symbol, side, lots: volumeLots },
      })),
      positions: held,
      balance: books.balance,
      hidden: books.hidden,
    },
    broker:
      status === undefined
        ? undefined
        : {
            positions: new Map(Object.entries(status.positions)),
            ...{ balance: status.balance, live: status.live, unknown: status.unknown, waiting: status.waiting },
            halted: status.halted,
          },
    strategies,
    stopsNetted: !plan.hedging && deals.some(({ reason }) => stops.has(reason)),
    account: { words: words(world), asked: world.asked, shown: world.shown },
    ledger: ledgerOf(world),
    commands: world.heard,
    sentLate: world.orders.late,
    writes: world.writes,
    sentTicks: world.sourceWhole ? world.sentTicks : undefined,
    actors: actors(world),
    draining: draining(world),
    deadLetters: world.network.server
      .messages('SYSTEM')
      .filter(({ subject }) => subject.startsWith('sys.dlq.'))
      .map(({ data }) => {
        const { kind, id, cause } = topics.deadLetter.decode(data);
        return `${kind} ${id}: ${cause}`;
      }),
  };
}
