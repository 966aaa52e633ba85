/** Several nodes as one company: their statuses, ticks and latencies added up. Pure. */
import type { Quantiles, Status, StrategyStatus, SymbolStatus } from '../../../node/status.ts';
import type { LatencyJson } from '../../../runtime/telemetry/latency.ts';
import { LatencyHistogram } from '../../../runtime/telemetry/latency.ts';

export interface Company {
  /** The account that is traded; undefined where none is. */
  readonly account: string | undefined;
  readonly symbols: readonly string[];
  readonly strategies: readonly string[];
  readonly ledger: boolean;
}

/** State of the broker while no node runs it: between two owners. */
export const UNOWNED = 'unowned';

/**
 * The company's status from its nodes'. What moves from one node to another is for a moment told by none or by both: then
 * the one that has seen more counts, or `before`, the company's status until now.
 */
export function mergeStatus(nodes: readonly Status[], company: Company, before?: Status): Status {
  const owner = most(
    nodes.filter(({ account }) => account.id !== ''),
    ({ orders, fills }) => orders.intended + fills,
  );
  const books = owner ?? before;
  const moneyPerUnit = books?.account.moneyPerUnit ?? {};
  const account = {
    ...(books?.account ?? { currency: '', balance: 0, equity: 0, detail: '', moneyPerUnit }),
    id: company.account ?? '',
    state: owner?.account.state ?? (company.account === undefined ? '' : UNOWNED),
  };
  return {
    event: 'status',
    node: nodes.map(({ node }) => node).join(', '),
    symbols: gathered(
      company.symbols,
      nodes,
      before,
      ({ symbols }) => symbols,
      symbolOf,
      (one) => one.ticksApplied,
    ),
    strategies: gathered(
      company.strategies,
      nodes,
      before,
      ({ strategies }) => strategies,
      idOf,
      (one) => one.intents,
    )
      // Only the broker knows the rates, wherever the strategy runs.
      .map((one) => ({ ...one, unrealised: one.openUnits * (moneyPerUnit[one.symbol] ?? 0) || 0 })),
    account,
    orders: books?.orders ?? NO_ORDERS,
    denials: books?.denials ?? {},
    fills: books?.fills ?? 0,
    ledger: nodes.find(({ ledger }) => ledger.state !== '')?.ledger ?? before?.ledger ?? { state: '', detail: '' },
    latencyMs: {
      tickToBar: mergeQuantiles(nodes.map(({ latencyMs }) => latencyMs.tickToBar)),
      intentToTerminal: mergeQuantiles(nodes.map(({ latencyMs }) => latencyMs.intentToTerminal)),
    },
    failed: nodes.flatMap(({ failed }) => failed),
    restarts: nodes.reduce((sum, { restarts }) => sum + restarts, 0),
  };
}

const NO_ORDERS: Status['orders'] = {
  ...{ intended: 0, denied: 0, rejected: 0, filled: 0, cancelled: 0, expired: 0, unknown: 0, open: 0 },
};

const symbolOf = ({ symbol }: SymbolStatus): string => symbol;
const idOf = ({ id }: StrategyStatus): string => id;

function most<T>(all: readonly T[], count: (one: T) => number): T | undefined {
  return all.reduce<T | undefined>(
    (best, one) => (best === undefined || count(one) > count(best) ? one : best),
    undefined,
  );
}

/** In the order of the configuration; those that no node has ever told of are left out. */
function gathered<T>(
  names: readonly string[],
  nodes: readonly Status[],
  before: Status | undefined,
  listOf: (status: Status) => readonly T[],
  nameOf: (one: T) => string,
  count: (one: T) => number,
): T[] {
  const known = before === undefined ? [] : listOf(before);
  return names.flatMap((name) => {
    const told = nodes.flatMap((status) => listOf(status).filter((one) => nameOf(one) === name));
    const one = most(told, count) ?? known.find((earlier) => nameOf(earlier) === name);
    return one === undefined ? [] : [one];
  });
}

/**
 * Of quantiles nobody can make the quantile of the whole: the median is the mean of theirs by weight, the others are
 * upper bounds. A run's report is made of the histograms themselves.
 */
export function mergeQuantiles(parts: readonly Quantiles[]): Quantiles {
  const told = parts.filter(({ count }) => count > 0);
  const count = told.reduce((sum, part) => sum + part.count, 0);
  if (told.length <= 1) return told[0] ?? { count: 0, p50: Number.NaN, p99: Number.NaN, max: 0 };
  return {
    count,
    p50: told.reduce((sum, part) => sum + part.p50 * part.count, 0) / count,
    p99: Math.max(...told.map(({ p99 }) => p99)),
    max: Math.max(...told.map(({ max }) => max)),
  };
}

export function mergeLatencies(parts: readonly LatencyJson[]): LatencyHistogram {
  const sum = new LatencyHistogram();
  for (const part of parts) sum.merge(LatencyHistogram.fromJSON(part));
  return sum;
}

export function quantilesOf(histogram: LatencyHistogram): Quantiles {
  const { count, max } = histogram;
  return { count, p50: histogram.quantile(0.5), p99: histogram.quantile(0.99), max };
}

/** How many actors a node runs. */
export function actorsOf(status: Status): number {
  const { symbols, strategies, account, ledger } = status;
  return symbols.length + strategies.length + (account.id === '' ? 0 : 1) + (ledger.state === '' ? 0 : 1);
}

/** What no node runs at this moment: it is starting, or on its way from one node to another. */
export function unplaced(nodes: readonly Status[], company: Company): string[] {
  const symbols = new Set(nodes.flatMap((status) => status.symbols.map(symbolOf)));
  const strategies = new Set(nodes.flatMap((status) => status.strategies.map(idOf)));
  return [
    ...company.symbols.filter((symbol) => !symbols.has(symbol)),
    ...company.strategies.filter((id) => !strategies.has(id)),
    ...(company.account !== undefined && nodes.every(({ account }) => account.id === '') ? ['broker'] : []),
    ...(company.ledger && nodes.every(({ ledger }) => ledger.state === '') ? ['recorder'] : []),
  ];
}

/** Changes whenever an actor changes its node or is started anew: then what it was told before may be forgotten. */
export function placement(nodes: readonly Status[]): string {
  const parts = nodes.map(({ node, symbols, strategies, account, restarts }) =>
    [node, restarts, ...symbols.map(symbolOf), ...strategies.map(idOf), account.id].join(' '),
  );
  return parts.sort().join('\n');
}

/** Ticks that each symbol actor has applied, wherever it runs. */
export class AppliedTicks {
  private readonly bySymbol = new Map<string, number>();
  total = 0;

  /** One that was restarted or moved reads some ticks again: it counts on from where it was. */
  add(symbols: Readonly<Record<string, number>>): void {
    for (const [symbol, ticks] of Object.entries(symbols)) {
      const before = this.bySymbol.get(symbol) ?? 0;
      if (ticks <= before) continue;
      this.bySymbol.set(symbol, ticks);
      this.total += ticks - before;
    }
  }
}
