/** Checks that ask whether the account should carry the order: sizes, rates, counts, exposure, margin, losses. */
import { signOf } from '../numbers.ts';
import { isLive } from '../order/table.ts';
import type { Check } from './check.ts';
import { deny, noRate, over, shown, TOLERANCE } from './check.ts';
import type { Holding, NoRate } from './money.ts';
import {
  addedLots,
  equityOf,
  holdingOf,
  isNoRate,
  marginOf,
  notionalOf,
  trades,
  usedMargin,
  worstLots,
} from './money.ts';
import type { RiskState } from './state.ts';
import { quoteOf } from './state.ts';

const MINUTE_MS = 60_000;

export const orderSize: Check = ({ order, limits }) =>
  over(order.volumeLots, limits.maxOrderLots)
    ? deny('RISK_ORDER_SIZE', `${shown(order.volumeLots)} lots, limit ${shown(limits.maxOrderLots)} lots`)
    : undefined;

export const notional: Check = ({ order, state, limits, spec, price }) => {
  if (limits.maxNotional === undefined) return undefined;
  const value = notionalOf(state, spec, order.volumeLots, price);
  if (isNoRate(value)) return noRate(value);
  if (!over(value, limits.maxNotional)) return undefined;
  const { currency } = state.funds;
  return deny('RISK_NOTIONAL', `worth ${value.toFixed(2)} ${currency}, limit ${shown(limits.maxNotional)} ${currency}`);
};

export const orderRate: Check = ({ state, limits, marketNowMs }) => {
  if (limits.maxOrdersPerMinute === undefined) return undefined;
  const sent = state.recent.filter((r) => r.timeMs > marketNowMs - MINUTE_MS).length;
  if (sent < limits.maxOrdersPerMinute) return undefined;
  return deny('RISK_ORDER_RATE', `${sent} orders in the last 60 s of market time, limit ${limits.maxOrdersPerMinute}`);
};

export const duplicate: Check = ({ order, state, limits, marketNowMs }) => {
  for (const other of Object.values(state.orders)) {
    if (other.intentId === order.intentId && other.intentId !== '') {
      return deny(
        'RISK_DUPLICATE_INTENT',
        `intent ${order.intentId} is already ${other.state}, limit 1 order per intent`,
      );
    }
  }
  const windowMs = limits.duplicateWindowMs ?? 0;
  if (windowMs <= 0) return undefined;
  const twin = state.recent.find(
    (r) =>
      r.timeMs > marketNowMs - windowMs &&
      r.strategy === order.strategy &&
      r.symbol === order.symbol &&
      r.side === order.side &&
      Math.abs(r.lots - order.volumeLots) < TOLERANCE,
  );
  if (twin === undefined) return undefined;
  return deny(
    'RISK_DUPLICATE_ORDER',
    `the same order was sent ${shown(marketNowMs - twin.timeMs)} ms of market time before, limit one per ${windowMs} ms`,
  );
};

export const openOrders: Check = ({ state, limits }) => {
  if (limits.maxOpenOrders === undefined) return undefined;
  const live = Object.values(state.orders).filter((o) => trades(o.action) && isLive(o.state)).length;
  if (live < limits.maxOpenOrders) return undefined;
  return deny('RISK_OPEN_ORDERS', `${live} orders are live, limit ${limits.maxOpenOrders}`);
};

function withOrder(h: Holding, sign: 1 | -1, lots: number): Holding {
  return sign > 0 ? { ...h, buying: h.buying + lots } : { ...h, selling: h.selling + lots };
}

/** Lots of the order's own side with every live order on that side filled. */
function sideLots(hedging: boolean, h: Holding, sign: 1 | -1): number {
  if (hedging) return sign > 0 ? h.longLots + h.buying : h.shortLots + h.selling;
  return Math.abs(sign > 0 ? h.net + h.buying : h.net - h.selling);
}

export const positionLimit: Check = ({ order, state, limits }) => {
  if (limits.maxPositionLots === undefined) return undefined;
  const sign = signOf(order.side);
  const after = withOrder(holdingOf(state, order.symbol), sign, order.volumeLots);
  const lots = sideLots(state.funds.hedging, after, sign);
  if (!over(lots, limits.maxPositionLots)) return undefined;
  return deny(
    'RISK_POSITION_LIMIT',
    `${order.symbol} would come to ${shown(lots)} lots, limit ${shown(limits.maxPositionLots)} lots`,
  );
};

export const grossExposure: Check = ({ order, state, limits, spec, price }) => {
  if (limits.maxGrossExposure === undefined) return undefined;
  const symbols = new Set([order.symbol, ...Object.values(state.book).map((p) => p.symbol)]);
  for (const other of Object.values(state.orders))
    if (isLive(other.state) && trades(other.action)) symbols.add(other.symbol);
  let gross = 0;
  for (const symbol of symbols) {
    const own = symbol === order.symbol;
    const quote = quoteOf(state, symbol);
    const specOf = own ? spec : state.specs[symbol];
    if (specOf === undefined || quote === undefined) return noRate({ from: symbol, to: state.funds.currency });
    const held = holdingOf(state, symbol);
    const holding = own ? withOrder(held, signOf(order.side), order.volumeLots) : held;
    const value = notionalOf(state, specOf, worstLots(state.funds.hedging, holding), own ? price : quote.ask);
    if (isNoRate(value)) return noRate(value);
    gross += value;
  }
  if (!over(gross, limits.maxGrossExposure)) return undefined;
  const { currency } = state.funds;
  return deny(
    'RISK_GROSS_EXPOSURE',
    `open value would come to ${gross.toFixed(2)} ${currency}, limit ${shown(limits.maxGrossExposure)} ${currency}`,
  );
};

/** Margin of what live orders may add to a symbol, at the dearest price at which one of them may trade. */
function addedMargin(state: RiskState, symbol: string, holding: Holding, price: number): number | NoRate {
  const lots = addedLots(state.funds.hedging, holding);
  if (lots <= TOLERANCE) return 0;
  const spec = state.specs[symbol];
  const orders = Object.values(state.orders).filter((o) => o.symbol === symbol && isLive(o.state) && trades(o.action));
  const dearest = Math.max(price, quoteOf(state, symbol)?.ask ?? 0, ...orders.map((o) => o.price));
  if (spec === undefined || dearest === 0) return { from: symbol, to: state.funds.currency };
  return marginOf(state, spec, lots, dearest);
}

export const freeMargin: Check = ({ order, state, limits, price }) => {
  let free = equityOf(state) - usedMargin(state) - (limits.minFreeMargin ?? 0);
  const live = Object.values(state.orders).filter((o) => isLive(o.state) && trades(o.action));
  for (const symbol of new Set(live.map((o) => o.symbol))) {
    if (symbol === order.symbol) continue;
    const reserved = addedMargin(state, symbol, holdingOf(state, symbol), 0);
    if (isNoRate(reserved)) return noRate(reserved);
    free -= reserved;
  }
  const before = holdingOf(state, order.symbol);
  const reserved = addedMargin(state, order.symbol, before, price);
  if (isNoRate(reserved)) return noRate(reserved);
  free -= reserved;
  const after = withOrder(before, signOf(order.side), order.volumeLots);
  const whole = addedMargin(state, order.symbol, after, price);
  if (isNoRate(whole)) return noRate(whole);
  const needed = whole - reserved;
  if (needed <= 0 || !over(needed, free)) return undefined;
  const { currency } = state.funds;
  return deny(
    'RISK_FREE_MARGIN',
    `needs ${needed.toFixed(2)} ${currency} margin, ${free.toFixed(2)} ${currency} are free`,
  );
};

export const dailyLoss: Check = ({ state, limits }) => {
  if (limits.dailyLossLimit === undefined) return undefined;
  const loss = state.funds.dayStartEquity - equityOf(state);
  if (loss < limits.dailyLossLimit - TOLERANCE) return undefined;
  const { currency } = state.funds;
  return deny(
    'RISK_DAILY_LOSS',
    `lost ${loss.toFixed(2)} ${currency} today, limit ${shown(limits.dailyLossLimit)} ${currency}`,
  );
};

export const drawdown: Check = ({ state, limits }) => {
  const { peakEquity } = state.funds;
  if (limits.maxDrawdownPercent === undefined || !(peakEquity > 0)) return undefined;
  const percent = ((peakEquity - equityOf(state)) / peakEquity) * 100;
  if (percent < limits.maxDrawdownPercent - TOLERANCE) return undefined;
  return deny(
    'RISK_DRAWDOWN',
    `equity is ${percent.toFixed(3)} % below its peak, limit ${shown(limits.maxDrawdownPercent)} %`,
  );
};
