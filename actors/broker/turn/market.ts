/** Prices and the market clock, and what they do to the account: the day's start, the peak, the told equity. */
import type { Bar } from '../../../proto/gen/troupe/market/v1/market_pb.js';
import { equityOf } from '../risk/money.ts';
import { withQuote } from '../risk/state.ts';
import { tellAccount } from './tell.ts';
import type { Turn } from './turn.ts';

const DAY_MS = 86_400_000;
/** While something is open, equity is told this often, ms of market time. */
export const EQUITY_EVERY_MS = 15 * 60_000;

/** A finished 1s bar: its close is the last bid of the second, its ask_close the last ask. */
export function onBar(turn: Turn, bar: Bar): void {
  if (bar.timeframe !== '1s') return;
  const quote = { bid: bar.close, ask: bar.askClose, timeMs: bar.lastTickMs, atMs: turn.atMs };
  if (!(quote.bid > 0) || !(quote.ask > 0)) return;
  beginDay(turn, bar.lastTickMs);
  turn.c.quotes = withQuote(turn.c, bar.symbol, quote) ?? turn.c.quotes;
  onMarketTime(turn, bar.lastTickMs);
}

export function onMarketTime(turn: Turn, timeMs: number): void {
  turn.c.marketNowMs = Math.max(turn.c.marketNowMs, timeMs);
  trackEquity(turn);
  const slot = Math.floor(turn.c.marketNowMs / EQUITY_EVERY_MS);
  if (slot === turn.c.equitySlot) return;
  turn.c.equitySlot = slot;
  if (turn.c.reconciled && Object.keys(turn.c.book).length > 0) tellAccount(turn);
}

/**
 * To be called before anything of a new day is booked: the day begins with the equity that the last price and the last
 * deal before it have left. Otherwise the gap of its first price, or the loss of its first deal, would be nobody's.
 */
export function beginDay(turn: Turn, timeMs: number): void {
  if (Math.floor(timeMs / DAY_MS) <= turn.c.day) return;
  turn.c.marketNowMs = Math.max(turn.c.marketNowMs, timeMs);
  trackEquity(turn);
}

/** Day start (UTC day of market time) and peak of equity. */
export function trackEquity(turn: Turn): void {
  const { c } = turn;
  // Before the account has been seen whole, its equity is not known and must not become a peak.
  if (!c.reconciled) return;
  const equity = equityOf(c);
  const day = Math.floor(c.marketNowMs / DAY_MS);
  const dayStartEquity = day === c.day ? c.funds.dayStartEquity : equity;
  const peakEquity = Math.max(c.funds.peakEquity, equity);
  c.day = day;
  if (dayStartEquity === c.funds.dayStartEquity && peakEquity === c.funds.peakEquity) return;
  c.funds = { ...c.funds, dayStartEquity, peakEquity };
}
