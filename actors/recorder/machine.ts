/**
 * The ledger's machine: every message of the audit trail becomes one `write`. It never drops and never waits by
 * itself; while PostgreSQL is away the writes stay under way, and because nothing is committed past them the position
 * in the stream does not advance.
 */
import type { InputEvent } from '../../runtime/actor.ts';
import type { Machine } from '../../runtime/xstate.ts';
import { setup } from '../../runtime/xstate.ts';
import { accountRows, fillRows, orderRows, positionRows } from './rows.ts';
import type { Row } from './tables.ts';

/** How often the state of the connection is looked at, milliseconds. */
export const LOOK_MS = 1_000;
export const LOOK_WHILE_AWAY_MS = 250;

export interface RecorderContext {
  /** Messages taken since the first start. */
  readonly messages: number;
  /** Market time of the newest of them, UTC milliseconds. */
  readonly lastMs: number;
  /** Why PostgreSQL cannot be written; empty when it can. */
  readonly reason: string;
}

export type RecorderEvent =
  | InputEvent<'order'>
  | InputEvent<'fill'>
  | InputEvent<'position'>
  | InputEvent<'account'>
  | { readonly type: 'recorder.start' }
  | { readonly type: 'ledger.up' }
  | { readonly type: 'ledger.down'; readonly reason: string };

function rowsOf(event: RecorderEvent): Row[] {
  switch (event.type) {
    case 'order':
      return orderRows(event.message);
    case 'fill':
      return fillRows(event.message);
    case 'position':
      return positionRows(event.message, event.sequence);
    case 'account':
      return accountRows(event.message, event.sequence);
    default:
      return [];
  }
}

const parts = setup({
  types: { context: {} as RecorderContext, events: {} as RecorderEvent },
  actions: {
    write: (_, _params: { readonly rows: readonly Row[] }) => {},
    probe: (_, _params: undefined) => {},
  },
  delays: { LOOK_MS, LOOK_WHILE_AWAY_MS },
});

const record = parts.enqueueActions(({ context, event, enqueue }) => {
  const rows = rowsOf(event);
  const lastMs = rows.reduce((latest, { timeMs }) => Math.max(latest, timeMs), context.lastMs);
  enqueue.assign({ messages: context.messages + 1, lastMs });
  enqueue({ type: 'write', params: { rows } });
});

const away = parts.assign({ reason: ({ event }) => (event.type === 'ledger.down' ? event.reason : '') });

export const recorderMachine = parts.createMachine({
  id: 'recorder',
  context: { messages: 0, lastMs: 0, reason: '' },
  initial: 'connecting',
  on: {
    order: { actions: record },
    fill: { actions: record },
    position: { actions: record },
    account: { actions: record },
    'recorder.start': { target: '.connecting', actions: 'probe' },
    'ledger.up': { target: '.writing', actions: away },
    'ledger.down': { target: '.buffering', actions: away },
  },
  states: {
    connecting: {},
    writing: { after: { LOOK_MS: { actions: 'probe' } } },
    buffering: { after: { LOOK_WHILE_AWAY_MS: { actions: 'probe' } } },
  },
}) as unknown as Machine;
