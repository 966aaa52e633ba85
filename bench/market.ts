/** The market that `ingest` plays. */

/** From this many symbols on frames are thin. */
export const WIDE_FROM = 50;

export const isWide = (symbols: number): boolean => symbols >= WIDE_FROM;

export interface UsualMarket {
  /** Ticks per second of market time. */
  readonly density: number;
  /** Of market time. */
  readonly seconds: number;
}

/**
 * As dense as the rate that is measured, or less: a market whose time goes faster than the clock's closes more bars for
 * the same ticks than one in life. With few symbols these hardly count.
 */
export const usualMarket = (symbols: number): UsualMarket =>
  isWide(symbols) ? { density: 3_000_000, seconds: 15 } : { density: 1_000_000, seconds: 60 };
