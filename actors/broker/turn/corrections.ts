/** Differences between broker and terminal: noted, told, ended, and how far their correction has come. */
import { POSITION_CLOSED } from '../commands.ts';
import type { BrokerDifference, Undo } from '../context.ts';
import { roundLots, signOf } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { trades } from '../risk/money.ts';
import { tellAccount, tellLifecycle } from './tell.ts';
import type { Turn } from './turn.ts';
import { count, without } from './turn.ts';

/** Notes a difference under a symbol, '' for the account. It is told once it is believed. */
export function putDifference(turn: Turn, symbol: string, difference: BrokerDifference): void {
  const before = turn.c.differences[symbol];
  if (before?.sticky) return;
  turn.c.differences = { ...turn.c.differences, [symbol]: difference };
  if (!difference.confirmed || before?.confirmed) return;
  tellDifference(turn, symbol, difference.text);
}

/**
 * Notes what no later snapshot can show to be gone: it stays until an operator decides. Several may come together under
 * one symbol; none takes the place of another, nor of what would undo it.
 */
export function putFinding(turn: Turn, symbol: string, finding: string, undo: readonly Undo[] = []): void {
  const before = turn.c.differences[symbol];
  turn.c.differences = {
    ...turn.c.differences,
    [symbol]: {
      ...before,
      text: before?.sticky ? `${before.text}; ${finding}` : finding,
      confirmed: true,
      sinceMs: before?.sinceMs ?? turn.c.marketNowMs,
      sticky: true,
      undo: [...(before?.undo ?? []), ...undo],
    },
  };
  tellDifference(turn, symbol, finding);
  tellAccount(turn);
}

function tellDifference(turn: Turn, symbol: string, text: string): void {
  count(turn, 'differences');
  tellLifecycle(turn, 'difference', `RECONCILE_DIFFERENCE ${symbol || 'account'}: ${text}`);
}

/** A difference is over. One that was only suspected was never told, and its end is not either. */
export function dropDifference(turn: Turn, symbol: string, how: string): void {
  const before = turn.c.differences[symbol];
  if (before === undefined) return;
  turn.c.differences = without(turn.c.differences, symbol);
  if (!before.confirmed) return;
  count(turn, 'resolved');
  tellLifecycle(turn, 'difference_resolved', `${symbol || 'account'}: ${how}; it was: ${before.text}`);
}

/** An order has ended. If it was to correct a difference, that has come one step further, or has failed. */
export function noteCorrection(turn: Turn, order: Order): void {
  const found = Object.entries(turn.c.differences).find(
    ([, { correcting }]) => correcting !== undefined && order.intentId.startsWith(`${correcting.id}.`),
  );
  const correcting = found?.[1].correcting;
  if (found === undefined || correcting === undefined) return;
  const [symbol, difference] = found;
  // A position that somebody else has closed meanwhile need not be closed.
  const short = order.state !== 'filled' && order.code !== POSITION_CLOSED;
  const failed = short
    ? [...correcting.failed, `${order.id} ${order.state} ${order.code} ${order.reason}`.trim()]
    : correcting.failed;
  // What it has not traded is what a second correction has to.
  const lots = roundLots(signOf(order.side) * (order.volumeLots - order.filledLots));
  const rest = { strategy: order.strategy, symbol, lots, positionId: order.positionId };
  const undo = short && trades(order.action) ? [...(difference.undo ?? []), rest] : (difference.undo ?? []);
  const left = correcting.left - 1;
  const text = failed.length > 0 ? `the correction has failed: ${failed.join('; ')}` : difference.text;
  turn.c.differences = {
    ...turn.c.differences,
    [symbol]: { ...difference, text, undo, correcting: { ...correcting, left, failed } },
  };
  if (left > 0) return;
  tellAccount(turn);
  // The terminal's word is what ends it.
  turn.raised.push({ type: 'reconcile.due' });
}

/** Corrected as far as our own orders go; a snapshot without the difference ends it. */
export function isCorrected({ correcting }: BrokerDifference): boolean {
  return correcting !== undefined && correcting.left === 0 && correcting.failed.length === 0;
}
