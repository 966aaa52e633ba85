/** The private nats-server of a run: started, awaited, stopped. */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { COMPANY_PARTS_MS } from '../../node/deadlines.ts';
import { systemClock } from '../../runtime/clock.ts';
import { TroupeError } from '../../runtime/errors.ts';
import { secretToken } from '../../runtime/random.ts';
import type { Exit, ManagedProcess } from '../processes.ts';
import { ProcessError, startProcess } from '../processes.ts';
import { findNatsServer, NATS_LEAST } from '../setup/find.mjs';
import { checkRoom, claimFolder, keptSecrets, saysDiskFull, whenDiskFull, writePrivate } from './folder.ts';
import { type Names, type NatsUser, natsConfigText, natsUsers } from './nats-config.ts';
import { stopOrphan } from './orphan.ts';
import { type Flush, Writeback } from './writeback.ts';

export interface NatsServerOptions {
  /** Configuration, credentials and the JetStream store; made where absent. Usually `.run/nats`. */
  readonly folder: string;
  readonly logFile: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Account and source of market data that the bridge's user speaks for. */
  readonly account: Names;
  readonly source: Names;
  /** Called when the server says, while it runs, that its disk is full; it may say so again and again. */
  readonly onDiskFull?: (error: TroupeError) => void;
  /** Called as soon as there is a process: it is not ready yet, but whoever must stop can stop it. */
  readonly onProcess?: (process: ManagedProcess) => void;
  /** nats-server to run; default: the one that set-up finds. */
  readonly program?: string;
  /** How a file of its store is put onto the disk; default: `fdatasync`. */
  readonly flush?: Flush;
}

export interface NatsCredentials {
  readonly user: NatsUser;
  readonly password: string;
  /** What this user may subscribe to for replies. */
  readonly inboxPrefix: string;
}

export interface NatsServer {
  /** `nats://127.0.0.1:PORT`, without credentials. */
  readonly url: string;
  readonly port: number;
  readonly credentials: Readonly<Record<NatsUser, NatsCredentials>>;
  /** Where a person finds the credentials. */
  readonly credentialsFile: string;
  /** Context for the stock `nats` command as user `operator`: `nats --context FILE`. Holds the password, mode 600. */
  readonly operatorContext: string;
  /** Process that an earlier, killed run had left here and that was ended first. */
  readonly endedOrphan: number | undefined;
  readonly process: ManagedProcess;
  /** SIGTERM; SIGKILL after 10 s. Throws SERVER_FAILED where it had to be killed or ended with a failure. */
  stop(): Promise<Exit>;
}

const READY_WITHIN_MS = 20_000;
/** What an earlier run has left. */
const STOP_WITHIN_MS = 10_000;
const PASSWORD_BYTES = 24;

/**
 * Cores that the server's own code may use at once: half of them, the rest is for those who publish and read. With all of
 * them every message of a market that leaves it time wakes threads on the other cores: it then costs half as much again,
 * and orders wait for the core that this takes (docs/benchmark-log.md). Who starts us may set GOMAXPROCS.
 */
export const coresOfServer = (cores: number): number => Math.max(1, Math.floor(cores / 2));

/** Throws TroupeError ALREADY_RUNNING, PORT_IN_USE, DISK_FULL or SERVER_FAILED, each naming what to change. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const program = options.program ?? findNatsServer()?.path;
  if (program === undefined) {
    throw new TroupeError('SERVER_FAILED', `no nats-server ${NATS_LEAST.join('.')} or newer: run \`npm run setup\``);
  }
  const folder = path.resolve(options.folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const release = await claimFolder(folder, 'the NATS server');
  let child: ManagedProcess | undefined;
  try {
    const configFile = path.join(folder, 'nats.conf');
    const pidFile = path.join(folder, 'nats.pid');
    const credentialsFile = path.join(folder, 'credentials.json');
    const endedOrphan = await stopOrphan({ pidFile, owns: configFile, signal: 'SIGTERM', deadlineMs: STOP_WITHIN_MS });
    checkRoom(folder, 'the NATS server');
    const passwords = keptSecrets(credentialsFile, natsUsers, () => secretToken(PASSWORD_BYTES));
    const storeFolder = path.join(folder, 'store');
    const { account, source } = options;
    writePrivate(
      configFile,
      natsConfigText({ port: options.port ?? -1, storeFolder, pidFile, passwords, account, source }),
    );
    child = await startProcess({
      name: 'nats-server',
      command: program,
      args: ['-c', configFile],
      env: { GOMAXPROCS: String(coresOfServer(availableParallelism())), ...process.env },
      logFile: options.logFile,
      onLine: whenDiskFull(folder, 'the NATS server', options.onDiskFull),
      stop: { signal: 'SIGTERM', deadlineMs: COMPANY_PARTS_MS.nats },
    });
    const running = child;
    options.onProcess?.(running);
    const port = await whenReady(running, options);
    const writeback = new Writeback(storeFolder, systemClock, options.flush).start();
    void running.exited.then(() => writeback.stop());
    const stop = async (): Promise<Exit> => {
      const exit = await running.stop();
      await writeback.stop();
      release();
      // Versions before 2.11 end with status 1 on SIGTERM even when all went well.
      if (exit.forced || exit.signal !== null || (exit.code !== 0 && exit.code !== 1)) {
        throw new TroupeError('SERVER_FAILED', `nats-server did not stop cleanly; see ${options.logFile}`);
      }
      return exit;
    };
    const credentials = Object.fromEntries(
      natsUsers.map((user) => [user, { user, password: passwords[user], inboxPrefix: `_INBOX.${user}` }]),
    ) as Record<NatsUser, NatsCredentials>;
    const url = `nats://127.0.0.1:${port}`;
    const operatorContext = path.join(folder, 'operator.json');
    writePrivate(operatorContext, contextText(url, passwords.operator));
    return { url, port, credentials, credentialsFile, operatorContext, endedOrphan, process: running, stop };
  } catch (error) {
    await child?.stop();
    release();
    throw error;
  }
}

/** As the `nats` command keeps its contexts: so no password stands on a command line or in the environment. */
function contextText(url: string, password: string): string {
  const context = { description: 'The company on this machine, as operator', url, user: 'operator', password };
  return `${JSON.stringify(context, null, 2)}\n`;
}

/** The port it listens on, once it serves. */
async function whenReady(child: ManagedProcess, options: NatsServerOptions): Promise<number> {
  let port = options.port ?? 0;
  try {
    return await child.waitForLine((line) => {
      const listening = /Listening for client connections on \S+:(\d+)/.exec(line);
      if (listening) port = Number(listening[1]);
      return line.includes('Server is ready') ? port : undefined;
    }, READY_WITHIN_MS);
  } catch (error) {
    throw error instanceof ProcessError ? startFailure(error, options) : error;
  }
}

function startFailure(error: ProcessError, options: NatsServerOptions): TroupeError {
  const text = error.tail.join('\n');
  if (/address already in use/i.test(text)) {
    return new TroupeError(
      'PORT_IN_USE',
      `port ${options.port} of 127.0.0.1 is taken by another program: free it, choose another for NATS, or choose none to get a free one`,
    );
  }
  if (error.tail.some(saysDiskFull)) {
    return new TroupeError(
      'DISK_FULL',
      `nats-server found no space left for ${options.folder}; free some and start again`,
    );
  }
  const fatal = error.tail.findLast((line) => line.includes('[FTL]')) ?? error.tail.at(-1) ?? '';
  return new TroupeError('SERVER_FAILED', `${error.message}: ${fatal.trim()} (log: ${options.logFile})`);
}
