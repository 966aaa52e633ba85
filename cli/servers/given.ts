/** Servers that the user already has: TROUPE_NATS_URL and TROUPE_POSTGRES_URL, read and looked at before a run. */
import pg from 'pg';
import { messageOf, TroupeError } from '../../runtime/errors.ts';

export interface NatsLogin {
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
}

const CONNECT_WITHIN_MS = 5_000;

/** Credentials stand in the URL. Throws CONFIG_INVALID; messages never show a password. */
export function natsLoginOf(url: string): NatsLogin {
  const parsed = URL.parse(url.includes('://') ? url : `nats://${url}`);
  if (parsed === null || parsed.hostname === '' || !['nats:', 'tls:'].includes(parsed.protocol)) {
    throw new TroupeError('CONFIG_INVALID', 'TROUPE_NATS_URL: want one URL, nats://[USER:PASSWORD@]HOST[:PORT]');
  }
  return {
    url: `${parsed.protocol}//${parsed.host}`,
    ...(parsed.username === '' ? {} : { user: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
  };
}

/** Throws CONFIG_INVALID on what is no such URL, LEDGER_UNAVAILABLE where nobody serves it; no password is shown. */
export async function checkPostgres(url: string): Promise<void> {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new TroupeError(
      'CONFIG_INVALID',
      'TROUPE_POSTGRES_URL: want a URL, postgres://[USER:PASSWORD@]HOST[:PORT]/DATABASE',
    );
  }
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_WITHIN_MS });
  // A connection that breaks later is not this function's business.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    const where = `${parsed.host}${parsed.pathname}`;
    throw new TroupeError('LEDGER_UNAVAILABLE', `TROUPE_POSTGRES_URL, ${where}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A host with several addresses fails with one error per address and no text of its own. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError && error.message === '' ? messageOf(error.errors[0]) : messageOf(error);
}
