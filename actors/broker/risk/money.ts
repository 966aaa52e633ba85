/** Lots to money. Formulas: MQL5 Reference, ENUM_SYMBOL_CALC_MODE (margin and profit by calculation mode). */

import { IntentAction } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { signOf } from '../numbers.ts';
import { remainingLots } from '../order/order.ts';
import type { RiskState, Spec } from './state.ts';
import { quoteOf } from './state.ts';

/** A currency pair that no quoted symbol connects. */
export interface NoRate {
  readonly from: string;
  readonly to: string;
}

export function isNoRate(value: number | NoRate): value is NoRate {
  return typeof value !== 'number';
}

function directRate(state: RiskState, from: string, to: string): number | undefined {
  for (const symbol of state.symbols) {
    const spec = state.specs[symbol];
    if (spec === undefined || spec.calcMode !== 'forex') continue;
    const quote = quoteOf(state, symbol);
    if (quote === undefined) continue;
    // The dearer side of the quote: money at risk is never understated.
    if (spec.currencyBase === from && spec.currencyProfit === to) return quote.ask;
    if (spec.currencyBase === to && spec.currencyProfit === from) return 1 / quote.bid;
  }
  return undefined;
}

/** Units of `to` for one unit of `from`, by the quotes of configured FX symbols, over one other currency at most. */
export function rateOf(state: RiskState, from: string, to: string): number | NoRate {
  if (from === to) return 1;
  const direct = directRate(state, from, to);
  if (direct !== undefined) return direct;
  for (const symbol of state.symbols) {
    const spec = state.specs[symbol];
    if (spec === undefined) continue;
    const via =
      spec.currencyBase === from ? spec.currencyProfit : spec.currencyProfit === from ? spec.currencyBase : '';
    if (via === '') continue;
    const first = directRate(state, from, via);
    const second = directRate(state, via, to);
    if (first !== undefined && second !== undefined) return first * second;
  }
  return { from, to };
}

/** Value of so many lots at a price, account currency. */
export function notionalOf(state: RiskState, spec: Spec, lots: number, price: number): number | NoRate {
  const rate = rateOf(state, spec.currencyProfit, state.funds.currency);
  return isNoRate(rate) ? rate : lots * spec.contractSize * price * rate;
}

/** Margin that so many lots need at a price, account currency. */
export function marginOf(state: RiskState, spec: Spec, lots: number, price: number): number | NoRate {
  const leverage = Math.max(1, state.funds.leverage);
  if (spec.calcMode === 'forex') {
    const rate = rateOf(state, spec.currencyMargin || spec.currencyBase, state.funds.currency);
    return isNoRate(rate) ? rate : (lots * spec.contractSize * rate) / leverage;
  }
  const value = notionalOf(state, spec, lots, price);
  if (isNoRate(value)) return value;
  return spec.calcMode === 'cfd_leverage' ? value / leverage : value;
}

/** Profit and loss of everything that is open at the current quotes, account currency. */
export function floatingProfit(state: RiskState): number | NoRate {
  let sum = 0;
  for (const position of Object.values(state.book)) {
    const spec = state.specs[position.symbol];
    const quote = quoteOf(state, position.symbol);
    if (spec === undefined || quote === undefined) return { from: position.symbol, to: state.funds.currency };
    const price = position.lots > 0 ? quote.bid : quote.ask;
    const rate = rateOf(state, spec.currencyProfit, state.funds.currency);
    if (isNoRate(rate)) return rate;
    sum += (price - position.openPrice) * spec.contractSize * position.lots * rate;
  }
  return sum;
}

/** Equity at the current quotes; where a quote or a rate is missing, what the terminal said last. */
export function equityOf(state: RiskState): number {
  const floating = floatingProfit(state);
  return isNoRate(floating) ? state.funds.equity : state.funds.balance + floating;
}

/** Lots of one symbol, and what live orders may make of them. */
export interface Holding {
  /** Sum of all positions, signed. */
  readonly net: number;
  readonly longLots: number;
  readonly shortLots: number;
  /** Remaining lots of live orders. */
  readonly buying: number;
  readonly selling: number;
}

export function holdingOf(state: RiskState, symbol: string): Holding {
  let longLots = 0;
  let shortLots = 0;
  let buying = 0;
  let selling = 0;
  for (const position of Object.values(state.book)) {
    if (position.symbol !== symbol) continue;
    if (position.lots > 0) longLots += position.lots;
    else shortLots -= position.lots;
  }
  for (const order of Object.values(state.orders)) {
    if (order.symbol !== symbol || !trades(order.action)) continue;
    // In hedging mode a closing order opens nothing on its own side.
    if (state.funds.hedging && order.action === IntentAction.CLOSE) continue;
    if (signOf(order.side) > 0) buying += remainingLots(order);
    else selling += remainingLots(order);
  }
  return { net: longLots - shortLots, longLots, shortLots, buying, selling };
}

export function trades(action: IntentAction): boolean {
  return action === IntentAction.OPEN || action === IntentAction.CLOSE;
}

/** The most lots that a symbol's position can come to when every live order on one side fills and none on the other. */
export function worstLots(hedging: boolean, h: Holding): number {
  if (hedging) return h.longLots + h.buying + h.shortLots + h.selling;
  return Math.max(Math.abs(h.net + h.buying), Math.abs(h.net - h.selling));
}

/** What live orders may add to what is held: nothing as long as they can only make it smaller. */
export function addedLots(hedging: boolean, h: Holding): number {
  const held = hedging ? h.longLots + h.shortLots : Math.abs(h.net);
  return Math.max(0, worstLots(hedging, h) - held);
}

/**
 * Margin of what is open. The terminal says it, but not in the moment in which a deal is booked: until then at least
 * what our own book needs. Long and short on a hedging account offset each other here; how much the broker asks for
 * both is his to say.
 */
export function usedMargin(state: RiskState): number {
  const net = new Map<string, number>();
  for (const { symbol, lots } of Object.values(state.book)) net.set(symbol, (net.get(symbol) ?? 0) + lots);
  let own = 0;
  for (const [symbol, lots] of net) {
    const spec = state.specs[symbol];
    const quote = quoteOf(state, symbol);
    if (spec === undefined || quote === undefined) continue;
    const margin = marginOf(state, spec, Math.abs(lots), quote.bid);
    if (!isNoRate(margin)) own += margin;
  }
  return Math.max(state.funds.margin, own);
}
