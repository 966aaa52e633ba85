/** Reports of the terminal about orders, positions and the account, from whichever message they come. */
import type {
  AccountState,
  OrderRecord,
  Position as PositionRecord,
} from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { IntentAction, OrderState, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { isOrderId } from '../ids.ts';
import { LOTS_EPSILON, signOf } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import type { OrderEventName } from '../order/table.ts';
import { findOrder, isFinished, moveOrder } from './orders.ts';
import { tellPosition } from './tell.ts';
import type { Turn } from './turn.ts';
import { without } from './turn.ts';

const eventOf: Readonly<Partial<Record<OrderState, OrderEventName>>> = {
  [OrderState.WORKING]: 'accept',
  [OrderState.PARTIAL]: 'fillPart',
  [OrderState.FILLED]: 'fillAll',
  [OrderState.CANCELLED]: 'cancel',
  [OrderState.REJECTED]: 'reject',
  [OrderState.EXPIRED]: 'expire',
};

/**
 * What the terminal says about one order. Old news moves nothing. `current` says that it is no news but the terminal's
 * present state: then an order that has ended for us and is live there is no late report.
 */
export function applyRecord(turn: Turn, record: OrderRecord, message = '', current = false): void {
  const event = eventOf[record.state];
  if (event === undefined) return;
  const order = findOrder(turn, record.orderId, record.ticket);
  if (order === undefined) {
    takeOver(turn, record, event, current);
    return;
  }
  const rejected = event === 'reject';
  moveOrder(turn, order, event, {
    ticket: record.ticket,
    filledLots: record.filledLots,
    code: rejected ? 'ORDER_REJECTED' : '',
    reason: rejected ? `return code ${record.retcode}${message === '' ? '' : `: ${message}`}` : message,
  });
  const after = turn.c.orders[order.id];
  // A person may move a pending order or its stops at the terminal.
  if (after !== undefined && record.price > 0 && after.price !== record.price) {
    turn.c.orders = { ...turn.c.orders, [order.id]: { ...after, price: record.price } };
  }
}

/** A live order that is not ours counts in the limits, and is not told: the trail is of our own orders. */
function takeOver(turn: Turn, record: OrderRecord, event: OrderEventName, current: boolean): void {
  const id = `#${record.ticket}`;
  const live = event === 'accept' || event === 'fillPart';
  if (!live) {
    turn.c.orders = without(turn.c.orders, id);
    return;
  }
  // Late news about an order of ours that has ended.
  const named = isOrderId(record.orderId);
  if (named && !current && isFinished(turn, record.orderId)) return;
  const order: Order = {
    id,
    intentId: '',
    strategy: turn.c.strategies[record.magic] ?? '',
    symbol: record.symbol,
    action: IntentAction.OPEN,
    side: record.side,
    type: record.type,
    volumeLots: record.volumeLots,
    price: record.price,
    stopLimitPrice: record.stopLimitPrice,
    stopLoss: record.stopLoss,
    takeProfit: record.takeProfit,
    timeInForce: TimeInForce.UNSPECIFIED,
    expirationMs: 0,
    magic: Number(record.magic),
    positionId: record.positionId,
    target: '',
    state: event === 'accept' ? 'working' : 'partial',
    filledLots: record.filledLots,
    dealLots: 0,
    dealValue: 0,
    ticket: record.ticket,
    code: '',
    reason: '',
    revision: 0,
    createdUs: 0,
    asking: '',
    asks: 0,
    answered: true,
    foreign: true,
    stray: named && turn.c.reconciled,
  };
  turn.c.orders = { ...turn.c.orders, [id]: order };
  if (order.stray && !current) turn.raised.push({ type: 'reconcile.due' });
}

/**
 * Stops and exact open price of a position. Its volume comes from the deals alone: a level that is older than the deals
 * we have would take it back.
 */
export function applyPosition(turn: Turn, record: PositionRecord): void {
  const position = turn.c.book[record.positionId];
  const lots = signOf(record.side) * record.volumeLots;
  if (position === undefined || Math.abs(position.lots - lots) > LOTS_EPSILON) return;
  const same =
    position.stopLoss === record.stopLoss &&
    position.takeProfit === record.takeProfit &&
    position.openPrice === record.openPrice;
  if (same) return;
  const next = {
    ...position,
    stopLoss: record.stopLoss,
    takeProfit: record.takeProfit,
    openPrice: record.openPrice,
    timeMs: Math.max(position.timeMs, record.timeMs),
  };
  turn.c.book = { ...turn.c.book, [record.positionId]: next };
  tellPosition(turn, record.positionId, next);
}

/** The account's level. The balance stays the sum of the deals; reconciliation compares the two. */
export function applyAccount(turn: Turn, state: AccountState): void {
  const { funds } = turn.c;
  turn.c.funds = {
    ...funds,
    currency: state.currency || funds.currency,
    equity: state.equity,
    margin: state.margin,
    leverage: state.leverage > 0 ? state.leverage : funds.leverage,
    hedging: state.marginMode === '' ? funds.hedging : state.marginMode === 'hedging',
  };
  turn.c.tradeAllowed = state.tradeAllowed;
}
