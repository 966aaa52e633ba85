/**
 * A supervisor: the thin shell around its machine. It performs what the machine decides (start, stop, timers, events)
 * and tells it what came of that, stamped with the time and, for delays, a random draw.
 */
import type { Clock } from '../runtime/clock.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import type { Inspectable, Watch } from '../runtime/inspect/watch.ts';
import type { Random } from '../runtime/random.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Snapshot } from '../runtime/xstate.ts';
import { start, stateName, step } from '../runtime/xstate.ts';
import type { ChildState, SupervisorContext, SupervisorInput, SupervisorMachineEvent } from './context.ts';
import { Instance } from './instance.ts';
import { contextOf, describeSupervisor, supervisorMachine } from './machine.ts';
import type { Backoff, Budget } from './policy.ts';
import { recent } from './policy.ts';
import { find } from './roster.ts';
import { Slots } from './slots.ts';
import type { ChildExit, ChildSpec, ChildView, Removal, Running, Strategy, SupervisorEvent } from './spec.ts';
import { CONCURRENCY, checkSpec, RESTART, SHUTDOWN_MS, START_MS } from './spec.ts';
import type { SupervisorEffect } from './turn.ts';

export type { ChildExit, ChildSpec, ChildView, Running, SupervisorEvent } from './spec.ts';

export interface SupervisorOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Default: `one_for_one`. */
  readonly strategy?: Strategy;
  readonly childBudget?: Budget;
  readonly supervisorBudget?: Budget;
  readonly backoff?: Partial<Backoff>;
  /** Children that start, or in a pool stop, at the same time. Default: CONCURRENCY. */
  readonly concurrency?: number;
  /** Time to start of children whose spec does not say. Default: START_MS. */
  readonly startMs?: number;
  readonly onEvent: (event: SupervisorEvent) => void;
  /** The machine's state or what a person may read of it has changed: for KV `actors`. */
  readonly onState?: (state: string, detail: string) => void;
  /** A child is not this supervisor's any more. */
  readonly onRemoved?: (kind: string, id: string, reason: Removal, cause: string) => void;
  /**
   * A budget is spent or a child cannot ever start. Nothing is started any more; what runs goes on until `stop` or
   * `kill`. Not called for the child of another supervisor: there it has failed, and its parent goes on from that.
   */
  readonly onGiveUp?: (error: TroupeError) => void;
}

interface Entry {
  readonly ref: number;
  readonly spec: ChildSpec;
  instance: Instance | undefined;
  cancelTimer: (() => void) | undefined;
  /** Cause of what is told next. */
  error: unknown;
}

interface Waiter {
  readonly until: (child: ChildState | undefined) => boolean;
  readonly resolve: (child: ChildState | undefined) => void;
}

const hasTried = (child: ChildState | undefined): boolean =>
  child === undefined || !child.fresh || (child.phase !== 'waiting' && child.phase !== 'starting');

const isSettled = (child: ChildState | undefined): boolean =>
  child === undefined || !['waiting', 'starting', 'stopping'].includes(child.phase);

const nameOf = (kind: string, id: string): string => `${kind}.${id}`;

export class Supervisor implements Running, Inspectable {
  readonly kind = 'supervisor';
  readonly id: string;
  readonly machine = supervisorMachine;
  /** Set by the inspector while somebody watches. */
  watch: Watch | undefined;
  private readonly o: SupervisorOptions;
  private readonly entries = new Map<number, Entry>();
  private readonly refs = new Map<string, number>();
  private readonly waiters = new Map<number, Waiter[]>();
  private stateWaiters: { readonly until: (state: string) => boolean; readonly resolve: () => void }[] = [];
  private readonly queue: SupervisorMachineEvent[] = [];
  private readonly starts: Slots;
  private readonly stops: Slots;
  private snapshot: Snapshot;
  private busy = false;
  private firstRef = 0;
  private nextRef = 0;
  /** As a root: begun with the first child. As a child: whenever the parent starts it. */
  private role: 'undecided' | 'root' | 'child' = 'undecided';
  private parent: Supervisor | undefined;
  private escalate: ((error: TroupeError) => void) | undefined;
  private shown = '';
  private name: string;

  constructor(options: SupervisorOptions) {
    this.o = options;
    this.id = options.id;
    const { id, strategy = 'one_for_one', childBudget, supervisorBudget: budget, backoff } = options;
    const optional = { ...(childBudget && { childBudget }), ...(budget && { budget }), ...(backoff && { backoff }) };
    const input: SupervisorInput = { id, strategy, ...optional };
    this.snapshot = start(supervisorMachine, input).snapshot;
    this.name = stateName(this.snapshot);
    this.starts = new Slots(options.concurrency ?? CONCURRENCY);
    this.stops = new Slots(options.concurrency ?? CONCURRENCY);
  }

  /** The machine's state, as `stateName` gives it. */
  get state(): string {
    return this.name;
  }

  get detail(): string {
    return describeSupervisor(this.snapshot);
  }

  describe(snapshot: Snapshot): string {
    return describeSupervisor(snapshot);
  }

  /** The machine's snapshot as it is now: plain data. */
  get current(): Snapshot {
    return this.snapshot;
  }

  /**
   * Adds a child and starts it in its turn; resolves when its first start has succeeded or failed. A failed start counts
   * as a failure and is tried again within the budget. While the supervisor is down the child is only remembered.
   * Throws CONFIG_INVALID: the name is taken, the spec is not valid, a supervisor would be above itself.
   */
  async add(spec: ChildSpec): Promise<void> {
    const name = nameOf(spec.kind, spec.id);
    checkSpec(this.id, spec);
    if (this.refs.has(name))
      throw new TroupeError('CONFIG_INVALID', `supervisor ${this.id}: two children are named ${name}`);
    if (spec.supervisor instanceof Supervisor) this.adopt(spec.supervisor);
    if (this.role === 'undecided') {
      this.role = 'root';
      this.dispatch({ type: 'start', cause: 'its supervisor starts' });
    }
    const ref = spec.place === 'first' ? --this.firstRef : this.nextRef++;
    this.entries.set(ref, { ref, spec, instance: undefined, cancelTimer: undefined, error: undefined });
    this.refs.set(name, ref);
    const { kind, id, restart = RESTART, onBudgetSpent = 'escalate' } = spec;
    this.dispatch({ type: 'add', ref, kind, id, restart, onBudgetSpent });
    await this.until(ref, hasTried);
  }

  /**
   * Stops the child in order and forgets it; those that depend on it are left as they are. Resolves when nothing of it
   * runs any more; false: there is no such child.
   */
  async remove(kind: string, id: string, cause: string): Promise<boolean> {
    const ref = this.refs.get(nameOf(kind, id));
    if (ref === undefined) return false;
    this.dispatch({ type: 'remove', ref, cause });
    await this.until(ref, (child) => child === undefined);
    return true;
  }

  /**
   * An operator's restart: the child, and those that its strategy ties to it, stop and start. Counts in no budget and
   * makes the child's whole again. Resolves to whether it runs; a failed start is tried again as always. False: there is
   * no such child, or the supervisor is down or has given up.
   */
  async restart(kind: string, id: string, cause: string): Promise<boolean> {
    const ref = this.refs.get(nameOf(kind, id));
    if (ref === undefined || this.context.wanted === 'down' || this.context.givenUp !== undefined) return false;
    this.dispatch({ type: 'restart', ref, cause });
    return (await this.until(ref, (child) => isSettled(child) && child?.after === undefined))?.phase === 'running';
  }

  /** Chaos: the child is killed as if it had crashed, and that counts. False: there is no such child that runs. */
  crash(kind: string, id: string, cause: string): boolean {
    const entry = this.entries.get(this.refs.get(nameOf(kind, id)) ?? Number.NaN);
    const child = entry && this.child(entry.ref);
    if (entry === undefined || (child?.phase !== 'running' && child?.phase !== 'starting')) return false;
    entry.instance?.kill();
    this.exited(entry, child.run, { reason: 'crash', error: new Error(cause) });
    return true;
  }

  /** All children, in the order in which they start. */
  children(): readonly ChildView[] {
    const nowMs = this.o.clock.monotonicMs();
    const { roster, childBudget } = this.context;
    return roster.flat().map(({ kind, id, restart, phase, restarts, failuresMs, cause }) => {
      const failures = (phase === 'running' ? recent(failuresMs, nowMs, childBudget) : failuresMs).length;
      return { kind, id, restart, phase, restarts, failures, cause };
    });
  }

  restartsOf(kind: string, id: string): number {
    return this.child(this.refs.get(nameOf(kind, id)) ?? Number.NaN)?.restarts ?? 0;
  }

  /** Stops all children, the last first; a pool side by side. Resolves when nothing of them runs any more. */
  stop(cause = 'shutdown'): Promise<void> {
    if (this.role === 'undecided') this.role = 'root';
    this.dispatch({ type: 'stop', cause });
    return this.untilState((state) => state === 'stopped');
  }

  /** Ends all children at once. Nothing is told of it. */
  kill(): void {
    if (this.role === 'undecided') this.role = 'root';
    this.dispatch({ type: 'kill' });
  }

  /**
   * This supervisor as a child of another. Its own children stay declared when it is stopped, and start with it again;
   * when it gives up, it stops them and has crashed. Must be called before children are added.
   */
  asChild(options: Pick<ChildSpec, 'restart' | 'shutdownMs' | 'startMs' | 'onBudgetSpent'> = {}): ChildSpec {
    if (this.role === 'root') throw new RangeError(`supervisor ${this.id} runs by itself already`);
    this.role = 'child';
    return {
      kind: 'supervisor',
      id: this.id,
      shutdownMs: Number.POSITIVE_INFINITY,
      startMs: Number.POSITIVE_INFINITY,
      supervisor: this,
      ...options,
      start: async (onExit, signal) => {
        await this.startAsChild(onExit, signal);
        return { stop: () => this.stop(), kill: () => this.kill() };
      },
    };
  }

  private startAsChild(onExit: (exit: ChildExit) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let isUp = false;
      this.escalate = (error) => {
        void this.stop('gave up').then(() => {
          if (isUp) onExit({ reason: 'crash', error });
          else reject(error);
        });
      };
      signal.addEventListener('abort', () => {
        if (isUp) return;
        const stopped = signal.reason === 'stop' ? this.stop() : Promise.resolve();
        void stopped.then(() => reject(new Error('stopped while it started')));
      });
      this.dispatch({ type: 'start', cause: 'its supervisor starts' });
      void this.untilState((state) => state === 'running' || state === 'restarting').then(() => {
        isUp = true;
        resolve();
      });
    });
  }

  private adopt(child: Supervisor): void {
    const path = [child.id];
    for (let above: Supervisor | undefined = this; above !== undefined; above = above.parent) {
      path.unshift(above.id);
      if (above === child) throw new TroupeError('CONFIG_INVALID', `supervision cycle: ${path.join(' -> ')}`);
    }
    if (child.parent !== undefined) {
      const message = `supervisor ${child.id} has two parents: ${child.parent.id} and ${this.id}`;
      throw new TroupeError('CONFIG_INVALID', message);
    }
    child.parent = this;
  }

  private get context(): SupervisorContext {
    return contextOf(this.snapshot);
  }

  private child(ref: number): ChildState | undefined {
    return find(this.context.roster, ref);
  }

  private dispatch(event: SupervisorMachineEvent): void {
    this.queue.push(event);
    if (this.busy) return;
    this.busy = true;
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.take(next);
    } finally {
      this.busy = false;
    }
  }

  private take(event: SupervisorMachineEvent): void {
    const before = this.name;
    const next = step(supervisorMachine, this.snapshot, event);
    if (this.watch !== undefined) this.watch.stepped(this.snapshot, event, next);
    const { snapshot, effects } = next;
    this.snapshot = snapshot;
    this.name = stateName(snapshot);
    for (const effect of effects) this.perform(effect as SupervisorEffect);
    this.show();
    const { strategy } = this.context;
    // What happens to one child of a group, or to the supervisor, happens to others.
    if (before !== this.name || strategy === 'one_for_all' || strategy === 'rest_for_one') {
      for (const ref of [...this.waiters.keys()]) this.wake(ref);
    } else if ('ref' in event) this.wake(event.ref);
    if (this.stateWaiters.length === 0) return;
    const met = this.stateWaiters.filter(({ until }) => until(this.name));
    this.stateWaiters = this.stateWaiters.filter((waiter) => !met.includes(waiter));
    for (const { resolve } of met) resolve();
  }

  private perform(effect: SupervisorEffect): void {
    if (effect.type === 'tell') {
      this.tell(effect.params);
      return;
    }
    const { ref } = effect.params;
    const entry = this.entries.get(ref);
    if (entry === undefined) return;
    const { spec } = entry;
    switch (effect.type) {
      case 'start':
        this.startInstance(entry, effect.params.run);
        return;
      case 'stop': {
        const { run } = effect.params;
        const stopping = entry.instance?.stop(spec.shutdownMs ?? SHUTDOWN_MS, this.stops);
        void stopping?.then(({ outcome, message }) => {
          if (outcome !== 'stopped') this.o.log.warn({ kind: spec.kind, id: spec.id, cause: message }, outcome);
          this.dispatch({ type: 'child.stopped', ref, run, atMs: this.nowMs, outcome, message });
        });
        return;
      }
      case 'kill':
        entry.instance?.kill();
        return;
      case 'arm':
        entry.cancelTimer = this.o.clock.setTimer(effect.params.delayMs, () => {
          entry.cancelTimer = undefined;
          this.dispatch({ type: 'child.due', ref });
        });
        return;
      case 'disarm':
        entry.cancelTimer?.();
        entry.cancelTimer = undefined;
        return;
      case 'removed':
        this.entries.delete(ref);
        this.refs.delete(nameOf(spec.kind, spec.id));
        if (spec.supervisor instanceof Supervisor) spec.supervisor.parent = undefined;
        this.call(() => this.o.onRemoved?.(spec.kind, spec.id, effect.params.reason, effect.params.cause));
        return;
      case 'giveUp': {
        const { code, message } = effect.params;
        const error = new TroupeError(code, message, { cause: entry.error });
        if (this.role === 'child') this.escalate?.(error);
        else this.call(() => this.o.onGiveUp?.(error));
      }
    }
  }

  private startInstance(entry: Entry, run: number): void {
    const { ref, spec } = entry;
    entry.instance = new Instance({
      spec,
      clock: this.o.clock,
      slots: this.starts,
      startMs: spec.startMs ?? this.o.startMs ?? START_MS,
      onStarted: () => this.dispatch({ type: 'child.started', ref, run, atMs: this.nowMs }),
      onExit: (exit) => this.exited(entry, run, exit),
      onKillFailed: (err) => this.o.log.error({ kind: spec.kind, id: spec.id, err }, 'the kill of a child threw'),
    });
    entry.instance.begin();
  }

  private exited(entry: Entry, run: number, { reason, error }: ChildExit): void {
    entry.error = error;
    this.dispatch({
      ...{ type: 'child.exited', ref: entry.ref, run, atMs: this.nowMs, draw: this.o.random.next(), reason },
      message: error === undefined ? reason : messageOf(error),
      code: error instanceof TroupeError ? error.code : undefined,
    });
  }

  private tell(event: SupervisorEvent): void {
    const { kind, id, attempt, cause } = event;
    if (event.event === 'failed') {
      const err = this.entries.get(this.refs.get(nameOf(kind, id)) ?? Number.NaN)?.error;
      this.o.log.error({ code: 'ACTOR_CRASHED', kind, id, attempt, err }, `${kind} ${id} failed: ${cause}`);
    }
    this.call(() => this.o.onEvent(event));
  }

  /** What the level above throws must not keep children from being started and stopped. */
  private call(told: () => void): void {
    try {
      told();
    } catch (err) {
      this.o.log.error({ supervisor: this.id, err }, 'who was told of a child threw');
    }
  }

  private show(): void {
    if (this.o.onState === undefined) return;
    const detail = this.detail;
    const shown = `${this.name} ${detail}`;
    if (shown === this.shown) return;
    this.shown = shown;
    this.call(() => this.o.onState?.(this.name, detail));
  }

  private until(ref: number, until: Waiter['until']): Promise<ChildState | undefined> {
    const child = this.child(ref);
    if (!this.busy && until(child)) return Promise.resolve(child);
    return new Promise((resolve) => {
      this.waiters.set(ref, [...(this.waiters.get(ref) ?? []), { until, resolve }]);
    });
  }

  private wake(ref: number): void {
    const waiting = this.waiters.get(ref);
    if (waiting === undefined) return;
    const child = this.child(ref);
    const left = waiting.filter(({ until }) => !until(child));
    if (left.length > 0) this.waiters.set(ref, left);
    else this.waiters.delete(ref);
    for (const { until, resolve } of waiting) if (until(child)) resolve(child);
  }

  private untilState(until: (state: string) => boolean): Promise<void> {
    if (!this.busy && until(this.name)) return Promise.resolve();
    return new Promise((resolve) => this.stateWaiters.push({ until, resolve }));
  }

  private get nowMs(): number {
    return this.o.clock.monotonicMs();
  }
}
