/** The configuration of the simulated company, as a file would have it. */
import type { Config } from '../../runtime/config/index.ts';
import { parseConfig } from '../../runtime/config/index.ts';

export const ACCOUNT = 'sim';
export const SOURCE = 'sim';

export interface CompanyShape {
  readonly node: string;
  readonly capacity: number;
  readonly symbols: readonly string[];
  readonly strategies: readonly { readonly id: string; readonly symbol: string }[];
  /** Of the strategies, those that run in threads. */
  readonly threads: readonly string[];
  readonly hedging: boolean;
  readonly safeMode: 'cancel' | 'flatten' | 'hold';
  /** Restarts that an actor, and all actors under one supervisor, may take within a minute. */
  readonly budgets: { readonly child: number; readonly supervisor: number } | undefined;
  readonly seed: string;
  /** Market time after which nothing is opened any more. */
  readonly untilMs: number;
}

export function simConfig(shape: CompanyShape): Config {
  const { node, capacity, symbols, strategies, hedging, seed, untilMs, safeMode, budgets, threads } = shape;
  const symbol = (name: string) => ({
    ...{ digits: 5, contract_size: 100_000, currency_base: name.slice(0, 3), currency_profit: 'USD' },
  });
  // JSON is YAML.
  const document = {
    node: { name: node, capacity, metrics_port: 'off' },
    market: {
      ...{ source: SOURCE, partitions: 4, timeframes: ['1s', '1m'], feature_timeframes: [] },
      symbols: Object.fromEntries(symbols.map((name) => [name, symbol(name)])),
    },
    account: {
      ...{ id: ACCOUNT, balance: 1_000_000, margin_mode: hedging ? 'hedging' : 'netting', safe_mode: safeMode },
      risk: { max_order_lots: 5, max_position_lots: 20, max_open_orders: 40 },
    },
    strategies: strategies.map(({ id, symbol: traded }, i) => ({
      ...{ id, use: 'sim-trader', symbol: traded, isolation: threads.includes(id) ? 'thread' : 'inline' },
      params: { salt: `${seed}.${id}`, untilMs, flat: i % 2 === 0 },
    })),
    ...(budgets === undefined
      ? {}
      : { supervision: { child: { restarts: budgets.child }, supervisor: { restarts: budgets.supervisor } } }),
    log: { level: 'silent' },
  };
  return parseConfig(JSON.stringify(document), 'simulation');
}
