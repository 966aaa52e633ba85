/** Prices of the simulated market: a random walk on the tick grid, one per symbol. */
import type { Random } from '../../../runtime/random.ts';

export interface Quote {
  readonly bid: number;
  readonly ask: number;
}

export const POINT = 0.00001;
const onGrid = (price: number): number => Math.round(price / POINT) / 1e5;

export class Market {
  private readonly random: Random;
  private readonly bids = new Map<string, number>();

  constructor(symbols: readonly string[], random: Random) {
    this.random = random;
    for (const symbol of symbols) this.bids.set(symbol, onGrid(1 + random.next() / 4));
  }

  quote(symbol: string): Quote {
    const bid = this.bids.get(symbol)!;
    return { bid, ask: onGrid(bid + 8 * POINT) };
  }

  move(symbol: string): Quote {
    const step = Math.round(this.random.gaussian() * 6);
    this.bids.set(symbol, onGrid(Math.max(0.5, this.bids.get(symbol)! + step * POINT)));
    return this.quote(symbol);
  }
}
