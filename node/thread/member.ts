/** A strategy that runs in a thread of its own, as the node and its supervisor know it. */
import type { KeyValue } from '../../runtime/bus/bus.ts';
import { actorKey } from '../../runtime/bus/topics.ts';
import type { StoredCommit } from '../../runtime/commit.ts';
import { takeOver } from '../../runtime/commit.ts';
import type { Delivered } from '../../runtime/delivered.ts';
import { TroupeError } from '../../runtime/errors.ts';
import type { Inputs } from '../../runtime/hub.ts';
import { isConflict } from '../../runtime/lease.ts';
import type { FailedInputs, PoisonState } from '../../runtime/poison.ts';
import { failedInputs, poisonState } from '../../runtime/poison.ts';
import type { Logger } from '../../runtime/telemetry/log.ts';
import type { Metrics } from '../../runtime/telemetry/metrics.ts';
import type { ChildExit, Running } from '../../supervisors/spec.ts';
import { countsOf } from '../feed-metrics.ts';
import type { Member } from '../member.ts';
import { Feed } from './feed.ts';
import type { Assignment, FromThread } from './protocol.ts';
import { errorOf, faultOf } from './protocol.ts';
import type { Thread } from './thread.ts';
import type { Threads } from './threads.ts';

const SETTLED_MS = 2_000;
const KIND = 'strategy';

export interface ThreadMemberOptions {
  readonly run: Assignment;
  readonly threads: Threads;
  readonly shutdownMs: number;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The node's readers. */
  readonly hub: Inputs;
  readonly snapshots: KeyValue;
  /** Whether this node holds its lease at this moment. */
  readonly mayRun: () => boolean;
  /** The state's name or the description changed. */
  readonly onState: (state: string, detail: string) => void;
  /** At which inputs it failed on another node. */
  readonly failedInputs?: FailedInputs;
  readonly onFailedInputs?: (failed: FailedInputs) => void;
}

export class ThreadMember implements Member {
  readonly kind = KIND;
  readonly id: string;
  readonly shutdownMs: number;
  /** It costs itself, not its supervisor: it stays down until somebody starts it again. */
  readonly onBudgetSpent = 'leave';
  private readonly o: ThreadMemberOptions;
  /** Survives the threads: an input is poison however often the thread is made anew. */
  private poison: PoisonState;
  restored: unknown;
  private known: unknown;
  /** It has come up and said nothing of itself yet. */
  private isFresh = false;
  private thread: Thread | undefined;
  private feed: Feed | undefined;
  private asks = 0;
  private onExit: (exit: ChildExit) => void = () => undefined;
  private readonly answers = new Map<number, (settled: boolean) => void>();

  constructor(options: ThreadMemberOptions) {
    this.o = options;
    this.id = options.run.id;
    this.shutdownMs = options.shutdownMs;
    this.poison = poisonState(options.failedInputs);
    options.threads.order();
  }

  async start(onExit: (exit: ChildExit) => void, signal: AbortSignal): Promise<Running> {
    this.onExit = onExit;
    const { threads, run } = this.o;
    const thread = threads.take();
    this.thread = thread;
    const running = new RunningThread(thread);
    let started = (): void => undefined;
    let failed = (_error: unknown): void => undefined;
    const start = new Promise<void>((resolve, reject) => {
      started = resolve;
      failed = reject;
    });
    let isUp = false;
    thread.attach({
      onMessage: (message) => {
        if (message.type === 'started') {
          this.isFresh = true;
          started();
        } else if (message.type === 'subscribe') this.feedFrom(thread, message);
        else if (message.type === 'stopped') running.stopped(message.error && errorOf(message.error));
        else this.hear(message);
      },
      onEnd: (end) => {
        this.left(thread);
        running.stopped(end.error);
        if (isUp) onExit(end);
        else failed(end.error);
      },
    });
    signal.addEventListener('abort', () => failed(new TroupeError('ACTOR_HUNG', 'it did not start in time')));
    thread.post({ type: 'prepare', run });
    try {
      // Not by the thread itself, which still loads what it will run.
      const stored = await Promise.race([this.takeOver(signal), start]);
      thread.post({ type: 'run', run, layout: threads.layout, poison: this.poison, stored: stored ?? undefined });
      await start;
      isUp = true;
      return running;
    } catch (thrown) {
      await thread.end();
      this.left(thread);
      throw thrown;
    }
  }

  /**
   * The thread before may still be taken apart: its code was stopped for good when it was told to end, and what it had
   * sent until then comes before this, or loses against it.
   */
  private async takeOver(signal: AbortSignal): Promise<StoredCommit | undefined> {
    const key = actorKey(KIND, this.id);
    const attempt = (): Promise<StoredCommit | undefined> =>
      takeOver(this.o.snapshots, key, () => {
        if (signal.aborted) throw new Error(`${key} was ended while it started`);
        // A node that was frozen may get here without its lease, and would put the actor's new owner in the wrong.
        if (!this.o.mayRun()) throw new TroupeError('LEASE_LOST', `${key} does not start: no lease`);
      });
    const entry = await attempt().catch((thrown: unknown) => {
      // A commit of the thread before that was on its way has arrived; there is no second.
      if (!isConflict(thrown)) throw thrown;
      return attempt();
    });
    // A buffer of its own: what the store gave is a part of a larger one, which would travel whole.
    return entry && { ...entry, value: new Uint8Array(entry.value) };
  }

  get summary(): unknown {
    return this.known;
  }

  get depth(): number {
    return this.thread?.vitals.depth ?? 0;
  }

  /** False where it does not answer in time: who hangs has not settled. */
  settled(): Promise<boolean> {
    const { thread } = this;
    if (thread === undefined) return Promise.resolve(false);
    const ask = ++this.asks;
    return new Promise((resolve) => {
      const cancel = this.o.threads.clock.setTimer(SETTLED_MS, () => answer(false));
      const answer = (settled: boolean): void => {
        cancel();
        this.answers.delete(ask);
        resolve(settled && (this.feed?.idle ?? false));
      };
      this.answers.set(ask, answer);
      thread.post({ type: 'settled', ask });
    });
  }

  fence(error: Error): void {
    const { thread } = this;
    if (thread === undefined) return;
    this.left(thread);
    void thread.end();
    this.onExit({ reason: 'fenced', error });
  }

  tell(event: Parameters<Member['tell']>[0]): void {
    this.thread?.post({ type: 'tell', event });
  }

  private feedFrom(thread: Thread, { inputs, taken }: Extract<FromThread, { type: 'subscribe' }>): void {
    const { hub, run } = this.o;
    this.feed?.end();
    const refuse = (thrown: unknown): void => thread.post({ type: 'subscribed', error: faultOf(thrown) });
    this.feed = new Feed({
      ...{ hub, inputs, taken },
      wants: (delivered) => isOfOurs(run.id, delivered),
      post: (message, transfer) => thread.post(message, transfer),
      onFailure: (error) => {
        this.left(thread);
        void thread.end();
        this.onExit({ reason: 'crash', error });
      },
    });
    this.feed.begin().then(() => thread.post({ type: 'subscribed' }), refuse);
  }

  private hear(message: FromThread): void {
    const { metrics, onState } = this.o;
    switch (message.type) {
      case 'took':
        this.feed?.took(message.count);
        break;
      case 'unsubscribe':
        this.feed?.end();
        break;
      case 'state':
        onState(message.state, message.detail);
        break;
      case 'news':
        this.known = message.summary;
        if (this.isFresh) this.restored = countsOf(KIND, message.summary);
        this.isFresh = false;
        for (const tookMs of message.commitsMs) metrics.commitLatency.observe(tookMs);
        break;
      case 'poison':
        if (message.state.buried.length > this.poison.buried.length) metrics.deadLetters.inc({ kind: KIND });
        this.poison = message.state;
        this.o.onFailedInputs?.(failedInputs(message.state));
        break;
      case 'settled':
        this.answers.get(message.ask)?.(message.settled);
        break;
    }
  }

  private left(thread: Thread): void {
    if (this.thread !== thread) return;
    this.thread = undefined;
    this.feed?.end();
    for (const answer of [...this.answers.values()]) answer(false);
  }
}

/** Of an account's orders and fills a strategy hears its own. */
function isOfOurs(id: string, { topic, message }: Delivered): boolean {
  return (topic !== 'order' && topic !== 'fill') || (message as { strategy: string }).strategy === id;
}

/** One run of the strategy in one thread. */
class RunningThread implements Running {
  private readonly thread: Thread;
  private stopping: PromiseWithResolvers<void> | undefined;

  constructor(thread: Thread) {
    this.thread = thread;
  }

  /** Rejects with the cause where it could not commit, or ended before it had. */
  async stop(): Promise<void> {
    if (!this.thread.alive) return;
    this.stopping ??= Promise.withResolvers<void>();
    this.thread.post({ type: 'stop' });
    try {
      await this.stopping.promise;
    } finally {
      // Its actor has committed and ended: nobody waits for the thread.
      void this.thread.end();
    }
  }

  kill(): void {
    this.stopping?.resolve();
    void this.thread.end();
  }

  stopped(error: unknown): void {
    if (error === undefined) this.stopping?.resolve();
    else this.stopping?.reject(error);
  }
}
