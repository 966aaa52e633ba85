// Where the symbols of the synthetic market start from, so that prices, spreads and volatility are plausible.

import { seededRandom } from '../../runtime/random.ts';

export interface Instrument {
  readonly symbol: string;
  /** Price around which the market moves. */
  readonly price: number;
  /** Decimals; a point is 10^-digits. */
  readonly digits: number;
  /** Usual spread in a calm market, points. */
  readonly spreadPoints: number;
  /** Standard deviation of a day's move, as a part of the price. */
  readonly dailyVolatility: number;
}

const KNOWN: readonly Instrument[] = [
  ['EURUSD', 1.085, 5, 6, 0.005],
  ['GBPUSD', 1.265, 5, 9, 0.006],
  ['USDJPY', 150, 3, 8, 0.006],
  ['USDCHF', 0.88, 5, 9, 0.005],
  ['AUDUSD', 0.655, 5, 8, 0.007],
  ['NZDUSD', 0.605, 5, 11, 0.007],
  ['USDCAD', 1.365, 5, 10, 0.0045],
  ['EURGBP', 0.855, 5, 9, 0.004],
  ['EURJPY', 162.5, 3, 11, 0.0065],
  ['GBPJPY', 190, 3, 17, 0.0075],
  ['XAUUSD', 2400, 2, 22, 0.01],
].map((row) => {
  const [symbol, price, digits, spreadPoints, dailyVolatility] = row as [string, number, number, number, number];
  return { symbol, price, digits, spreadPoints, dailyVolatility };
});

/** A known instrument by its name (a broker's suffix such as `.m` may follow), otherwise one drawn from seed and name. */
export function instrument(symbol: string, seed: number | string): Instrument {
  const known = KNOWN.find((one) => symbol.toUpperCase().startsWith(one.symbol));
  if (known !== undefined) return { ...known, symbol };
  const random = seededRandom(`${seed}/instrument/${symbol}`);
  return {
    symbol,
    price: Math.round((0.5 + 1.5 * random.next()) * 1000) / 1000,
    digits: 5,
    spreadPoints: 6 + random.nextInt(10),
    dailyVolatility: 0.004 + 0.004 * random.next(),
  };
}

/** SYM001, SYM002, …: for benchmarks with many symbols. */
export function wideSymbols(count: number): string[] {
  const width = Math.max(3, String(count).length);
  return Array.from({ length: count }, (_, i) => `SYM${String(i + 1).padStart(width, '0')}`);
}
