/** The pool to PostgreSQL, and what its errors mean. */
import pg from 'pg';
import { messageOf, TroupeError } from '../../runtime/errors.ts';

/** A connection is asked for at most so long; then the server counts as down. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Longest wait for one statement: a server that hangs must not hold the ledger for ever. */
const QUERY_TIMEOUT_MS = 30_000;

/** Throws CONFIG_INVALID on what is no PostgreSQL URL. The text itself is never shown: it carries a password. */
export function assertPostgresUrl(connectionString: string): void {
  let url: URL | undefined;
  try {
    url = new URL(connectionString);
  } catch {
    // Node's own error would carry the text.
  }
  if (url === undefined || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new TroupeError(
      'CONFIG_INVALID',
      'ledger: not a PostgreSQL URL, allowed: postgres://user:password@host:port/database',
    );
  }
}

/** Throws CONFIG_INVALID, see `assertPostgresUrl`. */
export function createPool(connectionString: string): pg.Pool {
  assertPostgresUrl(connectionString);
  const pool = new pg.Pool({
    connectionString,
    max: 2,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'troupe-ledger',
    keepAlive: true,
  });
  // An idle connection that breaks would otherwise end the process; the next query finds out by itself.
  pool.on('error', () => {});
  return pool;
}

/**
 * SQLSTATE classes that time mends: connection, transaction rollback (deadlock), resources (disk full, too many
 * connections), operator intervention (shutdown, restart), system error.
 */
const PASSING_CLASSES = new Set(['08', '40', '53', '57', '58']);
/** Read-only after a failover, lock not available. */
const PASSING_CODES = new Set(['25006', '55P03']);
/** Texts of errors that the driver makes itself and gives no code. */
const DRIVER_TEXTS =
  /^(Connection terminated|timeout exceeded when trying|timeout expired|Query read timeout|Client has encountered|Client was closed)/i;

const sqlState = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
};

/** The server is away or busy: what was asked may succeed later, unchanged. */
export function isPassing(error: unknown): boolean {
  const code = sqlState(error);
  if (error instanceof pg.DatabaseError) {
    return code !== undefined && (PASSING_CLASSES.has(code.slice(0, 2)) || PASSING_CODES.has(code));
  }
  if (error instanceof Error && DRIVER_TEXTS.test(error.message)) return true;
  // Sockets: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EPIPE, ENOTFOUND, ENOENT (a socket file that is gone) ...
  return code !== undefined && /^E[A-Z_]+$/.test(code) && !code.startsWith('ERR_');
}

/** A partition, a table or the schema is not there: somebody has replaced the database under us. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  const lost = error.code === '23514' && error.message.startsWith('no partition of relation');
  return lost || error.code === '42P01' || error.code === '3F000';
}

/** The rows are at fault: 22 (data) and 23 (constraints). */
export function isDataFault(error: unknown): boolean {
  const code = sqlState(error);
  return error instanceof pg.DatabaseError && code !== undefined && ['22', '23'].includes(code.slice(0, 2));
}

/** One line for logs: PostgreSQL's messages name users and hosts, never passwords. */
export function causeOf(error: unknown): string {
  const code = sqlState(error);
  const text = messageOf(error) || 'no answer';
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}
