/**
 * One supervisor, strategy one_for_one: starts its children in order, starts a failed one again within the budgets,
 * stops them in reverse order with a deadline each, and gives up when a budget is spent.
 */
import type { Clock } from '../runtime/clock.ts';
import { messageOf, TroupeError } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import type { Logger } from '../runtime/telemetry/log.ts';
import type { Backoff, Budget } from './policy.ts';
import { BACKOFF, CHILD_BUDGET, judge, recent, SUPERVISOR_BUDGET } from './policy.ts';

export interface Running {
  stop(): Promise<void>;
  /** Ends at once, when stopping took too long. */
  kill(): void;
}

/** How a child ended by itself. */
export type ChildExit =
  | { readonly reason: 'crash'; readonly error: unknown }
  | { readonly reason: 'fenced'; readonly error: unknown }
  | { readonly reason: 'shutdown' };

export interface ChildSpec {
  readonly kind: string;
  readonly id: string;
  /** Time to stop in order, before it is killed. */
  readonly shutdownMs: number;
  start(onExit: (exit: ChildExit) => void): Promise<Running>;
}

export interface SupervisorEvent {
  readonly kind: string;
  readonly id: string;
  readonly event: 'started' | 'stopped' | 'failed' | 'restarted' | 'fenced' | 'given_up' | 'killed';
  readonly cause: string;
  readonly attempt: number;
  readonly remaining: number;
}

export interface SupervisorOptions {
  readonly id: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly childBudget?: Budget;
  readonly supervisorBudget?: Budget;
  readonly backoff?: Backoff;
  readonly onEvent: (event: SupervisorEvent) => void;
  /** A budget is spent or a child cannot ever start: the level above decides. */
  readonly onGiveUp: (error: TroupeError) => void;
}

/** Errors that starting again cannot mend. */
const HOPELESS: ReadonlySet<string> = new Set([
  'CONFIG_INVALID',
  'SNAPSHOT_CORRUPT',
  'SNAPSHOT_VERSION',
  'LEDGER_SCHEMA',
]);

interface Child {
  readonly spec: ChildSpec;
  running: Running | undefined;
  failuresMs: number[];
  restarts: number;
  cancelRestart: (() => void) | undefined;
}

export class Supervisor implements Running {
  private readonly children = new Map<string, Child>();
  private failuresMs: number[] = [];
  private stopping = false;
  private readonly o: SupervisorOptions;

  constructor(options: SupervisorOptions) {
    this.o = options;
  }

  /** Adds a child and starts it. A failed start counts as a failure and is tried again within the budget. */
  async add(spec: ChildSpec): Promise<void> {
    const name = `${spec.kind}.${spec.id}`;
    if (this.children.has(name)) throw new RangeError(`${this.o.id}: two children are named ${name}`);
    const child: Child = { spec, running: undefined, failuresMs: [], restarts: 0, cancelRestart: undefined };
    this.children.set(name, child);
    await this.start(child, 'started', '');
  }

  restartsOf(kind: string, id: string): number {
    return this.children.get(`${kind}.${id}`)?.restarts ?? 0;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const child of [...this.children.values()].reverse()) {
      child.cancelRestart?.();
      await this.stopChild(child);
    }
  }

  kill(): void {
    this.stopping = true;
    for (const child of this.children.values()) {
      child.cancelRestart?.();
      child.running?.kill();
      child.running = undefined;
    }
  }

  private async start(child: Child, event: 'started' | 'restarted', cause: string): Promise<void> {
    const { spec } = child;
    try {
      child.running = await spec.start((exit) => this.exited(child, exit));
      const remaining = this.childBudget.restarts - child.failuresMs.length;
      this.tell(child, event, cause, child.failuresMs.length, Math.max(0, remaining));
    } catch (thrown) {
      this.failed(child, thrown);
    }
    if (this.stopping) await this.stopChild(child);
  }

  private exited(child: Child, exit: ChildExit): void {
    child.running = undefined;
    if (this.stopping) return;
    if (exit.reason === 'shutdown') this.tell(child, 'stopped', '', 0, 0);
    else if (exit.reason === 'fenced') this.tell(child, 'fenced', messageOf(exit.error), 0, 0);
    else this.failed(child, exit.error);
  }

  private failed(child: Child, thrown: unknown): void {
    const { clock, random, log } = this.o;
    const { kind, id } = child.spec;
    const cause = messageOf(thrown);
    const nowMs = clock.nowMs();
    child.running = undefined;
    child.failuresMs = [...recent(child.failuresMs, nowMs, this.childBudget), nowMs];
    this.failuresMs = [...recent(this.failuresMs, nowMs, this.supervisorBudget), nowMs];
    const verdict = judge(child.failuresMs, nowMs, random, this.childBudget, this.o.backoff ?? BACKOFF);
    const hopeless = thrown instanceof TroupeError && HOPELESS.has(thrown.code);
    const spent = this.failuresMs.length > this.supervisorBudget.restarts;
    log.error(
      { code: 'ACTOR_CRASHED', kind, id, attempt: verdict.attempt, err: thrown },
      `${kind} ${id} failed: ${cause}`,
    );
    this.tell(child, 'failed', cause, verdict.attempt, verdict.restart ? verdict.remaining : 0);
    if (hopeless || spent || !verdict.restart) {
      this.tell(child, 'given_up', cause, verdict.attempt, 0);
      const what = hopeless ? 'cannot start' : `failed ${verdict.attempt} times`;
      const code = hopeless ? thrown.code : 'ACTOR_GIVEN_UP';
      this.o.onGiveUp(new TroupeError(code, `${kind} ${id} ${what}: ${cause}`, { cause: thrown }));
      return;
    }
    child.restarts++;
    child.cancelRestart = clock.setTimer(verdict.delayMs, () => {
      child.cancelRestart = undefined;
      void this.start(child, 'restarted', cause);
    });
  }

  private async stopChild(child: Child): Promise<void> {
    const { running, spec } = child;
    if (running === undefined) return;
    child.running = undefined;
    let cancel = (): void => undefined;
    const deadline = new Promise<'late'>((resolve) => {
      cancel = this.o.clock.setTimer(spec.shutdownMs, () => resolve('late'));
    });
    const outcome = await Promise.race([running.stop().catch((thrown: unknown) => thrown), deadline]);
    cancel();
    if (outcome === undefined) {
      this.tell(child, 'stopped', 'shutdown', 0, 0);
      return;
    }
    running.kill();
    const cause = outcome === 'late' ? `did not stop within ${spec.shutdownMs} ms` : messageOf(outcome);
    this.o.log.warn({ kind: spec.kind, id: spec.id, cause }, 'killed');
    this.tell(child, 'killed', cause, 0, 0);
  }

  private get childBudget(): Budget {
    return this.o.childBudget ?? CHILD_BUDGET;
  }

  private get supervisorBudget(): Budget {
    return this.o.supervisorBudget ?? SUPERVISOR_BUDGET;
  }

  private tell(child: Child, event: SupervisorEvent['event'], cause: string, attempt: number, remaining: number): void {
    this.o.onEvent({ kind: child.spec.kind, id: child.spec.id, event, cause, attempt, remaining });
  }
}
