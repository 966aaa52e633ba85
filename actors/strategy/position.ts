/**
 * What one strategy holds of its symbol, from its own fills alone. Netted: on a hedging account this is the sum of
 * the strategy's positions, and `openPrice` their average as if they had been one.
 */

export interface Holding {
  /** Signed: over 0 long, under 0 short. */
  readonly lots: number;
  /** Average price of what is held, weighted by lots; 0 when flat. */
  readonly openPrice: number;
}

export interface Execution {
  readonly side: 'buy' | 'sell';
  readonly lots: number;
  readonly price: number;
}

export const flat: Holding = { lots: 0, openPrice: 0 };

/** Volumes stand on a grid of at least 1e-8 lots; rounding to it keeps 0.1 + 0.2 - 0.3 at 0. */
const GRID = 1e8;
const onGrid = (lots: number): number => {
  const rounded = Math.round(lots * GRID) / GRID;
  // -0 would be another number to deepEqual and to JSON.
  return rounded === 0 ? 0 : rounded;
};

/** The holding after one execution: adding averages the price, reducing keeps it, reversing takes the new one. */
export function applyExecution(held: Holding, execution: Execution): Holding {
  const change = execution.side === 'buy' ? execution.lots : -execution.lots;
  const lots = onGrid(held.lots + change);
  if (lots === 0) return flat;
  if (held.lots === 0 || Math.sign(lots) !== Math.sign(held.lots)) return { lots, openPrice: execution.price };
  if (Math.sign(change) !== Math.sign(held.lots)) return { lots, openPrice: held.openPrice };
  const openPrice = (held.lots * held.openPrice + change * execution.price) / (held.lots + change);
  return { lots, openPrice };
}

export type PositionSide = 'flat' | 'long' | 'short';

export const sideOf = (held: Holding): PositionSide => (held.lots === 0 ? 'flat' : held.lots > 0 ? 'long' : 'short');

/** Price units, whatever the size: what closing now would gain, at the bid for longs and the ask for shorts. */
export function openProfit(held: Holding, bid: number, ask: number): number {
  if (held.lots > 0) return bid - held.openPrice;
  if (held.lots < 0) return held.openPrice - ask;
  return 0;
}
