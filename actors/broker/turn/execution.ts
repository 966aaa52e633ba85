/** Execution events: what happened at the terminal, numbered per run of it, so that a hole is seen. */
import type { ExecutionEvent } from '../../../proto/gen/troupe/bridge/v1/bridge_pb.js';
import { MAX_OLD_SESSIONS } from '../context.ts';
import { bookDeal } from './deals.ts';
import { onMarketTime } from './market.ts';
import { snapshotTold } from './reconcile.ts';
import { applyAccount, applyPosition, applyRecord } from './reports.ts';
import { tellAccount } from './tell.ts';
import type { Turn } from './turn.ts';
import { appended, count } from './turn.ts';

export function onExecution(turn: Turn, event: ExecutionEvent): void {
  const { c } = turn;
  if (event.account !== c.account) return;
  const { body } = event;
  if (body.case === 'link') {
    // News of the bridge about itself: its session, numbers and clock (wall, not market) are not the terminal's.
    turn.raised.push({ type: body.value.state === 'ready' ? 'link.up' : 'link.down' });
    return;
  }
  if (body.case === 'snapshot') {
    snapshotTold(turn, body.value);
    return;
  }
  if (!advance(turn, event)) {
    count(turn, 'duplicateEvents');
    // Deals are told apart by their tickets; looking again costs nothing and can only find what was missed.
    if (body.case === 'deal') bookDeal(turn, body.value);
    return;
  }
  switch (body.case) {
    case 'order':
      applyRecord(turn, body.value);
      break;
    case 'deal':
      bookDeal(turn, body.value);
      break;
    case 'position':
      applyPosition(turn, body.value);
      break;
    case 'accountState':
      applyAccount(turn, body.value);
      if (c.reconciled) tellAccount(turn);
      break;
  }
  onMarketTime(turn, event.timeMs);
}

/** Takes note of the event's number. False for one that is included already. */
function advance(turn: Turn, event: ExecutionEvent): boolean {
  const { c } = turn;
  if (c.oldSessions.includes(event.session)) return false;
  if (event.session !== c.session) {
    if (c.session !== '') {
      c.oldSessions = appended(c.oldSessions, c.session, MAX_OLD_SESSIONS);
      turn.raised.push({ type: 'events.missed' });
    }
    c.session = event.session;
  } else if (event.sequence <= c.sequence) return false;
  else if (event.sequence > c.sequence + 1) turn.raised.push({ type: 'events.missed' });
  c.sequence = event.sequence;
  return true;
}
