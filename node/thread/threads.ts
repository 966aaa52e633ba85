/**
 * The threads of one node: makes them, keeps one warm for the next start, and looks after all of them from one timer.
 */
import type { Layout } from '../../runtime/bus/topics.ts';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf, TroupeError } from '../../runtime/errors.ts';
import type { Logger, LogLevel } from '../../runtime/telemetry/log.ts';
import type { Bear } from './body.ts';
import type { Assignment, BusLogin, Needs } from './protocol.ts';
import { Thread } from './thread.ts';
import type { MemoryWatch } from './watchdog.ts';
import { isTimeToAsk, LOOK_MS } from './watchdog.ts';

const MB = 2 ** 20;
/** A spare is made this long after the last start: loading its modules must not slow down the start at hand. */
const SPARE_AFTER_MS = 300;

/** A module may wait for something for ever while it is loaded, and its heart beats on. */
const PLAN_MS = 20_000;

export interface ThreadsOptions {
  /** Holds a password: never logged. */
  readonly bus: BusLogin;
  readonly settings: {
    readonly heartbeat_ms: number;
    readonly hang_after_ms: number;
    readonly memory_mb: number;
  };
  readonly layout: Layout;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of the node. */
  readonly node: string;
  /** Whether a thread with everything loaded waits for the next start. It costs a connection and some 20 MB. */
  readonly spare: boolean;
  /** What threads are made of. Default: workers of Node.js. */
  readonly bear?: Bear;
}

export class Threads {
  readonly layout: Layout;
  readonly clock: Clock;
  private readonly o: ThreadsOptions;
  private readonly alive = new Set<Thread>();
  /** Born, and not yet taken. */
  private readonly spares: Thread[] = [];
  private memory: MemoryWatch = { askedMs: Number.NEGATIVE_INFINITY, rssBytes: 0 };
  private cancelLook: (() => void) | undefined;
  private cancelSpare: (() => void) | undefined;
  private closed = false;

  constructor(options: ThreadsOptions) {
    this.o = options;
    this.layout = options.layout;
    this.clock = options.clock;
  }

  /** A thread for one actor: the spare, or a new one. */
  take(): Thread {
    this.prepareSpare();
    for (let spare = this.spares.shift(); spare !== undefined; spare = this.spares.shift()) {
      if (spare.alive) return spare;
    }
    return this.make();
  }

  /** One will be taken soon. Supervisors start one child after the other; threads can be born side by side. */
  order(): void {
    this.spares.push(this.make());
  }

  /**
   * What these strategies need, without any of their code running in the node's own thread. Throws CONFIG_INVALID or
   * CONFIG_NOT_FOUND, also where one hangs or ends its thread while it is loaded.
   */
  async plan(runs: readonly Assignment[]): Promise<Needs[]> {
    if (runs.length === 0) return [];
    const thread = this.make();
    try {
      const needs: Needs[] = [];
      for (const run of runs) {
        const cancel = this.clock.setTimer(PLAN_MS, () => thread.giveUp(`not loaded within ${PLAN_MS} ms`));
        needs.push(await planOf(thread, run).finally(cancel));
      }
      return needs;
    } finally {
      await thread.end();
    }
  }

  /** From now on, for those that run; new ones are born with the level of the node's log. */
  setLogLevel(level: LogLevel): void {
    for (const thread of this.alive) thread.post({ type: 'log', level });
  }

  /** Ends every thread, whatever it does. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancelSpare?.();
    const ended = [...this.alive].map((thread) => thread.end());
    this.alive.clear();
    this.cancelLook?.();
    this.cancelLook = undefined;
    await Promise.all(ended);
  }

  private make(): Thread {
    if (this.closed) throw new RangeError('the threads of this node are closed');
    const { bus, settings, log, node, clock } = this.o;
    const limits = { hangAfterMs: settings.hang_after_ms, memoryBytes: settings.memory_mb * MB };
    const { bear } = this.o;
    const thread = new Thread({
      ...{ bus, heartbeatMs: settings.heartbeat_ms, limits, log, node, clock },
      ...(bear === undefined ? {} : { bear }),
    });
    this.alive.add(thread);
    if (this.cancelLook === undefined) this.lookAgain();
    return thread;
  }

  /** Not while others still start: it would take the processor from them. */
  private prepareSpare(): void {
    if (!this.o.spare || this.closed) return;
    this.cancelSpare?.();
    this.cancelSpare = this.clock.setTimer(SPARE_AFTER_MS, () => {
      this.cancelSpare = undefined;
      if (this.spares.length > 0) return;
      this.order();
      this.spares.at(-1)?.post({ type: 'rehearse' });
    });
  }

  private lookAgain(): void {
    this.cancelLook = this.clock.setTimer(LOOK_MS, () => {
      this.cancelLook = undefined;
      this.look();
      if (this.alive.size > 0) this.lookAgain();
    });
  }

  private look(): void {
    const nowMs = this.clock.monotonicMs();
    for (const thread of this.alive) {
      if (thread.alive) thread.look(nowMs);
      else this.alive.delete(thread);
    }
    const rssBytes = process.memoryUsage.rss();
    if (!isTimeToAsk(this.memory, nowMs, rssBytes)) return;
    this.memory = { askedMs: nowMs, rssBytes };
    for (const thread of this.alive) void thread.weigh();
  }
}

function planOf(thread: Thread, run: Assignment): Promise<Needs> {
  return new Promise((resolve, reject) => {
    thread.attach({
      onMessage: (message) => {
        if (message.type === 'planned') resolve({ timeframes: message.timeframes, features: message.features });
      },
      onEnd: ({ error }) => {
        const known = error instanceof TroupeError && error.code.startsWith('CONFIG_');
        const where = `strategies.${run.id}.use: ${run.use}`;
        reject(known ? error : new TroupeError('CONFIG_INVALID', `${where} cannot be loaded: ${messageOf(error)}`));
      },
    });
    thread.post({ type: 'plan', run });
  });
}
