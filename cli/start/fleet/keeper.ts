/**
 * Keeps one program running: what ends unexpectedly is started again, at once and then with backoff, until its budget is
 * spent. A thin shell over `mending.ts`.
 */
import type { Clock } from '../../../runtime/clock.ts';
import { messageOf, TroupeError } from '../../../runtime/errors.ts';
import type { Random } from '../../../runtime/random.ts';
import { describeExit, type ManagedProcess, ProcessError } from '../../processes.ts';
import { givenUp, judgeEnd, type LastWords, lastWords } from './mending.ts';
import type { ProcessView } from './options.ts';

/** A program that is ready. */
export interface Started {
  readonly process: ManagedProcess;
  /** In order. Called after its end too, so that what it held (a folder) is free again. */
  stop(): Promise<unknown>;
}

export interface MendEvent {
  readonly name: string;
  readonly event: 'ended' | 'restarted' | 'given_up';
  /** How it ended, or why it could not be started. */
  readonly cause: string;
  /** Monotonic clock of the fleet. */
  readonly atMs: number;
  /** From the end to being ready again; with `restarted` only. */
  readonly awayMs?: number;
  /** Of the process that ended or was started. */
  readonly pid: number | undefined;
}

export interface Restart {
  /** Monotonic clock of the fleet, when it was ready again. */
  readonly atMs: number;
  readonly awayMs: number;
  readonly cause: string;
}

export interface KeeperOptions {
  readonly name: string;
  /**
   * Starts the program and resolves when it is ready; `begun` is told as soon as there is a process. The second time it
   * must come back as what it was: same port, same folder.
   */
  start(begun: (process: ManagedProcess) => void): Promise<Started>;
  readonly clock: Clock;
  readonly random: Random;
  /** Where a person finds the logs. */
  readonly logs: string;
  readonly onMend: (event: MendEvent) => void;
  readonly onGivenUp: (error: TroupeError) => void;
}

export class Keeper {
  readonly name: string;
  readonly restarts: Restart[] = [];
  state: ProcessView['state'] = 'starting';
  private readonly o: KeeperOptions;
  private process: ManagedProcess | undefined;
  private started: Started | undefined;
  private starting: Promise<void> | undefined;
  private cancelDelay: (() => void) | undefined;
  private failuresMs: readonly number[] = [];
  private stopping = false;
  private awaiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  /** What it said of why it ends, where its last lines are not all that it said. */
  private words: LastWords | undefined;

  constructor(options: KeeperOptions) {
    this.o = options;
    this.name = options.name;
  }

  /** The process that runs or is being started. */
  get current(): ManagedProcess | undefined {
    return this.process?.exit === undefined ? this.process : undefined;
  }

  get pid(): number | undefined {
    return this.current?.pid;
  }

  /** The first start: what fails now is thrown, because it has never been seen to work. */
  async start(): Promise<void> {
    this.starting = this.begin();
    try {
      await this.starting;
    } catch (error) {
      this.state = 'ended';
      throw this.stopping ? error : this.plain(error);
    }
  }

  /** It has told why it is about to end. */
  told(words: LastWords): void {
    this.words = words;
  }

  /** Resolves when it is ready, at once where it is. Throws where it will not be any more. */
  async ready(): Promise<void> {
    if (this.state === 'running') return;
    if (this.stopping || this.state === 'ended') throw this.gone();
    await new Promise<void>((resolve, reject) => this.awaiting.push({ resolve, reject }));
  }

  /** It is not started again any more; it goes on running until `stop`. */
  release(): void {
    this.stopping = true;
    this.cancelDelay?.();
    for (const { reject } of this.awaiting.splice(0)) reject(this.gone());
  }

  private gone(): TroupeError {
    return new TroupeError('SERVER_FAILED', `${this.name} is stopped`);
  }

  /** Stops it in order, whatever it is just doing. Throws where it did not stop as it should. */
  async stop(): Promise<void> {
    this.release();
    if (this.state === 'starting') await this.current?.stop();
    await this.starting?.catch(() => undefined);
    const { started } = this;
    this.started = undefined;
    this.state = 'ended';
    await started?.stop();
  }

  private async begin(): Promise<void> {
    this.state = 'starting';
    this.words = undefined;
    const started = await this.o.start((process) => {
      this.process = process;
      // Asked to stop between two processes: this one must not run.
      if (this.stopping) void process.stop();
    });
    this.process = started.process;
    this.started = started;
    this.state = 'running';
    void started.process.exited.then((exit) => this.ended(describeExit(exit)));
    for (const { resolve } of this.awaiting.splice(0)) resolve();
  }

  private async ended(how: string): Promise<void> {
    if (this.stopping) return;
    const { started, process } = this;
    const endedMs = this.o.clock.monotonicMs();
    this.started = undefined;
    this.state = 'waiting';
    const words = this.words ?? lastWords(process?.tail ?? []);
    this.tell('ended', how, process?.pid, endedMs);
    // What it held is set free; how it ended is known already.
    this.starting = Promise.resolve(started?.stop()).then(
      () => undefined,
      () => undefined,
    );
    await this.starting;
    this.mend(how, words, endedMs);
  }

  private mend(how: string, words: LastWords | undefined, sinceMs: number): void {
    if (this.stopping) return;
    const { clock, random, name, logs } = this.o;
    const nowMs = clock.monotonicMs();
    const { failuresMs, verdict } = judgeEnd(this.failuresMs, nowMs, random, words?.code);
    this.failuresMs = failuresMs;
    if (!verdict.restart) {
      this.state = 'ended';
      for (const { reject } of this.awaiting.splice(0)) reject(this.gone());
      this.tell('given_up', how, undefined, nowMs);
      this.o.onGivenUp(givenUp(name, verdict.attempt, how, words, logs));
      return;
    }
    this.state = 'waiting';
    this.cancelDelay = clock.setTimer(verdict.delayMs, () => {
      this.cancelDelay = undefined;
      this.starting = this.begin();
      this.starting.then(
        () => this.mended(how, sinceMs),
        (error) => this.failedAgain(error, sinceMs),
      );
    });
  }

  private mended(cause: string, sinceMs: number): void {
    if (this.stopping) return;
    const atMs = this.o.clock.monotonicMs();
    this.restarts.push({ atMs, awayMs: atMs - sinceMs, cause });
    this.o.onMend({ name: this.name, event: 'restarted', cause, atMs, awayMs: atMs - sinceMs, pid: this.pid });
  }

  private failedAgain(error: unknown, sinceMs: number): void {
    const words = this.wordsOf(error);
    const how = words?.text ?? messageOf(error).replace(`${this.name} `, '');
    this.tell('ended', how, undefined, this.o.clock.monotonicMs());
    this.mend(how, words, sinceMs);
  }

  private wordsOf(error: unknown): LastWords | undefined {
    if (error instanceof TroupeError) return { code: error.code, text: error.message };
    return this.words ?? (error instanceof ProcessError ? lastWords(error.tail) : undefined);
  }

  /** With a code and the program's own words, where it had any. */
  private plain(error: unknown): TroupeError {
    if (error instanceof TroupeError) return error;
    const words = this.wordsOf(error);
    if (words?.code !== undefined) return new TroupeError(words.code, `${this.name}: ${words.text}`, { cause: error });
    const said = words === undefined ? '' : `: ${words.text}`;
    return new TroupeError('SERVER_FAILED', `${messageOf(error)}${said}; see ${this.o.logs}`, { cause: error });
  }

  private tell(event: MendEvent['event'], cause: string, pid: number | undefined, atMs: number): void {
    if (!this.stopping) this.o.onMend({ name: this.name, event, cause, atMs, pid });
  }
}
