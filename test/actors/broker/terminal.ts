/** A scripted terminal with its bridge's journal: what it is told to do, it does, and it remembers everything. */
import { create } from '@bufbuild/protobuf';
import type { CommandParams } from '../../../actors/broker/commands.ts';
import type {
  CommandReply,
  ExecutionEvent,
  OrderRecord,
  TerminalSnapshot,
} from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import {
  CommandReplySchema,
  CommandSchema,
  ExecutionEventSchema,
  Outcome,
  TerminalSnapshotSchema,
} from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { OrderState, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';

export type Behaviour = 'fill' | 'partial' | 'work' | 'reject';

interface PlacedOrder {
  ticket: string;
  orderId: string;
  symbol: string;
  side: Side;
  volumeLots: number;
  filledLots: number;
  state: OrderState;
  magic: string;
  positionId: string;
}

interface BookedDeal {
  ticket: string;
  orderTicket: string;
  positionId: string;
  orderId: string;
  magic: string;
  symbol: string;
  side: Side;
  entry: string;
  volumeLots: number;
  price: number;
  profit: number;
  timeMs: number;
  reason: string;
}

export const PRICE = 1.1;
export const START_MS = Date.UTC(2026, 0, 5, 10);
const round = (lots: number): number => Math.round(lots * 1e8) / 1e8;

export class ScriptedTerminal {
  readonly account: string;
  readonly hedging: boolean;
  session = 's1';
  timeMs = START_MS;
  balance = 0;
  /** Times each client order id was carried out. More than one is the accident that must not happen. */
  readonly placed = new Map<string, number>();
  readonly orders: PlacedOrder[] = [];
  readonly deals: BookedDeal[] = [];
  readonly positions = new Map<
    string,
    { symbol: string; lots: number; orderId: string; magic: string; sl: number; tp: number }
  >();
  readonly events: ExecutionEvent[] = [];
  behaviour: (orderId: string) => Behaviour = () => 'fill';
  /** Highest fence heard; a command with a lower one is refused, as by the bridge. */
  highestFence = 0;
  /** Without it nothing is ever found: a bridge whose journal is gone, a terminal whose history is. */
  forgetful = false;
  /** Smallest volume of every symbol, lots. */
  volumeMin = 0.01;
  /** Money of the trade server that is in the account and is no balance. */
  credit = 0;
  private sequence = 0;
  private nextTicket = 1;

  constructor(account: string, hedging = false, deposit = 100_000) {
    this.account = account;
    this.hedging = hedging;
    this.book(
      { symbol: '', side: Side.UNSPECIFIED, entry: 'balance', volumeLots: 0, price: 0, profit: deposit },
      undefined,
    );
  }

  /** What the bridge answers. A place command is executed at most once, whatever the number of times it is told. */
  handle(params: CommandParams, fence = this.highestFence): CommandReply {
    const { body, commandId } = params;
    create(CommandSchema, { commandId, fence, body });
    if (fence < this.highestFence) return this.reply(commandId, Outcome.REFUSED, { code: 'FENCED' });
    this.highestFence = fence;
    if (body.case === 'snapshot') return this.reply(commandId, Outcome.DONE, { snapshot: this.snapshot() });
    if (body.case === 'place') return this.place(params);
    if (body.case === 'find') return this.find(commandId, body.value.orderId ?? '');
    if (body.case === 'cancel') {
      return this.cancel(commandId, body.value.orderId ?? '', String(body.value.ticket ?? '0'));
    }
    if (body.case === 'protect') {
      const position = this.positions.get(body.value.positionId ?? '');
      if (position === undefined) return this.reply(commandId, Outcome.REJECTED, { retcode: 10036 });
      position.sl = body.value.stopLoss ?? 0;
      position.tp = body.value.takeProfit ?? 0;
      this.emitPosition(body.value.positionId ?? '');
      return this.reply(commandId, Outcome.DONE, { retcode: 10009 });
    }
    throw new RangeError(`no answer scripted for ${body.case}`);
  }

  /** Executes what is left of a working or partial order. */
  complete(orderId: string): void {
    const order = this.orders.find((o) => o.orderId === orderId);
    if (order === undefined || (order.state !== OrderState.WORKING && order.state !== OrderState.PARTIAL)) return;
    this.execute(order, round(order.volumeLots - order.filledLots));
  }

  /** Executes a part of a working order. */
  fillPart(orderId: string, lots: number): void {
    const order = this.orders.find((o) => o.orderId === orderId);
    if (order === undefined) throw new RangeError(`no order ${orderId}`);
    this.execute(order, lots);
  }

  /** Somebody else, or the terminal itself, trades. */
  trade(symbol: string, side: Side, lots: number, extra: Partial<BookedDeal> = {}): void {
    const order = this.newOrder('', symbol, side, lots, extra.magic ?? '0', extra.positionId ?? '0');
    this.execute(order, lots, extra);
  }

  /** Somebody has two opposite positions close each other: one order, two deals, and what is left of the larger stays. */
  closeBy(one: string, other: string, profit: number): void {
    const { symbol, lots } = this.positions.get(one)!;
    const volumeLots = Math.min(Math.abs(lots), Math.abs(this.positions.get(other)!.lots));
    const [side, opposite] = lots > 0 ? [Side.SELL, Side.BUY] : [Side.BUY, Side.SELL];
    const order = this.newOrder(`#${one} by #${other}`, symbol, side, volumeLots, '0', one);
    this.emit({ case: 'order', value: this.record(order) });
    const leg = { symbol, entry: 'out_by', volumeLots, price: PRICE };
    this.book({ ...leg, side, profit }, order);
    this.book({ ...leg, side: opposite, profit: 0 }, { ...order, side: opposite, positionId: other });
    order.filledLots = volumeLots;
    order.state = OrderState.FILLED;
    this.emit({ case: 'order', value: this.record(order) });
  }

  /** Money comes or goes without a trade. */
  pay(entry: string, profit: number): void {
    this.book({ symbol: '', side: Side.UNSPECIFIED, entry, volumeLots: 0, price: 0, profit }, undefined);
  }

  /** The trade server ends an order: it expires, or somebody cancels it at the terminal. */
  end(orderId: string, state: OrderState): void {
    const order = this.orders.find((o) => o.orderId === orderId);
    if (order === undefined) throw new RangeError(`no order ${orderId}`);
    order.state = state;
    this.emit({ case: 'order', value: this.record(order) });
  }

  /** An order appears that nobody of us has sent. */
  stand(orderId: string, symbol: string, side: Side, lots: number, magic = '0'): string {
    const order = this.newOrder(orderId, symbol, side, lots, magic, '0');
    return order.ticket;
  }

  emit(body: ExecutionEvent['body'] | { case: string; value: unknown }): void {
    this.sequence += 1;
    const init = { account: this.account, session: this.session, sequence: this.sequence, timeMs: this.timeMs, body };
    this.events.push(create(ExecutionEventSchema, init as never));
  }

  /** Of what happens in `events` nothing is told; the whole state is, without being asked. */
  dropAndTell(happens: () => void, snapshot: Partial<TerminalSnapshot> = {}): void {
    const told = this.events.length;
    happens();
    this.events.length = told;
    const { account, session, timeMs } = this;
    const value = { ...this.snapshot(), ...snapshot };
    const sequence = this.sequence;
    const init = { account, session, sequence, timeMs, body: { case: 'snapshot', value } };
    this.events.push(create(ExecutionEventSchema, init as never));
  }

  restart(session: string): void {
    this.session = session;
    this.sequence = 0;
  }

  get netLots(): number {
    return round([...this.positions.values()].reduce((sum, p) => sum + p.lots, 0));
  }

  private place({ commandId, body }: CommandParams): CommandReply {
    if (body.case !== 'place') throw new RangeError('not a place command');
    const { orderId = '', symbol = '', side = Side.BUY, volumeLots = 0, magic = '0', positionId = '0' } = body.value;
    const known = this.orders.find((o) => o.orderId === orderId);
    if (known !== undefined) return this.find(commandId, orderId);
    if (this.hedging && positionId !== '0') {
      const room = Math.abs(this.positions.get(String(positionId))?.lots ?? 0);
      if (room === 0) return this.reply(commandId, Outcome.DONE, { retcode: 10036, code: 'POSITION_CLOSED' });
      if (volumeLots > room) return this.reply(commandId, Outcome.REJECTED, { retcode: 10038, code: 'CLOSE_VOLUME' });
    }
    this.placed.set(orderId, (this.placed.get(orderId) ?? 0) + 1);
    const order = this.newOrder(orderId, symbol, side, volumeLots, String(magic), String(positionId));
    const behaviour = this.behaviour(orderId);
    if (behaviour === 'reject') {
      order.state = OrderState.REJECTED;
      return this.reply(commandId, Outcome.REJECTED, { retcode: 10006, code: 'ORDER_REJECTED', message: 'no' });
    }
    order.state = OrderState.WORKING;
    this.emit({ case: 'order', value: this.record(order) });
    if (behaviour === 'fill') this.execute(order, volumeLots);
    if (behaviour === 'partial') this.execute(order, round(volumeLots / 2));
    const done = behaviour === 'work' ? Outcome.ACCEPTED : Outcome.DONE;
    return this.reply(commandId, done, {
      retcode: 10009,
      order: this.record(order),
      deals: this.deals.filter((d) => d.orderTicket === order.ticket) as never,
    });
  }

  private find(commandId: string, orderId: string): CommandReply {
    const order = this.forgetful ? undefined : this.orders.find((o) => o.orderId === orderId);
    if (order === undefined) return this.reply(commandId, Outcome.NOT_FOUND, {});
    const outcome = order.state === OrderState.REJECTED ? Outcome.REJECTED : Outcome.DONE;
    return this.reply(commandId, outcome, {
      order: this.record(order),
      deals: this.deals.filter((d) => d.orderTicket === order.ticket) as never,
    });
  }

  private cancel(commandId: string, orderId: string, ticket: string): CommandReply {
    const order = this.orders.find((o) => (orderId === '' ? o.ticket === ticket : o.orderId === orderId));
    if (order?.state === OrderState.CANCELLED) {
      return this.reply(commandId, Outcome.DONE, {
        retcode: 10025,
        order: this.record(order),
        message: 'already gone',
      });
    }
    if (order === undefined || (order.state !== OrderState.WORKING && order.state !== OrderState.PARTIAL)) {
      return this.reply(commandId, Outcome.REJECTED, { retcode: 10013, code: 'ORDER_REJECTED' });
    }
    order.state = OrderState.CANCELLED;
    this.emit({ case: 'order', value: this.record(order) });
    return this.reply(commandId, Outcome.DONE, { retcode: 10009, order: this.record(order) });
  }

  private newOrder(orderId: string, symbol: string, side: Side, volumeLots: number, magic: string, positionId: string) {
    const order: PlacedOrder = {
      ticket: String(this.nextTicket++),
      orderId,
      symbol,
      side,
      volumeLots,
      filledLots: 0,
      state: OrderState.WORKING,
      magic,
      positionId,
    };
    this.orders.push(order);
    return order;
  }

  private execute(order: PlacedOrder, lots: number, extra: Partial<BookedDeal> = {}): void {
    order.filledLots = round(order.filledLots + lots);
    order.state = order.filledLots >= order.volumeLots ? OrderState.FILLED : OrderState.PARTIAL;
    this.book(
      { symbol: order.symbol, side: order.side, entry: 'in', volumeLots: lots, price: PRICE, profit: 0, ...extra },
      order,
    );
    this.emit({ case: 'order', value: this.record(order) });
  }

  private book(
    deal: Pick<BookedDeal, 'symbol' | 'side' | 'entry' | 'volumeLots' | 'price' | 'profit'> & Partial<BookedDeal>,
    order: PlacedOrder | undefined,
  ): void {
    let positionId = order?.positionId ?? '0';
    if (order !== undefined && positionId === '0') {
      const open = this.hedging ? undefined : [...this.positions].find(([, p]) => p.symbol === order.symbol)?.[0];
      positionId = open ?? order.ticket;
      if (this.hedging) order.positionId = positionId;
    }
    const full: BookedDeal = {
      orderTicket: order?.ticket ?? '0',
      orderId: order?.orderId ?? '',
      magic: order?.magic ?? '0',
      timeMs: this.timeMs,
      reason: 'expert',
      ...deal,
      positionId,
      ticket: String(this.nextTicket++),
    };
    this.deals.push(full);
    if (full.entry === 'credit') this.credit += full.profit;
    else this.balance += full.profit;
    this.emit({ case: 'deal', value: full });
    if (order === undefined) return;
    const before = this.positions.get(positionId);
    const signed = order.side === Side.SELL ? -deal.volumeLots : deal.volumeLots;
    const now = round((before?.lots ?? 0) + signed);
    const kept = before ?? { symbol: order.symbol, orderId: order.orderId, magic: order.magic, sl: 0, tp: 0 };
    if (now === 0) this.positions.delete(positionId);
    else this.positions.set(positionId, { ...kept, lots: now });
    this.emitPosition(positionId, order.symbol);
    this.emit({ case: 'accountState', value: this.accountState() });
  }

  private emitPosition(positionId: string, symbol = ''): void {
    const p = this.positions.get(positionId);
    this.emit({ case: 'position', value: p === undefined ? { positionId, symbol } : this.level(positionId, p) });
  }

  private level(
    positionId: string,
    p: { symbol: string; lots: number; orderId: string; magic: string; sl: number; tp: number },
  ) {
    return {
      positionId,
      symbol: p.symbol,
      side: p.lots < 0 ? Side.SELL : Side.BUY,
      volumeLots: Math.abs(p.lots),
      openPrice: PRICE,
      stopLoss: p.sl,
      takeProfit: p.tp,
      orderId: p.orderId,
      magic: p.magic,
      timeMs: this.timeMs,
    };
  }

  private record(o: PlacedOrder): OrderRecord {
    return { ...o, positionId: o.positionId } as unknown as OrderRecord;
  }

  private accountState() {
    return {
      login: '1',
      currency: 'USD',
      balance: this.balance,
      equity: this.balance + this.credit,
      margin: 0,
      freeMargin: this.balance + this.credit,
      leverage: 100,
      marginMode: this.hedging ? 'hedging' : 'netting',
      tradeAllowed: true,
      timeMs: this.timeMs,
    };
  }

  snapshot() {
    const fx = (name: string, currencyBase: string, currencyProfit: string) => ({
      name,
      digits: 5,
      point: 0.00001,
      tickSize: 0.00001,
      contractSize: 100_000,
      volumeMin: this.volumeMin,
      volumeMax: 10,
      volumeStep: 0.01,
      stopsLevelPoints: 10,
      currencyBase,
      currencyProfit,
      currencyMargin: currencyBase,
      calcMode: 'forex',
    });
    const live = (o: PlacedOrder): boolean => o.state === OrderState.WORKING || o.state === OrderState.PARTIAL;
    return create(TerminalSnapshotSchema, {
      account: this.accountState(),
      symbols: [fx('EURUSD', 'EUR', 'USD'), fx('GBPUSD', 'GBP', 'USD')],
      orders: this.orders.filter(live).map((o) => this.record(o)),
      positions: [...this.positions].map(([id, p]) => this.level(id, p)),
      deals: this.deals as never,
      eventSequence: this.sequence,
      session: this.session,
      timeMs: this.timeMs,
    });
  }

  private reply(commandId: string, outcome: Outcome, rest: object): CommandReply {
    return structuredClone(create(CommandReplySchema, { commandId, outcome, receivedUs: 1, ...rest } as never));
  }
}
