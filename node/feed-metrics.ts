/** The counters of /metrics, fed from a node's status: what the actors count themselves is not counted twice. */
import type { BrokerContext } from '../actors/broker/context.ts';
import type { Counter, Metrics } from '../runtime/telemetry/metrics.ts';
import type { Company } from './company.ts';
import type { Status } from './status.ts';

/** Raises counters to totals that only grow; a total that falls (an actor began anew) is where counting goes on from. */
class Totals {
  private readonly last = new Map<string, number>();

  raise<L extends string>(counter: Counter<L>, name: string, total: number, labels?: Partial<Record<L, string>>): void {
    const before = this.last.get(name) ?? 0;
    this.last.set(name, total);
    if (total <= before) return;
    if (labels === undefined) counter.inc(total - before);
    else counter.inc(labels, total - before);
  }
}

/** Returns the function to call with each new status. */
export function metricsFeed(metrics: Metrics, company: Company): (status: Status) => void {
  const totals = new Totals();
  return ({ symbols, strategies, orders, denials, fills }) => {
    totals.raise(
      metrics.ticksApplied,
      'applied',
      symbols.reduce((sum, { ticksApplied }) => sum + ticksApplied, 0),
    );
    for (const { symbol, ticksLate, ticksDuplicate, ticksMissing, bars } of symbols) {
      const dropped = { late: ticksLate, duplicate: ticksDuplicate, missing: ticksMissing };
      for (const [reason, n] of Object.entries(dropped)) {
        totals.raise(metrics.ticksDropped, `dropped ${reason} ${symbol}`, n, { reason });
      }
      for (const [timeframe, n] of Object.entries(bars)) {
        totals.raise(metrics.bars, `bars ${timeframe} ${symbol}`, n, { timeframe });
      }
    }
    for (const { id, intents } of strategies) totals.raise(metrics.intents, `intents ${id}`, intents, { strategy: id });
    for (const outcome of ['filled', 'cancelled', 'rejected', 'expired'] as const) {
      totals.raise(metrics.orders, `orders ${outcome}`, orders[outcome], { outcome });
    }
    for (const [code, n] of Object.entries(denials)) totals.raise(metrics.denials, `denials ${code}`, n, { code });
    totals.raise(metrics.fills, 'fills', fills);
    const broker = company.of('broker')[0]?.member.summary as BrokerContext | undefined;
    if (broker !== undefined) {
      totals.raise(metrics.differences, 'differences', broker.counters.differences);
      metrics.haltedSymbols.set(Object.values(broker.differences).filter(({ confirmed }) => confirmed).length);
    } else metrics.haltedSymbols.set(0);
    metrics.unknownOrders.set(orders.unknown);
    // Actors move away; what is left of them would stand for ever.
    metrics.mailboxDepth.reset();
    metrics.actors.reset();
    for (const { member } of company.all) {
      metrics.actors.inc({ kind: member.kind });
      metrics.mailboxDepth.set({ kind: member.kind, id: member.id }, member.depth);
    }
  };
}
