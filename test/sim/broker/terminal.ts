/**
 * The simulated terminal: plays a market, carries out what the bridge sends, tells what happened. Its books are the
 * trade server's and outlive it; commands that it has received and not yet carried out do not.
 */
import { OrderState, OrderType, Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Random } from '../../../runtime/random.ts';
import type { Host } from '../world/host.ts';
import type { Loop } from '../world/loop.ts';
import type { BookDeal, BookOrder, Books, NewOrder } from './books.ts';
import { isLive } from './books.ts';
import type { Bridge } from './bridge.ts';
import { Link } from './link.ts';
import type { Market } from './market.ts';
import { POINT } from './market.ts';

export interface Manners {
  rejectChance: number;
  partialChance: number;
  /** Usual time to carry out an order, ms, and the chance that it takes up to `slowMs`. */
  latencyMs: number;
  slowChance: number;
  slowMs: number;
  /** Ticks per second and symbol. */
  ticksPerSecond: number;
}

export type TerminalCommand =
  | { readonly kind: 'place'; readonly order: NewOrder }
  | { readonly kind: 'cancel'; readonly orderId: string; readonly ticket: string }
  | { readonly kind: 'protect'; readonly positionId: string; readonly stopLoss: number; readonly takeProfit: number }
  | { readonly kind: 'find'; readonly orderId: string };

export interface TerminalResult {
  readonly outcome: 'done' | 'accepted' | 'rejected' | 'not_found';
  readonly retcode: number;
  readonly message: string;
  readonly receivedUs: number;
  readonly order?: BookOrder;
  readonly deals: readonly BookDeal[];
}

export interface TickBatch {
  readonly symbol: string;
  readonly timeMs: number[];
  readonly bid: number[];
  readonly ask: number[];
}

interface Held {
  readonly orderId: string;
  dueMs: number;
}

const RETRY_MS = 300;
/** Return code of the trade server. */
export const POSITION_CLOSED = 10036;

export class Terminal {
  readonly host: Host;
  link: Link | undefined;
  private readonly loop: Loop;
  private readonly random: Random;
  private readonly run: string;
  private links = 0;
  private eventsSent = 0;
  private readonly held = new Set<Held>();
  private readonly books: Books;
  private readonly market: Market;
  private readonly manners: Manners;
  private readonly bridge: () => Bridge | undefined;
  private readonly shown: (positions: number, orders: number) => void;

  constructor(options: {
    readonly host: Host;
    readonly loop: Loop;
    readonly random: Random;
    readonly run: string;
    readonly books: Books;
    readonly market: Market;
    readonly manners: Manners;
    readonly symbols: readonly string[];
    readonly bridge: () => Bridge | undefined;
    /** A snapshot is taken that shows so many open positions and live orders. */
    readonly shown: (positions: number, orders: number) => void;
  }) {
    this.host = options.host;
    this.loop = options.loop;
    this.random = options.random;
    this.run = options.run;
    this.books = options.books;
    this.market = options.market;
    this.manners = options.manners;
    this.bridge = options.bridge;
    this.shown = options.shown;
    this.host.whenDead(() => this.link?.break());
    this.connect();
    for (const symbol of options.symbols) this.tickLater(symbol);
  }

  get session(): string {
    return `${this.run}-${this.links}`;
  }

  /** From the link. */
  onCommand(link: Link, command: TerminalCommand, reply: (result: TerminalResult) => void): void {
    const nowMs = this.loop.clock.monotonicMs();
    const receivedUs = this.host.clock.nowUs();
    const orderId =
      command.kind === 'place' ? command.order.orderId : command.kind === 'protect' ? '' : command.orderId;
    const { latencyMs, slowChance, slowMs } = this.manners;
    let dueMs = nowMs;
    if (command.kind !== 'find') {
      dueMs += latencyMs * (0.5 + this.random.next());
      if (this.random.next() < slowChance) dueMs += this.random.next() * slowMs;
    }
    // Commands about one order keep their order.
    for (const held of this.held) if (orderId !== '' && held.orderId === orderId) dueMs = Math.max(dueMs, held.dueMs);
    const held: Held = { orderId, dueMs };
    this.held.add(held);
    this.host.clock.setTimer((dueMs - nowMs) * this.host.clockFault.rate, () => {
      this.held.delete(held);
      const result = this.carryOut(command, receivedUs);
      this.publish();
      if (this.link === link) link.send('bridge', () => reply(result));
    });
  }

  /** What a snapshot is made of, as of now. */
  snapshot(sinceMs: number) {
    const { books } = this;
    this.shown(books.positions.size, books.orders.filter(isLive).length);
    return {
      eventSequence: this.eventsSent,
      timeMs: this.host.clock.nowMs(),
      balance: books.balance,
      orders: books.orders.filter(isLive).map((order) => ({ ...order })),
      positions: [...books.positions.values()].map((position) => ({ ...position })),
      deals: books.deals.filter(({ timeMs }) => timeMs >= sinceMs),
    };
  }

  private connect(): void {
    if (!this.host.alive) return;
    const bridge = this.bridge();
    if (bridge === undefined || !bridge.accepts) {
      this.host.clock.setTimer(RETRY_MS, () => this.connect());
      return;
    }
    this.links++;
    this.eventsSent = 0;
    const link = new Link(this.session, this.loop, this.random, { bridge: bridge.host, terminal: this.host });
    link.onLostAtTerminal = () => {
      if (this.link !== link) return;
      this.link = undefined;
      this.host.clock.setTimer(RETRY_MS, () => this.connect());
    };
    this.link = link;
    bridge.attach(link, this);
  }

  private carryOut(command: TerminalCommand, receivedUs: number): TerminalResult {
    const { books, random, manners } = this;
    const timeMs = this.host.clock.nowMs();
    const say = (outcome: TerminalResult['outcome'], retcode: number, message: string, order?: BookOrder) => ({
      ...{ outcome, retcode, message, receivedUs },
      ...(order === undefined ? {} : { order: { ...order } }),
      deals: order === undefined ? [] : books.deals.filter(({ orderTicket }) => orderTicket === order.ticket),
    });
    if (command.kind === 'find') {
      const order = books.find(command.orderId);
      if (order === undefined) return say('not_found', 0, 'no such order');
      return say(order.state === OrderState.REJECTED ? 'rejected' : 'done', 10009, 'found', order);
    }
    if (command.kind === 'cancel') {
      const order = books.find(command.orderId);
      if (order === undefined || !isLive(order)) return say('rejected', 10013, 'no live order');
      books.end(order, OrderState.CANCELLED);
      return say('done', 10009, 'cancelled', order);
    }
    if (command.kind === 'protect') {
      const position = books.positions.get(command.positionId);
      if (position === undefined) return say('rejected', POSITION_CLOSED, 'no such position');
      books.protect(position, command.stopLoss, command.takeProfit);
      return say('done', 10009, 'protected');
    }
    const wanted = command.order;
    const closing = wanted.positionId !== '0';
    if (books.hedging && closing) {
      const position = books.positions.get(wanted.positionId);
      if (position === undefined) return say('rejected', POSITION_CLOSED, 'position closed');
      if (wanted.volumeLots > Math.abs(position.lots) + 1e-9) return say('rejected', 10038, 'position smaller');
    }
    if (random.next() < manners.rejectChance) return say('rejected', 10006, 'rejected');
    const order = books.place(wanted, timeMs);
    if (wanted.type !== OrderType.MARKET) return say('accepted', 10008, 'placed', order);
    const quote = this.market.quote(wanted.symbol);
    const slip = random.nextInt(3) * POINT;
    const price = wanted.side === Side.BUY ? quote.ask + slip : quote.bid - slip;
    const steps = Math.round(wanted.volumeLots * 100);
    if (steps >= 2 && random.next() < manners.partialChance) {
      books.fill(order, (1 + random.nextInt(steps - 1)) / 100, price, timeMs);
      this.fillRestLater(order);
      return say('done', 10010, 'partly done', order);
    }
    books.fill(order, wanted.volumeLots, price, timeMs);
    return say('done', 10009, 'done', order);
  }

  /** The trade server goes on by itself, whether a terminal runs or not. */
  private fillRestLater(order: BookOrder): void {
    this.loop.after(5 + this.random.next() * 2_000, () => {
      if (!isLive(order)) return;
      const rest = Math.round((order.volumeLots - order.filledLots) * 100) / 100;
      const gone = this.books.hedging && order.positionId !== '0' && !this.books.positions.has(order.positionId);
      if (gone || this.random.next() < 0.2) this.books.end(order, OrderState.CANCELLED);
      else {
        const quote = this.market.quote(order.symbol);
        this.books.fill(order, rest, order.side === Side.BUY ? quote.ask : quote.bid, this.loop.clock.nowMs());
      }
      if (this.host.state === 'up') this.publish();
    });
  }

  private tickLater(symbol: string): void {
    const delayMs = (1_000 / this.manners.ticksPerSecond) * (0.5 + this.random.next());
    this.host.clock.setTimer(delayMs, () => {
      this.tick(symbol);
      this.tickLater(symbol);
    });
  }

  private tick(symbol: string): void {
    if (this.link === undefined) return;
    const count = 1 + this.random.nextInt(4);
    const timeMs = this.loop.clock.nowMs();
    const batch: TickBatch = { symbol, timeMs: [], bid: [], ask: [] };
    for (let i = 0; i < count; i++) {
      const quote = this.market.move(symbol);
      batch.timeMs.push(timeMs);
      batch.bid.push(quote.bid);
      batch.ask.push(quote.ask);
    }
    this.books.onQuote(symbol, this.market.quote(symbol), timeMs);
    const { link } = this;
    link.send('bridge', () => this.bridge()?.onTicks(link, batch));
    this.publish();
  }

  /**
   * Somebody else's doing on the account, `act` 'hand' or 'unseen': a position becomes smaller or larger by some lots, or
   * a new one is opened. What is done by hand is told like any other deal.
   */
  outside(act: 'hand' | 'unseen', symbol: string, roll: number, lots: number): void {
    const { books, market } = this;
    const open = [...books.positions.values()].filter((position) => position.symbol === symbol);
    const target = open[Math.floor(roll * (open.length + 1))];
    const quote = market.quote(symbol);
    // Towards flat by at most all of it, or a position of somebody's own.
    const change =
      target === undefined ? lots : -Math.sign(target.lots) * Math.min(Math.abs(lots), Math.abs(target.lots));
    const price = change > 0 ? quote.ask : quote.bid;
    const timeMs = this.host.clock.nowMs();
    const positionId = books.hedging ? (target?.positionId ?? '0') : '0';
    if (act === 'unseen') books.unseen(symbol, change, positionId, price, timeMs);
    else books.byHand(symbol, change, positionId, price, timeMs);
    if (this.host.state === 'up') this.publish();
  }

  /** First remembered (in the books), then told; what cannot be told now is found by asking. */
  private publish(): void {
    const events = this.books.takeEvents();
    const { link } = this;
    if (link === undefined) return;
    for (const event of events) {
      const sequence = ++this.eventsSent;
      const timeMs = this.host.clock.nowMs();
      link.send('bridge', () => this.bridge()?.onEvent(link, sequence, timeMs, event));
    }
  }
}
