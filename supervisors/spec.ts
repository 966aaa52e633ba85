/** What a supervisor is told of a child, and what it tells of it. The words and their meaning are Erlang/OTP's. */
import type { ErrorCode } from '../runtime/errors.ts';
import { TroupeError } from '../runtime/errors.ts';

/**
 * - `permanent`: started again however it ended.
 * - `transient`: only when it ended abnormally (crash, hang, failed start).
 * - `temporary`: never; the child is forgotten when it ends.
 */
export type RestartKind = 'permanent' | 'transient' | 'temporary';

/**
 * Whom the failure of one child concerns.
 * - `one_for_one`: itself. Started in order, stopped in reverse order.
 * - `one_for_all`: all: the others are stopped, then all start again in order.
 * - `rest_for_one`: itself and those that were added after it.
 * - `pool`: itself. For many equal children: they start and stop side by side, a bounded number at a time.
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'pool';

export interface Running {
  /** In order: nothing of it runs any more when this resolves. */
  stop(): Promise<void>;
  /** At once. Must be harmless after `stop()`, after an exit and when called twice. */
  kill(): void;
}

/** How a child ended by itself. `fenced`: somebody else owns it now, so it is not started again here. */
export interface ChildExit {
  readonly reason: 'normal' | 'shutdown' | 'crash' | 'hang' | 'fenced';
  readonly error?: unknown;
}

export interface ChildSpec {
  readonly kind: string;
  readonly id: string;
  /** Default: `permanent`. */
  readonly restart?: RestartKind;
  /** Time to stop in order, before it is killed. Default: SHUTDOWN_MS; of a supervisor: for ever. */
  readonly shutdownMs?: number;
  /** Time to start, before that counts as a hang. Default: that of its supervisor; of a supervisor: for ever. */
  readonly startMs?: number;
  /**
   * What becomes of it when it has failed more often than its budget allows, or cannot ever start.
   * - `escalate` (default): the supervisor gives up and the level above decides.
   * - `leave`: the child stays down as `failed` until an operator restarts it; the others go on, and its failures do not
   *   count in the supervisor's budget. So also, whatever stands here, a child whose snapshot cannot be used.
   * - `leave_if_threw`: so where its machine threw at an input, `escalate` otherwise.
   */
  readonly onBudgetSpent?: OnBudgetSpent;
  /**
   * `first`: before all children that are there already, which is how what they depend on can come later than they (a
   * broker that moves to the node of its strategies). Default: `last`. Nobody is restarted because of it.
   */
  readonly place?: 'first' | 'last';
  /** The supervisor whose spec this is (`Supervisor.asChild`): cycles are seen by it, and it can be killed while it starts. */
  readonly supervisor?: { kill(): void };
  /**
   * Starts a new instance. `onExit` once, when it has ended by itself; also while it still starts. A rejection is a
   * failed start; one with the code BUS_CONFLICT or FENCED is an exit as `fenced`. `signal` is aborted when nobody waits
   * for this start any more, with the reason 'stop' (what comes up is still stopped in order) or 'kill' (what comes up is killed in the
   * same moment). A start that gives up at the signal never runs beside the instance that takes its place.
   */
  start(onExit: (exit: ChildExit) => void, signal: AbortSignal): Promise<Running>;
}

export const SHUTDOWN_MS = 5_000;
export const START_MS = 30_000;
export const RESTART: RestartKind = 'permanent';
/** Children of one supervisor that start, or in a pool stop, at the same time. */
export const CONCURRENCY = 64;

export interface SupervisorEvent {
  readonly kind: string;
  readonly id: string;
  /** `escalated` is about a supervisor that gives up; all others are about a child, which may be a supervisor. */
  readonly event: 'started' | 'stopped' | 'failed' | 'restarted' | 'fenced' | 'given_up' | 'killed' | 'escalated';
  readonly cause: string;
  /** Failures of the child within the window of its budget, this one included. */
  readonly attempt: number;
  /** Restarts that are left before a budget, the child's or the supervisor's, is spent. */
  readonly remaining: number;
}

/** Why a supervisor does not have a child any more. `ended`: it was temporary. */
export type Removal = 'removed' | 'fenced' | 'ended';

export type OnBudgetSpent = 'escalate' | 'leave' | 'leave_if_threw';

export type ChildPhase =
  /** The supervisor itself is down. */
  | 'idle'
  /** Its turn to start has not come yet. */
  | 'waiting'
  | 'starting'
  | 'running'
  /** It failed and starts again after a delay. */
  | 'backoff'
  | 'stopping'
  /** Transient, and it ended normally. */
  | 'ended'
  /** Given up. */
  | 'failed';

/** A child as an operator may see it. */
export interface ChildView {
  readonly kind: string;
  readonly id: string;
  readonly restart: RestartKind;
  readonly phase: ChildPhase;
  readonly restarts: number;
  /** Failures that count in its budget: those within the window, and all since it has last come up. */
  readonly failures: number;
  readonly cause: string;
}

const isTime = (ms: number): boolean => ms >= 0;

/** Throws CONFIG_INVALID that names the child and the field. */
export function checkSpec(supervisor: string, spec: ChildSpec): void {
  const where = `supervisor ${supervisor}: child ${spec.kind}.${spec.id}`;
  const refuse = (what: string): never => {
    throw new TroupeError('CONFIG_INVALID' satisfies ErrorCode, `${where}: ${what}`);
  };
  if (spec.kind === '' || spec.id === '') refuse('kind and id must not be empty');
  if (!isTime(spec.shutdownMs ?? 0)) refuse(`shutdownMs is ${spec.shutdownMs}, allowed are 0 .. Infinity ms`);
  if (!isTime(spec.startMs ?? 0)) refuse(`startMs is ${spec.startMs}, allowed are 0 .. Infinity ms`);
}
