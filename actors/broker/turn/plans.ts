/** Which orders an intent needs. Pure arithmetic over what the strategy itself holds; the gate judges the result. */
import type { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { IntentAction, Side as Sides } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { DenialCode } from '../../../runtime/errors.ts';
import type { Intent, Position } from '../context.ts';
import { magicOf, orderIdOf } from '../ids.ts';
import { LOTS_EPSILON, opposite, roundLots, shown, signOf, splitLots } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { remainingLots } from '../order/order.ts';
import { isLive } from '../order/table.ts';
import { trades } from '../risk/money.ts';
import type { Turn } from './turn.ts';

export interface Plan {
  readonly orders: readonly Order[];
  /** Why there are none. */
  readonly deny: DenialCode;
  readonly reason: string;
  /** Unfinished orders whose place these take. */
  readonly supersedes: readonly string[];
}

type Change = Partial<Order>;

export function orderOf(turn: Turn, intent: Intent, part: number, change: Change = {}): Order {
  return {
    id: orderIdOf(turn.c.account, intent.intentId, part),
    intentId: intent.intentId,
    strategy: intent.strategy,
    symbol: intent.symbol,
    action: intent.action,
    side: intent.side,
    type: intent.type,
    volumeLots: intent.volumeLots,
    price: intent.price,
    stopLimitPrice: intent.stopLimitPrice,
    stopLoss: intent.stopLoss,
    takeProfit: intent.takeProfit,
    timeInForce: intent.timeInForce,
    expirationMs: intent.expirationMs,
    magic: magicOf(intent.strategy),
    positionId: '0',
    target: '',
    state: 'created',
    filledLots: 0,
    dealLots: 0,
    dealValue: 0,
    ticket: '0',
    code: '',
    reason: '',
    revision: 0,
    createdUs: intent.createdUs,
    asking: '',
    asks: 0,
    answered: false,
    foreign: false,
    stray: false,
    ...change,
  };
}

/** One order carries the intent's own id; several carry ids of its parts, numbered from 1. */
function planOf(turn: Turn, intent: Intent, changes: readonly Change[], deny: DenialCode, reason: string): Plan {
  const parts = changes.length > 1;
  const orders = changes.map((change, i) => orderOf(turn, intent, parts ? i + 1 : 0, change));
  return { orders, deny, reason, supersedes: [] };
}

export function planOpen(turn: Turn, intent: Intent): Plan {
  return planOf(turn, intent, [{}], 'RISK_BAD_INTENT', '');
}

/** Closing never opens: not more than the strategy holds, less what its live closing orders already take away. */
export function planClose(turn: Turn, intent: Intent): Plan {
  // Not a volume at all: the gate says so.
  if (!Number.isFinite(intent.volumeLots) || intent.volumeLots < 0) return planOpen(turn, intent);
  const wanted = intent.volumeLots > 0 ? intent.volumeLots : Number.POSITIVE_INFINITY;
  const { strategy, symbol } = intent;
  const largest = turn.c.funds.hedging ? wanted : Math.min(wanted, reducibleLots(turn, intent));
  const changes = turn.c.funds.hedging ? closeHedging(turn, intent, largest) : closeNetting(turn, intent, largest);
  if (largest === 0 && holds(turn, intent)) {
    const own = turn.c.held[strategy]?.[symbol] ?? 0;
    const reason = `${symbol} is at ${shown(netLots(turn, symbol))} lots, closing the ${shown(own)} of ${strategy} would not make that smaller; allowed now: what does`;
    return planOf(turn, intent, [], 'RISK_REDUCING', reason);
  }
  // A strategy believes that it is flat when it reads the one; while something is being closed that is not sure.
  return holds(turn, intent)
    ? planOf(
        turn,
        intent,
        changes,
        'RISK_CLOSING_ALREADY',
        `all that ${strategy} holds in ${symbol} is being closed already`,
      )
    : planOf(turn, intent, changes, 'RISK_NOTHING_TO_CLOSE', `${strategy} holds nothing in ${symbol}, limit 0 lots`);
}

function netLots(turn: Turn, symbol: string): number {
  return Object.values(turn.c.book).reduce((sum, p) => roundLots(sum + (p.symbol === symbol ? p.lots : 0)), 0);
}

/**
 * Netting: while the account is reducing, strategies close only what makes the account's own position smaller, less what
 * live closing orders take away already. What two of them hold against each other is flat, and stays so.
 */
function reducibleLots(turn: Turn, { strategy, symbol }: Intent): number {
  if (turn.c.mode !== 'reducing') return Number.POSITIVE_INFINITY;
  const held = turn.c.held[strategy]?.[symbol] ?? 0;
  const side = held > 0 ? Sides.SELL : Sides.BUY;
  let lots = -signOf(side) * netLots(turn, symbol);
  for (const order of Object.values(turn.c.orders)) {
    if (order.symbol !== symbol || order.side !== side || order.action !== IntentAction.CLOSE) continue;
    lots = roundLots(lots - remainingLots(order));
  }
  return Math.max(0, lots);
}

function holds(turn: Turn, intent: Intent): boolean {
  if (turn.c.funds.hedging) return positionsOf(turn, intent).length > 0;
  return (turn.c.held[intent.strategy]?.[intent.symbol] ?? 0) !== 0;
}

function closeNetting(turn: Turn, intent: Intent, wanted: number): Change[] {
  const held = turn.c.held[intent.strategy]?.[intent.symbol] ?? 0;
  const side = held > 0 ? Sides.SELL : Sides.BUY;
  const free = roundLots(Math.abs(held) - closingLots(turn, intent, '0', side));
  return chunks(turn, intent, side, Math.min(free, wanted), '0');
}

function closeHedging(turn: Turn, intent: Intent, wanted: number): Change[] {
  const changes: Change[] = [];
  let left = wanted;
  for (const [positionId, position] of positionsOf(turn, intent)) {
    const side = opposite(position.lots > 0 ? Sides.BUY : Sides.SELL);
    const free = roundLots(Math.abs(position.lots) - closingLots(turn, intent, positionId, side));
    const lots = Math.min(free, left);
    changes.push(...chunks(turn, intent, side, lots, positionId));
    left = roundLots(left - Math.max(0, lots));
    if (left < LOTS_EPSILON) break;
  }
  return changes;
}

/** Orders of at most the symbol's largest volume. */
function chunks(turn: Turn, intent: Intent, side: Side, lots: number, positionId: string): Change[] {
  const spec = turn.c.specs[intent.symbol];
  // A close carries no stops of its own: on a netting account they would become the rest's.
  const common = { side, positionId, stopLoss: 0, takeProfit: 0 };
  return splitLots(lots, spec?.volumeMax, spec?.volumeMin).map((volumeLots) => ({ ...common, volumeLots }));
}

function closingLots(turn: Turn, intent: Intent, positionId: string, side: Side): number {
  let lots = 0;
  for (const order of Object.values(turn.c.orders)) {
    const same = order.strategy === intent.strategy && order.symbol === intent.symbol && order.side === side;
    if (same && order.action === IntentAction.CLOSE && order.positionId === positionId) lots += remainingLots(order);
  }
  return lots;
}

/** Positions that this strategy may touch, oldest first. On a netting account the symbol has one, shared by all. */
function positionsOf(turn: Turn, intent: Intent): [string, Position][] {
  return Object.entries(turn.c.book)
    .filter(([, p]) => p.symbol === intent.symbol && (!turn.c.funds.hedging || p.strategy === intent.strategy))
    .sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
}

export function planProtect(turn: Turn, intent: Intent): Plan {
  const holds = (turn.c.held[intent.strategy]?.[intent.symbol] ?? 0) !== 0;
  const positions = holds || turn.c.funds.hedging ? positionsOf(turn, intent) : [];
  const changes = positions.map(([positionId, position]) => ({
    positionId,
    side: position.lots > 0 ? Sides.BUY : Sides.SELL,
    volumeLots: 0,
  }));
  const reason = `${intent.strategy} holds nothing in ${intent.symbol}, limit 0 lots`;
  const plan = planOf(turn, intent, changes, 'RISK_NOTHING_TO_PROTECT', reason);
  const ids = new Set(positions.map(([id]) => id));
  const supersedes = Object.values(turn.c.orders)
    .filter((o) => o.action === IntentAction.PROTECT && isLive(o.state) && ids.has(o.positionId))
    .map((o) => o.id);
  return { ...plan, supersedes };
}

export function planCancel(turn: Turn, intent: Intent): Plan {
  const targets = Object.values(turn.c.orders).filter(
    (o) =>
      o.intentId === intent.targetIntentId &&
      o.strategy === intent.strategy &&
      trades(o.action) &&
      !o.foreign &&
      isLive(o.state),
  );
  const changes = targets.map((o) => ({
    target: o.id,
    ticket: o.ticket,
    symbol: o.symbol,
    side: o.side,
    volumeLots: 0,
  }));
  const reason = `no live order of ${intent.strategy} for target_intent_id ${intent.targetIntentId}`;
  return planOf(turn, intent, changes, 'RISK_NOTHING_TO_CANCEL', reason);
}
