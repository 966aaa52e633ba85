/**
 * Codes of the programs in C++ (bridge and terminal), as they stand in their logs and in the bridge's replies. They are
 * here so that docs/errors.md is one page; a test holds this table to the C++ sources.
 */
import type { ErrorEntry } from './errors.ts';

const retry = (meaning: string): ErrorEntry => ({ class: 'retry', meaning });
const fatal = (meaning: string): ErrorEntry => ({ class: 'fatal', meaning });
const operator = (meaning: string): ErrorEntry => ({ class: 'operator', meaning });

/** In logs. */
export const nativeTable: Readonly<Record<string, ErrorEntry>> = {
  E_USAGE: fatal('The command line of bridge or terminal is wrong; the message says what is allowed.'),
  E_CONFIG: fatal('A value of the command line or of the terminal’s configuration is out of its range.'),
  E_INTERNAL: fatal('A fault in the program itself. Report it with the log.'),
  E_STDIN: retry('The terminal was told something that it does not know; the line is ignored.'),
  E_PARENT_GONE: operator('The program that started this one is gone; it stops.'),
  E_PORT_IN_USE: operator('The bridge’s port is taken. Free it or choose another with --listen.'),
  E_LISTEN: fatal('The bridge cannot listen at the address given.'),
  E_NATS_UNREACHABLE: retry('NATS cannot be reached; it is tried again. Check TROUPE_NATS_URL.'),
  E_NATS_LOST: retry('The connection to NATS broke; what was not acknowledged is published again.'),
  E_NATS_DENIED: fatal('NATS refused the bridge’s user or one of its subjects.'),
  E_NATS_NO_STREAM: retry('A stream is missing; the bridge waits until a node has made it.'),
  E_NATS_STORAGE_FULL: operator(
    'JetStream has no room. Free disk space; the terminal waits meanwhile and nothing is lost.',
  ),
  E_NATS_PUBLISH_REFUSED: operator('JetStream refused a message; it is published again until it is taken.'),
  E_NATS_PUBLISH: retry('A message could not be handed to NATS; it is published again.'),
  E_NATS_ACK_TIMEOUT: retry('JetStream did not acknowledge in time; everything unacknowledged is published again.'),
  E_NATS_ORDER: retry(
    'A message was stored ahead of an earlier one of its subject; it is published once more behind it.',
  ),
  E_NATS_REPLY: retry('A reply to a command could not be sent; the broker asks again.'),
  E_JOURNAL: fatal('The journal of orders cannot be read or written. Without it no order is sent.'),
  E_JOURNAL_TORN: retry(
    'The journal’s last record was cut by a crash and is dropped; what it meant is asked of the terminal.',
  ),
  E_SPILLING: retry(
    'JetStream takes no ticks; they go to the spill file and are published from it, in order, when it does.',
  ),
  E_SPILL_FULL: operator(
    'The spill file has reached its bound; the terminal waits until NATS is back. Nothing is lost.',
  ),
  E_SPILL: operator(
    'The spill file cannot be read or written. The terminal waits while NATS is away; nothing is lost.',
  ),
  E_SPILL_TORN: retry('The spill file’s end was cut by a crash; the terminal sends those ticks again.'),
  E_BRIDGE_STATE: retry('The bridge’s own state could not be published.'),
  E_BRIDGE_STOPPED_SHORT: operator('The bridge was stopped with messages that nobody had acknowledged.'),
  E_BRIDGE_JSON: fatal('An execution event could not be written as JSON.'),
  E_EXPERT_INPUT: operator(
    'An input of the expert is out of its range; the message names it. Correct it in its dialog.',
  ),
  E_EXPERT_TIMER: fatal('The terminal gives the expert no timer. Restart the terminal.'),
  E_EXPERT_JOURNAL: operator(
    'The expert’s journal of orders cannot be opened, read or written, so it sends none. Is another chart running Troupe for this account?',
  ),
  E_EXPERT_DISK: operator('The expert’s log of ticks cannot be written. It reads no ticks until it can; none is lost.'),
  E_EXPERT_LINK: operator('The expert’s link client refuses its configuration; the message names the field.'),
  E_EXPERT_RELINK: retry(
    'The expert could not tell everything that has happened; it links anew, and the broker takes a snapshot.',
  ),
  E_EXPERT_DISPLACED: retry(
    'More transactions came at once than the terminal keeps, and it does not say which it has dropped; the bridge gets a snapshot, and another one 10 s later.',
  ),
  E_EXPERT_DROPPED: retry(
    'The link took nothing for so long that execution events found no room; they were counted, and the bridge gets a snapshot instead as soon as it takes one.',
  ),
  E_EXPERT_RESUME: retry('Bridge and expert do not agree on the list of symbols; the link is made anew.'),
  E_EXPERT_SNAPSHOT: operator(
    'The account has more orders, positions or deals than the expert can tell in a snapshot, or its history is not available.',
  ),
  E_EXPERT_SYMBOL: operator('A symbol that was asked for does not exist at this broker, or has no properties yet.'),
  E_EXPERT_SYMBOLS: operator('More symbols than the expert can take; those beyond are left out.'),
  E_EXPERT_TICK_WINDOW: operator(
    'More ticks came within a minute than the expert can remember; of those that come late some may be missing.',
  ),
  E_EXPERT_TICKS_PER_MS: operator(
    'A symbol had more ticks within one millisecond than the expert can tell apart; some may be missing.',
  ),
  E_LINK: retry('The link between terminal and bridge ended with an error; the terminal links again.'),
  E_LINK_LOST: retry('The link to the bridge broke; the terminal links again.'),
  E_LINK_IO: retry('Reading or writing the link failed.'),
  E_LINK_CLOSED: retry('The other side closed the link.'),
  E_LINK_TRUNCATED: retry('The other side closed the link in the middle of a frame.'),
  E_LINK_CRC: retry('A frame’s checksum does not fit what came; the link is made anew.'),
  E_LINK_KEY: operator(
    'The other side does not know the key. Give bridge and terminal the same TROUPE_BRIDGE_KEY; if you did, a stranger is at the port.',
  ),
  E_LINK_WRONG_ACCOUNT: operator(
    'The terminal is logged in to an account whose --login the bridge does not have; it is refused.',
  ),
  E_LINK_MARGIN_MODE: operator(
    'The terminal’s account has another margin mode than the bridge’s --margin-mode; it is refused.',
  ),
  E_LINK_ACCOUNT_TAKEN: operator('A second terminal wants the account that one is linked for already; it is refused.'),
  E_LINK_REFUSED: operator('The bridge refused this terminal; the message has the bridge’s code and reason.'),
  E_LINK_TLS_MISSING: operator(
    'One side of the link speaks TLS and the other does not. Give the bridge --link-tls-cert and --link-tls-key and the terminal a fingerprint or CA, or neither of them.',
  ),
  E_LINK_TLS_UNEXPECTED: operator(
    'A terminal spoke TLS to a bridge that has no certificate (or the other way round); it is refused.',
  ),
  E_LINK_TLS_CERTIFICATE: operator(
    'The bridge’s certificate is not the one whose fingerprint the terminal was given, nor signed by its CA. After a new certificate, give the terminal the new fingerprint; if there was none, a stranger is at the port.',
  ),
  E_LINK_TLS_EXPIRED: operator(
    'The bridge’s certificate has expired or is not valid yet. Make a new one; if it is good, look at the clock of the terminal’s machine.',
  ),
  E_LINK_TLS_NAME: operator(
    'The bridge’s certificate is made out for another name or address than the one by which the terminal reaches it.',
  ),
  E_LINK_TLS_REJECTED: operator(
    'A terminal does not accept the bridge’s certificate; the message has its reason, the terminal’s own log too.',
  ),
  E_LINK_TLS_REREAD: operator(
    'SIGHUP asked the bridge to read its certificate and key again, and they cannot be used; those read before stay. The message names the option and the file.',
  ),
  E_LINK_TLS_FAILED: operator(
    'The TLS handshake failed for another reason, which the message has: no version or cipher in common, or no TLS at all.',
  ),
  E_LINK_SILENT: retry('Nothing was heard for 5 seconds; the link counts as dead.'),
  E_LINK_NO_STORE: retry(
    'JetStream could not be asked which ticks it keeps; the terminal links again until the bridge knows.',
  ),
  E_LINK_OVERFLOW: retry(
    'The other side does not read, or answers nothing: what it is told has waited for more than 5 seconds, or is more than the link holds.',
  ),
  E_LINK_VERSION: fatal('The other side speaks another version of the link. Use matching programs.'),
  E_LINK_TOO_LONG: fatal('A frame is longer than the link allows.'),
  E_LINK_UNKNOWN_TYPE: fatal('A frame of a type that this version does not know.'),
  E_LINK_WRONG_SIDE: fatal('A frame that only the other side may send.'),
  E_LINK_UNEXPECTED: fatal('A frame that may not come at this point of the conversation.'),
  E_LINK_SEQUENCE: fatal('A frame’s running number has a hole or repeats.'),
  E_LINK_SIZE: fatal('A frame’s payload has not the size of its type.'),
  E_LINK_COUNT: fatal('A count in a frame does not fit the bytes that follow, or is out of range.'),
  E_LINK_TEXT: fatal('A text in a frame is not terminated or not UTF-8.'),
  E_LINK_NUMBER: fatal('A number in a frame is not finite or out of its range.'),
  E_LINK_ENUM: fatal('A value in a frame is none of those that its field allows.'),
  E_LINK_SYMBOL: fatal('A frame names a symbol that was not announced.'),
  E_LINK_EVENT_GAP: retry('Execution events have a hole; the link is closed and the account is taken in whole again.'),
  E_TAPE_OPEN: fatal('The tape of ticks cannot be opened.'),
  E_TAPE_EMPTY: fatal('The tape has no tick.'),
  E_TAPE_MAGIC: fatal('The file is no tape.'),
  E_TAPE_HEADER: fatal('The tape’s header is damaged.'),
  E_TAPE_TRUNCATED: fatal('The tape is shorter than its header says.'),
  E_TAPE_TICK: fatal('A tick of the tape is unusable (price, order of time, or symbol); its number is named.'),
  E_TAPE_SYMBOL: fatal('The tape has a symbol that the terminal is not configured for.'),
  E_TAPE_OFFSET: retry('Tape and configuration name different clocks; the tape’s is used.'),
  E_TERMINAL_FOLDER: fatal('The folder of the terminal’s programs, beside its history, cannot be made.'),
  E_HISTORY_OPEN: fatal('The terminal’s history file cannot be opened.'),
  E_HISTORY_WRITE: operator('The terminal’s history cannot be written; it stops rather than forget an order.'),
  E_HISTORY_DAMAGED: operator('The terminal’s history is damaged before its end. Restore it from a copy.'),
  E_HISTORY_TAIL: retry('The history’s last record was cut by a crash and is dropped.'),
  E_HISTORY_BEHIND: operator(
    'The company keeps ticks that the terminal’s history does not know of (a power cut, or a file that was put back). Start a new run.',
  ),
  E_HISTORY_LOCKED: operator('Another terminal uses this history file.'),
  E_HISTORY_ACCOUNT: operator('The history file belongs to another account.'),
};

/** In the bridge’s replies, besides the names of MetaTrader’s return codes. */
export const replyTable: Readonly<Record<string, ErrorEntry>> = {
  BAD_COMMAND: fatal('A command has a field out of its range; the message names it. Nothing was sent.'),
  UNKNOWN_SYMBOL: fatal('The terminal has no such symbol. Nothing was sent.'),
  TRADING_DISABLED: operator(
    'The terminal may not trade; the message says where it is disabled: in the terminal, for the expert, for the account, by the server. Nothing was sent.',
  ),
  JOURNAL_FAILED: operator('The journal cannot be written, so the order was not sent.'),
  JOURNAL_DISAGREES: operator(
    'The terminal does not know an order that the journal says was executed; its fate is unknown.',
  ),
  TOO_EARLY: retry(
    'The terminal does not show the order yet, and it was received too short a time ago for that to mean anything (--not-found-after-ms).',
  ),
  AMBIGUOUS: operator(
    'Several orders at the terminal may be this one. It is not sent again; look at the terminal, then accept or correct.',
  ),
  LINK_LOST: retry('The link broke while a command was under way; its outcome is unknown until the terminal is asked.'),
  TERMINAL_TIMEOUT: retry('The terminal did not answer in time; the outcome is unknown until it is asked.'),
  REPLY_TOO_LARGE: fatal('The answer is larger than NATS takes (max_payload).'),
};
