/** Wiring of the ledger: the whole audit trail, from its first message, into PostgreSQL. */
import type { Pool } from 'pg';
import type { ActorDefinition, EffectContext, Input, Performer } from '../../runtime/actor.ts';
import type { Snapshot } from '../../runtime/xstate.ts';
import { assertPostgresUrl, createPool } from './connection.ts';
import type { RecorderContext } from './machine.ts';
import { recorderMachine } from './machine.ts';
import type { LedgerStore, OpenLedger } from './store.ts';
import type { Row } from './tables.ts';
import { LedgerWriter } from './writer.ts';

export interface RecorderOptions {
  /** Default `ledger`. */
  readonly id?: string;
  /** `postgres://user:password@host:port/database`; never logged. */
  readonly connectionString?: string;
  /** Instead of the connection string; called at each start of the actor, which ends the pool when it stops. */
  readonly createPool?: () => Pool;
  /** Instead of both: a store that is no PostgreSQL. */
  readonly openLedger?: OpenLedger;
  /** A batch is committed after so long (default 20 ms) or so many rows (default 500). */
  readonly batchMs?: number;
  readonly batchRows?: number;
}

/** Shape of `RecorderContext`. */
const VERSION = 1;

const inputs: readonly Input[] = (['order', 'fill', 'position', 'account'] as const).map((topic) => ({
  topic,
  key: {},
  from: 'start',
}));

/** Throws CONFIG_INVALID where there is neither a valid connection string nor a factory. */
export function recorderActor(options: RecorderOptions): ActorDefinition {
  const { id = 'ledger', connectionString, batchMs = 20, batchRows = 500 } = options;
  const newPool = options.createPool ?? (() => createPool(connectionString ?? ''));
  const open: OpenLedger = options.openLedger ?? ((run) => new LedgerWriter({ pool: newPool(), ...run }));
  // A bad URL is a fault of the configuration: it is told here, not at the first write.
  if (options.createPool === undefined && options.openLedger === undefined) assertPostgresUrl(connectionString ?? '');

  // One writer per run of the actor: a restarted actor gets a new signal, and the old writer ends with the old one.
  const writers = new WeakMap<AbortSignal, LedgerStore>();
  const writerOf = ({ clock, log, signal }: EffectContext): LedgerStore => {
    const known = writers.get(signal);
    if (known !== undefined) return known;
    const writer = open({ clock, log, signal, batchMs, batchRows });
    writers.set(signal, writer);
    const close = (): void => {
      writer.close().catch((error: unknown) => log.warn({ error: String(error) }, 'ledger connections did not end'));
    };
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    return writer;
  };

  const write: Performer = async ({ rows }: { readonly rows: readonly Row[] }, context) => {
    await writerOf(context).write(rows);
    return undefined;
  };
  const probe: Performer = async (_params: unknown, context) => {
    const { up, reason } = await writerOf(context).probe();
    return up ? { type: 'ledger.up' } : { type: 'ledger.down', reason };
  };

  return {
    kind: 'recorder',
    id,
    machine: recorderMachine,
    input: undefined,
    version: VERSION,
    delivery: 'replay',
    inputs,
    perform: { write, probe },
    describe,
    onStart: () => ({ type: 'recorder.start' }),
    // Two full batches: one is being committed while the next gathers.
    maxInFlight: 2 * batchRows,
  };
}

function describe(snapshot: Snapshot): string {
  const { messages, reason } = snapshot.context as RecorderContext;
  return reason === '' ? `${messages} messages` : `${messages} messages; ${reason}`;
}
