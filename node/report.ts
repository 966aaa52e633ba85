/** A node's status, read from the summaries of its actors. */
import type { BrokerContext } from '../actors/broker/context.ts';
import { isNoRate, rateOf } from '../actors/broker/risk/money.ts';
import type { StrategySummary } from '../actors/strategy/memory.ts';
import { openProfit } from '../actors/strategy/position.ts';
import type { SymbolContext } from '../actors/symbol/market.ts';
import { OrderType } from '../proto/gen/troupe/trading/v1/trading_pb.js';
import type { LatencyHistogram } from '../runtime/telemetry/latency.ts';
import type { Company } from './company.ts';
import type { Levels } from './levels.ts';
import type { Latencies } from './plan.ts';
import type { Quantiles, Status, StrategyStatus, SymbolStatus } from './status.ts';

function quantiles(histogram: LatencyHistogram): Quantiles {
  return {
    count: histogram.count,
    p50: histogram.quantile(0.5),
    p99: histogram.quantile(0.99),
    max: histogram.max,
  };
}

/** What is known of a symbol whose actor has never come up here. */
const NEVER_UP: Pick<
  SymbolContext,
  'bid' | 'ask' | 'lastTickMs' | 'ticksApplied' | 'ticksLate' | 'ticksDuplicate' | 'ticksMissing' | 'barCounts'
> = {
  ...{ bid: Number.NaN, ask: Number.NaN, lastTickMs: Number.NEGATIVE_INFINITY, barCounts: {} },
  ...{ ticksApplied: 0, ticksLate: 0, ticksDuplicate: 0, ticksMissing: 0 },
};

export function symbolStatus(
  symbol: string,
  digits: number,
  state: string,
  context: typeof NEVER_UP,
  ticksDone: number,
): SymbolStatus {
  const { bid, ask, lastTickMs, ticksApplied, ticksLate, ticksDuplicate, ticksMissing, barCounts } = context;
  return {
    symbol,
    digits,
    state,
    bid,
    ask,
    timeMs: lastTickMs,
    ticksApplied,
    ticksDone,
    ticksLate,
    ticksDuplicate,
    ticksMissing,
    bars: barCounts,
  };
}

export function strategyStatus(
  id: string,
  symbol: string,
  state: string,
  memory: StrategySummary,
  moneyPerUnit: number,
): StrategyStatus {
  const { holding, counters, quote } = memory;
  const openUnits = openProfit(holding, quote.bid, quote.ask) * Math.abs(holding.lots) || 0;
  return {
    id,
    symbol,
    state,
    lots: holding.lots,
    realised: counters.realisedProfit + counters.costs,
    unrealised: openUnits * moneyPerUnit || 0,
    openUnits,
    intents: counters.intents,
    fills: counters.fills,
  };
}

/** Account currency per lot and unit of price: contract size, turned over at the broker's own quotes. */
export function moneyPerUnit(context: BrokerContext | undefined, symbol: string): number {
  const spec = context?.specs[symbol];
  if (context === undefined || spec === undefined) return 0;
  const rate = rateOf(context, spec.currencyProfit, context.funds.currency);
  return isNoRate(rate) ? 0 : spec.contractSize * rate;
}

export interface StatusSource {
  readonly node: string;
  readonly company: Company;
  readonly levels: Levels;
  readonly latencies: Latencies;
  readonly restarts: number;
  /** The configured symbols' decimal places. */
  digitsOf(symbol: string): number;
  /** Symbols that strategies trade, on whatever node these run. */
  readonly traded: readonly string[];
}

/**
 * Orders that end by themselves, and have not. The deal of a market order may come into sight later than its answer;
 * what rests in the market may do so for ever and is not counted.
 */
export function ordersEnding(company: Company): number {
  const broker = company.of('broker')[0]?.member.summary as BrokerContext | undefined;
  return Object.values(broker?.orders ?? {}).filter(({ type, foreign }) => type === OrderType.MARKET && !foreign)
    .length;
}

export function statusOf({ node, company, levels, latencies, restarts, digitsOf, traded }: StatusSource): Status {
  const here = company.of('broker')[0]?.member;
  const broker = here?.summary as BrokerContext | undefined;
  const stateOf = (kind: string, id: string): string => levels.get(kind, id).state;
  const counters = broker?.counters;
  const denials = counters?.denied ?? {};
  const live = Object.values(broker?.orders ?? {});
  const { failed } = company;
  const brokerLevel = here === undefined ? undefined : levels.get('broker', here.id);
  return {
    event: 'status',
    node,
    symbols: company.of('symbol').flatMap(({ member: { id, summary } }) => {
      const isDown = failed.some((one) => one.kind === 'symbol' && one.id === id);
      const context = (summary as SymbolContext | undefined) ?? (isDown ? NEVER_UP : undefined);
      const done = company.ticksDone(id);
      return context === undefined ? [] : [symbolStatus(id, digitsOf(id), stateOf('symbol', id), context, done)];
    }),
    strategies: company.of('strategy').flatMap(({ planned: { id, symbol }, member }) => {
      const memory = member.summary as StrategySummary | undefined;
      if (memory === undefined) return [];
      return [strategyStatus(id, symbol, stateOf('strategy', id), memory, moneyPerUnit(broker, symbol))];
    }),
    account: {
      id: here?.id ?? '',
      state: brokerLevel?.state ?? '',
      currency: broker?.funds.currency ?? '',
      balance: broker?.funds.balance ?? 0,
      equity: broker?.funds.equity ?? 0,
      detail: brokerLevel?.detail ?? '',
      moneyPerUnit: Object.fromEntries(traded.map((symbol) => [symbol, moneyPerUnit(broker, symbol)])),
    },
    orders: {
      intended: counters?.intended ?? 0,
      denied: Object.values(denials).reduce((sum, n) => sum + n, 0),
      rejected: counters?.rejected ?? 0,
      filled: counters?.filled ?? 0,
      cancelled: counters?.cancelled ?? 0,
      expired: counters?.expired ?? 0,
      unknown: live.filter(({ state }) => state === 'unknown').length,
      open: live.length,
    },
    denials,
    fills: counters?.fills ?? 0,
    ledger: company.of('recorder')[0] === undefined ? { state: '', detail: '' } : levels.get('recorder', 'ledger'),
    latencyMs: { tickToBar: quantiles(latencies.tickToBar), intentToTerminal: quantiles(latencies.intentToTerminal) },
    failed,
    restarts,
  };
}
