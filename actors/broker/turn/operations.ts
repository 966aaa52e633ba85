/**
 * Work on the whole account: flatten, and what safe mode asks for. It sends nothing of its own kind: cancellations and
 * closings are orders like any other, recorded before they are sent, asked for when nobody answers. The book says what
 * is left to do, so the work goes on after a crash; and it is done only when a snapshot taken afterwards says so.
 */
import type { TerminalSnapshot } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { IntentAction } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Operation, SafePolicy } from '../context.ts';
import { roundLots, shown } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { isLive } from '../order/table.ts';
import { trades } from '../risk/money.ts';
import { cancelling, operatorIntent, trading, type Wanted } from './accept.ts';
import { submit } from './intents.ts';
import { orderOf } from './plans.ts';
import { askSnapshot } from './reconcile.ts';
import { tellAccount, tellLifecycle } from './tell.ts';
import type { Turn } from './turn.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export function beginOperation(turn: Turn, kind: SafePolicy, safe: boolean, reason: string): void {
  turn.c.operations += 1;
  const id = `${safe ? 'safe' : 'flatten'}-${turn.atMs.toString(36)}-${turn.c.operations}`;
  const nothing = { cancels: 0, closes: 0, pausing: false, again: false, confirmFrom: 0 };
  turn.c.operation = { id, kind, safe, reason, ...nothing };
}

function change(turn: Turn, next: Partial<Operation>): void {
  if (turn.c.operation !== null) turn.c.operation = { ...turn.c.operation, ...next };
}

/** Orders that may still execute, in the eyes of the operation: safe mode leaves other people's orders alone. */
function liveOrders(turn: Turn, { kind }: Operation): Order[] {
  return Object.values(turn.c.orders).filter(
    (order) => trades(order.action) && isLive(order.state) && (kind === 'flatten' || !order.foreign),
  );
}

/**
 * What would close everything. Hedging: each position. Netting: the net of each symbol, from those who hold that side;
 * what two strategies hold against each other is flat at the terminal and is not traded.
 */
function closings(turn: Turn): Wanted[] {
  const { book, held, funds } = turn.c;
  if (funds.hedging) {
    return Object.entries(book).flatMap(([positionId, { strategy, symbol, lots }]) =>
      trading(turn, { strategy, symbol, lots: -lots, positionId }, IntentAction.CLOSE),
    );
  }
  const net = new Map<string, number>();
  for (const { symbol, lots } of Object.values(book)) net.set(symbol, roundLots((net.get(symbol) ?? 0) + lots));
  const wanted: Wanted[] = [];
  for (const [symbol, lots] of net) {
    let left = lots;
    for (const strategy of Object.keys(held).sort()) {
      const own = held[strategy]?.[symbol] ?? 0;
      if (strategy === '' || own * left <= 0) continue;
      const take = Math.sign(left) * Math.min(Math.abs(own), Math.abs(left));
      wanted.push(...trading(turn, { strategy, symbol, lots: -take, positionId: '0' }, IntentAction.CLOSE));
      left = roundLots(left - take);
    }
    wanted.push(...trading(turn, { strategy: '', symbol, lots: -left, positionId: '0' }, IntentAction.CLOSE));
  }
  return wanted;
}

/** One step of the operation under way: sends what can be sent now, or waits. Safe to call at any time. */
export function stepOperation(turn: Turn): void {
  const op = turn.c.operation;
  if (op === null || op.pausing) return;
  const own = Object.values(turn.c.orders).filter((o) => isLive(o.state) && o.intentId.startsWith(`${op.id}.`));
  const live = liveOrders(turn, op);
  // Their answers come, or the terminal is asked for them: nothing is done about an order that nobody knows.
  const unheard = (order: Order): boolean => order.state === 'submitting' || order.state === 'unknown';
  if (live.some(unheard) || own.some((order) => !trades(order.action))) return;
  if (own.length > 0 && !op.again) {
    // A closing order that stands will mostly fill in a moment; one that still stands then is cancelled like any other.
    pause(turn, op.closes);
    return;
  }
  if (op.kind !== 'hold' && live.length > 0) sendRound(turn, op, 'cancels', live.map(cancelling));
  else {
    const left = op.kind === 'flatten' ? closings(turn) : [];
    if (left.length > 0) sendRound(turn, op, 'closes', left);
    else confirm(turn, op);
  }
}

/** Twice as long after each round. */
function pause(turn: Turn, rounds: number): void {
  change(turn, { pausing: true });
  const delayMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(Math.max(0, rounds - 1), 10));
  turn.timers.push({ id: 'operation', delayMs, event: { type: 'operation.retry' } });
}

function sendRound(turn: Turn, op: Operation, stage: 'cancels' | 'closes', wanted: readonly Wanted[]): void {
  if (op[stage] > 0 && !op.again) {
    pause(turn, op[stage]);
    return;
  }
  const round = op.cancels + op.closes + 1;
  change(turn, { [stage]: op[stage] + 1, again: false, confirmFrom: 0 });
  wanted.forEach(({ strategy, symbol, change: what }, i) => {
    submit(turn, orderOf(turn, operatorIntent(`${op.id}.${round}.${i + 1}`, strategy, symbol), 0, what));
  });
}

/** The pause is over; the next step sends again, where the chart lets it. */
export function retryOperation(turn: Turn): void {
  change(turn, { pausing: false, again: true });
}

/** Nothing is left to do by our own book: the terminal is asked. */
function confirm(turn: Turn, op: Operation): void {
  if (op.confirmFrom > 0) return;
  askSnapshot(turn, true);
  change(turn, { confirmFrom: turn.c.snapshots });
}

/** A snapshot has been applied. It confirms the operation when it was asked for after the last order had ended. */
export function judgeOperation(turn: Turn, snapshot: TerminalSnapshot): void {
  const op = turn.c.operation;
  if (op === null || op.confirmFrom === 0 || turn.c.snapshots < op.confirmFrom) return;
  const live = liveOrders(turn, op);
  const open = op.kind === 'flatten' ? snapshot.positions.filter((p) => p.volumeLots > 0) : [];
  const pending = live.filter(({ state }) => op.kind !== 'hold' || state === 'submitting' || state === 'unknown');
  if (pending.length === 0 && open.length === 0) {
    finish(turn, op);
    return;
  }
  change(turn, { confirmFrom: 0 });
  pause(turn, 0);
  if (op.kind !== 'flatten') return;
  // The terminal has what our book has not. Once that is sure, its word is taken, so that it can be closed.
  for (const symbol of new Set(open.map((position) => position.symbol))) {
    const difference = turn.c.differences[symbol];
    if (difference?.confirmed && !turn.c.accepting.includes(symbol)) {
      turn.c.accepting = [...turn.c.accepting, symbol];
    }
  }
}

const done: Readonly<Record<SafePolicy, string>> = {
  hold: 'nothing is under way; orders and positions stand as they are',
  cancel: 'no order of ours is left; positions stand as they are',
  flatten: 'no order and no position is left',
};

function finish(turn: Turn, op: Operation): void {
  const text = `confirmed by the terminal: ${done[op.kind]}`;
  turn.c.operation = null;
  if (turn.c.safe !== null && op.safe) turn.c.safe = { ...turn.c.safe, outcome: 'confirmed', text };
  turn.c.modeReason = turn.c.safe === null ? `flattened, ${text}` : turn.c.modeReason;
  tellLifecycle(turn, op.safe ? 'safe_mode' : 'flattened', text);
}

/** What is not known or not done, for a broker that has to leave all the same. */
export function giveUpSecuring(turn: Turn): void {
  const { safe, operation, orders, book } = turn.c;
  if (safe === null || operation === null) return;
  const live = liveOrders(turn, operation);
  const unknown = live.filter(({ state }) => state === 'unknown' || state === 'submitting');
  const parts = [`${unknown.length} orders of which nobody knows the outcome`];
  if (operation.kind !== 'hold') parts.push(`${live.length - unknown.length} orders not cancelled`);
  if (operation.kind === 'flatten') {
    const open = Object.values(book).map(({ symbol, lots }) => `${shown(lots)} ${symbol}`);
    parts.push(`positions open by our book: ${open.join(', ') || 'none'}`);
  }
  const ids = unknown.map(({ id }) => id).slice(0, 5);
  if (ids.length > 0) parts.push(`unknown: ${ids.join(' ')}${unknown.length > 5 ? ' ...' : ''}`);
  const text = `NOT confirmed by the terminal: ${parts.join('; ')}`;
  turn.c.safe = { ...safe, outcome: 'unconfirmed', text };
  tellLifecycle(turn, 'safe_mode', text);
  if (turn.c.reconciled || Object.keys(orders).length > 0) tellAccount(turn);
}
