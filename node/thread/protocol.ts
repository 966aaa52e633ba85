/** What the two sides of a thread say to each other. Everything is plain data that a structured clone carries. */
import type { ControlEvent } from '../../runtime/actor.ts';
import type { StoredMessage } from '../../runtime/bus/bus.ts';
import type { Family, Layout, TopicKey, TopicName } from '../../runtime/bus/topics.ts';
import type { StoredCommit } from '../../runtime/commit.ts';
import type { ErrorCode } from '../../runtime/errors.ts';
import { isErrorCode, messageOf, TroupeError } from '../../runtime/errors.ts';
import type { PoisonState } from '../../runtime/poison.ts';
import type { LogLevel } from '../../runtime/telemetry/log.ts';
import type { MachineEvent } from '../../runtime/xstate.ts';

export interface BusLogin {
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Shown by `nats server report connections`. */
  readonly name: string;
}

/** What a thread is born with, before anybody knows which strategy will run in it. */
export interface Birth {
  /** Taken away from here by the thread as soon as it has read it: user code finds no password. */
  bus: BusLogin | undefined;
  readonly vitals: SharedArrayBuffer;
  readonly heartbeatMs: number;
  /** Longest time for which a command that the strategy runs may block it. */
  readonly blockMs: number;
  /** Name of the node. */
  readonly node: string;
  readonly log: { readonly level: LogLevel; readonly service: string };
}

/** One strategy instance, as the configuration has it. */
export interface Assignment {
  readonly id: string;
  readonly use: string;
  readonly symbol: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly account: string;
  readonly featureTimeframes: readonly string[];
  /** Folder of the configuration: paths in `use` are relative to it. */
  readonly folder: string;
}

export type Handed = StoredMessage & { readonly topic: TopicName; readonly family: Family };

export type ToThread =
  /** This one will run here, and must not yet: what can be done without its state is done meanwhile. */
  | { readonly type: 'prepare'; readonly run: Assignment }
  | {
      readonly type: 'run';
      readonly run: Assignment;
      readonly layout: Layout;
      readonly poison: PoisonState;
      /** Its last commit, taken over when the thread before had ended. */
      readonly stored: StoredCommit | undefined;
    }
  /** Nobody needs it yet: what it will do then it may do once for practice. */
  | { readonly type: 'rehearse' }
  /** Only load it and say what it needs. */
  | { readonly type: 'plan'; readonly run: Assignment }
  | { readonly type: 'tell'; readonly event: ControlEvent | MachineEvent }
  | { readonly type: 'settled'; readonly ask: number }
  /** In answer to `subscribe`: the readers stand, or cannot be joined. */
  | { readonly type: 'subscribed'; readonly error?: Fault }
  /** Everything that came for it together: handing over costs more than what is handed. */
  | { readonly type: 'inputs'; readonly inputs: readonly Handed[] }
  | { readonly type: 'log'; readonly level: LogLevel }
  | { readonly type: 'stop' };

/** What the main side knows of the actor between two of these is a moment old. */
export interface News {
  readonly summary: unknown;
  /** Durations of the commits since the last news, ms. */
  readonly commitsMs: readonly number[];
}

/** What a strategy needs of its symbol's actor. */
export interface Needs {
  readonly timeframes: readonly string[];
  readonly features: readonly string[];
}

export type FromThread =
  /** Its modules are loaded: from now on a silence is a hang. */
  | { readonly type: 'ready' }
  | { readonly type: 'started' }
  | ({ readonly type: 'planned' } & Needs)
  /** What its actor hears, and the last that it has taken of each family; maybe before it has started. */
  | {
      readonly type: 'subscribe';
      readonly inputs: readonly { readonly topic: TopicName; readonly key: TopicKey }[];
      readonly taken: readonly (readonly [Family, number])[];
    }
  | { readonly type: 'unsubscribe' }
  /** So many more inputs have been taken. */
  | { readonly type: 'took'; readonly count: number }
  | { readonly type: 'state'; readonly state: string; readonly detail: string }
  | ({ readonly type: 'news' } & News)
  | { readonly type: 'poison'; readonly state: PoisonState }
  | { readonly type: 'settled'; readonly ask: number; readonly settled: boolean }
  /** The actor has ended by itself, or could not start. */
  | { readonly type: 'exit'; readonly reason: 'crash' | 'fenced'; readonly error: Fault }
  /** In answer to `stop`. */
  | { readonly type: 'stopped'; readonly error?: Fault };

/** An error as it travels: a structured clone keeps neither the code nor the class of ours. */
export interface Fault {
  readonly message: string;
  readonly stack: string;
  readonly code?: ErrorCode;
}

/** Much of a stack is the same; a message may be anything that a strategy throws. */
const LONGEST_TEXT = 8_192;

export function faultOf(thrown: unknown): Fault {
  const fault = thrown instanceof Error ? thrown : new Error(messageOf(thrown));
  const head = { message: fault.message.slice(0, LONGEST_TEXT), stack: (fault.stack ?? '').slice(0, LONGEST_TEXT) };
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return isErrorCode(code) ? { ...head, code } : head;
}

export function errorOf(fault: Fault): Error {
  const error = fault.code === undefined ? new Error(fault.message) : new TroupeError(fault.code, fault.message);
  error.stack = fault.stack;
  return error;
}
