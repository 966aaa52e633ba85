/** What the end-to-end tests share: the command as a child, tick files of their own, and who is left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ManagedProcess, startProcess } from '../../cli/processes.ts';
import { findNatsServer } from '../../cli/setup/find.mjs';
import { systemClock } from '../../runtime/clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { scratchFolder } from '../support/servers.ts';
import { projectFolder } from '../support/source.ts';

/** A folder for state and files of one test file, whose name no other process bears. */
export function stateFolder(label: string): {
  path: string;
  state: string;
  file(name: string): string;
  remove(): void;
} {
  const scratch = scratchFolder(`e2e-${label}`);
  // PostgreSQL may run as another user.
  chmodSync(scratch.path, 0o755);
  return { ...scratch, state: path.join(scratch.path, 'state'), file: (name) => path.join(scratch.path, name) };
}

/** Resolves once `ready` gives something true; rejects, naming `what`, after `withinMs`. */
export async function until<T>(what: string, ready: () => T | Promise<T>, withinMs = 90_000): Promise<NonNullable<T>> {
  const untilMs = systemClock.monotonicMs() + withinMs;
  for (;;) {
    const value = await ready();
    if (value) return value;
    if (systemClock.monotonicMs() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(10);
  }
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const begun = new Set<StartCommand>();

/** For `after`: what a failed test has left running ends with the test file. */
export function endAll(): void {
  for (const command of begun) if (!command.over) command.kill('SIGKILL');
}

/** `cli/start.ts` as a child, with all its state in `state`. */
export class StartCommand {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  private isOver = false;
  private readonly child: ChildProcess;

  /** `entry`: a program that runs it in the end. */
  constructor(
    state: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    entry = path.join(projectFolder, 'cli', 'start.ts'),
  ) {
    this.child = spawn(process.execPath, [entry, ...args], {
      cwd: projectFolder,
      env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, TROUPE_STATE: state, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    begun.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (status, signal) => {
        this.isOver = true;
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get over(): boolean {
    return this.isOver;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it has printed this; rejects with all it said when it ends first. */
  async prints(pattern: RegExp, withinMs = 180_000): Promise<void> {
    await this.reaches(`prints ${pattern}`, () => pattern.test(this.stdout) || pattern.test(this.stderr), withinMs);
  }

  async reaches(what: string, ready: () => boolean, withinMs = 180_000): Promise<void> {
    await until(
      what,
      () => {
        if (ready()) return true;
        if (this.isOver) throw new Error(`ended before it ${what}:\n${this.stdout}${this.stderr}`);
        return false;
      },
      withinMs,
    );
  }
}

export function start(state: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new StartCommand(state, args, env).ended;
}

/** Living processes that were started with this text, have it in their environment, or work in such a folder. */
export function processesOf(text: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const command = readable(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')).replaceAll('\0', ' ');
    // A process without a command line has ended and only waits to be noticed.
    if (command === '') continue;
    const rest = [
      readable(() => readFileSync(`/proc/${pid}/environ`, 'latin1')),
      readable(() => readlinkSync(`/proc/${pid}/cwd`)),
    ];
    if (command.includes(text) || rest.some((one) => one.includes(text))) found.push({ pid, command });
  }
  return found;
}

function readable(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

export const noneLeft = (text: string, withinMs = 60_000): Promise<true> =>
  until(`no process of ${text} is left`, () => processesOf(text).length === 0, withinMs) as Promise<true>;

export interface MadeTicks {
  readonly seed: string;
  /** Broker's clock, as if it were UTC. */
  readonly fromMs: number;
  readonly ticks: number;
  /** Mean time between two ticks, ms. */
  readonly everyMs: number;
}

const stamp = (ms: number): string => {
  const text = new Date(ms).toISOString();
  return `${text.slice(0, 10).replaceAll('-', '.')}\t${text.slice(11, 23)}`;
};

/**
 * Lines of an MT5 tick export of EURUSD, header first: both sides in the first line, later only what changed, as the
 * terminal writes it. Prices wander round swings that a moving average can see.
 */
export function tickLines({ seed, fromMs, ticks, everyMs }: MadeTicks): string[] {
  const random = seededRandom(seed);
  const lines = ['<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>'];
  let timeMs = fromMs;
  let noise = 0;
  let [lastBid, lastAsk] = [0, 0];
  for (let i = 0; i < ticks; i++) {
    noise += (random.next() - 0.5) * 6 - noise * 0.002;
    const swing = 80 * Math.sin((timeMs - fromMs) / 2_900_000) + 25 * Math.sin((timeMs - fromMs) / 610_000);
    const bid = 110_000 + Math.round(swing + noise);
    const ask = bid + 2 + Math.floor(random.next() * 12);
    const [bidChanged, askChanged] = [bid !== lastBid, ask !== lastAsk];
    const price = (points: number): string => (points / 100_000).toFixed(5);
    const flags = (bidChanged ? 2 : 0) + (askChanged ? 4 : 0);
    if (flags > 0) {
      lines.push(`${stamp(timeMs)}\t${bidChanged ? price(bid) : ''}\t${askChanged ? price(ask) : ''}\t\t\t${flags}`);
    }
    [lastBid, lastAsk] = [bid, ask];
    timeMs += Math.floor(random.next() * 2 * everyMs);
  }
  return lines;
}

/** Writes a tick file; packed where its name ends in .gz. Returns the name. */
export function writeTicks(file: string, lines: readonly string[]): string {
  mkdirSync(path.dirname(file), { recursive: true });
  const text = `${lines.join('\r\n')}\r\n`;
  writeFileSync(file, file.endsWith('.gz') ? gzipSync(text) : text);
  return file;
}

/** A nats-server as a user might have one: JetStream, no users, its own folder. `port` 0 takes a free one. */
export async function startPlainNats(
  folder: string,
  port = 0,
): Promise<{ url: string; port: number; process: ManagedProcess }> {
  const program = findNatsServer()?.path;
  if (program === undefined) throw new Error('no nats-server: run `npm run setup`');
  const server = await startProcess({
    name: 'nats-server',
    command: program,
    args: ['-js', '-sd', path.join(folder, 'store'), '-a', '127.0.0.1', '-p', String(port === 0 ? -1 : port)],
    logFile: path.join(folder, 'nats.log'),
  });
  let listening = port;
  await server.waitForLine((line) => {
    listening = Number(/client connections on \S+:(\d+)/.exec(line)?.[1] ?? listening);
    return line.includes('Server is ready') || undefined;
  }, 20_000);
  return { url: `nats://127.0.0.1:${listening}`, port: listening, process: server };
}
