/**
 * What each message of the audit trail becomes in the ledger. Pure. Everything that PostgreSQL would refuse is refused
 * here, with the name of the order or deal and the field, so that one bad message cannot hold up a whole batch.
 */
import { IntentAction, OrderState, OrderType, Side } from '../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { TopicMessage } from '../../runtime/bus/topics.ts';
import type { Row } from './tables.ts';
import { row } from './tables.ts';

/** NUMERIC(18,8) takes ten digits before the point. */
const LIMIT = 9_999_999_999;
const LAST_MS = 253_402_300_799_999;
const MINUTE_MS = 60_000;
const LARGEST_TICKET = 2n ** 64n - 1n;

class Reader {
  readonly about: string;

  constructor(about: string) {
    this.about = about;
  }

  /** Money, prices and lots. */
  number(field: string, value: number): string {
    if (Number.isFinite(value) && Math.abs(value) <= LIMIT) return String(value);
    throw this.refused(field, value, `a number from -${LIMIT} to ${LIMIT}`);
  }

  time(field: string, timeMs: number): string {
    if (timeMs >= 0 && timeMs <= LAST_MS) return new Date(Math.floor(timeMs)).toISOString();
    throw this.refused(field, timeMs, `0 to ${LAST_MS}, milliseconds since 1970`);
  }

  text(field: string, value: string): string {
    // PostgreSQL has no room for NUL in text; a lone surrogate is no UTF-8.
    if (!value.includes('\0') && value.isWellFormed()) return value;
    throw this.refused(field, JSON.stringify(value), 'text without NUL and lone surrogates');
  }

  /** Part of a key. */
  name(field: string, value: string): string {
    if (value !== '') return this.text(field, value);
    throw this.refused(field, 'empty', 'any text');
  }

  ticket(field: string, value: string): string {
    if (value === '') return '0';
    if (/^\d{1,20}$/.test(value) && BigInt(value) <= LARGEST_TICKET) return value;
    throw this.refused(field, JSON.stringify(value), `0 to ${LARGEST_TICKET}`);
  }

  whole(field: string, value: number): string {
    if (Number.isSafeInteger(value) && value >= 0) return String(value);
    throw this.refused(field, value, 'a whole number from 0');
  }

  /** Name of an enum's value in lower case; 0 is `none`. */
  choice(field: string, names: Readonly<Record<number, string>>, value: number): string {
    if (value === 0) return 'none';
    const name = names[value];
    if (name !== undefined) return name.toLowerCase();
    const allowed = Object.keys(names).filter((key) => Number(key) > 0);
    throw this.refused(field, value, allowed.map((key) => `${key} (${names[Number(key)]})`).join(', '));
  }

  private refused(field: string, value: unknown, allowed: string): RangeError {
    return new RangeError(`${this.about}: ${field} is ${String(value)}, allowed: ${allowed}`);
  }
}

/** Throws RangeError naming order and field, as all of these do. */
export function orderRows(e: TopicMessage<'order'>): Row[] {
  const read = new Reader(`order ${e.orderId} of ${e.account}`);
  const fields = {
    account: read.name('account', e.account),
    order_id: read.name('order_id', e.orderId),
    revision: read.whole('revision', e.revision),
    intent_id: read.text('intent_id', e.intentId),
    strategy: read.text('strategy', e.strategy),
    symbol: read.text('symbol', e.symbol),
    action: read.choice('action', IntentAction, e.action),
    side: read.choice('side', Side, e.side),
    type: read.choice('type', OrderType, e.type),
    state: read.choice('state', OrderState, e.state),
    volume_lots: read.number('volume_lots', e.volumeLots),
    filled_lots: read.number('filled_lots', e.filledLots),
    average_price: read.number('average_price', e.averagePrice),
    price: read.number('price', e.price),
    stop_loss: read.number('stop_loss', e.stopLoss),
    take_profit: read.number('take_profit', e.takeProfit),
    ticket: read.ticket('ticket', e.ticket),
    code: read.text('code', e.code),
    reason: read.text('reason', e.reason),
    changed_at: read.time('time_ms', e.timeMs),
  };
  return [row('orders', read.about, e.timeMs, fields, [e.revision])];
}

/** Entries of a deal that closed volume. */
const CLOSING: ReadonlySet<string> = new Set(['out', 'inout', 'out_by']);

export function fillRows(e: TopicMessage<'fill'>): Row[] {
  const read = new Reader(`fill ${e.dealTicket} of ${e.account}`);
  const shared = {
    account: read.name('account', e.account),
    deal_ticket: read.ticket('deal_ticket', e.dealTicket),
    order_id: read.text('order_id', e.orderId),
    strategy: read.text('strategy', e.strategy),
    symbol: read.name('symbol', e.symbol),
    side: read.choice('side', Side, e.side),
    entry: read.text('entry', e.entry),
    volume_lots: read.number('volume_lots', e.volumeLots),
    price: read.number('price', e.price),
    profit: read.number('profit', e.profit),
    position_id: read.ticket('position_id', e.positionId),
    reason: read.text('reason', e.reason),
    executed_at: read.time('time_ms', e.timeMs),
  };
  const fill = row('fills', read.about, e.timeMs, {
    ...shared,
    commission: read.number('commission', e.commission),
    swap: read.number('swap', e.swap),
    fee: read.number('fee', e.fee),
    order_ticket: read.ticket('order_ticket', e.orderTicket),
    magic: read.ticket('magic', e.magic),
  });
  if (!CLOSING.has(e.entry)) return [fill];
  const costs = read.number('commission + swap + fee', e.commission + e.swap + e.fee);
  return [fill, row('trades', read.about, e.timeMs, { ...shared, costs })];
}

/** `sequence` is the message's place in the stream: it orders levels of one millisecond. */
export function positionRows(e: TopicMessage<'position'>, sequence: number): Row[] {
  const read = new Reader(`position ${e.positionId} of ${e.account}`);
  const fields = {
    account: read.name('account', e.account),
    position_id: read.ticket('position_id', e.positionId),
    symbol: read.name('symbol', e.symbol),
    strategy: read.text('strategy', e.strategy),
    side: read.choice('side', Side, e.side),
    volume_lots: read.number('volume_lots', e.volumeLots),
    open_price: read.number('open_price', e.openPrice),
    stop_loss: read.number('stop_loss', e.stopLoss),
    take_profit: read.number('take_profit', e.takeProfit),
    changed_at: read.time('time_ms', e.timeMs),
    stream_sequence: read.whole('stream sequence', sequence),
  };
  return [row('positions', read.about, e.timeMs, fields, [Math.floor(e.timeMs), sequence])];
}

export function accountRows(e: TopicMessage<'account'>, sequence: number): Row[] {
  const read = new Reader(`account ${e.account}`);
  const account = read.name('account', e.account);
  const currency = read.text('currency', e.currency);
  const at = read.time('time_ms', e.timeMs);
  if (e.cashFlow !== undefined) {
    const about = `cash flow ${e.cashFlow.dealTicket} of ${e.account}`;
    const flow = new Reader(about);
    const fields = {
      account,
      deal_ticket: flow.ticket('deal_ticket', e.cashFlow.dealTicket),
      kind: flow.text('kind', e.cashFlow.kind),
      amount: flow.number('amount', e.cashFlow.amount),
      currency,
      booked_at: at,
    };
    return [row('cash_flows', about, e.timeMs, fields)];
  }
  const fields = {
    account,
    time: read.time('time_ms', Math.floor(e.timeMs / MINUTE_MS) * MINUTE_MS),
    currency,
    balance: read.number('balance', e.balance),
    equity: read.number('equity', e.equity),
    margin: read.number('margin', e.margin),
    free_margin: read.number('free_margin', e.freeMargin),
    trading_mode: read.text('trading_mode', e.tradingMode),
    measured_at: at,
    stream_sequence: read.whole('stream sequence', sequence),
  };
  return [row('equity', read.about, e.timeMs, fields, [Math.floor(e.timeMs), sequence])];
}
