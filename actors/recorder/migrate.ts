/** Brings the ledger's schema to the one this program knows. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type { Pool, PoolClient } from 'pg';
import { messageOf, TroupeError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import { isPassing } from './connection.ts';

const FOLDER = fileURLToPath(new URL('./migrations', import.meta.url));
const TABLE = 'migrations';
/** Held while the schema changes, so that recorders starting together take turns. Any fixed number of our own. */
const LOCK = 7_265_820_733;

/** Names of the migrations that this program knows, in order. */
export function knownMigrations(folder = FOLDER): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -'.sql'.length))
    .sort();
}

/**
 * Runs what has not been run, in one transaction. Throws LEDGER_SCHEMA when the schema is newer than the program or
 * a migration fails; errors of a server that is away go through as they are.
 */
export async function migrate(pool: Pool, log: Logger, folder = FOLDER): Promise<void> {
  const client = await pool.connect();
  let failed: Error | undefined;
  // A connection that breaks between two statements would otherwise end the process.
  const broken = (error: Error): void => {
    failed = error;
  };
  client.on('error', broken);
  try {
    await client.query(`SELECT pg_advisory_lock(${LOCK})`);
    await refuseNewer(client, folder);
    const done = await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable: TABLE,
      migrationsSchema: 'troupe',
      createMigrationsSchema: true,
      singleTransaction: true,
      // The lock is ours: the look at what has been run must happen under it too.
      noLock: true,
      log: (text) => log.debug(text),
    });
    await client.query(`SELECT pg_advisory_unlock(${LOCK})`);
    if (done.length > 0) log.info({ migrations: done.map(({ name }) => name) }, 'ledger schema migrated');
  } catch (thrown) {
    failed = thrown instanceof Error ? thrown : new Error(messageOf(thrown));
    if (thrown instanceof TroupeError || isPassing(thrown)) throw thrown;
    throw new TroupeError('LEDGER_SCHEMA', `the ledger cannot be migrated: ${messageOf(thrown)}`, { cause: thrown });
  } finally {
    client.off('error', broken);
    // A connection that failed is thrown away, and its lock with it.
    client.release(failed);
  }
}

async function refuseNewer(client: PoolClient, folder: string): Promise<void> {
  const found = await client.query<{ there: boolean }>(`SELECT to_regclass('troupe.${TABLE}') IS NOT NULL AS there`);
  if (found.rows[0]?.there !== true) return;
  const run = await client.query<{ name: string }>(`SELECT name FROM troupe.${TABLE} ORDER BY id`);
  const known = new Set(knownMigrations(folder));
  const newer = run.rows.map(({ name }) => name).filter((name) => !known.has(name));
  if (newer.length === 0) return;
  throw new TroupeError(
    'LEDGER_SCHEMA',
    `the ledger's schema is newer than this program: it does not know ${newer.join(', ')}; use the program that made it`,
  );
}
