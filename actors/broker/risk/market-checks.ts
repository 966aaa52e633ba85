/** Checks that ask whether the order makes sense in this market: symbol, hours, prices, distances, volume grid. */
import { OrderType } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { signOf } from '../numbers.ts';
import type { Check, Denied, Question } from './check.ts';
import { deny, over, shown, sidePrice, TOLERANCE } from './check.ts';
import type { RiskLimits, SessionWindow } from './limits.ts';

const MS_PER_MINUTE = 60_000;
const MINUTES_PER_DAY = 1440;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 4;
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

function isOpen(windows: readonly SessionWindow[], timeMs: number): boolean {
  const minutes = Math.floor(timeMs / MS_PER_MINUTE);
  const day = (Math.floor(minutes / MINUTES_PER_DAY) + FIRST_WEEKDAY) % 7;
  const minute = minutes % MINUTES_PER_DAY;
  return windows.some((w) => w.day === day && minute >= w.fromMinute && minute < w.toMinute);
}

export function sessionDenial(limits: RiskLimits, symbol: string, marketNowMs: number): Denied | undefined {
  const windows = limits.sessions?.[symbol] ?? limits.sessions?.['*'];
  if (windows === undefined || isOpen(windows, marketNowMs)) return undefined;
  const minute = Math.floor(marketNowMs / MS_PER_MINUTE);
  const day = (Math.floor(minute / MINUTES_PER_DAY) + FIRST_WEEKDAY) % 7;
  const open = windows.filter((w) => w.day === day).map((w) => `${clock(w.fromMinute)} to ${clock(w.toMinute)}`);
  return deny(
    'RISK_SESSION_CLOSED',
    `${symbol} is not traded on ${WEEKDAYS[day]} at ${clock(minute % MINUTES_PER_DAY)} UTC; hours of that day: ${open.join(', ') || 'none'}`,
  );
}

/** Minutes after midnight as a clock shows them; the end of a day is 24:00. */
function clock(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export const stalePrice: Check = ({ order, quote, limits, marketNowMs, atMs }) => {
  // A strategy may be ahead of the prices that have come here, and of every other clock of the market that we have.
  const nowMs = Math.max(marketNowMs, order.decidedAtMs);
  const ageMs = Math.max(nowMs - quote.timeMs, atMs - quote.atMs);
  if (!over(ageMs, limits.maxPriceAgeMs)) return undefined;
  return deny(
    'RISK_STALE_PRICE',
    `the last price of ${order.symbol} is ${shown(ageMs)} ms old, limit ${limits.maxPriceAgeMs} ms`,
  );
};

export const staleIntent: Check = ({ order, limits, marketNowMs }) => {
  if (limits.maxIntentAgeMs === undefined) return undefined;
  if (order.decidedAtMs <= 0) {
    return deny(
      'RISK_STALE_INTENT',
      `decided_at_ms is ${order.decidedAtMs}: how old it is nobody knows, limit ${limits.maxIntentAgeMs} ms`,
    );
  }
  const ageMs = marketNowMs - order.decidedAtMs;
  if (!over(ageMs, limits.maxIntentAgeMs)) return undefined;
  return deny('RISK_STALE_INTENT', `decided ${shown(ageMs)} ms of market time ago, limit ${limits.maxIntentAgeMs} ms`);
};

export const volumeGrid: Check = ({ order, spec }) => {
  const { volumeLots } = order;
  const steps = volumeLots / spec.volumeStep;
  const onGrid = Math.abs(steps - Math.round(steps)) < 1e-6;
  if (volumeLots >= spec.volumeMin - TOLERANCE && volumeLots <= spec.volumeMax + TOLERANCE && onGrid) return undefined;
  return deny(
    'RISK_VOLUME_GRID',
    `${shown(volumeLots)} lots of ${order.symbol}; allowed ${shown(spec.volumeMin)} to ${shown(spec.volumeMax)} in steps of ${shown(spec.volumeStep)}`,
  );
};

function percentApart(price: number, from: number): number {
  return (Math.abs(price - from) / from) * 100;
}

export const priceCollar: Check = ({ order, quote, limits }) => {
  const market = sidePrice(order, quote);
  const pairs: [string, number, string, number][] = [];
  if (order.referencePrice > 0) pairs.push(['quote', market, 'reference price', order.referencePrice]);
  if (order.type !== OrderType.MARKET) pairs.push(['order price', order.price, 'quote', market]);
  if (order.type === OrderType.STOP_LIMIT) pairs.push(['limit price', order.stopLimitPrice, 'quote', market]);
  for (const [what, price, than, from] of pairs) {
    const percent = percentApart(price, from);
    if (over(percent, limits.priceCollarPercent)) {
      return deny(
        'RISK_PRICE_COLLAR',
        `${what} ${shown(price)} is ${percent.toFixed(3)} % from the ${than} ${shown(from)}, limit ${limits.priceCollarPercent} %`,
      );
    }
  }
  return undefined;
};

/** The denial of `price` if it is nearer to `from` than the stops level, or on the wrong side (`sign` 1: must be above). */
function tooNear(q: Question, what: string, price: number, from: number, sign: number): Denied | undefined {
  const distance = sign * (price - from);
  const least = q.spec.stopsLevelPoints * q.spec.point;
  // A millionth of a point forgives the rounding of a subtraction, and nothing that a terminal would see.
  const slack = q.spec.point * 1e-6;
  if (distance >= least - slack && distance > slack) return undefined;
  return deny(
    'RISK_STOP_DISTANCE',
    `${what} ${shown(price)} must be ${sign > 0 ? 'above' : 'below'} ${shown(from)} by at least ${q.spec.stopsLevelPoints} points`,
  );
}

function pendingDistance(q: Question): Denied | undefined {
  const { order, quote } = q;
  if (order.type === OrderType.MARKET) return undefined;
  const buy = signOf(order.side);
  const market = sidePrice(order, quote);
  // A limit waits for a better price than the market's, a stop for a worse one.
  return tooNear(q, 'order price', order.price, market, order.type === OrderType.LIMIT ? -buy : buy);
}

/**
 * Stop loss, take profit and pending price keep the stops level. A position is measured at the price that would close
 * it (bid for a buy), a pending order's stops at the order's own price.
 */
export const stopDistance: Check = (q) => {
  const { order, quote } = q;
  const buy = signOf(order.side);
  const closing = buy > 0 ? quote.bid : quote.ask;
  const entry = order.type === OrderType.STOP_LIMIT ? order.stopLimitPrice : order.price;
  const from = order.type === OrderType.MARKET ? closing : entry;
  return (
    pendingDistance(q) ??
    (order.stopLoss > 0 ? tooNear(q, 'stop loss', order.stopLoss, from, -buy) : undefined) ??
    (order.takeProfit > 0 ? tooNear(q, 'take profit', order.takeProfit, from, buy) : undefined)
  );
};
