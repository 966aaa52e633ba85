/** A made-up audit trail, and the ledger's tables boiled down to one digest. */
import { create } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { accountRows, fillRows, orderRows, positionRows } from '../../../actors/recorder/rows.ts';
import type { Row } from '../../../actors/recorder/tables.ts';
import { tableNames } from '../../../actors/recorder/tables.ts';
import {
  AccountEventSchema,
  FillEventSchema,
  IntentAction,
  OrderEventSchema,
  OrderState,
  OrderType,
  PositionEventSchema,
  Side,
} from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { TopicMessage } from '../../../runtime/bus/topics.ts';
import { seededRandom } from '../../../runtime/random.ts';

export type Event =
  | { readonly topic: 'order'; readonly message: TopicMessage<'order'> }
  | { readonly topic: 'fill'; readonly message: TopicMessage<'fill'> }
  | { readonly topic: 'position'; readonly message: TopicMessage<'position'> }
  | { readonly topic: 'account'; readonly message: TopicMessage<'account'> };

export const ACCOUNT = 'demo';
export const START_MS = Date.UTC(2019, 10, 28, 12);

export interface Trail {
  readonly events: readonly Event[];
  /** What the ledger must say, counted while the trail is made. */
  readonly balance: number;
  readonly lots: ReadonlyMap<string, number>;
  readonly orders: ReadonlySet<string>;
  readonly fills: number;
  readonly closing: number;
}

const cents = (value: number): number => Math.round(value * 100) / 100;

/** A deposit, then orders that fill in parts, with levels in between; several events share a millisecond. */
export function makeTrail(seed: number, orders: number): Trail {
  const random = seededRandom(seed);
  const events: Event[] = [];
  const lots = new Map<string, number>();
  const ids = new Set<string>();
  const symbols = ['EURUSD', 'GBPUSD', 'BRK B'];
  let timeMs = START_MS;
  let balance = 10_000;
  let deal = 1000;
  let closing = 0;
  const account = (init: object): void => {
    const level = { account: ACCOUNT, currency: 'USD', balance, equity: balance + random.nextInt(100), timeMs };
    events.push({
      topic: 'account',
      message: create(AccountEventSchema, { ...level, tradingMode: 'active', ...init }),
    });
  };
  account({ cashFlow: { dealTicket: '999', amount: 10_000, kind: 'deposit' } });
  for (let n = 1; n <= orders; n++) {
    timeMs += random.nextInt(3) * 40_000;
    const symbol = symbols[random.nextInt(symbols.length)]!;
    const side = random.next() < 0.5 ? Side.BUY : Side.SELL;
    const order = { account: ACCOUNT, orderId: `o${n}`, intentId: `i${n}`, strategy: 's1', symbol, side };
    ids.add(order.orderId);
    let revision = 0;
    const tell = (state: OrderState, filledLots: number): void => {
      const rest = { state, filledLots, volumeLots: 1, revision: ++revision, timeMs, ticket: String(n), price: 1.1 };
      const kind = { type: OrderType.MARKET, action: IntentAction.OPEN };
      events.push({ topic: 'order', message: create(OrderEventSchema, { ...order, ...kind, ...rest }) });
    };
    tell(OrderState.CREATED, 0);
    if (random.next() < 0.2) {
      tell(OrderState.DENIED, 0);
      continue;
    }
    tell(OrderState.SUBMITTING, 0);
    let filled = 0;
    while (filled < 1) {
      filled = cents(filled + 0.5);
      const entry = random.next() < 0.5 ? 'in' : 'out';
      const profit = entry === 'in' ? 0 : cents(random.gaussian() * 50);
      const commission = -0.35;
      balance = cents(balance + profit + commission);
      closing += entry === 'out' ? 1 : 0;
      lots.set(symbol, cents((lots.get(symbol) ?? 0) + (side === Side.BUY ? 0.5 : -0.5)));
      const money = { volumeLots: 0.5, price: 1.1, profit, commission, dealTicket: String(++deal), timeMs };
      const names = { orderTicket: String(n), positionId: String(1 + (n % 7)), magic: '18446744073709551615' };
      events.push({ topic: 'fill', message: create(FillEventSchema, { ...order, ...money, ...names, entry }) });
      const level = { account: ACCOUNT, symbol, positionId: names.positionId, side, volumeLots: filled, timeMs };
      events.push({ topic: 'position', message: create(PositionEventSchema, { ...level, openPrice: 1.1 }) });
      tell(filled < 1 ? OrderState.PARTIAL : OrderState.FILLED, filled);
      account({});
    }
  }
  for (const [symbol, held] of lots) if (held === 0) lots.delete(symbol);
  return { events, balance, lots, orders: ids, fills: deal - 1000, closing };
}

/** As the machine does it: the place in the trail is the stream's sequence. */
export function rowsOf(event: Event, index: number): Row[] {
  switch (event.topic) {
    case 'order':
      return orderRows(event.message);
    case 'fill':
      return fillRows(event.message);
    case 'position':
      return positionRows(event.message, index + 1);
    case 'account':
      return accountRows(event.message, index + 1);
  }
}

/** One line per table: two ledgers are equal exactly when these are. */
export async function digest(pool: Pool): Promise<Record<string, string>> {
  const lines: Record<string, string> = {};
  for (const table of tableNames) {
    const { rows } = await pool.query<{ digest: string; n: string }>(
      `SELECT count(*) AS n, md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) AS digest FROM troupe.${table} t`,
    );
    lines[table] = `${rows[0]!.n} ${rows[0]!.digest}`;
  }
  return lines;
}

export async function count(pool: Pool, table: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM troupe.${table}`);
  return rows[0]!.n;
}
