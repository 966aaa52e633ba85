/**
 * The two ways out of a difference. *Accept*: the terminal's word becomes ours; what it changes in our books is told as
 * an adjustment (a fill, or a movement of money, with reason `adjustment`), so that audit trail, ledger and strategies
 * come to the same sums as we do. *Correct*: the same first, and then orders that bring the terminal back to what our
 * record said.
 */
import type { TerminalSnapshot } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { IntentAction, OrderType, Side, TimeInForce } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { Intent, Position, Undo } from '../context.ts';
import { compactId } from '../ids.ts';
import { LOTS_EPSILON, roundLots, roundMoney, signOf, splitLots } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { trades } from '../risk/money.ts';
import { quoteOf } from '../risk/state.ts';
import { dropDifference } from './corrections.ts';
import { hold } from './deals.ts';
import { submit } from './intents.ts';
import { moveOrder } from './orders.ts';
import { orderOf } from './plans.ts';
import { tellAccount, tellFill, tellPosition } from './tell.ts';
import type { Turn } from './turn.ts';
import { count, without } from './turn.ts';

/** Half a cent: what rounding of single deals can never reach. */
export const MONEY_EPSILON = 0.005;
/** Tickets of adjustments begin here: a terminal counts up from 1, and never comes so far. */
const ADJUSTMENTS_FROM = 1n << 63n;

/** A ticket of our own, the same for the same adjustment in every life of the actor. */
function adjustmentTicket(turn: Turn, what: string): string {
  const text = `${turn.c.account}|adjustment|${turn.c.snapshots}|${turn.atMs}|${what}`;
  return String(ADJUSTMENTS_FROM + BigInt(compactId(text)));
}

/**
 * Takes the terminal's word: for everything at the first sight of an account (`only` undefined), later for one symbol or,
 * under '', for the balance. Returns what would undo it.
 */
export function adopt(turn: Turn, snapshot: TerminalSnapshot, only: string | undefined): Undo[] {
  const { c } = turn;
  if (snapshot.account !== undefined && (only === undefined || only === '')) {
    adoptBalance(turn, snapshot.account.balance);
  }
  const undo: Undo[] = [];
  const theirs = new Map(snapshot.positions.filter((p) => p.volumeLots > 0).map((p) => [p.positionId, p]));
  for (const id of new Set([...theirs.keys(), ...Object.keys(c.book)])) {
    const there = theirs.get(id);
    const here = c.book[id];
    const symbol = there?.symbol ?? here?.symbol ?? '';
    if (only !== undefined && symbol !== only) continue;
    const lots = there === undefined ? 0 : signOf(there.side) * there.volumeLots;
    const missing = roundLots(lots - (here?.lots ?? 0));
    if (Math.abs(missing) <= LOTS_EPSILON) continue;
    const strategy = here?.strategy ?? c.strategies[there?.magic ?? '0'] ?? '';
    const position: Position = {
      symbol,
      lots,
      strategy,
      openPrice: there?.openPrice ?? here?.openPrice ?? 0,
      stopLoss: there?.stopLoss ?? 0,
      takeProfit: there?.takeProfit ?? 0,
      magic: there?.magic ?? here?.magic ?? '0',
      timeMs: snapshot.timeMs,
    };
    for (const part of shares(turn, strategy, symbol, missing)) {
      adjust(turn, id, position, part.strategy, part.lots);
      undo.push(...undoOf(turn, { strategy: part.strategy, symbol, lots: -part.lots, positionId: id }, lots));
    }
    c.book = lots === 0 ? without(c.book, id) : { ...c.book, [id]: position };
    tellPosition(turn, id, position);
  }
  return undo;
}

/**
 * Hedging: what is too much there is closed, as far as there is something to close; the rest of it, and what lies on the
 * other side, is opened anew, under whatever number it gets then.
 */
function undoOf(turn: Turn, undo: Undo, there: number): Undo[] {
  if (!turn.c.funds.hedging) return [{ ...undo, positionId: '0' }];
  const lots = closable(undo.lots, there);
  const parts = [
    { ...undo, lots },
    { ...undo, lots: roundLots(undo.lots - lots), positionId: '0' },
  ];
  return parts.filter((part) => Math.abs(part.lots) > LOTS_EPSILON);
}

/** How much of so many signed lots makes a position of `there` smaller. */
function closable(lots: number, there: number): number {
  return lots * there < 0 ? Math.sign(lots) * Math.min(Math.abs(lots), Math.abs(there)) : 0;
}

/**
 * Whose lots they are that came or went. In netting mode the one position is everybody's: what has gone is taken first
 * from those who hold that side, so that nobody is left with more than there is.
 */
function shares(turn: Turn, owner: string, symbol: string, lots: number): { strategy: string; lots: number }[] {
  if (turn.c.funds.hedging) return [{ strategy: owner, lots }];
  const parts = new Map<string, number>();
  let left = lots;
  for (const strategy of Object.keys(turn.c.held).sort()) {
    const own = turn.c.held[strategy]?.[symbol] ?? 0;
    if (own * left >= 0) continue;
    const take = Math.sign(left) * Math.min(Math.abs(own), Math.abs(left));
    parts.set(strategy, roundLots(take));
    left = roundLots(left - take);
  }
  // One part each: an adjustment is known by the position and by whose it is.
  if (Math.abs(left) > LOTS_EPSILON) parts.set(owner, roundLots((parts.get(owner) ?? 0) + left));
  return [...parts].map(([strategy, part]) => ({ strategy, lots: part }));
}

function adjust(turn: Turn, positionId: string, position: Position, strategy: string, lots: number): void {
  const quote = quoteOf(turn.c, position.symbol);
  count(turn, 'adjustments');
  tellFill(
    turn,
    {
      ticket: adjustmentTicket(turn, `${positionId}|${strategy}`),
      orderTicket: '0',
      positionId,
      magic: position.magic,
      symbol: position.symbol,
      side: lots < 0 ? Side.SELL : Side.BUY,
      entry: 'adjustment',
      volumeLots: Math.abs(lots),
      price: position.openPrice || quote?.bid || 0,
      profit: 0,
      commission: 0,
      swap: 0,
      fee: 0,
      timeMs: position.timeMs,
      reason: 'adjustment',
    },
    `adjustment-${positionId}`,
    strategy,
  );
  hold(turn, strategy, position.symbol, lots);
}

function adoptBalance(turn: Turn, balance: number): void {
  const { funds } = turn.c;
  const amount = roundMoney(balance - funds.balance);
  turn.c.funds = {
    ...funds,
    balance,
    dayStartEquity: roundMoney(funds.dayStartEquity + amount),
    peakEquity: roundMoney(funds.peakEquity + amount),
  };
  if (Math.abs(amount) <= MONEY_EPSILON) return;
  count(turn, 'adjustments');
  tellAccount(turn, { dealTicket: adjustmentTicket(turn, 'balance'), amount, kind: 'adjustment' });
}

/** The operator has accepted this symbol's difference, and this is the terminal's word. */
export function acceptSymbol(turn: Turn, snapshot: TerminalSnapshot, symbol: string): void {
  forgetLost(turn, symbol);
  adopt(turn, snapshot, symbol);
  for (const order of strays(turn, symbol)) putStray(turn, order, false);
  dropDifference(turn, symbol, 'accepted');
}

/** The operator wants the terminal brought back to our record, and this is its word. */
export function correctSymbol(turn: Turn, snapshot: TerminalSnapshot, symbol: string): void {
  const difference = turn.c.differences[symbol];
  if (difference === undefined) return;
  forgetLost(turn, symbol);
  const undo = [...adopt(turn, snapshot, symbol), ...(difference.undo ?? [])];
  turn.c.operations += 1;
  const id = `correct-${turn.atMs.toString(36)}-${turn.c.operations}`;
  const wanted = [
    ...undo.flatMap((one) => correctionsOf(turn, one)),
    ...strays(turn, symbol).map((order) => cancelling(order)),
  ];
  const orders = wanted.map(({ strategy, change }, i) =>
    orderOf(turn, operatorIntent(`${id}.${i + 1}`, strategy, symbol), 0, change),
  );
  if (orders.length === 0) {
    dropDifference(turn, symbol, 'corrected; no order was needed');
    return;
  }
  const { undo: _done, ...rest } = difference;
  turn.c.differences = {
    ...turn.c.differences,
    [symbol]: {
      ...rest,
      text: `${difference.text}; being corrected by ${orders.length} orders`,
      confirmed: true,
      sticky: true,
      correcting: { id, left: orders.length, failed: [] },
    },
  };
  for (const order of orders) submit(turn, order);
}

/** An order still without a name: whose it is, and what it is to do. */
export interface Wanted {
  readonly strategy: string;
  readonly symbol: string;
  readonly change: Partial<Order>;
}

/** Orders of at most the symbol's largest volume that trade so many signed lots. */
export function trading(turn: Turn, { strategy, symbol, lots, positionId }: Undo, action: IntentAction): Wanted[] {
  const spec = turn.c.specs[symbol];
  const side = lots < 0 ? Side.SELL : Side.BUY;
  return splitLots(Math.abs(lots), spec?.volumeMax, spec?.volumeMin).map((volumeLots) => ({
    strategy,
    symbol,
    change: { action, side, volumeLots, positionId },
  }));
}

function correctionsOf(turn: Turn, undo: Undo): Wanted[] {
  const { hedging } = turn.c.funds;
  if (hedging && undo.positionId !== '0') {
    // Somebody may have closed of it since: what is gone need not be closed.
    const lots = closable(undo.lots, turn.c.book[undo.positionId]?.lots ?? 0);
    return trading(turn, { ...undo, lots }, IntentAction.CLOSE);
  }
  const net = Object.values(turn.c.book).reduce((sum, p) => sum + (p.symbol === undo.symbol ? p.lots : 0), 0);
  const closes = !hedging && net * undo.lots < 0 && Math.abs(undo.lots) <= Math.abs(net);
  return trading(turn, { ...undo, positionId: '0' }, closes ? IntentAction.CLOSE : IntentAction.OPEN);
}

/** Cancels an order. One that is not in our record has no id of ours, but a ticket. */
export function cancelling(target: Order): Wanted {
  const { strategy, symbol, side, ticket } = target;
  return {
    strategy,
    symbol,
    change: { action: IntentAction.CANCEL, side, target: target.foreign ? '' : target.id, ticket },
  };
}

/** An intent of the operator or of the broker itself: at the market, without stops, judged by nobody. */
export function operatorIntent(intentId: string, strategy: string, symbol: string): Intent {
  return {
    intentId,
    strategy,
    symbol,
    action: IntentAction.CLOSE,
    side: Side.UNSPECIFIED,
    type: OrderType.MARKET,
    volumeLots: 0,
    price: 0,
    stopLimitPrice: 0,
    stopLoss: 0,
    takeProfit: 0,
    timeInForce: TimeInForce.GTC,
    expirationMs: 0,
    referencePrice: 0,
    decidedAtMs: 0,
    createdUs: 0,
    targetIntentId: '',
    number: 0,
  };
}

/** Orders at the terminal that carry an id of ours and are not in our record. */
function strays(turn: Turn, symbol: string): Order[] {
  return Object.values(turn.c.orders).filter((order) => order.stray && order.symbol === symbol);
}

function putStray(turn: Turn, order: Order, stray: boolean): void {
  turn.c.orders = { ...turn.c.orders, [order.id]: { ...order, stray } };
}

/** Orders that the terminal has forgotten are over: it cannot bring them back, and will not execute them. */
function forgetLost(turn: Turn, symbol: string): void {
  const difference = turn.c.differences[symbol];
  if (!difference?.sticky) return;
  for (const order of Object.values(turn.c.orders)) {
    if (order.symbol !== symbol || !trades(order.action) || !difference.text.includes(order.id)) continue;
    moveOrder(turn, order, 'cancel', {
      code: 'RECONCILE_DIFFERENCE',
      reason: 'the terminal does not know it, and the operator has taken its word',
    });
  }
}
