/** What a supervisor's machine remembers, and what it is told. Plain data: times, draws and errors come from the shell. */
import type { ErrorCode } from '../runtime/errors.ts';
import type { Backoff, Budget } from './policy.ts';
import { BACKOFF, CHILD_BUDGET, SUPERVISOR_BUDGET } from './policy.ts';
import type { Keyed, Roster } from './roster.ts';
import { emptyRoster } from './roster.ts';
import type { ChildExit, ChildPhase, OnBudgetSpent, RestartKind, Strategy } from './spec.ts';

/** What follows when a child that runs has been stopped. */
export type After = 'start' | 'idle' | 'remove';

export interface ChildState extends Keyed {
  readonly kind: string;
  readonly id: string;
  readonly restart: RestartKind;
  readonly onBudgetSpent: OnBudgetSpent;
  readonly phase: ChildPhase;
  /** Number of the instance; what an older one says does not count. Never falls, whatever happens. */
  readonly run: number;
  /** No instance has been tried since the supervisor started. */
  readonly fresh: boolean;
  /** Set while it is stopping, and while it runs and waits for its turn to be stopped. */
  readonly after: After | undefined;
  /** Ascending, those within the budget's window at the last failure. */
  readonly failuresMs: readonly number[];
  /** Failures without `healthyMs` of running between them. */
  readonly streak: number;
  readonly runningSinceMs: number;
  readonly restarts: number;
  /** Why it is started or stopped next. */
  readonly cause: string;
}

/** How many children are in each phase, and: */
export type Count =
  | ChildPhase
  /** start for the first time */
  | 'first'
  /** start again */
  | 'again'
  /** wait for their turn to be stopped */
  | 'marked';

export interface GivenUp {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface SupervisorContext {
  readonly id: string;
  readonly strategy: Strategy;
  readonly childBudget: Budget;
  readonly budget: Budget;
  readonly backoff: Backoff;
  readonly wanted: 'up' | 'down';
  readonly givenUp: GivenUp | undefined;
  /** Failures of children, ascending, those within the window. */
  readonly failuresMs: readonly number[];
  readonly roster: Roster<ChildState>;
  readonly counts: Readonly<Record<Count, number>>;
}

export interface SupervisorInput {
  readonly id: string;
  readonly strategy: Strategy;
  readonly childBudget?: Budget;
  readonly budget?: Budget;
  readonly backoff?: Partial<Backoff>;
}

export const initialContext = (input: SupervisorInput): SupervisorContext => ({
  id: input.id,
  strategy: input.strategy,
  childBudget: input.childBudget ?? CHILD_BUDGET,
  budget: input.budget ?? SUPERVISOR_BUDGET,
  backoff: { ...BACKOFF, ...input.backoff },
  wanted: 'down',
  givenUp: undefined,
  failuresMs: [],
  roster: emptyRoster,
  counts: {
    ...{ idle: 0, waiting: 0, starting: 0, running: 0, backoff: 0, stopping: 0, ended: 0, failed: 0 },
    ...{ first: 0, again: 0, marked: 0 },
  },
});

export interface StartedEvent {
  readonly type: 'child.started';
  readonly ref: number;
  readonly run: number;
  readonly atMs: number;
}

/** A running child has ended by itself, or a starting one did not come up. */
export interface ExitedEvent {
  readonly type: 'child.exited';
  readonly ref: number;
  readonly run: number;
  readonly atMs: number;
  /** Uniform in [0, 1), for the delay: drawn by the shell from its seeded Random, so the machine stays pure. */
  readonly draw: number;
  readonly reason: ChildExit['reason'];
  readonly message: string;
  readonly code: ErrorCode | undefined;
}

/** What the supervisor wanted stopped is down. `crashed`: by itself, before it had stopped. */
export interface StoppedEvent {
  readonly type: 'child.stopped';
  readonly ref: number;
  readonly run: number;
  readonly atMs: number;
  readonly outcome: 'stopped' | 'killed' | 'crashed';
  readonly message: string;
}

export type SupervisorMachineEvent =
  | { readonly type: 'start'; readonly cause: string }
  | { readonly type: 'stop'; readonly cause: string }
  | { readonly type: 'kill' }
  | {
      readonly type: 'add';
      readonly ref: number;
      readonly kind: string;
      readonly id: string;
      readonly restart: RestartKind;
      readonly onBudgetSpent: OnBudgetSpent;
    }
  | { readonly type: 'remove'; readonly ref: number; readonly cause: string }
  | { readonly type: 'restart'; readonly ref: number; readonly cause: string }
  | StartedEvent
  | ExitedEvent
  | StoppedEvent
  | { readonly type: 'child.due'; readonly ref: number };
