/** Orders of the context: storing, moving, asking what became of one, forgetting. */
import { IntentAction } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { remember } from '../bounded.ts';
import type { CommandBody } from '../commands.ts';
import { MAX_REJECTED_UNSEEN } from '../context.ts';
import { compactId, orderIdOf } from '../ids.ts';
import type { Moved, Order, Report } from '../order/order.ts';
import { applyEvent, isSettled } from '../order/order.ts';
import type { OrderEventName } from '../order/table.ts';
import { isFinal } from '../order/table.ts';
import { trades } from '../risk/money.ts';
import { noteCorrection } from './corrections.ts';
import { tellOrder } from './tell.ts';
import type { Turn } from './turn.ts';
import { appended, command, count, without } from './turn.ts';

const FIRST_ASK_MS = 200;
const LONGEST_ASK_MS = 30_000;

/** Whether this intent has been dealt with, whatever became of it. */
export function isKnownIntent(turn: Turn, intent: { intentId: string; strategy: string }): boolean {
  const id = orderIdOf(turn.c.account, intent.intentId);
  return turn.c.orders[id] !== undefined || (turn.c.finished[intent.strategy]?.includes(compactId(id)) ?? false);
}

const none = new Float64Array(0);

export function finish(turn: Turn, strategy: string, orderId: string): void {
  const own = remember(turn.c.finished[strategy] ?? none, compactId(orderId));
  turn.c.finished = { ...turn.c.finished, [strategy]: own };
}

/** Whether an order with this id has come to its end, whosoever it was. */
export function isFinished(turn: Turn, orderId: string): boolean {
  const id = compactId(orderId);
  return Object.values(turn.c.finished).some((own) => own.includes(id));
}

/** The order with this client id, or else with this ticket. */
export function findOrder(turn: Turn, orderId: string, ticket: string): Order | undefined {
  const own = turn.c.orders[orderId];
  if (own !== undefined || ticket === '0' || ticket === '') return own;
  return Object.values(turn.c.orders).find((order) => order.ticket === ticket && trades(order.action));
}

export function putOrder(turn: Turn, order: Order): void {
  // Deals of somebody else's order may lie before our time: its end is enough.
  if (!isSettled(order) && !(order.foreign && isFinal(order.state))) {
    turn.c.orders = { ...turn.c.orders, [order.id]: order };
    return;
  }
  turn.c.orders = without(turn.c.orders, order.id);
  if (!order.foreign) finish(turn, order.strategy, order.id);
}

const finalCounters = { filled: 'filled', cancelled: 'cancelled', rejected: 'rejected', expired: 'expired' } as const;

/** Stores what a report has made of an order, and tells it when anything changed. */
export function settle(turn: Turn, before: Order, moved: Moved): void {
  if (moved.ignored) count(turn, 'ignoredMoves');
  if (!moved.changed) return;
  const { order } = moved;
  if (order.state !== before.state && isFinal(order.state) && !order.foreign && trades(order.action)) {
    const name = order.state as keyof typeof finalCounters;
    count(turn, finalCounters[name]);
  }
  if (order.state !== before.state && isFinal(order.state)) noteCorrection(turn, order);
  putOrder(turn, tellOrder(turn, order));
}

export function moveOrder(turn: Turn, order: Order, event: OrderEventName, report: Report = {}): void {
  settle(turn, order, applyEvent(order, event, report));
}

/**
 * Rejects an order that is known not to have reached the terminal. Should it execute all the same, somebody has told us
 * an untruth; the id is kept so that this can be seen.
 */
export function rejectUnseen(turn: Turn, order: Order, code: string, reason: string): void {
  if (trades(order.action)) turn.c.rejectedUnseen = appended(turn.c.rejectedUnseen, order.id, MAX_REJECTED_UNSEEN);
  moveOrder(turn, order, 'reject', { code, reason });
}

/** The command that carries an order out. */
export function commandOf(order: Order): CommandBody {
  if (order.action === IntentAction.CANCEL) {
    return { case: 'cancel', value: { orderId: order.target, ticket: order.ticket } };
  }
  if (order.action === IntentAction.PROTECT) {
    const { symbol, positionId, stopLoss, takeProfit } = order;
    return { case: 'protect', value: { symbol, positionId, stopLoss, takeProfit } };
  }
  return {
    case: 'place',
    value: {
      orderId: order.id,
      symbol: order.symbol,
      side: order.side,
      type: order.type,
      volumeLots: order.volumeLots,
      price: order.price,
      stopLimitPrice: order.stopLimitPrice,
      stopLoss: order.stopLoss,
      takeProfit: order.takeProfit,
      timeInForce: order.timeInForce,
      expirationMs: order.expirationMs,
      magic: String(order.magic),
      positionId: order.positionId,
    },
  };
}

/**
 * Asks what became of an order. Entries and exits are asked for by FindOrder and never sent again. A change of stops
 * and a cancellation are sent again under their old command id: doing them twice is the same as doing them once.
 */
export function ask(turn: Turn, orderId: string): void {
  const order = turn.c.orders[orderId];
  if (order === undefined || order.foreign || order.asking !== '') return;
  const retry = !trades(order.action);
  const commandId = retry ? order.id : `${order.id}.f${order.asks + 1}`;
  turn.c.orders = { ...turn.c.orders, [order.id]: { ...order, asking: commandId, asks: order.asks + 1 } };
  const find: CommandBody = { case: 'find', value: { orderId: order.id, magic: String(order.magic) } };
  command(turn, commandId, order.id, retry ? commandOf(order) : find);
}

/** Asks again later: twice as long each time, half a minute at most. */
export function askLater(turn: Turn, order: Order): void {
  const delayMs = Math.min(LONGEST_ASK_MS, FIRST_ASK_MS * 2 ** Math.min(order.asks, 8));
  turn.timers.push({ id: `ask.${order.id}`, delayMs, event: { type: 'order.ask', orderId: order.id } });
}

/** The question about an order has come back, with an answer or without one. */
export function asked(turn: Turn, orderId: string, commandId: string, answered: boolean): void {
  const order = turn.c.orders[orderId];
  if (order === undefined || order.asking !== commandId) return;
  turn.c.orders = {
    ...turn.c.orders,
    [orderId]: { ...order, asking: '', answered: order.answered || answered },
  };
}
