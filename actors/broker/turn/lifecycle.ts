/** Start, restart, loss of the link, and the operator's words. */
import type { BrokerContext, BrokerInput, SafePolicy } from '../context.ts';
import { magicOf } from '../ids.ts';
import type { RiskLimits } from '../risk/limits.ts';
import { limitsOf } from '../risk/limits.ts';
import type { TradingMode } from '../risk/state.ts';
import { emptyQuotes, quoteOf, withQuote } from '../risk/state.ts';
import { beginOperation } from './operations.ts';
import { moveOrder } from './orders.ts';
import { askSnapshot } from './reconcile.ts';
import { tellAccount, tellLifecycle } from './tell.ts';
import type { Turn } from './turn.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** Safe mode that the terminal has not confirmed by then is said to be unconfirmed: its node has to leave. */
export const SAFE_WITHIN_MS = 8_000;

/**
 * The actor begins, perhaps again. Whoever waited for an answer is gone: what was being submitted may or may not have
 * been sent, so nobody knows, and the terminal will be asked. It is never sent again.
 */
export function onStart(turn: Turn, input: BrokerInput): void {
  takeSettings(turn, input);
  turn.c.epoch += 1;
  turn.c.attempts = 0;
  turn.c.snapshotAsked = '';
  turn.c.seals += 1;
  confirmAgain(turn);
  for (const order of Object.values(turn.c.orders)) {
    turn.c.orders = { ...turn.c.orders, [order.id]: { ...order, asking: '', answered: order.foreign } };
    const silent = turn.c.orders[order.id];
    if (silent?.state !== 'submitting') continue;
    moveOrder(turn, silent, 'lose', { code: 'ORDER_UNKNOWN', reason: 'the broker was restarted while sending' });
  }
}

/** The configuration of today holds, not the one of the day when the snapshot began. */
function takeSettings(turn: Turn, input: BrokerInput): void {
  const { c } = turn;
  c.limits = limitsOf(c.liveLimits ?? input.limits);
  c.configuredLimits = input.limits;
  c.safePolicy = input.safePolicy ?? 'cancel';
  for (const name of input.strategies ?? []) c.strategies = { ...c.strategies, [magicOf(name)]: name };
  if (c.symbols.length === input.symbols.length && c.symbols.every((s, i) => s === input.symbols[i])) return;
  let quotes = emptyQuotes(input.symbols.length);
  for (const symbol of input.symbols) {
    const quote = quoteOf(c, symbol);
    if (quote !== undefined) quotes = withQuote({ symbols: input.symbols, quotes }, symbol, quote) ?? quotes;
  }
  c.quotes = quotes;
  c.symbols = input.symbols;
}

export function onConnecting(turn: Turn): void {
  askSnapshot(turn, true);
}

/** Tries again: at once for a short cut, then more and more slowly, up to every 5 s. */
export function onDisconnected(turn: Turn): void {
  turn.c.snapshotAsked = '';
  const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(turn.c.attempts, 10));
  turn.c.attempts += 1;
  turn.timers.push({ id: 'retry', delayMs, event: { type: 'retry' } });
}

/** Nothing is left that must be known before trading: no question unanswered, no difference unconfirmed. */
export function isResolved(context: BrokerContext): boolean {
  if (Object.values(context.differences).some((difference) => !difference.confirmed)) return false;
  return Object.values(context.orders).every((order) => order.state !== 'unknown' || order.answered);
}

/** In safe mode trading stays halted, whatever else is asked for, until it is activated. */
export function setMode(turn: Turn, mode: TradingMode, reason: string): void {
  if (mode === 'active') {
    turn.c.operation = null;
    turn.c.safe = null;
  } else if (turn.c.safe !== null) return;
  turn.c.mode = mode;
  turn.c.modeReason = reason;
  turn.raised.push({ type: `mode.${mode}` });
  if (turn.c.reconciled) tellAccount(turn);
}

/** Cancels every order and closes every position of the account, other people's too; then trading is halted. */
export function flatten(turn: Turn, reason: string): void {
  const { safe, operation } = turn.c;
  if (operation?.kind === 'flatten') return;
  setMode(turn, 'halted', `flatten: ${reason}`);
  beginOperation(turn, 'flatten', safe !== null, reason);
  if (safe === null) return;
  turn.c.safe = { ...safe, policy: 'flatten', outcome: 'securing', text: '' };
  turn.timers.push({ id: 'safe', delayMs: SAFE_WITHIN_MS, event: { type: 'safe.due' } });
  turn.raised.push({ type: 'safe.begin' });
}

/** The company cannot go on: the account is left as its policy says, and nothing is opened until an operator says so. */
export function enterSafeMode(turn: Turn, policy: SafePolicy | undefined, reason: string): void {
  if (turn.c.safe !== null) return;
  const chosen = policy ?? turn.c.safePolicy;
  setMode(turn, 'halted', `safe mode (${chosen}): ${reason}`);
  turn.c.safe = { policy: chosen, reason, outcome: 'securing', text: '' };
  beginOperation(turn, chosen, true, reason);
  turn.timers.push({ id: 'safe', delayMs: SAFE_WITHIN_MS, event: { type: 'safe.due' } });
  tellLifecycle(turn, 'safe_mode', `begun, policy ${chosen}: ${reason}`);
  turn.raised.push({ type: 'safe.begin' });
}

/** A restart in safe mode. What was unfinished goes on; what was done is looked at again, and nothing more. */
function confirmAgain(turn: Turn): void {
  const { safe } = turn.c;
  if (safe === null) return;
  turn.c.safe = { ...safe, outcome: 'securing' };
  if (turn.c.operation === null) beginOperation(turn, 'hold', true, safe.reason);
  turn.timers.push({ id: 'safe', delayMs: SAFE_WITHIN_MS, event: { type: 'safe.due' } });
}

/** New limits, checked by whoever sends them; null goes back to the configured ones. They outlive a restart. */
export function setLimits(turn: Turn, limits: RiskLimits | null): void {
  turn.c.liveLimits = limits;
  turn.c.limits = limitsOf(limits ?? turn.c.configuredLimits);
  tellLifecycle(turn, 'config_applied', limits === null ? 'risk limits as configured' : 'risk limits set live');
}

/** The operator takes the terminal's word for a symbol, '' for the account's balance. Without a difference: nothing. */
export function accept(turn: Turn, symbol: string): void {
  if (turn.c.differences[symbol] === undefined || turn.c.accepting.includes(symbol)) return;
  turn.c.accepting = [...turn.c.accepting, symbol];
  turn.c.correcting = turn.c.correcting.filter((other) => other !== symbol);
  askSnapshot(turn, true);
}

/** The operator wants the terminal brought to our record. A balance cannot be traded back; and one correction at a time. */
export function correct(turn: Turn, symbol: string): void {
  const difference = turn.c.differences[symbol];
  const busy = (difference?.correcting?.left ?? 0) > 0;
  if (symbol === '' || difference === undefined || busy || turn.c.correcting.includes(symbol)) return;
  turn.c.correcting = [...turn.c.correcting, symbol];
  turn.c.accepting = turn.c.accepting.filter((other) => other !== symbol);
  askSnapshot(turn, true);
}

/** Told, so that it is committed at once: a pause that a crash forgets is none. */
export function setPaused(turn: Turn, paused: boolean): void {
  turn.c.paused = paused;
  if (turn.c.reconciled) tellAccount(turn);
}
