/**
 * Reconciliation: the terminal is asked for everything, what we missed becomes order events and fills, and what still
 * differs afterwards is a difference. Deals, order reports and stops are facts and are taken over; volumes and the
 * balance are sums of facts on our side and are compared.
 */
import type { CommandReply, TerminalSnapshot } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import { MAX_OLD_SESSIONS } from '../context.ts';
import { LOTS_EPSILON, shown, signOf } from '../numbers.ts';
import type { Spec } from '../risk/state.ts';
import { acceptSymbol, adopt, correctSymbol, MONEY_EPSILON } from './accept.ts';
import { dropDifference, isCorrected, putDifference } from './corrections.ts';
import { bookDeal } from './deals.ts';
import { beginDay, onMarketTime, trackEquity } from './market.ts';
import { judgeOperation } from './operations.ts';
import { ask } from './orders.ts';
import { applyAccount, applyPosition, applyRecord } from './reports.ts';
import { tellAccount } from './tell.ts';
import type { Turn } from './turn.ts';
import { appended, command, count, without } from './turn.ts';

export const RECONCILE_EVERY_MS = 60_000;
/** A snapshot that was taken before events that we have already is of no use for comparing; asked again after this. */
const BEHIND_MS = 200;
/** A difference is believed when it is still there after this. */
const SECOND_LOOK_MS = 500;
/** Deals are asked for from a little before the last snapshot on: known ones are recognised by their ticket. */
const OVERLAP_MS = 60_000;

/** Asks for a snapshot. `fresh` gives up the one under way: its answer may come from before a lost link. */
export function askSnapshot(turn: Turn, fresh: boolean): void {
  const { c } = turn;
  if (c.snapshotAsked !== '' && !fresh) return;
  c.snapshots += 1;
  c.snapshotAsked = `snapshot.${c.epoch}.${c.snapshots}`;
  command(turn, c.snapshotAsked, '', { case: 'snapshot', value: { dealsSinceMs: dealsWantedMs(turn) } });
}

/** Since when deals may be unknown to us. */
function dealsWantedMs({ c }: Turn): number {
  return c.reconciled ? Math.max(0, c.snapshotTimeMs - OVERLAP_MS) : 0;
}

/**
 * A snapshot that nobody asked for: it stands for events that the terminal could not tell. One that does not reach back
 * far enough, or is of another run than we know, says only that we must ask.
 */
export function snapshotTold(turn: Turn, snapshot: TerminalSnapshot): void {
  const { c } = turn;
  // Told before something that we know already.
  if (c.oldSessions.includes(snapshot.session) || snapshot.timeMs < c.snapshotTimeMs) return;
  const whole = c.reconciled && snapshot.session === c.session && snapshot.dealsSinceMs <= dealsWantedMs(turn);
  if (whole) applySnapshot(turn, snapshot);
  else turn.raised.push({ type: 'events.missed' });
}

export function snapshotFailed(turn: Turn, commandId: string): void {
  if (turn.c.snapshotAsked !== commandId) return;
  turn.c.snapshotAsked = '';
  turn.raised.push({ type: 'link.down' });
}

export function snapshotReplied(turn: Turn, commandId: string, reply: CommandReply): void {
  if (turn.c.snapshotAsked !== commandId) return;
  if (reply.snapshot === undefined) {
    snapshotFailed(turn, commandId);
    return;
  }
  turn.c.snapshotAsked = '';
  applySnapshot(turn, reply.snapshot);
}

export function applySnapshot(turn: Turn, snapshot: TerminalSnapshot): void {
  const { c } = turn;
  const behind = c.session === snapshot.session && c.sequence > snapshot.eventSequence;
  const first = !c.reconciled;
  takeSpecs(turn, snapshot);
  if (!behind) takeSession(turn, snapshot);
  if (snapshot.account !== undefined && !behind) applyAccount(turn, snapshot.account);
  // Deals first, by their own times: those of yesterday are not today's loss.
  for (const deal of snapshot.deals.toSorted((a, b) => Number(a.ticket) - Number(b.ticket))) bookDeal(turn, deal);
  beginDay(turn, snapshot.timeMs);
  c.marketNowMs = Math.max(c.marketNowMs, snapshot.timeMs);
  for (const record of snapshot.orders) applyRecord(turn, record, '', !behind);
  if (behind) {
    turn.timers.push({ id: 'reconcile', delayMs: BEHIND_MS, event: { type: 'reconcile.due' } });
    return;
  }
  const inSnapshot = new Set(snapshot.orders.flatMap((o) => [o.orderId, `#${o.ticket}`]));
  askForMissing(turn, inSnapshot);
  for (const record of snapshot.positions) applyPosition(turn, record);
  const found = first ? {} : differences(turn, snapshot);
  if (first) adopt(turn, snapshot, undefined);
  for (const symbol of c.accepting) acceptSymbol(turn, snapshot, symbol);
  for (const symbol of c.correcting) correctSymbol(turn, snapshot, symbol);
  for (const symbol of [...c.accepting, ...c.correcting]) delete found[symbol];
  c.accepting = [];
  c.correcting = [];
  judgeDifferences(turn, found);
  if (first) beginAccount(turn);
  c.reconciled = true;
  c.attempts = 0;
  c.snapshotTimeMs = snapshot.timeMs;
  count(turn, 'reconciles');
  onMarketTime(turn, snapshot.timeMs);
  judgeOperation(turn, snapshot);
  tellAccount(turn);
  turn.raised.push({ type: 'snapshot.applied' });
  const open = Object.values(c.differences).some((d) => !d.confirmed);
  const delayMs = open ? SECOND_LOOK_MS : RECONCILE_EVERY_MS;
  turn.timers.push({ id: 'reconcile', delayMs, event: { type: 'reconcile.due' } });
}

function takeSpecs(turn: Turn, snapshot: TerminalSnapshot): void {
  const specs: Record<string, Spec> = { ...turn.c.specs };
  for (const { $typeName: _t, $unknown: _u, name, freezeLevelPoints: _f, ...spec } of snapshot.symbols) {
    if (turn.c.symbols.includes(name)) specs[name] = spec;
  }
  turn.c.specs = specs;
}

function takeSession(turn: Turn, snapshot: TerminalSnapshot): void {
  const { c } = turn;
  if (c.session !== snapshot.session && c.session !== '') {
    c.oldSessions = appended(c.oldSessions, c.session, MAX_OLD_SESSIONS);
  }
  // A snapshot knows better than any event which run is the present one.
  c.oldSessions = c.oldSessions.filter((session) => session !== snapshot.session);
  c.session = snapshot.session;
  c.sequence = snapshot.eventSequence;
}

/** Live orders of ours that the snapshot does not show have ended, or are on their way: the terminal is asked. */
function askForMissing(turn: Turn, inSnapshot: ReadonlySet<string>): void {
  for (const order of Object.values(turn.c.orders)) {
    if (inSnapshot.has(order.id)) continue;
    if (order.foreign) turn.c.orders = without(turn.c.orders, order.id);
    // Somebody is still waiting for the answer to a submitting order.
    else if (order.state !== 'submitting') ask(turn, order.id);
  }
}

function levels(snapshot: TerminalSnapshot): Map<string, { symbol: string; lots: number }> {
  return new Map(
    snapshot.positions
      .filter((p) => p.volumeLots > 0)
      .map((p) => [p.positionId, { symbol: p.symbol, lots: signOf(p.side) * p.volumeLots }]),
  );
}

/** Symbols whose positions or orders differ, and '' when the balance does. */
function differences(turn: Turn, snapshot: TerminalSnapshot): Record<string, string> {
  const found: Record<string, string> = {};
  const theirs = levels(snapshot);
  for (const id of new Set([...theirs.keys(), ...Object.keys(turn.c.book)])) {
    const there = theirs.get(id);
    const here = turn.c.book[id];
    const lotsThere = there?.lots ?? 0;
    const lotsHere = here?.lots ?? 0;
    if (Math.abs(lotsThere - lotsHere) <= LOTS_EPSILON) continue;
    const symbol = there?.symbol ?? here?.symbol ?? '';
    found[symbol] = `position ${id}: ${shown(lotsThere)} lots at the terminal, ${shown(lotsHere)} by our fills`;
  }
  for (const order of Object.values(turn.c.orders)) {
    if (!order.stray) continue;
    const what = `order ${order.ticket} (${order.side === Side.SELL ? 'sell' : 'buy'} ${shown(order.volumeLots)} lots)`;
    found[order.symbol] ??= `${what} stands at the terminal under an id of ours and not in our record`;
  }
  const { account } = snapshot;
  if (account !== undefined && Math.abs(account.balance - turn.c.funds.balance) > MONEY_EPSILON) {
    found[''] = `balance: ${shown(account.balance)} at the terminal, ${shown(turn.c.funds.balance)} by our deals`;
  }
  return found;
}

/** A difference that a second snapshot shows too is believed; one that is gone was a matter of timing, or corrected. */
function judgeDifferences(turn: Turn, found: Readonly<Record<string, string>>): void {
  for (const [symbol, text] of Object.entries(found)) {
    const known = turn.c.differences[symbol];
    const sinceMs = known?.sinceMs ?? turn.c.marketNowMs;
    putDifference(turn, symbol, { text, confirmed: known !== undefined, sinceMs, sticky: false });
  }
  for (const [symbol, difference] of Object.entries(turn.c.differences)) {
    if (symbol in found) continue;
    if (isCorrected(difference)) dropDifference(turn, symbol, 'corrected');
    else if (!difference.sticky) dropDifference(turn, symbol, 'gone by itself');
  }
}

/** The account is seen for the first time: its losses before that are not today's. */
function beginAccount(turn: Turn): void {
  const { c } = turn;
  c.reconciled = true;
  c.day = -1;
  c.funds = { ...c.funds, peakEquity: 0 };
  trackEquity(turn);
}
