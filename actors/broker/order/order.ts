/**
 * One order of the broker, and what reports about it do to it. Everything here is monotone: volumes are maxima or sums
 * over distinct deals, states only move forward. That is why the order of the reports does not matter.
 */
import type { IntentAction, OrderType, Side, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { LOTS_EPSILON, roundLots } from '../numbers.ts';
import type { OrderEventName, OrderStateName } from './table.ts';
import { isFinal, isLive, moveOf } from './table.ts';

export interface Order {
  readonly id: string;
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
  readonly magic: number;
  /** Position to close (hedging) or to protect; '0' for none. */
  readonly positionId: string;
  /** Order to cancel, for an order of action CANCEL. */
  readonly target: string;
  readonly state: OrderStateName;
  /** Larger of what deals and what reports say, lots. */
  readonly filledLots: number;
  /** Sum over the distinct deals seen: lots, and lots times price. */
  readonly dealLots: number;
  readonly dealValue: number;
  readonly ticket: string;
  readonly code: string;
  readonly reason: string;
  readonly revision: number;
  /** Wall clock of the decision, µs; for latency only. */
  readonly createdUs: number;
  /** The question under way about this order ('' for none), questions asked, and whether one was ever answered. */
  readonly asking: string;
  readonly asks: number;
  readonly answered: boolean;
  /** Known from the terminal only: another program's or a person's order. */
  readonly foreign: boolean;
  /** A foreign one that carries an id of ours: somebody's record is wrong, and that is a difference. */
  readonly stray: boolean;
}

/** What a report says about an order, besides its state. */
export interface Report {
  readonly ticket?: string;
  readonly filledLots?: number;
  readonly code?: string;
  readonly reason?: string;
}

export interface Moved {
  readonly order: Order;
  /** Something a reader of the audit trail wants to know has changed. */
  readonly changed: boolean;
  /** The event was no legal move and moved nothing. */
  readonly ignored: boolean;
}

/** Applies one event of the order table. */
export function applyEvent(order: Order, event: OrderEventName, report: Report = {}): Moved {
  const next = moveOf(order.state, event);
  const filledLots = Math.max(order.filledLots, report.filledLots ?? 0);
  const ticket = order.ticket === '0' ? (report.ticket ?? '0') : order.ticket;
  const moved = next !== undefined;
  const changed = moved || filledLots !== order.filledLots || ticket !== order.ticket;
  if (!changed) return { order, changed, ignored: true };
  return {
    order: {
      ...order,
      filledLots,
      ticket,
      state: next ?? order.state,
      code: moved ? (report.code ?? '') : order.code,
      reason: moved ? (report.reason ?? '') : order.reason,
    },
    changed,
    ignored: !moved,
  };
}

/** Applies one deal that has not been applied before. */
export function applyDeal(order: Order, deal: { volumeLots: number; price: number; orderTicket: string }): Moved {
  const dealLots = roundLots(order.dealLots + deal.volumeLots);
  const filledLots = Math.max(order.filledLots, dealLots);
  const summed = { ...order, dealLots, dealValue: order.dealValue + deal.volumeLots * deal.price };
  const whole = filledLots >= order.volumeLots - LOTS_EPSILON;
  const moved = applyEvent(summed, whole ? 'fillAll' : 'fillPart', { ticket: deal.orderTicket, filledLots });
  return { ...moved, changed: true };
}

/** Mean price of the deals seen; 0 before the first. */
export function averagePrice(order: Order): number {
  return order.dealLots > 0 ? order.dealValue / order.dealLots : 0;
}

/** What may still execute, lots. */
export function remainingLots(order: {
  readonly state: OrderStateName;
  readonly volumeLots: number;
  readonly filledLots: number;
}): number {
  return isLive(order.state) ? Math.max(0, roundLots(order.volumeLots - order.filledLots)) : 0;
}

/** Final, and every deal it speaks of has been seen: nothing that matters can still come. */
export function isSettled(order: Order): boolean {
  return isFinal(order.state) && order.dealLots >= order.filledLots - LOTS_EPSILON;
}
