/** The counters of /metrics, fed from what the actors count themselves: each event once, wherever and however often an actor runs. */
import type { BrokerContext } from '../actors/broker/context.ts';
import type { StrategySummary } from '../actors/strategy/memory.ts';
import type { SymbolContext } from '../actors/symbol/market.ts';
import type { Counter, Metrics } from '../runtime/telemetry/metrics.ts';
import type { Company } from './company.ts';
import type { Member } from './member.ts';
import type { Status } from './status.ts';

/** One total of an actor, by a name of its own among them. */
interface Total {
  readonly name: string;
  readonly total: number;
  readonly raise: (by: number) => void;
}

function total<L extends string>(
  name: string,
  count: number,
  counter: Counter<L>,
  labels: Partial<Record<L, string>> = {},
): Total {
  return { name, total: count, raise: (by) => counter.inc(labels, by) };
}

/** The part of a summary that counts: small, because every actor's is kept for as long as it is here. */
export function countsOf(kind: string, summary: unknown): unknown {
  if (kind === 'symbol') {
    const { ticksApplied, ticksLate, ticksDuplicate, ticksMissing, barCounts } = summary as SymbolContext;
    return { ticksApplied, ticksLate, ticksDuplicate, ticksMissing, barCounts };
  }
  return kind === 'broker' || kind === 'strategy' ? { counters: (summary as BrokerContext).counters } : {};
}

/** What an actor has counted in all its life, whichever nodes it has spent it on. */
function totalsOf(metrics: Metrics, { kind, id }: Member, summary: unknown): Total[] {
  switch (kind) {
    case 'symbol': {
      const { ticksApplied, ticksLate, ticksDuplicate, ticksMissing, barCounts } = summary as SymbolContext;
      return [
        total('applied', ticksApplied, metrics.ticksApplied),
        total('late', ticksLate, metrics.ticksDropped, { reason: 'late' }),
        total('duplicate', ticksDuplicate, metrics.ticksDropped, { reason: 'duplicate' }),
        total('missing', ticksMissing, metrics.ticksDropped, { reason: 'missing' }),
        ...Object.entries(barCounts).map(([timeframe, n]) => total(timeframe, n, metrics.bars, { timeframe })),
      ];
    }
    case 'strategy':
      return [total('intents', (summary as StrategySummary).counters.intents, metrics.intents, { strategy: id })];
    case 'broker': {
      const { counters } = summary as BrokerContext;
      const outcomes = ['filled', 'cancelled', 'rejected', 'expired'] as const;
      return [
        ...outcomes.map((outcome) => total(outcome, counters[outcome], metrics.orders, { outcome })),
        ...Object.entries(counters.denied).map(([code, n]) => total(`denied ${code}`, n, metrics.denials, { code })),
        total('fills', counters.fills, metrics.fills),
        total('differences', counters.differences, metrics.differences),
      ];
    }
    default:
      return [];
  }
}

/** What has been counted of an actor since it came here. */
interface Counted {
  readonly member: Member;
  restored: unknown;
  readonly upTo: Map<string, number>;
}

/** Returns the function to call with each new status. */
export function metricsFeed(metrics: Metrics, company: Company): (status: Status) => void {
  const counted = new Map<string, Counted>();

  const count = (key: string, member: Member): void => {
    const { restored, summary } = member;
    if (restored === undefined || summary === undefined) return;
    let known = counted.get(key);
    if (known?.member !== member) {
      // It has come from another node, or back: what it had counted by then stands in the counters of where it was.
      known = { member, restored, upTo: new Map() };
      counted.set(key, known);
      for (const one of totalsOf(metrics, member, restored)) known.upTo.set(one.name, one.total);
    } else if (known.restored !== restored) {
      // Started again it may be behind what was counted of it, and counts that part again; unless it begins a new life.
      known.restored = restored;
      for (const one of totalsOf(metrics, member, restored)) if (one.total === 0) known.upTo.delete(one.name);
    }
    for (const one of totalsOf(metrics, member, summary)) {
      const before = known.upTo.get(one.name) ?? 0;
      if (one.total <= before) continue;
      known.upTo.set(one.name, one.total);
      one.raise(one.total - before);
    }
  };

  return ({ orders }) => {
    // Actors move away; what is left of them would stand for ever.
    metrics.mailboxDepth.reset();
    metrics.actors.reset();
    for (const { member } of company.all) {
      const { kind, id } = member;
      count(`${kind}.${id}`, member);
      metrics.actors.inc({ kind });
      metrics.mailboxDepth.set({ kind, id }, member.depth);
    }
    const broker = company.of('broker')[0]?.member.summary as BrokerContext | undefined;
    metrics.haltedSymbols.set(Object.values(broker?.differences ?? {}).filter(({ confirmed }) => confirmed).length);
    metrics.unknownOrders.set(orders.unknown);
  };
}
