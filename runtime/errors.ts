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
  BUS_NO_STREAM: fatal(
    'A stream or bucket does not exist. It is made when a node starts; somebody has deleted it since.',
  ),
  BUS_NO_JETSTREAM: fatal('The NATS server runs without JetStream, which keeps all streams. Start it with -js.'),
  BUS_STREAM_SETTINGS: operator(
    'A stream or bucket exists with settings that would lose or change messages; each difference is named.',
  ),
  BUS_REWOUND: operator(
    'A stream ends before the position that was read last: it was deleted or restored from an older copy.',
  ),
  BUS_REFUSED: fatal('JetStream refused a request for the reason that the message gives.'),
  // Actors
  ACTOR_CRASHED: retry('The machine or an effect threw. The supervisor restarts the actor from its snapshot.'),
  ACTOR_THREW: retry(
    'The machine threw at an input. The supervisor restarts the actor from its snapshot; at the fifth time the input goes to sys.dlq.',
  ),
  ACTOR_POISONED: operator(
    'An input at which the actor failed 5 times was put to sys.dlq; the actor went on without it.',
  ),
  ACTOR_GIVEN_UP: operator('An actor failed more often than its restart budget allows.'),
  ACTOR_HUNG: retry(
    'The thread of an actor gave no sign of life for longer than supervision.thread.hang_after_ms (an endless loop, a wait that blocks) and was ended. The supervisor restarts the actor.',
  ),
  ACTOR_MEMORY: retry(
    'The thread of an actor held more memory than supervision.thread.memory_mb and was ended. The supervisor restarts the actor.',
  ),
  ACTOR_EXITED: retry(
    'The thread of an actor ended by itself, for instance by process.exit. The supervisor restarts the actor.',
  ),
  SNAPSHOT_CORRUPT: operator(
    'A stored snapshot cannot be read. Restore or delete the key; the actor does not start blank.',
  ),
  SNAPSHOT_VERSION: operator(
    'A stored snapshot has another version than this program. Migrate it or use that program.',
  ),
  MAILBOX_CONTROL_FULL: fatal('The control lane of an actor is full: it has not taken any event for a long time.'),
  // Nodes
  LEASE_LOST: retry(
    'The node could not renew its lease in time or somebody took it; it ended, and its actors go on elsewhere.',
  ),
  NODE_NAME_TAKEN: operator('Another node of this name is running. Give each node a name of its own (node.name).'),
  // Configuration and start
  CONFIG_INVALID: fatal('The configuration has faults; all of them are listed with path and allowed range.'),
  CONFIG_NOT_FOUND: fatal('The configuration file does not exist or cannot be read.'),
  PORT_IN_USE: operator('A port is taken by another program. Free it or choose another.'),
  ALREADY_RUNNING: operator('This folder already has a company or server running. Stop that one first.'),
  SERVER_FAILED: operator('A private server (NATS, PostgreSQL) did not start or stop as it should; its log says why.'),
  DISK_FULL: operator('No space left on the device. What was written before is kept.'),
  LINK_NO_BRIDGE: operator(
    'The bridge runs but takes no terminal yet: it waits for NATS or its streams. The message has its reason.',
  ),
  LINK_NO_TERMINAL: operator(
    'The bridge is ready and no terminal has come to it. The message says at which address it waits and what the terminal says; look whether the terminal runs, reaches that address, and is not stopped.',
  ),
  LINK_REFUSED: operator(
    'Terminal and bridge have met and one of them refuses the other. The message has the reason with its E_LINK code (key, version, account, TLS) and what to do.',
  ),
  LINK_NOT_AGREED: operator(
    'Terminal and bridge are linked, but have not agreed on symbols and ticks in time. The message has what each of them says.',
  ),
  REPORT_NOT_WRITTEN: operator('The report of a run could not be written; its figures stand in the summary.'),
  TICKS_NONE: operator('None of the files has a tick that can be used. The reasons are listed, by file and line.'),
  // Requests of operators
  CONTROL_KIND: fatal('A request names a kind of actor that there is not.'),
  CONTROL_ID: fatal(
    'A request names an actor that there is not, or that runs nowhere just now; the message says which.',
  ),
  CONTROL_VERB: fatal(
    'A request asks for something that this kind of actor does not do; the message lists what it does.',
  ),
  CONTROL_PAYLOAD: fatal('The payload of a request is not what its verb takes; the message names the field.'),
  CONTROL_NOT_NOW: operator('An actor cannot do in its present state what a request asks of it; the message says why.'),
  CONTROL_FAILED: operator('A request was right, and doing it failed for the reason that the message gives.'),
  SETTING_REFUSED: operator(
    'A live setting in KV config was refused and has no effect; what held before holds on. The event on sys.lifecycle lists the faults.',
  ),
  // Ledger
  LEDGER_UNAVAILABLE: retry('PostgreSQL cannot be reached. The recorder waits and loses nothing.'),
  LEDGER_SCHEMA: fatal('The ledger in PostgreSQL cannot be migrated to the schema that this program needs.'),
  // Files of market data
  IMPORT_NOT_FOUND: fatal('The file of ticks does not exist.'),
  IMPORT_IS_FOLDER: fatal('A folder was named where a file of ticks is needed.'),
  IMPORT_UNREADABLE: operator('The file of ticks cannot be opened or read. Check its permissions and the disk.'),
  IMPORT_EMPTY: fatal('The file holds no line of data.'),
  IMPORT_ZIP: fatal('The file is a zip archive. Unpack it and name the file inside; gzip is read as it is.'),
  IMPORT_TRUNCATED: fatal('The gzip file is cut short or damaged before its first line. Fetch it again.'),
  IMPORT_UNRECOGNISED: fatal('The content of the file is of none of the known formats; the message lists them.'),
  IMPORT_NEEDS_SYMBOL: fatal('The file does not say which symbol its prices are of. Name it with --symbol NAME.'),
  IMPORT_BARS_NOT_REQUESTED: fatal('The file holds bars. Use --bars-as-ticks to turn each into four ticks.'),
  IMPORT_OPTION: fatal('An option of the import is out of its range; the message names it.'),
  TAPE_NOT_FOUND: fatal('The tape does not exist.'),
  TAPE_INVALID: fatal('The file is no whole tape. Delete it; it is made again from its source.'),
  TAPE_INPUT: fatal('A tape cannot be made of this: the message names the symbol, tick or option.'),
  TAPE_DISK_FULL: operator('No room for the tape. Free disk space; what stood there before is untouched.'),
  TAPE_NOT_WRITTEN: operator('The tape cannot be written. Check the folder and its permissions.'),
  // Trading
  NO_TERMINAL: retry('No terminal is linked to the bridge.'),
  FENCED: fatal('The bridge has seen a newer owner of this account; this one must stop.'),
  ORDER_UNKNOWN: operator('Nobody knows what became of an order; it counts as live until the terminal has been asked.'),
  ORDER_NOT_RECEIVED: retry(
    'The order never reached the terminal: bridge and terminal were asked and do not know it. Nothing was traded.',
  ),
  ORDER_REJECTED: fatal(
    'The terminal or the trade server refused the order; its return code and comment are in the reason.',
  ),
  ORDER_SUPERSEDED: fatal('A later change of the same stops has taken the place of this one.'),
  RECONCILE_DIFFERENCE: operator(
    'Broker actor and terminal disagree. The symbol is halted until it is accepted or corrected.',
  ),
} as const satisfies Record<string, ErrorEntry>;

/** One stable code per denial of the risk gate. */
export const denialTable = {
  RISK_BAD_INTENT: denial('The intent itself is not usable: a field is missing or out of range. Correct the strategy.'),
  RISK_HALTED: denial('Trading on this account is halted; only cancelling is possible until an operator activates it.'),
  RISK_SYMBOL_HALTED: denial(
    'Our record and the terminal disagree about this symbol, so it is not traded until that is accepted or corrected.',
  ),
  RISK_REDUCING: denial(
    'The account only gets smaller now: positions may be closed and protected, nothing may be opened; on a netting account also not by closing for one strategy what another holds against it.',
  ),
  RISK_SYMBOL_NOT_ALLOWED: denial('The symbol is not configured for this account.'),
  RISK_SESSION_CLOSED: denial('The configured trading hours of this symbol do not include this moment.'),
  RISK_NO_SPEC: denial(
    'The terminal has not said how this symbol is traded (lot sizes, contract), so no size can be checked.',
  ),
  RISK_NO_PRICE: denial('No price of this symbol has been heard yet; an order now would be blind.'),
  RISK_STALE_PRICE: denial('The last known price is too old; the market may be somewhere else by now.'),
  RISK_STALE_INTENT: denial('The strategy decided this too long ago; the reason for it may be gone.'),
  RISK_VOLUME_GRID: denial(
    'The broker does not take this volume: below its minimum, above its maximum or between two steps.',
  ),
  RISK_ORDER_SIZE: denial('One order is larger than this account allows.'),
  RISK_NOTIONAL: denial('One order is worth more money than this account allows.'),
  RISK_NO_RATE: denial(
    'The value cannot be converted into the account currency, because no configured symbol gives the rate.',
  ),
  RISK_PRICE_COLLAR: denial(
    'The price is too far from the market, or the market has moved too far since the decision: a typing error or a bad fill.',
  ),
  RISK_STOP_DISTANCE: denial(
    'Stop loss, take profit or order price is on the wrong side of the market or nearer to it than the broker allows.',
  ),
  RISK_DUPLICATE_INTENT: denial('This intent has been traded already; trading it again would double the position.'),
  RISK_DUPLICATE_ORDER: denial(
    'The same strategy sent the same order a moment ago; a second one is more likely an error than a wish.',
  ),
  RISK_ORDER_RATE: denial('Too many orders within a minute: a strategy that has lost its head is stopped here.'),
  RISK_OPEN_ORDERS: denial('Too many orders are working or undecided at once.'),
  RISK_POSITION_LIMIT: denial('With all live orders filled, the position would be larger than this account allows.'),
  RISK_GROSS_EXPOSURE: denial(
    'With all live orders filled, everything open would be worth more than this account allows.',
  ),
  RISK_FREE_MARGIN: denial('The account has not enough free money to carry this position.'),
  RISK_DAILY_LOSS: denial('The account has lost its limit for today; nothing is opened until the next day (UTC).'),
  RISK_DRAWDOWN: denial('The account has fallen too far below its highest equity; nothing is opened any more.'),
  RISK_NOTHING_TO_CLOSE: denial('The strategy holds nothing in this symbol.'),
  RISK_CLOSING_ALREADY: denial(
    'All that the strategy holds in this symbol is being closed by orders that have not ended.',
  ),
  RISK_NOTHING_TO_PROTECT: denial('The strategy holds nothing in this symbol that a stop or target could belong to.'),
  RISK_NOTHING_TO_CANCEL: denial('The order to cancel is not live any more, or belongs to another strategy.'),
  RISK_NOT_READY: denial('The broker is not connected and too many orders wait already; this one would come too late.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;
/** Whether a text is one of the stable codes. */
export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && code in errorTable;

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

/** Text of anything thrown, for logs and events. Never throws itself: users' code may throw whatever it likes. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return `something that is no error and has no text (${typeof thrown})`;
  }
}
