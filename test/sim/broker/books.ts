/**
 * What the broker's trade server knows and never loses: orders, deals, positions, balance. Whoever is killed, these
 * are the truth that the witness compares everything with.
 */
import { OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Quote } from './market.ts';

export interface BookOrder {
  readonly ticket: string;
  readonly orderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly volumeLots: number;
  filledLots: number;
  readonly price: number;
  readonly stopLimitPrice: number;
  stopLoss: number;
  takeProfit: number;
  readonly magic: string;
  positionId: string;
  state: OrderState;
  timeMs: number;
}

export interface BookDeal {
  readonly ticket: string;
  readonly orderTicket: string;
  readonly positionId: string;
  readonly orderId: string;
  readonly magic: string;
  readonly symbol: string;
  readonly side: Side;
  readonly entry: string;
  readonly volumeLots: number;
  readonly price: number;
  readonly profit: number;
  readonly commission: number;
  readonly timeMs: number;
  readonly reason: string;
}

export interface BookPosition {
  readonly positionId: string;
  readonly symbol: string;
  /** Signed. */
  lots: number;
  openPrice: number;
  stopLoss: number;
  takeProfit: number;
  magic: string;
  orderId: string;
  timeMs: number;
}

export type BookEvent =
  | { readonly case: 'order'; readonly value: BookOrder }
  | { readonly case: 'deal'; readonly value: BookDeal }
  | { readonly case: 'position'; readonly value: BookPosition };

const lotsOf = (value: number): number => Math.round(value * 1e8) / 1e8;
const cents = (value: number): number => Math.round(value * 100) / 100;
const signOf = (side: Side): number => (side === Side.SELL ? -1 : 1);
export const CONTRACT = 100_000;
const COMMISSION_PER_LOT = 3.5;

export const isLive = (order: BookOrder): boolean =>
  order.state === OrderState.WORKING || order.state === OrderState.PARTIAL;

export interface NewOrder {
  readonly orderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly volumeLots: number;
  readonly price: number;
  readonly stopLimitPrice: number;
  readonly stopLoss: number;
  readonly takeProfit: number;
  readonly magic: string;
  readonly positionId: string;
}

export class Books {
  readonly hedging: boolean;
  readonly orders: BookOrder[] = [];
  readonly deals: BookDeal[] = [];
  readonly positions = new Map<string, BookPosition>();
  /** How often each client order id was carried out. */
  readonly placed = new Map<string, number>();
  balance = 0;
  /** Signed lots by symbol, and money, that came or went without a deal: nobody can find out but by comparing. */
  readonly hidden = new Map<string, number>();
  hiddenMoney = 0;
  private ticket = 1000;
  private events: BookEvent[] = [];

  constructor(hedging: boolean, deposit: number) {
    this.hedging = hedging;
    this.balance = deposit;
    this.deals.push({
      ...{ ticket: String(this.ticket++), orderTicket: '0', positionId: '0', orderId: '', magic: '0', symbol: '' },
      ...{ side: Side.UNSPECIFIED, entry: 'balance', volumeLots: 0, price: 0, profit: deposit, commission: 0 },
      ...{ timeMs: 0, reason: 'client' },
    });
  }

  takeEvents(): BookEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  find(orderId: string): BookOrder | undefined {
    return this.orders.find((order) => order.orderId === orderId);
  }

  place(order: NewOrder, timeMs: number): BookOrder {
    this.placed.set(order.orderId, (this.placed.get(order.orderId) ?? 0) + 1);
    const booked = { ...order, ticket: String(this.ticket++), filledLots: 0, state: OrderState.WORKING, timeMs };
    this.orders.push(booked);
    this.tell({ case: 'order', value: { ...booked } });
    return booked;
  }

  end(order: BookOrder, state: OrderState): void {
    order.state = state;
    this.tell({ case: 'order', value: { ...order } });
  }

  /** One deal of a live order. */
  fill(order: BookOrder, lots: number, price: number, timeMs: number, reason = 'expert'): BookDeal {
    const position = this.positionFor(order, timeMs);
    const signed = signOf(order.side) * lots;
    const was = position.lots;
    const now = lotsOf(was + signed);
    const opens = was === 0 || Math.sign(was) === Math.sign(signed);
    const closed = opens ? 0 : Math.min(lots, Math.abs(was));
    const deal: BookDeal = {
      ...{ ticket: String(this.ticket++), orderTicket: order.ticket, positionId: position.positionId },
      ...{ orderId: order.orderId, magic: order.magic, symbol: order.symbol, side: order.side },
      ...{ entry: opens ? 'in' : now !== 0 && Math.sign(now) !== Math.sign(was) ? 'inout' : 'out', volumeLots: lots },
      ...{ price, profit: cents(closed * CONTRACT * (price - position.openPrice) * Math.sign(was)) },
      ...{ commission: -cents(COMMISSION_PER_LOT * lots), timeMs, reason },
    };
    if (opens) position.openPrice = (Math.abs(was) * position.openPrice + lots * price) / (Math.abs(was) + lots);
    else if (deal.entry === 'inout') position.openPrice = price;
    if (opens && order.stopLoss > 0) position.stopLoss = order.stopLoss;
    if (opens && order.takeProfit > 0) position.takeProfit = order.takeProfit;
    position.lots = now;
    position.magic = order.magic;
    order.filledLots = lotsOf(order.filledLots + lots);
    order.positionId = position.positionId;
    order.state = order.filledLots >= order.volumeLots ? OrderState.FILLED : OrderState.PARTIAL;
    this.balance = cents(this.balance + deal.profit + deal.commission);
    this.deals.push(deal);
    this.tell({ case: 'deal', value: deal });
    this.tell({ case: 'order', value: { ...order } });
    this.tell({ case: 'position', value: { ...position } });
    if (now === 0) this.positions.delete(position.positionId);
    return deal;
  }

  /** A person trades at another terminal of the account. Hedging: `positionId` names what is made smaller, '0' opens. */
  byHand(symbol: string, lots: number, positionId: string, price: number, timeMs: number): void {
    const order: BookOrder = {
      ...{ ticket: String(this.ticket++), orderId: '', symbol, side: lots < 0 ? Side.SELL : Side.BUY },
      ...{ type: OrderType.MARKET, volumeLots: Math.abs(lots), filledLots: 0, price: 0, stopLimitPrice: 0 },
      ...{ stopLoss: 0, takeProfit: 0, magic: '0', positionId, state: OrderState.WORKING, timeMs },
    };
    this.orders.push(order);
    this.fill(order, order.volumeLots, price, timeMs, 'mobile');
  }

  /** The trade server changes a position, and shows no deal for it. */
  unseen(symbol: string, lots: number, positionId: string, price: number, timeMs: number): void {
    const open = this.hedging
      ? this.positions.get(positionId)
      : [...this.positions.values()].find((position) => position.symbol === symbol);
    this.hidden.set(symbol, lotsOf((this.hidden.get(symbol) ?? 0) + lots));
    if (open === undefined) {
      const id = String(this.ticket++);
      const nothing = { stopLoss: 0, takeProfit: 0, magic: '0', orderId: '' };
      this.positions.set(id, { ...nothing, positionId: id, symbol, lots, openPrice: price, timeMs });
      return;
    }
    open.lots = lotsOf(open.lots + lots);
    if (open.lots === 0) this.positions.delete(open.positionId);
  }

  /** Money that comes or goes without a deal. */
  unseenMoney(amount: number): void {
    this.hiddenMoney = cents(this.hiddenMoney + amount);
    this.balance = cents(this.balance + amount);
  }

  protect(position: BookPosition, stopLoss: number, takeProfit: number): void {
    position.stopLoss = stopLoss;
    position.takeProfit = takeProfit;
    this.tell({ case: 'position', value: { ...position } });
  }

  /** Pending orders and stops that a new price triggers. */
  onQuote(symbol: string, quote: Quote, timeMs: number): void {
    for (const order of this.orders) {
      if (!isLive(order) || order.symbol !== symbol || order.type === OrderType.MARKET) continue;
      const buy = order.side === Side.BUY;
      const price = buy ? quote.ask : quote.bid;
      const beyond = buy ? price >= order.price : price <= order.price;
      const hit = order.type === OrderType.LIMIT ? !beyond || price === order.price : beyond;
      if (hit) this.fill(order, lotsOf(order.volumeLots - order.filledLots), price, timeMs);
    }
    for (const position of [...this.positions.values()]) {
      if (position.symbol !== symbol) continue;
      const long = position.lots > 0;
      const price = long ? quote.bid : quote.ask;
      const { stopLoss, takeProfit } = position;
      const stopped = stopLoss > 0 && (long ? price <= stopLoss : price >= stopLoss);
      const taken = takeProfit > 0 && (long ? price >= takeProfit : price <= takeProfit);
      if (stopped || taken) this.close(position, price, timeMs, stopped ? 'stop_loss' : 'take_profit');
    }
  }

  private close(position: BookPosition, price: number, timeMs: number, reason: string): void {
    const volumeLots = Math.abs(position.lots);
    const order: BookOrder = {
      ...{ ticket: String(this.ticket++), orderId: reason === 'stop_loss' ? '[sl]' : '[tp]', symbol: position.symbol },
      ...{ side: position.lots > 0 ? Side.SELL : Side.BUY, type: OrderType.MARKET, volumeLots, filledLots: 0 },
      ...{ price: 0, stopLimitPrice: 0, stopLoss: 0, takeProfit: 0, magic: position.magic },
      ...{ positionId: position.positionId, state: OrderState.WORKING, timeMs },
    };
    this.orders.push(order);
    this.fill(order, volumeLots, price, timeMs, reason);
  }

  private positionFor(order: BookOrder, timeMs: number): BookPosition {
    const open = this.hedging
      ? this.positions.get(order.positionId)
      : [...this.positions.values()].find(({ symbol }) => symbol === order.symbol);
    if (open !== undefined) return open;
    const position: BookPosition = {
      ...{ positionId: order.ticket, symbol: order.symbol, lots: 0, openPrice: 0, stopLoss: 0, takeProfit: 0 },
      ...{ magic: order.magic, orderId: order.orderId, timeMs },
    };
    this.positions.set(position.positionId, position);
    return position;
  }

  private tell(event: BookEvent): void {
    this.events.push(event);
  }
}
