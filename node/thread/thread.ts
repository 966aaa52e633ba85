/**
 * One worker thread, seen from the main side: born, watched, and ended when it hangs, holds too much memory or ends by
 * itself. It knows nothing of strategies.
 */
import type { Clock } from '../../runtime/clock.ts';
import { messageOf, TroupeError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import type { Bear, Body } from './body.ts';
import { bearWorker } from './body.ts';
import type { Birth, BusLogin, FromThread, ToThread } from './protocol.ts';
import { errorOf } from './protocol.ts';
import { Vitals } from './vitals.ts';
import type { Limits, Watch } from './watchdog.ts';
import { bytesOf, firstWatch, isHung, look } from './watchdog.ts';

const MB = 2 ** 20;
/** A thread that is blocked outside JavaScript (a system call) ends when that returns; nobody waits longer for it. */
const END_MS = 3_000;

export interface ThreadEnd {
  readonly reason: 'crash' | 'hang' | 'fenced';
  readonly error: unknown;
}

export interface ThreadHooks {
  onMessage(message: FromThread): void;
  /** Once, when it has ended without having been asked to. */
  onEnd(end: ThreadEnd): void;
}

export interface ThreadOptions {
  readonly bus: BusLogin;
  readonly heartbeatMs: number;
  readonly limits: Limits;
  readonly log: Logger;
  /** Name of the node. */
  readonly node: string;
  readonly clock: Clock;
  /** Default: a worker of Node.js. */
  readonly bear?: Bear;
}

export class Thread {
  readonly vitals = new Vitals();
  private readonly body: Body;
  private readonly o: ThreadOptions;
  private hooks: ThreadHooks | undefined;
  private watch: Watch | undefined;
  private uncaught: unknown;
  /** It is being ended for this reason. */
  private verdict: ThreadEnd | undefined;
  private ended: ThreadEnd | 'asked' | undefined;
  private ending: Promise<void> | undefined;
  private exited = false;
  private asking = false;

  constructor(options: ThreadOptions) {
    this.o = options;
    const { bus, heartbeatMs, limits, log, node } = options;
    const birth: Birth = {
      bus,
      vitals: this.vitals.memory,
      heartbeatMs,
      blockMs: limits.hangAfterMs,
      node,
      log: { level: log.level as Birth['log']['level'], service: `node ${node}` },
    };
    this.body = (options.bear ?? bearWorker)(birth, limits, log, {
      onMessage: (message) => this.heard(message),
      onError: (error) => {
        this.uncaught = error;
      },
      onExit: (code) => {
        this.exited = true;
        if (this.verdict === undefined) this.finish({ reason: 'crash', error: this.causeOf(code) });
      },
    });
  }

  /** Hears of everything from now on; a thread that has ended already says so at once. */
  attach(hooks: ThreadHooks): void {
    this.hooks = hooks;
    if (this.ended !== undefined && this.ended !== 'asked') hooks.onEnd(this.ended);
  }

  /** A spare that ended before anybody needed it is of no use. */
  get alive(): boolean {
    return this.ended === undefined;
  }

  private get watched(): boolean {
    return this.ended === undefined && this.verdict === undefined;
  }

  post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    if (this.alive) this.body.post(message, transfer);
  }

  /** Ends it, whatever it does. Resolves when nothing of it runs any more, or cannot be waited for. */
  end(): Promise<void> {
    this.ended ??= 'asked';
    this.ending ??= this.terminate();
    return this.ending;
  }

  /** One look of the watchdog. */
  look(nowMs: number): void {
    if (this.watch === undefined || !this.watched) return;
    this.watch = look(this.watch, { nowMs, beats: this.vitals.beats });
    if (!isHung(this.watch, this.o.limits)) return;
    const { hangAfterMs } = this.o.limits;
    const cause = `no sign of life for ${hangAfterMs} ms: a loop or a wait without end?`;
    this.strike({ reason: 'hang', error: new TroupeError('ACTOR_HUNG', cause) });
  }

  /** It beats, and yet does not do what it is there for. */
  giveUp(cause: string): void {
    this.strike({ reason: 'hang', error: new TroupeError('ACTOR_HUNG', cause) });
  }

  /** Asks V8 for its heap; works while it runs JavaScript, however busy it is. */
  async weigh(): Promise<void> {
    if (this.asking || !this.watched) return;
    this.asking = true;
    try {
      const bytes = bytesOf(await this.body.heap());
      const { memoryBytes } = this.o.limits;
      if (bytes <= memoryBytes) return;
      const held = `it held ${Math.round(bytes / MB)} MB, allowed: ${Math.round(memoryBytes / MB)} MB`;
      this.strike({ reason: 'crash', error: new TroupeError('ACTOR_MEMORY', held) });
    } catch {
      // It has ended meanwhile, and says so by itself.
    } finally {
      this.asking = false;
    }
  }

  private heard(message: FromThread): void {
    if (this.ended !== undefined) return;
    if (message.type === 'ready') {
      this.watch = firstWatch({ nowMs: this.o.clock.monotonicMs(), beats: this.vitals.beats });
    }
    if (message.type === 'exit') {
      const { reason, error } = message;
      this.finish({ reason, error: errorOf(error) });
    } else this.hooks?.onMessage(message);
  }

  /** Its end is told only when it has come: two of one actor must not run side by side. */
  private strike(verdict: ThreadEnd): void {
    if (!this.watched) return;
    this.verdict = verdict;
    void this.terminate().then(() => this.finish(verdict));
  }

  private finish(end: ThreadEnd): void {
    if (this.ended !== undefined) return;
    this.ended = end;
    void this.end();
    this.hooks?.onEnd(end);
  }

  private async terminate(): Promise<void> {
    if (this.exited) return;
    let cancel = (): void => undefined;
    const late = new Promise<'late'>((resolve) => {
      cancel = this.o.clock.setTimer(END_MS, () => resolve('late'));
    });
    if ((await Promise.race([this.body.terminate(), late])) === 'late') {
      this.o.log.error(
        { code: 'ACTOR_HUNG' },
        `a thread is blocked outside JavaScript and did not end in ${END_MS} ms`,
      );
    }
    cancel();
  }

  private causeOf(code: number): Error {
    const { uncaught } = this;
    if (uncaught === undefined) return new TroupeError('ACTOR_EXITED', `the thread ended by itself with code ${code}`);
    const { code: name } = (uncaught ?? {}) as { code?: unknown };
    if (name === 'ERR_WORKER_OUT_OF_MEMORY') return new TroupeError('ACTOR_MEMORY', messageOf(uncaught));
    return uncaught instanceof Error ? uncaught : new Error(messageOf(uncaught));
  }
}
