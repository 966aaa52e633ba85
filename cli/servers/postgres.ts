/** The private PostgreSQL cluster of a run: made, started, awaited, stopped. System clusters are never touched. */
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { COMPANY_PARTS_MS } from '../../node/deadlines.ts';
import { systemClock } from '../../runtime/clock.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { secretToken } from '../../runtime/random.ts';
import type { Exit, ManagedProcess } from '../processes.ts';
import { ProcessError, startProcess } from '../processes.ts';
import { findPostgresAll, POSTGRES_LEAST_MAJOR } from '../setup/find.mjs';
import { checkRoom, claimFolder, keptSecrets, saysDiskFull, whenDiskFull } from './folder.ts';
import { stopOrphan } from './orphan.ts';
import { type ClusterPlace, clusterPlace } from './postgres-place.ts';

export interface PostgresOptions {
  /** Usually `.run/postgres`. */
  readonly folder: string;
  readonly logFile: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Called when the server says, while it runs, that its disk is full; it may say so again and again. */
  readonly onDiskFull?: (error: TroupeError) => void;
  /** Called as soon as there is a process: it is not ready yet, but whoever must stop can stop it. */
  readonly onProcess?: (process: ManagedProcess) => void;
  /** false gives up surviving a power cut for speed: for tests. Default true. */
  readonly durable?: boolean;
  /** Programs to choose from; default: all that this machine has. */
  readonly programs?: readonly { readonly bin: string; readonly major: number }[];
}

export interface PostgresCredentials {
  readonly user: 'troupe';
  readonly password: string;
  readonly database: 'troupe';
}

export interface PostgresServer {
  /** `postgres://troupe:PASSWORD@127.0.0.1:PORT/troupe`: holds the password, never log it. */
  readonly url: string;
  /** `127.0.0.1:PORT`, for messages. */
  readonly address: string;
  readonly port: number;
  readonly credentials: PostgresCredentials;
  /** Where the cluster lies, and why not in the folder asked for where it does not. */
  readonly folder: string;
  readonly moved: string | undefined;
  readonly endedOrphan: number | undefined;
  readonly process: ManagedProcess;
  /** Fast shutdown; immediate after 8 s. Throws SERVER_FAILED where it did not end with success. */
  stop(): Promise<Exit>;
}

const READY_WITHIN_MS = 30_000;
/** What an earlier run has left. */
const STOP_WITHIN_MS = 8_000;
const PASSWORD_BYTES = 24;
const PORT_ATTEMPTS = 5;
/** Processes of a server that was killed notice it after a moment; until then the cluster is not free. */
const REMAINS_GONE_MS = 10_000;
const LOOK_AGAIN_MS = 100;
const SUPERUSER = 'postgres';

interface Cluster extends ClusterPlace {
  readonly bin: string;
  readonly data: string;
  readonly passwords: Readonly<Record<'superuser' | 'troupe', string>>;
}

/** Throws TroupeError ALREADY_RUNNING, PORT_IN_USE, DISK_FULL or SERVER_FAILED, each naming what to change. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const programs = options.programs ?? findPostgresAll();
  if (programs[0] === undefined) {
    throw new TroupeError('SERVER_FAILED', `no PostgreSQL ${POSTGRES_LEAST_MAJOR} or newer: run \`npm run setup\``);
  }
  const place = clusterPlace(path.resolve(options.folder));
  const release = await claimFolder(place.folder, 'the PostgreSQL cluster');
  let child: ManagedProcess | undefined;
  try {
    const data = path.join(place.folder, 'data');
    const bin = programFor(data, programs);
    const endedOrphan = await endEarlier(data);
    checkRoom(place.folder, 'PostgreSQL');
    const passwords = secretsOf(place, data);
    const cluster: Cluster = { ...place, bin, data, passwords };
    if (!existsSync(data)) await initialise(cluster, options);
    const started = await startOnPort(cluster, options);
    child = started.child;
    await ensureDatabase(cluster, started.port);
    return running(cluster, options, started, endedOrphan, release);
  } catch (error) {
    await child?.stop();
    release();
    throw error;
  }
}

function running(
  cluster: Cluster,
  options: PostgresOptions,
  { child, port }: Started,
  endedOrphan: number | undefined,
  release: () => void,
): PostgresServer {
  const credentials = { user: 'troupe', password: cluster.passwords.troupe, database: 'troupe' } as const;
  return {
    url: `postgres://troupe:${credentials.password}@127.0.0.1:${port}/troupe`,
    address: `127.0.0.1:${port}`,
    port,
    credentials,
    folder: cluster.folder,
    moved: cluster.moved,
    endedOrphan,
    process: child,
    stop: async () => {
      const exit = await child.stop();
      release();
      if (exit.forced || exit.code !== 0) {
        throw new TroupeError('SERVER_FAILED', `PostgreSQL did not stop cleanly; see ${options.logFile}`);
      }
      return exit;
    },
  };
}

/** Folder of the programs for an existing cluster, or the newest for a new one. */
function programFor(data: string, programs: readonly { bin: string; major: number }[]): string {
  const versionFile = path.join(data, 'PG_VERSION');
  if (!existsSync(versionFile)) return programs[0]!.bin;
  const major = Number(readFileSync(versionFile, 'utf8').trim());
  const fitting = programs.find((one) => one.major === major);
  if (fitting !== undefined) return fitting.bin;
  throw new TroupeError(
    'SERVER_FAILED',
    `the cluster in ${data} was made by PostgreSQL ${major}, here is ${programs.map((one) => one.major).join(', ')}: ` +
      `install PostgreSQL ${major}, move the cluster with pg_upgrade, or delete that folder if nobody needs its ledger`,
  );
}

/** Ends what a killed run left running on our own data directory; a stale pid file of a dead server is removed. */
async function endEarlier(data: string): Promise<number | undefined> {
  const pidFile = path.join(data, 'postmaster.pid');
  const ended = await stopOrphan({ pidFile, owns: `-D ${data}`, signal: 'SIGINT', deadlineMs: STOP_WITHIN_MS });
  // PostgreSQL itself would refuse where the number in it has gone to another living program.
  rmSync(pidFile, { force: true });
  return ended;
}

/** They live and die with the cluster that was made with them. */
function secretsOf(place: ClusterPlace, data: string): Cluster['passwords'] {
  const file = path.join(place.folder, 'credentials.json');
  if (existsSync(data) && !existsSync(file)) {
    throw new TroupeError(
      'SERVER_FAILED',
      `the cluster in ${data} is there but its passwords (${file}) are not: restore that file, or delete the folder if nobody needs its ledger`,
    );
  }
  return keptSecrets(file, ['superuser', 'troupe'] as const, () => secretToken(PASSWORD_BYTES));
}

/** initdb into a folder beside and then renamed: a half-made cluster is never taken for a whole one. */
async function initialise(cluster: Cluster, options: PostgresOptions): Promise<void> {
  const scratch = `${cluster.data}.new`;
  const passwordFile = path.join(cluster.folder, 'initial-password');
  rmSync(scratch, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, `${cluster.passwords.superuser}\n`, { mode: 0o600, flag: 'wx' });
  if (cluster.user) chownSync(passwordFile, cluster.user.uid, cluster.user.gid);
  try {
    const child = await startProcess({
      name: 'initdb',
      command: path.join(cluster.bin, 'initdb'),
      args: [
        ...['-D', scratch, '-U', SUPERUSER, `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'],
        ...['--auth-host=scram-sha-256', '--auth-local=reject', ...(options.durable === false ? ['--no-sync'] : [])],
      ],
      cwd: cluster.folder,
      env: serverEnvironment(),
      ...(cluster.user ? { user: cluster.user } : {}),
      logFile: options.logFile,
    });
    const exit = await child.exited;
    if (exit.code !== 0) throw startFailure(new ProcessError('initdb', 'initdb failed', child.tail), options);
    renameSync(scratch, cluster.data);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Started {
  readonly child: ManagedProcess;
  readonly port: number;
}

/** A free port may be taken by another program before the server has it; then another one is tried. */
async function startOnPort(cluster: Cluster, options: PostgresOptions): Promise<Started> {
  const untilMs = systemClock.monotonicMs() + REMAINS_GONE_MS;
  const { postgres: asked, postgresAtOnce: atOnce } = COMPANY_PARTS_MS;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const child = await startProcess({
      name: 'postgres',
      command: path.join(cluster.bin, 'postgres'),
      args: ['-D', cluster.data, ...settings(port, options.durable !== false)],
      cwd: cluster.folder,
      env: serverEnvironment(),
      ...(cluster.user ? { user: cluster.user } : {}),
      logFile: options.logFile,
      onLine: whenDiskFull(cluster.folder, 'PostgreSQL', options.onDiskFull),
      stop: { signal: 'SIGINT', deadlineMs: asked, force: 'SIGQUIT', forceMs: atOnce },
    });
    options.onProcess?.(child);
    try {
      const ready = (line: string): true | undefined => line.includes('ready to accept connections') || undefined;
      await child.waitForLine(ready, READY_WITHIN_MS);
      return { child, port };
    } catch (error) {
      await child.stop();
      if (!(error instanceof ProcessError)) throw error;
      const remains = error.tail.some((line) => /pre-existing shared memory block/i.test(line));
      if (remains && systemClock.monotonicMs() < untilMs) {
        await systemClock.sleep(LOOK_AGAIN_MS);
        continue;
      }
      const taken = error.tail.some((line) => /address already in use/i.test(line));
      if (taken && options.port === undefined && attempt < PORT_ATTEMPTS) continue;
      throw startFailure(error, options);
    }
  }
}

function settings(port: number, durable: boolean): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    // TCP on loopback with a password is the only way in; a socket's path may also be longer than the system takes.
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    max_connections: 50,
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    logging_collector: 'off',
    log_destination: 'stderr',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Without the caller's own PG… variables, which the server's programs would take for theirs. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, LANG, TZ } = process.env;
  return { PATH, LANG, TZ, LC_ALL: 'C' };
}

/** The application's own role owns its database and nothing else. Done again at each start: it may have been cut short. */
async function ensureDatabase(cluster: Cluster, port: number): Promise<void> {
  const client = new pg.Client({
    ...{ host: '127.0.0.1', port, user: SUPERUSER, password: cluster.passwords.superuser, database: 'postgres' },
    connectionTimeoutMillis: READY_WITHIN_MS,
  });
  try {
    await client.connect();
    const role = await client.query("select 1 from pg_roles where rolname = 'troupe'");
    // The password is URL-safe text of our own making: it needs no quoting.
    if (role.rowCount === 0) {
      await client.query(`create role troupe login nosuperuser password '${cluster.passwords.troupe}'`);
    }
    const database = await client.query("select 1 from pg_database where datname = 'troupe'");
    if (database.rowCount === 0) await client.query('create database troupe owner troupe');
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new TroupeError('SERVER_FAILED', `PostgreSQL started but its database could not be made: ${text}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => {});
  }
}

function startFailure(error: ProcessError, options: PostgresOptions): TroupeError {
  const text = error.tail.join('\n');
  if (/address already in use/i.test(text)) {
    return new TroupeError(
      'PORT_IN_USE',
      `port ${options.port} of 127.0.0.1 is taken by another program: free it, choose another for PostgreSQL, or choose none to get a free one`,
    );
  }
  if (error.tail.some(saysDiskFull)) {
    return new TroupeError(
      'DISK_FULL',
      `PostgreSQL found no space left for ${options.folder}; free some and start again`,
    );
  }
  const fatal = error.tail.findLast((line) => /FATAL|PANIC|error:/.test(line)) ?? error.tail.at(-1) ?? '';
  return new TroupeError('SERVER_FAILED', `${error.message}: ${fatal.trim()} (log: ${options.logFile})`);
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
