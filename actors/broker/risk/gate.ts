/**
 * The risk gate: one pure function between what a strategy wants and what is sent. It changes nothing; whoever asks
 * decides and records in the same step, so that check and send cannot be separated by a race.
 *
 * Entries meet every check. Exits (CLOSE, PROTECT, CANCEL) meet only those that ask whether the exit itself makes
 * sense: no limit on size, count, rate or loss may hold somebody in a position.
 */
import { IntentAction, OrderType, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Check, Denied, Question, Verdict } from './check.ts';
import { deny, sidePrice } from './check.ts';
import type { RiskLimits } from './limits.ts';
import { priceCollar, sessionDenial, staleIntent, stalePrice, stopDistance, volumeGrid } from './market-checks.ts';
import {
  dailyLoss,
  drawdown,
  duplicate,
  freeMargin,
  grossExposure,
  notional,
  openOrders,
  orderRate,
  orderSize,
  positionLimit,
} from './size-checks.ts';
import type { RiskOrder, RiskState } from './state.ts';
import { quoteOf } from './state.ts';

export type { Verdict } from './check.ts';

const entryChecks: readonly Check[] = [
  stalePrice,
  staleIntent,
  volumeGrid,
  orderSize,
  notional,
  priceCollar,
  stopDistance,
  duplicate,
  orderRate,
  openOrders,
  positionLimit,
  grossExposure,
  freeMargin,
  dailyLoss,
  drawdown,
];
const closeChecks: readonly Check[] = [volumeGrid];
const protectChecks: readonly Check[] = [stopDistance];

function modeDenial(order: RiskOrder, state: RiskState): Denied | undefined {
  const why = state.modeReason ? `: ${state.modeReason}` : '';
  if (state.mode === 'halted') return deny('RISK_HALTED', `the account is halted${why}; allowed now: cancel`);
  const difference = state.differences[order.symbol] ?? state.differences[''];
  if (difference?.confirmed) return deny('RISK_SYMBOL_HALTED', `${order.symbol} is halted: ${difference.text}`);
  if (state.mode === 'reducing' && order.action === IntentAction.OPEN) {
    return deny('RISK_REDUCING', `the account is reducing${why}; allowed now: close, protect, cancel`);
  }
  return undefined;
}

/** Numbers that are no numbers would pass every comparison, so they are refused before any. */
function malformed(order: RiskOrder, marketNowMs: number): Denied | undefined {
  const bad = (name: string, value: unknown, range: string): Denied =>
    deny('RISK_BAD_INTENT', `${name} is ${String(value)}, allowed ${range}`);
  const { volumeLots, stopLoss, takeProfit, price, stopLimitPrice } = order;
  if (order.intentId === '') return bad('intent_id', "''", 'a unique text');
  for (const [name, value] of Object.entries({ volumeLots, stopLoss, takeProfit, price, stopLimitPrice })) {
    if (!Number.isFinite(value) || value < 0) return bad(name, value, '0 or more');
  }
  if (!Number.isFinite(order.referencePrice) || !Number.isFinite(order.decidedAtMs)) {
    return bad('reference_price or decided_at_ms', `${order.referencePrice}, ${order.decidedAtMs}`, 'finite numbers');
  }
  if (order.action === IntentAction.PROTECT || order.action === IntentAction.CANCEL) return undefined;
  const { timeInForce, expirationMs } = order;
  if (TimeInForce[timeInForce] === undefined) return bad('time_in_force', timeInForce, 'a time in force');
  if (!Number.isFinite(expirationMs) || expirationMs < 0) return bad('expiration_ms', expirationMs, '0 or more');
  if (timeInForce === TimeInForce.SPECIFIED && expirationMs <= marketNowMs) {
    return bad('expiration_ms', expirationMs, `later than market time, ${marketNowMs}`);
  }
  if (order.side !== 1 && order.side !== 2) return bad('side', order.side, 'SIDE_BUY or SIDE_SELL');
  if (order.type < OrderType.MARKET || order.type > OrderType.STOP_LIMIT)
    return bad('type', order.type, 'an order type');
  if (!(volumeLots > 0)) return bad('volume_lots', volumeLots, 'above 0');
  if (order.type !== OrderType.MARKET && !(price > 0)) return bad('price', price, 'above 0 for a pending order');
  if (order.type === OrderType.STOP_LIMIT && !(stopLimitPrice > 0))
    return bad('stop_limit_price', stopLimitPrice, 'above 0');
  return undefined;
}

const checksFor: Readonly<Record<number, readonly Check[]>> = {
  [IntentAction.OPEN]: entryChecks,
  [IntentAction.CLOSE]: closeChecks,
  [IntentAction.PROTECT]: protectChecks,
};

/**
 * Judges one order against the account as it is now. `marketNowMs` is the market clock (UTC ms), `atMs` the wall clock
 * of the event that is being handled; the gate reads no other. For a PROTECT order `side` is the position's.
 */
export function judge(
  order: RiskOrder,
  state: RiskState,
  limits: RiskLimits,
  marketNowMs: number,
  atMs: number,
): Verdict {
  if (order.action === IntentAction.CANCEL) return malformed(order, marketNowMs) ?? { allow: true };
  const checks = checksFor[order.action];
  if (checks === undefined)
    return deny('RISK_BAD_INTENT', `action is ${order.action}, allowed open, close, protect, cancel`);
  const early = malformed(order, marketNowMs) ?? modeDenial(order, state);
  if (early !== undefined) return early;
  if (!state.symbols.includes(order.symbol)) {
    return deny('RISK_SYMBOL_NOT_ALLOWED', `${order.symbol}; allowed: ${state.symbols.join(', ')}`);
  }
  const closed = sessionDenial(limits, order.symbol, marketNowMs);
  if (closed !== undefined) return closed;
  const spec = state.specs[order.symbol];
  if (spec === undefined)
    return deny('RISK_NO_SPEC', `the terminal has not told the trading conditions of ${order.symbol}`);
  const quote = quoteOf(state, order.symbol);
  // A market exit needs no price of ours: the terminal has one.
  if (quote === undefined && order.action !== IntentAction.CLOSE) {
    return deny('RISK_NO_PRICE', `no price of ${order.symbol} has been heard yet`);
  }
  const known = quote ?? { bid: Number.NaN, ask: Number.NaN, timeMs: Number.NaN, atMs: Number.NaN };
  const price = order.price > 0 ? order.price : sidePrice(order, known);
  const question: Question = { order, state, limits, marketNowMs, atMs, spec, quote: known, price };
  for (const check of checks) {
    const denied = check(question);
    if (denied !== undefined) return denied;
  }
  return { allow: true };
}
