/** Intents: judged, turned into orders, sent. Check, record and command are made in one step. */
import type { OrderIntent } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { IntentAction, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { DenialCode } from '../../../runtime/errors.ts';
import type { Intent, IntentNumbers } from '../context.ts';
import { MAX_WAITING } from '../context.ts';
import { magicOf, orderIdOf } from '../ids.ts';
import { roundPrice } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { applyEvent } from '../order/order.ts';
import type { Verdict } from '../risk/gate.ts';
import { judge } from '../risk/gate.ts';
import { trades } from '../risk/money.ts';
import { commandOf, finish, isKnownIntent, moveOrder, putOrder } from './orders.ts';
import type { Plan } from './plans.ts';
import { planCancel, planClose, planOpen, planProtect } from './plans.ts';
import { tellDenial, tellOrder } from './tell.ts';
import type { Turn } from './turn.ts';
import { appended, command, count, countDenial } from './turn.ts';

const RATE_WINDOW_MS = 60_000;
/** As high as a rate limit can be configured: with fewer it would never be reached. */
export const MAX_RECENT = 1_000;

export function intentOf(message: OrderIntent): Intent {
  const { $typeName: _type, $unknown: _unknown, account: _account, ...intent } = message;
  return intent;
}

/** Reconciliation is not done: the intent waits, in order; when too many wait, it is denied. */
export function queueIntent(turn: Turn, message: OrderIntent): void {
  const intent = intentOf(message);
  if (!isOurs(turn, message) || isRepeated(turn, intent)) return;
  if (turn.c.waiting.length >= MAX_WAITING) {
    denyIntent(turn, intent, 'RISK_NOT_READY', `${turn.c.waiting.length} intents wait already, limit ${MAX_WAITING}`);
    return;
  }
  turn.c.waiting = appended(turn.c.waiting, intent, MAX_WAITING);
}

export function takeIntent(turn: Turn, message: OrderIntent): void {
  const intent = intentOf(message);
  if (isOurs(turn, message) && !isRepeated(turn, intent)) decide(turn, intent);
}

/** Trading has begun: everything that waited is judged now, in the order in which it came. */
export function judgeWaiting(turn: Turn): void {
  const { waiting } = turn.c;
  turn.c.waiting = [];
  for (const intent of waiting) decide(turn, intent);
}

function isOurs(turn: Turn, message: OrderIntent): boolean {
  return message.account === turn.c.account;
}

/**
 * An intent whose strategy has committed it and whose message has not come yet. It is taken where it is the very next
 * one, so that a strategy's intents are judged in their order; otherwise its message is waited for. Of a strategy of
 * which nothing has been heard nobody can tell: a broker that begins anew may see a commit of long ago.
 */
export function takeAhead(turn: Turn, message: OrderIntent): void {
  const intent = intentOf(message);
  const numbers = turn.c.numbers[intent.strategy];
  if (numbers === undefined || intent.number !== numbers.taken + 1) return;
  if (!isOurs(turn, message) || isDealtWith(turn, intent)) return;
  noteNumbers(turn, intent, { ...numbers, taken: intent.number });
  decide(turn, intent);
}

function isDealtWith(turn: Turn, intent: Intent): boolean {
  return isKnownIntent(turn, intent) || turn.c.waiting.some((waiting) => waiting.intentId === intent.intentId);
}

/** Of an intent's message; the first of one that was taken ahead of it repeats nothing. */
function isRepeated(turn: Turn, intent: Intent): boolean {
  const isKnown = isDealtWith(turn, intent);
  const numbers = turn.c.numbers[intent.strategy];
  const isExpected = numbers !== undefined && intent.number > numbers.heard && intent.number <= numbers.taken;
  if (isKnown && !isExpected) count(turn, 'duplicateIntents');
  if (isExpected) noteNumbers(turn, intent, { ...numbers, heard: intent.number });
  // A strategy that has begun anew counts from 1 again.
  else if (!isKnown && intent.number > 0) noteNumbers(turn, intent, { taken: intent.number, heard: intent.number });
  return isKnown;
}

function noteNumbers(turn: Turn, { strategy }: Intent, numbers: IntentNumbers): void {
  turn.c.numbers = { ...turn.c.numbers, [strategy]: numbers };
}

const planners: Readonly<Partial<Record<IntentAction, (turn: Turn, intent: Intent) => Plan>>> = {
  [IntentAction.OPEN]: planOpen,
  [IntentAction.CLOSE]: planClose,
  [IntentAction.PROTECT]: planProtect,
  [IntentAction.CANCEL]: planCancel,
};

function decide(turn: Turn, raw: Intent): void {
  const intent = onGrid(turn, raw);
  const magic = magicOf(intent.strategy);
  if (turn.c.strategies[magic] !== intent.strategy) {
    turn.c.strategies = { ...turn.c.strategies, [magic]: intent.strategy };
  }
  const plan = (planners[intent.action] ?? planOpen)(turn, intent);
  const verdictOf = (order: Order): Verdict =>
    judge(riskOrder(order, intent), turn.c, turn.c.limits, turn.c.marketNowMs, turn.atMs);
  for (const order of plan.orders) {
    const verdict = verdictOf(order);
    if (!verdict.allow) {
      denyIntent(turn, intent, verdict.deny, verdict.reason);
      return;
    }
  }
  if (plan.orders.length === 0) {
    // "Halted" says more than "nothing to close".
    const verdict = verdictOf(standIn(turn, intent));
    if (!verdict.allow && isAboutTheAccount(verdict.deny)) denyIntent(turn, intent, verdict.deny, verdict.reason);
    else denyIntent(turn, intent, plan.deny, plan.reason);
    return;
  }
  // One that is still on its way must not arrive after this.
  if (plan.supersedes.length > 0) turn.c.seals += 1;
  for (const older of plan.supersedes) {
    const order = turn.c.orders[older];
    if (order !== undefined) {
      moveOrder(turn, order, 'cancel', { code: 'ORDER_SUPERSEDED', reason: `by intent ${intent.intentId}` });
    }
  }
  // With several orders none of them carries the intent's own id, so that id is remembered by itself.
  if (plan.orders.length > 1) finish(turn, intent.strategy, orderIdOf(turn.c.account, intent.intentId));
  for (const order of plan.orders) submit(turn, order);
}

/** An order for an exit that has nothing to exit from, so that the gate can be asked about the account. */
function standIn(turn: Turn, intent: Intent): Order {
  const [order] = planOpen(turn, { ...intent, side: Side.BUY, type: OrderType.MARKET, volumeLots: 1 }).orders;
  return order as Order;
}

/** Codes that hold for an exit even when there is nothing to exit from. */
function isAboutTheAccount(code: DenialCode): boolean {
  return ['RISK_BAD_INTENT', 'RISK_HALTED', 'RISK_SYMBOL_HALTED', 'RISK_SYMBOL_NOT_ALLOWED'].includes(code);
}

/** Records an order and sends it. The runtime commits the record before the command leaves. */
export function submit(turn: Turn, order: Order): void {
  const { order: submitted } = applyEvent(order, 'submit');
  count(turn, trades(order.action) ? 'intended' : 'requests');
  if (order.action === IntentAction.OPEN) noteRecent(turn, order);
  const retry = !trades(order.action);
  putOrder(turn, tellOrder(turn, { ...submitted, asking: retry ? order.id : '' }));
  command(turn, order.id, order.id, commandOf(order), order.createdUs);
}

function noteRecent(turn: Turn, order: Order): void {
  const { limits, marketNowMs } = turn.c;
  // What no limit asks for is not kept: this list is most of what is committed before every order.
  const rateMs = limits.maxOrdersPerMinute === undefined ? 0 : RATE_WINDOW_MS;
  const sinceMs = marketNowMs - Math.max(rateMs, limits.duplicateWindowMs ?? 0);
  const recent = turn.c.recent.filter((r) => r.timeMs > sinceMs);
  const { strategy, symbol, side, volumeLots } = order;
  turn.c.recent = appended(recent, { timeMs: marketNowMs, strategy, symbol, side, lots: volumeLots }, MAX_RECENT);
}

function denyIntent(turn: Turn, intent: Intent, code: DenialCode, reason: string): void {
  countDenial(turn, code);
  count(turn, trades(intent.action) ? 'intended' : 'requests');
  finish(turn, intent.strategy, orderIdOf(turn.c.account, intent.intentId));
  tellDenial(turn, intent, code, reason);
}

function riskOrder(order: Order, intent: Intent) {
  return {
    ...order,
    // A change of stops is measured like a position's, whatever the intent says about an order type.
    type: order.action === IntentAction.PROTECT ? OrderType.MARKET : order.type,
    referencePrice: intent.referencePrice,
    decidedAtMs: intent.decidedAtMs,
  };
}

/** Prices on the symbol's tick grid: strategies compute with more digits than a terminal takes. */
function onGrid(turn: Turn, intent: Intent): Intent {
  const spec = turn.c.specs[intent.symbol];
  if (spec === undefined) return intent;
  const on = (price: number): number => roundPrice(price, spec.tickSize, spec.digits);
  return {
    ...intent,
    price: on(intent.price),
    stopLimitPrice: on(intent.stopLimitPrice),
    stopLoss: on(intent.stopLoss),
    takeProfit: on(intent.takeProfit),
  };
}
