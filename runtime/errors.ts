/**
 * The one table of errors: stable code, class and message. docs/errors.md is generated from it, and a test holds the
 * two together. Codes never change their meaning and are never used again for another.
 *
 * Classes: `retry` may succeed when tried again, `fatal` will not until something is changed, `operator` needs a
 * person's decision. Risk denials are class `denial`: the order was not sent, nothing is wrong with the system.
 */
export type ErrorClass = 'retry' | 'fatal' | 'operator' | 'denial';

export interface ErrorEntry {
  readonly class: ErrorClass;
  /** What it means and what to do about it. */
  readonly meaning: string;
}

const retry = (meaning: string): ErrorEntry => ({ class: 'retry', meaning });
const fatal = (meaning: string): ErrorEntry => ({ class: 'fatal', meaning });
const operator = (meaning: string): ErrorEntry => ({ class: 'operator', meaning });
const denial = (meaning: string): ErrorEntry => ({ class: 'denial', meaning });

export const errorTable = {
  // Bus
  BUS_CONFLICT: fatal('A compare-and-set lost: another owner wrote this key. The actor stops; its new owner goes on.'),
  BUS_TIMEOUT: retry('NATS did not answer in time. Check that the server runs and is not overloaded.'),
  BUS_NO_RESPONDER: retry('Nobody serves this subject. Check that the service (bridge, node) is running.'),
  BUS_UNAVAILABLE: retry('NATS cannot be reached. Check TROUPE_NATS_URL and that the server runs.'),
  BUS_DENIED: fatal('NATS refused the credentials or the subject. Check the user and its permissions.'),
  BUS_STORAGE_FULL: operator(
    'JetStream has no room left. Free disk space or raise the stream limit; nothing was lost.',
  ),
  BUS_TOO_LARGE: fatal('A message is larger than the server takes (max_payload).'),
  BUS_FOREIGN_STREAMS: operator('The NATS server holds streams of a live company; a replay must not mix with it.'),
  BUS_NO_STREAM: fatal('A stream or bucket does not exist. It is made when a node starts; somebody has deleted it since.'),
  BUS_REWOUND: operator('A stream ends before the position that was read last: it was deleted or restored from an older copy.'),
  BUS_REFUSED: fatal('JetStream refused a request for the reason that the message gives.'),
  // Actors
  ACTOR_CRASHED: retry('The machine or an effect threw. The supervisor restarts the actor from its snapshot.'),
  ACTOR_POISONED: operator(
    'An input at which the actor failed 5 times was put to sys.dlq; the actor went on without it.',
  ),
  ACTOR_GIVEN_UP: operator('An actor failed more often than its restart budget allows.'),
  SNAPSHOT_CORRUPT: operator(
    'A stored snapshot cannot be read. Restore or delete the key; the actor does not start blank.',
  ),
  SNAPSHOT_VERSION: operator(
    'A stored snapshot has another version than this program. Migrate it or use that program.',
  ),
  MAILBOX_CONTROL_FULL: fatal('The control lane of an actor is full: it has not taken any event for a long time.'),
  // Configuration and start
  CONFIG_INVALID: fatal('The configuration has faults; all of them are listed with path and allowed range.'),
  CONFIG_NOT_FOUND: fatal('The configuration file does not exist or cannot be read.'),
  PORT_IN_USE: operator('A port is taken by another program. Free it or choose another.'),
  DISK_FULL: operator('No space left on the device. What was written before is kept.'),
  // Ledger
  LEDGER_UNAVAILABLE: retry('PostgreSQL cannot be reached. The recorder waits and loses nothing.'),
  LEDGER_SCHEMA: fatal('The ledger in PostgreSQL cannot be migrated to the schema that this program needs.'),
  // Trading
  NO_TERMINAL: retry('No terminal is linked to the bridge.'),
  FENCED: fatal('The bridge has seen a newer owner of this account; this one must stop.'),
  ORDER_UNKNOWN: operator('Nobody knows what became of an order; it counts as live until the terminal has been asked.'),
  RECONCILE_DIFFERENCE: operator(
    'Broker actor and terminal disagree. The symbol is halted until it is accepted or corrected.',
  ),
} as const satisfies Record<string, ErrorEntry>;

/** One stable code per denial of the risk gate. */
export const denialTable = {
  RISK_SYMBOL_NOT_ALLOWED: denial('The symbol is not configured for this account.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;
export type DenialCode = keyof typeof denialTable;

/** An error with a code of the table. `message` is what happened here; the table says what it means. */
export class TroupeError extends Error {
  override readonly name = 'TroupeError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get class(): ErrorClass {
    return errorTable[this.code].class;
  }
}

/** Text of anything thrown, for logs and events. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
