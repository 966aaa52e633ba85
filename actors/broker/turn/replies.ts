/** Answers to commands, and their absence. */
import type { CommandReply } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Outcome, RetcodeClass } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { Side } from '../../../proto/gen/troupe/trading/v1/trading_pb.js';
import type { CommandFailed, CommandReplied } from '../commands.ts';
import { POSITION_CLOSED } from '../commands.ts';
import { shown } from '../numbers.ts';
import type { Order } from '../order/order.ts';
import { isLive } from '../order/table.ts';
import { trades } from '../risk/money.ts';
import { putFinding } from './corrections.ts';
import { bookDeal } from './deals.ts';
import { ask, asked, askLater, moveOrder, rejectUnseen } from './orders.ts';
import { snapshotFailed, snapshotReplied } from './reconcile.ts';
import { applyRecord } from './reports.ts';
import type { Turn } from './turn.ts';

/** Codes that mean that there is no terminal behind the bridge, or no bridge. */
const unlinked = new Set(['NO_TERMINAL', 'BUS_NO_RESPONDER', 'BUS_UNAVAILABLE']);

export function onReply(turn: Turn, event: CommandReplied): void {
  const { kind, reply, commandId, orderId } = event;
  if (unlinked.has(reply.code)) turn.raised.push({ type: 'link.down' });
  if (kind === 'snapshot') {
    snapshotReplied(turn, commandId, reply);
    return;
  }
  const answered = reply.outcome !== Outcome.UNSPECIFIED && reply.outcome !== Outcome.REFUSED;
  asked(turn, orderId, commandId, answered);
  for (const deal of reply.deals) bookDeal(turn, deal);
  if (kind === 'find' || kind === 'place') {
    const moot = kind === 'place' && reply.outcome === Outcome.DONE && reply.code === POSITION_CLOSED;
    if (reply.order !== undefined && !moot) applyRecord(turn, reply.order, reply.message);
    const order = turn.c.orders[orderId];
    if (order === undefined) return;
    if (kind === 'find') onFound(turn, order, reply);
    else onPlaced(turn, order, reply);
    return;
  }
  // The order that was cancelled, as it is now: its event may be lost.
  if (reply.order !== undefined) applyRecord(turn, reply.order);
  const request = turn.c.orders[orderId];
  if (request !== undefined) onRequested(turn, request, reply);
}

/** What a strategy and the audit trail read of a refusal: whether trying again can help stands beside the code. */
const classNames: Readonly<Partial<Record<RetcodeClass, string>>> = {
  [RetcodeClass.NO]: ' (final)',
  [RetcodeClass.RETRY]: ' (may be tried again)',
  [RetcodeClass.UNKNOWN]: ' (outcome unknown)',
};

function textOf(reply: CommandReply): { code: string; reason: string } {
  const retcode = reply.retcode > 0 ? `return code ${reply.retcode}${classNames[reply.retcodeClass] ?? ''}` : '';
  return { code: reply.code || 'ORDER_REJECTED', reason: [retcode, reply.message].filter(Boolean).join(': ') };
}

function onPlaced(turn: Turn, order: Order, reply: CommandReply): void {
  switch (reply.outcome) {
    case Outcome.DONE:
    case Outcome.ACCEPTED:
      if (reply.code === POSITION_CLOSED) moveOrder(turn, order, 'cancel', textOf(reply));
      else if (reply.order === undefined) moveOrder(turn, order, 'accept');
      return;
    case Outcome.REJECTED:
      moveOrder(turn, order, 'reject', textOf(reply));
      return;
    case Outcome.REFUSED:
      // The bridge refused before the terminal saw it.
      rejectUnseen(turn, order, reply.code || 'ORDER_NOT_RECEIVED', reply.message);
      return;
    default:
      loseOrder(turn, order, textOf(reply).reason);
  }
}

function onFound(turn: Turn, order: Order, reply: CommandReply): void {
  if (!isLive(order.state)) return;
  switch (reply.outcome) {
    case Outcome.DONE:
    case Outcome.ACCEPTED:
      if (reply.order === undefined) moveOrder(turn, order, 'accept');
      return;
    case Outcome.REJECTED:
      moveOrder(turn, order, 'reject', textOf(reply));
      return;
    case Outcome.NOT_FOUND:
      if (order.state === 'unknown' || order.state === 'submitting') {
        rejectUnseen(turn, order, 'ORDER_NOT_RECEIVED', 'bridge and terminal were asked and do not know the order');
      } else forgotten(turn, order);
      return;
    default:
      if (reply.code === 'JOURNAL_DISAGREES') forgotten(turn, order);
      if (reply.code === 'AMBIGUOUS') halt(turn, order, 'and several orders at the terminal may be it');
      askLater(turn, order);
  }
}

/** Somebody has had this order executed or accepted, and the terminal knows nothing of it. */
function forgotten(turn: Turn, order: Order): void {
  halt(turn, order, 'and unknown to the terminal');
}

/** No rule can say what that means: its symbol is halted until a person has looked. */
function halt(turn: Turn, order: Order, finding: string): void {
  const before = turn.c.differences[order.symbol];
  if (before?.sticky && before.text.includes(order.id)) return;
  const { id, state, volumeLots, filledLots, ticket } = order;
  const what = `${order.side === Side.SELL ? 'sell' : 'buy'} ${shown(volumeLots)} lots, ${shown(filledLots)} filled, ticket ${ticket}`;
  putFinding(turn, order.symbol, `order ${id} (${what}) is ${state} for us ${finding}`);
}

/** Changes of stops and cancellations: done, refused, or sent again. */
function onRequested(turn: Turn, request: Order, reply: CommandReply): void {
  switch (reply.outcome) {
    case Outcome.DONE:
    case Outcome.ACCEPTED:
      moveOrder(turn, request, 'fillAll', { reason: reply.message });
      return;
    case Outcome.REFUSED:
      // This copy was not carried out. Of an earlier one whose answer was lost that says nothing, unless it was bad too.
      if (request.state === 'unknown' && reply.code !== 'BAD_COMMAND') askLater(turn, request);
      else moveOrder(turn, request, 'reject', textOf(reply));
      return;
    case Outcome.REJECTED:
    case Outcome.NOT_FOUND:
      moveOrder(turn, request, 'reject', textOf(reply));
      return;
    default:
      loseRequest(turn, request, reply.message);
      askLater(turn, turn.c.orders[request.id] ?? request);
  }
}

function loseOrder(turn: Turn, order: Order, reason: string): void {
  // The question carries a higher fence than the order did. Once the bridge has seen it, the order cannot arrive any
  // more, however late it is: "not found" is then the last word.
  turn.c.seals += 1;
  moveOrder(turn, order, 'lose', { code: 'ORDER_UNKNOWN', reason });
  const lost = turn.c.orders[order.id];
  if (lost?.state === 'unknown') ask(turn, lost.id);
}

/** It is sent again, and a later one may take its place: the copy that was lost must not arrive after either of them. */
function loseRequest(turn: Turn, request: Order, reason: string): void {
  turn.c.seals += 1;
  moveOrder(turn, request, 'lose', { code: 'ORDER_UNKNOWN', reason });
}

export function onFailed(turn: Turn, event: CommandFailed): void {
  const { kind, commandId, orderId, code } = event;
  if (kind === 'snapshot') {
    snapshotFailed(turn, commandId);
    return;
  }
  if (unlinked.has(code)) turn.raised.push({ type: 'link.down' });
  asked(turn, orderId, commandId, false);
  const order = turn.c.orders[orderId];
  if (order === undefined || !isLive(order.state)) return;
  if (kind === 'place') {
    loseOrder(turn, order, `no answer to the order (${code})`);
    return;
  }
  if (!trades(order.action)) {
    loseRequest(turn, order, `no answer to the command (${code})`);
  }
  askLater(turn, turn.c.orders[orderId] ?? order);
}
