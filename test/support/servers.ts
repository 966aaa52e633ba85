/** Real servers for integration tests: each on a free port, with data of its own that goes when it is stopped. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type NatsServer, type NatsServerOptions, startNatsServer } from '../../cli/servers/nats.ts';
import {
  type PostgresOptions,
  type PostgresServer,
  startPostgres as startCluster,
} from '../../cli/servers/postgres.ts';

export const TEST_ACCOUNT = 'test-account';
export const TEST_SOURCE = 'test-source';

/** A folder that the test's user and PostgreSQL's can both enter; `remove` deletes it. */
export function scratchFolder(label: string): { path: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), `troupe-${label}-`));
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }) };
}

export interface TestNats extends Pick<NatsServer, 'url' | 'port' | 'credentials' | 'operatorContext' | 'process'> {
  /** Its data; start another server on it to see what survives. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** JetStream on a free port. `credentials.node`, `.bridge` (for TEST_ACCOUNT and TEST_SOURCE) and `.operator`. */
export async function startNats(options: Partial<NatsServerOptions> = {}): Promise<TestNats> {
  const scratch = scratchFolder('nats');
  const folder = options.folder ?? path.join(scratch.path, 'nats');
  try {
    const server = await startNatsServer({
      account: TEST_ACCOUNT,
      source: TEST_SOURCE,
      logFile: path.join(scratch.path, 'nats.log'),
      ...options,
      folder,
    });
    const stop = async (): Promise<void> => {
      try {
        await server.stop();
      } finally {
        scratch.remove();
      }
    };
    return {
      url: server.url,
      port: server.port,
      credentials: server.credentials,
      operatorContext: server.operatorContext,
      process: server.process,
      folder,
      stop,
    };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}

export interface TestPostgres extends Pick<PostgresServer, 'url' | 'port' | 'credentials' | 'process'> {
  readonly folder: string;
  stop(): Promise<void>;
}

/** A fresh cluster on a free port with an empty database `troupe`. It does not survive a power cut: fsync is off. */
export async function startPostgres(options: Partial<PostgresOptions> = {}): Promise<TestPostgres> {
  const scratch = scratchFolder('postgres');
  // mkdtemp makes it for its owner alone; PostgreSQL may run as another user.
  chmodSync(scratch.path, 0o755);
  const folder = options.folder ?? path.join(scratch.path, 'postgres');
  try {
    const logFile = path.join(scratch.path, 'postgres.log');
    const server = await startCluster({ durable: false, logFile, ...options, folder });
    const stop = async (): Promise<void> => {
      try {
        await server.stop();
      } finally {
        scratch.remove();
      }
    };
    return {
      url: server.url,
      port: server.port,
      credentials: server.credentials,
      process: server.process,
      folder,
      stop,
    };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}
