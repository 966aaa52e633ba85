// The synthetic market as a tape: what `npm start` plays when no file is named, and what the benchmarks play.

import { TapeError } from '../tape-file.ts';
import { type TapeInfo, TapeWriter } from '../tape-writer.ts';
import { type MarketOptions, SyntheticMarket } from './market.ts';

export { wideSymbols } from './instruments.ts';
export { type MarketOptions, type Regime, SyntheticMarket } from './market.ts';

export interface SyntheticOptions extends Partial<MarketOptions> {
  /** Default 2,000,000. */
  readonly ticks?: number;
  /** Seconds that the broker's clock is ahead of UTC; default 7200, a broker whose day ends at 17:00 in New York. */
  readonly utcOffsetS?: number;
  readonly onProgress?: (writtenTicks: number, totalTicks: number) => void;
  readonly signal?: AbortSignal;
}

export const SYNTHETIC_DEFAULTS = {
  seed: 1,
  symbols: ['EURUSD', 'GBPUSD', 'USDJPY'] as readonly string[],
  ticks: 2_000_000,
  /** Monday 2025-01-06 00:00 on the broker's clock. */
  startMs: Date.UTC(2025, 0, 6),
  ticksPerSecond: 8,
  shape: 'day' as const,
  utcOffsetS: 7200,
};

/**
 * Writes a tape of the synthetic market: the same options give the same bytes.
 * Throws TapeError TAPE_INPUT (an option out of range), TAPE_DISK_FULL or TAPE_NOT_WRITTEN.
 */
export async function writeSyntheticTape(path: string, given: SyntheticOptions = {}): Promise<TapeInfo> {
  const options = { ...SYNTHETIC_DEFAULTS, ...given };
  const check = (name: string, value: number, low: number, high: number, whole: boolean) => {
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
    const kind = whole ? 'a whole number' : 'a number';
    throw new TapeError('TAPE_INPUT', '', `${name} is ${value}; it must be ${kind} from ${low} to ${high}`);
  };
  check('ticks', options.ticks, 1, 2 ** 40, true);
  check('ticksPerSecond', options.ticksPerSecond, 0.001, 1e9, false);
  check('startMs', options.startMs, 0, Date.UTC(2100, 0), true);
  if (options.symbols.length === 0)
    throw new TapeError('TAPE_INPUT', '', 'symbols is empty; it must name at least one');

  const market = new SyntheticMarket(options);
  return TapeWriter.write({ ...options, path, digits: market.digits }, async (writer) => {
    for (let i = 0; i < options.ticks; i++) {
      market.next();
      if (writer.add(market.timeMs, market.bid, market.ask, market.symbol, market.flags)) await writer.flush();
    }
  });
}
