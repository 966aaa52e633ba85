/** What the risk gate knows. The broker's context is one; tests build their own. Plain data throughout. */
import type { IntentAction, OrderType, Side, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { OrderStateName } from '../order/table.ts';

export type TradingMode = 'active' | 'reducing' | 'halted';

/** Trading conditions of a symbol, from the terminal. */
export interface Spec {
  readonly digits: number;
  readonly point: number;
  readonly tickSize: number;
  readonly contractSize: number;
  readonly volumeMin: number;
  readonly volumeMax: number;
  readonly volumeStep: number;
  readonly stopsLevelPoints: number;
  readonly currencyBase: string;
  readonly currencyProfit: string;
  readonly currencyMargin: string;
  /** forex, cfd or cfd_leverage. */
  readonly calcMode: string;
}

/** What an order that may still execute weighs. */
export interface LiveOrder {
  readonly state: OrderStateName;
  readonly intentId: string;
  readonly strategy: string;
  readonly symbol: string;
  readonly action: IntentAction;
  readonly side: Side;
  readonly volumeLots: number;
  readonly filledLots: number;
  readonly price: number;
}

/** A position as the sum of its deals. Netting: one per symbol; hedging: as many as were opened. */
export interface BookedPosition {
  readonly symbol: string;
  /** Signed: above 0 long. */
  readonly lots: number;
  readonly openPrice: number;
  readonly strategy: string;
}

export interface Funds {
  readonly currency: string;
  /** Sum of all deals and movements of money, account currency. */
  readonly balance: number;
  /** As the terminal said last, account currency. */
  readonly equity: number;
  readonly margin: number;
  readonly leverage: number;
  readonly hedging: boolean;
  /** Equity when the current UTC day of market time began, and the highest one so far. */
  readonly dayStartEquity: number;
  readonly peakEquity: number;
}

/** An opening order that was let through lately. */
export interface RecentOrder {
  /** Market time, UTC ms. */
  readonly timeMs: number;
  readonly strategy: string;
  readonly symbol: string;
  readonly side: Side;
  readonly lots: number;
}

/** A symbol (or, under '', the account) about which broker and terminal disagree. */
export interface Difference {
  readonly text: string;
  /** Seen in two snapshots one after the other; only then is it no matter of timing. */
  readonly confirmed: boolean;
  readonly sinceMs: number;
}

export interface RiskState {
  readonly mode: TradingMode;
  /** Why it is not active, as whoever set it said. */
  readonly modeReason?: string;
  readonly symbols: readonly string[];
  /** Four numbers per symbol, in the order of `symbols`: bid, ask, market time, wall clock; NaN before the first. */
  readonly quotes: Float64Array;
  readonly specs: Readonly<Record<string, Spec>>;
  readonly orders: Readonly<Record<string, LiveOrder>>;
  readonly book: Readonly<Record<string, BookedPosition>>;
  readonly funds: Funds;
  readonly recent: readonly RecentOrder[];
  readonly differences: Readonly<Record<string, Difference>>;
}

/** An order as the gate sees it, before it exists. */
export interface RiskOrder {
  readonly intentId: string;
  readonly strategy: string;
  readonly symbol: string;
  readonly action: IntentAction;
  readonly side: Side;
  readonly type: OrderType;
  readonly volumeLots: number;
  readonly price: number;
  readonly stopLimitPrice: number;
  readonly stopLoss: number;
  readonly takeProfit: number;
  readonly timeInForce: TimeInForce;
  readonly expirationMs: number;
  readonly referencePrice: number;
  readonly decidedAtMs: number;
}

export interface Quote {
  readonly bid: number;
  readonly ask: number;
  readonly timeMs: number;
  readonly atMs: number;
}

const QUOTE_WIDTH = 4;

export function emptyQuotes(symbols: number): Float64Array {
  return new Float64Array(symbols * QUOTE_WIDTH).fill(Number.NaN);
}

export function quoteOf(state: Pick<RiskState, 'symbols' | 'quotes'>, symbol: string): Quote | undefined {
  const at = state.symbols.indexOf(symbol) * QUOTE_WIDTH;
  const bid = state.quotes[at] as number;
  const ask = state.quotes[at + 1] as number;
  if (at < 0 || !(bid > 0) || !(ask > 0)) return undefined;
  return { bid, ask, timeMs: state.quotes[at + 2] as number, atMs: state.quotes[at + 3] as number };
}

/** Copies; a quote older than the one at hand changes nothing. */
export function withQuote(
  state: Pick<RiskState, 'symbols' | 'quotes'>,
  symbol: string,
  quote: Quote,
): Float64Array | undefined {
  const at = state.symbols.indexOf(symbol) * QUOTE_WIDTH;
  if (at < 0 || (state.quotes[at + 2] as number) > quote.timeMs) return undefined;
  const next = state.quotes.slice();
  next.set([quote.bid, quote.ask, quote.timeMs, quote.atMs], at);
  return next;
}
