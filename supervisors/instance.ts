/**
 * One start of one child, from there to its end. Whatever it does too late (comes up after its deadline, ends twice) has
 * no effect: once it is over, nothing of it is told and what comes up of it is killed.
 */
import type { Clock } from '../runtime/clock.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import type { Slots } from './slots.ts';
import type { ChildExit, ChildSpec, Running } from './spec.ts';

export interface InstanceOptions {
  readonly spec: ChildSpec;
  readonly clock: Clock;
  /** Bounds how many start at once. */
  readonly slots: Slots;
  readonly startMs: number;
  readonly onStarted: () => void;
  /** It ended by itself or did not come up. Not called once `stop` or `kill` has been. */
  readonly onExit: (exit: ChildExit) => void;
  /** `kill()` of the child threw. */
  readonly onKillFailed: (thrown: unknown) => void;
}

export type StopOutcome = {
  readonly outcome: 'stopped' | 'killed' | 'crashed';
  readonly message: string;
};

const inOrder: StopOutcome = { outcome: 'stopped', message: '' };

const isFencing = (thrown: unknown): boolean =>
  thrown instanceof TroupeError && (thrown.code === 'BUS_CONFLICT' || thrown.code === 'FENCED');

export class Instance {
  private state: 'queued' | 'starting' | 'running' | 'stopping' | 'over' = 'queued';
  private running: Running | undefined;
  private started: Promise<void> = Promise.resolve();
  private crashed: ((message: string) => void) | undefined;
  private readonly abort = new AbortController();
  private readonly o: InstanceOptions;

  constructor(options: InstanceOptions) {
    this.o = options;
  }

  begin(): void {
    this.started = this.start();
  }

  /** In order within `shutdownMs`, counted from when `slots` lets it; then by force. Never rejects. */
  async stop(shutdownMs: number, slots: Slots): Promise<StopOutcome> {
    if (this.state === 'queued' || this.state === 'over') {
      this.state = 'over';
      return inOrder;
    }
    // A start that nobody waits for may end early; it is waited for all the same, so that nothing is left of it.
    if (this.state === 'starting') this.abort.abort('stop');
    this.state = 'stopping';
    const crashed = new Promise<StopOutcome>((resolve) => {
      this.crashed = (message) => resolve({ outcome: 'crashed', message });
    });
    const release = await slots.take();
    if (this.isOver) {
      release();
      return crashed;
    }
    const late = this.deadline<StopOutcome>(shutdownMs, {
      outcome: 'killed',
      message: `did not stop within ${shutdownMs} ms`,
    });
    const outcome = await Promise.race([this.stopInOrder(), crashed, late.reached]);
    late.cancel();
    release();
    if (outcome.outcome === 'stopped') this.state = 'over';
    else this.kill();
    return outcome;
  }

  kill(): void {
    if (this.state === 'over') return;
    this.end();
    this.crashed?.('killed');
  }

  private end(): void {
    this.state = 'over';
    this.abort.abort('kill');
    // A supervisor that still starts has children already.
    if (this.o.spec.supervisor !== undefined) this.killQuietly(this.o.spec.supervisor);
    if (this.running !== undefined) this.killQuietly(this.running);
  }

  private async start(): Promise<void> {
    const { spec, slots, startMs } = this.o;
    const release = await slots.take();
    if (this.state !== 'queued') {
      release();
      return;
    }
    this.state = 'starting';
    const late = this.deadline(startMs, undefined);
    void late.reached.then(() => {
      release();
      this.exited({ reason: 'hang', error: new Error(`did not start within ${startMs} ms`) });
    });
    this.abort.signal.addEventListener('abort', release);
    try {
      const running = await spec.start((exit) => this.exited(exit), this.abort.signal);
      if (this.isOver) this.killQuietly(running);
      else {
        this.running = running;
        this.cameUp();
      }
    } catch (thrown) {
      if (!this.isStopping) this.exited({ reason: isFencing(thrown) ? 'fenced' : 'crash', error: thrown });
    } finally {
      late.cancel();
      release();
    }
  }

  private get isOver(): boolean {
    return this.state === 'over';
  }

  private get isStopping(): boolean {
    return this.state === 'stopping';
  }

  private cameUp(): void {
    if (this.state !== 'starting') return;
    this.state = 'running';
    this.o.onStarted();
  }

  private async stopInOrder(): Promise<StopOutcome> {
    try {
      await this.started;
      await this.running?.stop();
      return inOrder;
    } catch (thrown) {
      return { outcome: 'killed', message: `did not stop: ${messageOf(thrown)}` };
    }
  }

  private exited(exit: ChildExit): void {
    const { state } = this;
    if (state === 'stopping') {
      // Ending is what it was asked for; ending by a failure means that it will not get to the end of its stop.
      if (exit.reason !== 'normal' && exit.reason !== 'shutdown') this.crashed?.(messageOf(exit.error ?? exit.reason));
      return;
    }
    if (state !== 'starting' && state !== 'running') return;
    this.end();
    this.o.onExit(exit);
  }

  private killQuietly(running: Pick<Running, 'kill'>): void {
    try {
      running.kill();
    } catch (thrown) {
      this.o.onKillFailed(thrown);
    }
  }

  private deadline<T>(ms: number, value: T): { readonly reached: Promise<T>; readonly cancel: () => void } {
    if (ms === Number.POSITIVE_INFINITY) return { reached: new Promise(() => undefined), cancel: () => undefined };
    let cancel = (): void => undefined;
    const reached = new Promise<T>((resolve) => {
      cancel = this.o.clock.setTimer(ms, () => resolve(value));
    });
    return { reached, cancel };
  }
}
