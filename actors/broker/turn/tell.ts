/** What the broker says: order, fill, position and account events on `trade.>`. */
import type { Deal } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { publish } from '../../../runtime/actor.ts';
import type { Intent, Position } from '../context.ts';
import { orderIdOf } from '../ids.ts';
import type { Order } from '../order/order.ts';
import { averagePrice } from '../order/order.ts';
import type { OrderStateName } from '../order/table.ts';
import { equityOf } from '../risk/money.ts';
import type { Turn } from './turn.ts';

export const wireStates: Readonly<Record<OrderStateName, OrderState>> = {
  created: OrderState.CREATED,
  denied: OrderState.DENIED,
  submitting: OrderState.SUBMITTING,
  unknown: OrderState.UNKNOWN,
  working: OrderState.WORKING,
  partial: OrderState.PARTIAL,
  filled: OrderState.FILLED,
  cancelled: OrderState.CANCELLED,
  rejected: OrderState.REJECTED,
  expired: OrderState.EXPIRED,
};

/** Tells the order as it is now under its next revision, and returns it with that revision. */
export function tellOrder(turn: Turn, order: Order): Order {
  if (order.foreign) return order;
  const told = { ...order, revision: order.revision + 1 };
  turn.effects.push(
    publish('order', {
      account: turn.c.account,
      orderId: told.id,
      intentId: told.intentId,
      strategy: told.strategy,
      symbol: told.symbol,
      side: told.side,
      type: told.type,
      state: wireStates[told.state],
      volumeLots: told.volumeLots,
      filledLots: told.filledLots,
      averagePrice: averagePrice(told),
      price: told.price,
      stopLoss: told.stopLoss,
      takeProfit: told.takeProfit,
      ticket: told.ticket,
      code: told.code,
      reason: told.reason,
      timeMs: turn.c.marketNowMs,
      action: told.action,
      revision: told.revision,
    }),
  );
  return told;
}

export function tellDenial(turn: Turn, intent: Intent, code: string, reason: string): void {
  turn.effects.push(
    publish('order', {
      account: turn.c.account,
      orderId: orderIdOf(turn.c.account, intent.intentId),
      intentId: intent.intentId,
      strategy: intent.strategy,
      symbol: intent.symbol,
      // A malformed intent may carry numbers that no enum has.
      side: intent.side === Side.BUY || intent.side === Side.SELL ? intent.side : Side.UNSPECIFIED,
      type: OrderType[intent.type] === undefined ? OrderType.UNSPECIFIED : intent.type,
      state: OrderState.DENIED,
      volumeLots: intent.volumeLots,
      price: intent.price,
      stopLoss: intent.stopLoss,
      takeProfit: intent.takeProfit,
      code,
      reason,
      timeMs: turn.c.marketNowMs,
      action: intent.action,
      revision: 1,
    }),
  );
}

/** The fields of a deal that a fill carries: an adjustment has them without being a deal of the terminal. */
export type Told = Omit<Deal, '$typeName' | '$unknown' | 'orderId'>;

export function tellFill(turn: Turn, deal: Told, orderId: string, strategy: string): void {
  turn.effects.push(
    publish('fill', {
      account: turn.c.account,
      orderId,
      strategy,
      symbol: deal.symbol,
      side: deal.side,
      volumeLots: deal.volumeLots,
      price: deal.price,
      profit: deal.profit,
      commission: deal.commission,
      swap: deal.swap,
      fee: deal.fee,
      dealTicket: deal.ticket,
      orderTicket: deal.orderTicket,
      positionId: deal.positionId,
      entry: deal.entry,
      timeMs: deal.timeMs,
      magic: deal.magic,
      reason: deal.reason,
    }),
  );
}

/** Tells the level of a position; a position that is gone is told with volume 0. */
export function tellPosition(turn: Turn, positionId: string, position: Position): void {
  turn.effects.push(
    publish('position', {
      account: turn.c.account,
      symbol: position.symbol,
      positionId,
      side: position.lots < 0 ? Side.SELL : Side.BUY,
      volumeLots: Math.abs(position.lots),
      openPrice: position.openPrice,
      stopLoss: position.stopLoss,
      takeProfit: position.takeProfit,
      strategy: position.strategy,
      timeMs: position.timeMs,
    }),
  );
}

/** An edge in the life of the account, for whoever watches the company: sys.lifecycle.broker.<account>. */
export function tellLifecycle(turn: Turn, event: string, cause: string): void {
  turn.effects.push(publish('lifecycle', { kind: 'broker', id: turn.c.account, event, cause, timeMs: turn.atMs }));
}

export interface Cash {
  readonly dealTicket: string;
  readonly amount: number;
  readonly kind: string;
}

/** Tells the level of the account; with `cash`, as the movement of money that brought it there. */
export function tellAccount(turn: Turn, cash?: Cash): void {
  const { c } = turn;
  const equity = equityOf(c);
  const halted = Object.entries(c.differences).filter(([, d]) => d.confirmed);
  turn.effects.push(
    publish('account', {
      account: c.account,
      currency: c.funds.currency,
      balance: c.funds.balance,
      equity,
      margin: c.funds.margin,
      freeMargin: equity - c.funds.margin,
      timeMs: c.marketNowMs,
      tradingMode: c.mode,
      code: halted.length > 0 ? 'RECONCILE_DIFFERENCE' : '',
      reason: halted.map(([symbol, d]) => `${symbol || 'account'}: ${d.text}`).join('; ') || c.modeReason,
      ...(cash === undefined ? {} : { cashFlow: cash }),
    }),
  );
}
