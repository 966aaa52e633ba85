/**
 * The programs that a command starts: named, logged, stopped in order, none left behind.
 *
 * Each has a process group of its own, so that Ctrl-C in a terminal reaches only this process, which then stops them
 * in the order that loses nothing; and so that what a child has started is ended with it. When this process is killed
 * they end too (guardian.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { guard, unguard } from './guardian.ts';

export interface ProcessSpec {
  /** For messages and the log's name. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Whole environment of the child; this process's own where absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** Run as this user and group; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** What the child prints is added to this file. */
  readonly logFile: string;
  /** JSON on stdout is for this process alone and is not logged: progress, many times a second. */
  readonly chatty?: boolean;
  /** Each line of its output, without the line's end. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Each line of stdout that is a JSON object. Lines that are not go to the log only. */
  readonly onJson?: (value: Record<string, unknown>) => void;
  /** Default SIGTERM, then SIGKILL to its group after 10 s. */
  readonly stop?: StopPolicy;
  /**
   * `ignore` (default), or `lifeline`: a pipe that closes when this process dies, however it dies, so that a child
   * which reads its stdin to the end can stop by itself.
   */
  readonly stdin?: 'ignore' | 'lifeline';
}

export interface StopPolicy {
  /** Asks to stop; sent to the child alone. */
  readonly signal: NodeJS.Signals;
  /** Asks instead of the signal, as a line of standard input (`stdin: 'lifeline'`). */
  readonly word?: string;
  /** Forced after this long. */
  readonly deadlineMs: number;
  /** Forces; sent to the whole group. Default SIGKILL. */
  readonly force?: NodeJS.Signals;
  /** SIGKILL after this long, where a gentler `force` did not end it. Default: `deadlineMs`. */
  readonly forceMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It did not stop when asked and was forced to. */
  readonly forced: boolean;
}

/** A child could not be started, or ended before it was ready. `tail` holds its last lines. */
export class ProcessError extends Error {
  override readonly name = 'ProcessError';
  readonly process: string;
  readonly tail: readonly string[];

  constructor(process: string, message: string, tail: readonly string[]) {
    super(message);
    this.process = process;
    this.tail = tail;
  }
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Its last lines of output, for messages. */
  readonly tail: readonly string[];
  /** Set once it has ended. */
  readonly exit: Exit | undefined;
  /** Resolves when it has ended and all its output was read; never rejects. */
  readonly exited: Promise<Exit>;
  /**
   * Waits for a line of output for which `match` gives something.
   * Throws ProcessError when the process ends first, or after `deadlineMs`.
   */
  waitForLine<T>(match: (line: string) => T | undefined, deadlineMs: number): Promise<T>;
  /** Asks it to stop, forces it after the deadline. May be called again and after its end. */
  stop(): Promise<Exit>;
  /** One line to its standard input, which `stdin: 'lifeline'` opens; nothing happens after its end. */
  send(line: string): void;
  /** Sends a signal to it alone; nothing happens after its end. */
  signal(signal: NodeJS.Signals): void;
}

const TAIL_LINES = 20;
const DEFAULT_STOP: StopPolicy = { signal: 'SIGTERM', deadlineMs: 10_000 };

const living = new Map<number, NodeJS.Signals>();

// The last resort for when this process ends without having stopped them: an uncaught error, process.exit.
process.on('exit', () => {
  for (const [pid, signal] of living) killGroup(pid, signal);
});

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

/**
 * Starts a program and resolves once the system has it running; whether it is ready is for `waitForLine`.
 * Throws ProcessError where it cannot be started (not found, no permission).
 */
export async function startProcess(spec: ProcessSpec, clock: Clock = systemClock): Promise<ManagedProcess> {
  mkdirSync(path.dirname(spec.logFile), { recursive: true });
  const child = spawn(spec.command, spec.args, {
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(spec.user === undefined ? {} : { uid: spec.user.uid, gid: spec.user.gid }),
    env: spec.env ?? process.env,
    stdio: [spec.stdin === 'lifeline' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new ProcessError(spec.name, `${spec.name} could not be started: ${error.message}`, [])),
    );
  });
  return new RunningProcess(spec, child, clock);
}

/** Stops in the order given, each only after the one before has ended. */
export async function stopInOrder(processes: readonly ManagedProcess[]): Promise<Exit[]> {
  const exits: Exit[] = [];
  for (const one of processes) exits.push(await one.stop());
  return exits;
}

class RunningProcess implements ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  exit: Exit | undefined;
  private readonly child: ChildProcess;
  private readonly policy: StopPolicy;
  private readonly clock: Clock;
  readonly tail: string[] = [];
  private readonly watchers = new Set<(line: string) => void>();
  private stopping: Promise<Exit> | undefined;
  private forced = false;

  constructor(spec: ProcessSpec, child: ChildProcess, clock: Clock) {
    this.name = spec.name;
    this.pid = child.pid!;
    this.child = child;
    this.policy = spec.stop ?? DEFAULT_STOP;
    this.clock = clock;
    living.set(this.pid, this.policy.force ?? 'SIGKILL');
    guard(this.pid, this.policy.signal);
    child.stdin?.on('error', () => {});
    const log = createWriteStream(spec.logFile, { flags: 'a' });
    log.on('error', () => {}); // A full disk must not end the company because of a log line.
    for (const name of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[name]!, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
        if (!(spec.chatty && name === 'stdout' && line.startsWith('{'))) log.write(`${line}\n`);
        this.tail.push(line);
        if (this.tail.length > TAIL_LINES) this.tail.shift();
        spec.onLine?.(line, name);
        if (name === 'stdout' && spec.onJson !== undefined) {
          const value = jsonObject(line);
          if (value !== undefined) spec.onJson(value);
        }
        for (const watcher of [...this.watchers]) watcher(line);
      });
    }
    // The group outlives its leader where that left children behind: they are ended, and then the output closes.
    child.once('exit', () => {
      killGroup(this.pid, 'SIGKILL');
      unguard(this.pid);
    });
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        living.delete(this.pid);
        const exit = { code, signal, forced: this.forced };
        this.exit = exit;
        // Who reads the log after the end finds all of it there.
        if (log.closed) resolve(exit);
        else log.once('close', () => resolve(exit)).end();
      });
    });
  }

  waitForLine<T>(match: (line: string) => T | undefined, deadlineMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (act: () => void): void => {
        if (settled) return;
        settled = true;
        this.watchers.delete(watcher);
        cancel();
        act();
      };
      const watcher = (line: string): void => {
        const value = match(line);
        if (value !== undefined) settle(() => resolve(value));
      };
      const fail = (why: string): void =>
        settle(() => reject(new ProcessError(this.name, `${this.name} ${why}`, [...this.tail])));
      const cancel = this.clock.setTimer(deadlineMs, () => fail(`was not ready within ${deadlineMs} ms`));
      this.watchers.add(watcher);
      for (const line of [...this.tail]) watcher(line);
      void this.exited.then((exit) => fail(`ended before it was ready (${describeExit(exit)})`));
    });
  }

  stop(): Promise<Exit> {
    this.stopping ??= this.stopOnce();
    return this.stopping;
  }

  send(line: string): void {
    if (this.exit === undefined && this.child.stdin?.writable) this.child.stdin.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.exit === undefined) this.child.kill(signal);
  }

  private async stopOnce(): Promise<Exit> {
    if (this.exit !== undefined) return this.exit;
    const cancel = this.clock.setTimer(this.policy.deadlineMs, () => {
      this.forced = true;
      killGroup(this.pid, this.policy.force ?? 'SIGKILL');
      if (this.policy.force !== undefined) {
        const { forceMs = this.policy.deadlineMs } = this.policy;
        const last = this.clock.setTimer(forceMs, () => killGroup(this.pid, 'SIGKILL'));
        void this.exited.then(last);
      }
    });
    if (this.policy.word === undefined) this.signal(this.policy.signal);
    else this.send(this.policy.word);
    // A stopped (SIGSTOP, Ctrl-Z) process would hear nothing until it goes on.
    this.signal('SIGCONT');
    const exit = await this.exited;
    cancel();
    return exit;
  }
}

/** "status 1" or "SIGKILL". */
export function describeExit(exit: Exit): string {
  return `${exit.signal ?? `status ${exit.code}`}${exit.forced ? ', forced' : ''}`;
}

/** What a program has told as one line of JSON; undefined: another line. */
export function jsonObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
