/** Start, restart, loss of the link, and the operator's words. */
import type { BrokerContext, BrokerInput } from '../context.ts';
import { magicOf } from '../ids.ts';
import { limitsOf } from '../risk/limits.ts';
import type { TradingMode } from '../risk/state.ts';
import { emptyQuotes, quoteOf, withQuote } from '../risk/state.ts';
import { moveOrder } from './orders.ts';
import { askSnapshot } from './reconcile.ts';
import { tellAccount } from './tell.ts';
import type { Turn } from './turn.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * The actor begins, perhaps again. Whoever waited for an answer is gone: what was being submitted may or may not have
 * been sent, so nobody knows, and the terminal will be asked. It is never sent again.
 */
export function onStart(turn: Turn, input: BrokerInput): void {
  takeSettings(turn, input);
  turn.c.epoch += 1;
  turn.c.attempts = 0;
  turn.c.snapshotAsked = '';
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
  c.limits = limitsOf(input.limits);
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

export function setMode(turn: Turn, mode: TradingMode, reason: string): void {
  turn.c.mode = mode;
  turn.c.modeReason = reason;
  turn.raised.push({ type: `mode.${mode}` });
  if (turn.c.reconciled) tellAccount(turn);
}

/** The operator takes the terminal's word for a symbol, '' for the account's balance. */
export function accept(turn: Turn, symbol: string): void {
  if (!turn.c.accepting.includes(symbol)) turn.c.accepting = [...turn.c.accepting, symbol];
  askSnapshot(turn, true);
}

/** Told, so that it is committed at once: a pause that a crash forgets is none. */
export function setPaused(turn: Turn, paused: boolean): void {
  turn.c.paused = paused;
  if (turn.c.reconciled) tellAccount(turn);
}
