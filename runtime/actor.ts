/**
 * An actor is a pure machine and declared wiring. This is the declaration; `interpreter.ts` runs it.
 */
import type { Bus } from './bus/bus.ts';
import type { Layout, TopicInit, TopicKey, TopicMessage, TopicName } from './bus/topics.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './telemetry/log.ts';
import type { Machine, MachineEvent, Snapshot } from './xstate.ts';

/**
 * How outputs are kept from being lost or doubled (DESIGN.md section 5).
 * - `commit`: snapshot, positions and outbox are committed by compare-and-set before any effect is performed. For
 *   actors whose outputs matter once.
 * - `replay`: effects are performed at once, snapshots are periodic and only of what has been performed. For actors
 *   whose outputs are a pure function of their input, and for those whose effects are idempotent.
 */
export type Delivery = 'commit' | 'replay';

/** One topic that the actor hears. Each message becomes the event `{ type: topic, message, sequence, atMs, atUs }`. */
export interface Input<N extends TopicName = TopicName> {
  readonly topic: N;
  readonly key: TopicKey;
  /** Where an actor without a snapshot begins: with everything the stream has, or with what comes from now on. */
  readonly from: 'start' | 'now';
  /**
   * Asked before a message goes into the mailbox; what is not wanted counts as taken. For what `key` cannot narrow: of
   * an account's orders a strategy wants its own, and each of the others' would cost it a step. Must be pure and cheap.
   */
  wants?(message: TopicMessage<N>): boolean;
  /**
   * Whether `next` may be taken in one step with `previous`, the message of this topic taken before it. Where it is given,
   * messages that wait behind each other become one event, with all but the first in `more`: a step costs several times
   * what a frame of ticks does. The machine must do with them what it would do one by one, and say with `of` which of
   * them an output comes from. Must be pure and cheap.
   */
  joins?(previous: TopicMessage<N>, next: TopicMessage<N>): boolean;
  /**
   * With `from: 'now'`: an actor without a snapshot begins after the last message of this topic instead of the end of
   * the stream. For an actor that owes answers: what was asked before it lived, and has no answer yet, it hears.
   */
  readonly after?: { readonly topic: TopicName; readonly key: TopicKey };
}

/** Messages of `topic` that the actors `kind`.`ids` have committed; see `ahead.ts`. */
export interface Ahead<N extends TopicName = TopicName> {
  readonly topic: N;
  readonly kind: string;
  readonly ids: readonly string[];
}

/**
 * What a machine gets for a message that is committed and not published yet. It may be told twice, or never, or out of
 * order; the message itself comes as an input, before or after. Where the machine throws at it, nothing has happened.
 */
export interface AheadEvent<N extends TopicName> {
  readonly type: `${N}.ahead`;
  readonly message: TopicMessage<N>;
  readonly atMs: number;
  readonly atUs: number;
}

/** State and context of a machine as a commit holds them. */
export interface StoredState {
  readonly value: unknown;
  readonly context: unknown;
}

/** One step from an older version of the context's shape to a newer one. Pure; throws where it cannot. */
export interface Migration {
  readonly from: number;
  readonly to: number;
  migrate(stored: StoredState): StoredState;
}

/** What a machine gets for a message of topic `N`. */
export interface InputEvent<N extends TopicName> {
  readonly type: N;
  readonly message: TopicMessage<N>;
  /** Those that came right after it and are taken in the same step; see `Input.joins`. */
  readonly more?: readonly TopicMessage<N>[];
  /** Sequence in the stream, of the first. */
  readonly sequence: number;
  /** Wall clock when it was taken from the mailbox: for rates and latency, never for a replayable output. */
  readonly atMs: number;
  readonly atUs: number;
}

/** The effect that the runtime performs by itself: one message on one topic. */
export interface PublishEffect<N extends TopicName = TopicName> {
  readonly type: 'publish';
  readonly params: {
    readonly topic: N;
    readonly message: TopicInit<N>;
    /** Which message of the event it comes from, 0 for the first; its id is derived from that one. Absent: 0. */
    readonly of?: number;
  };
}

/** Builds the publish effect, typed. In a machine: `enqueue(publish('bar', {...}))`. */
export function publish<N extends TopicName>(topic: N, message: TopicInit<N>, of = 0): PublishEffect<N> {
  return { type: 'publish', params: of === 0 ? { topic, message } : { topic, message, of } };
}

export interface EffectContext {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
  /** Aborted when the actor stops; long effects end then. */
  readonly signal: AbortSignal;
}

/**
 * Performs one effect that is not `publish`. What it resolves to comes back as an event; undefined comes back as
 * nothing. A rejection is a crash of the actor. With delivery `commit` it may run again after a crash: what it does
 * must be harmless twice.
 */
export type Performer = (params: never, context: EffectContext) => Promise<MachineEvent | undefined>;

export interface ActorDefinition {
  readonly kind: string;
  readonly id: string;
  readonly machine: Machine;
  /** Input of the machine, for a first start. */
  readonly input: unknown;
  /** Version of the context's shape; a stored snapshot of another version is migrated or refused, never misread. */
  readonly version: number;
  /**
   * Steps replace what they change of the context and never change anything inside of it, not even an array: a commit then
   * writes only what is new. `except`: fields of the context of which nobody knows that. Default: no.
   */
  readonly replacesState?: { readonly except: readonly string[] };
  /** How snapshots of older versions become of this one, step by step. A version without a step is refused. */
  readonly migrations?: readonly Migration[];
  readonly delivery: Delivery;
  /**
   * State that changed without an effect is committed after so long at the latest. A restart applies the inputs of that
   * time again. Default: 5,000.
   */
  readonly idleCommitMs?: number;
  /** Orders wait for it: among the actors of its thread its turns come first (`run-queue.ts`). Default: no. */
  readonly urgent?: boolean;
  readonly inputs: readonly Input[];
  /** For whom a round trip matters: hears, besides its inputs, what others have committed to say. */
  readonly ahead?: Ahead;
  /**
   * Delivery `commit` only: what of an effect is told to those who listen on `ahead.<kind>.<id>` as soon as the commit
   * that holds it is stored, by the server that stores it. Undefined: nothing. Must be pure and cheap.
   */
  readonly foretell?: (type: string, params: unknown) => Uint8Array | undefined;
  readonly perform?: Readonly<Record<string, Performer>>;
  /** One short line for a person, from the snapshot: shown in KV `actors` and the live view. */
  readonly describe?: (snapshot: Snapshot) => string;
  /**
   * What status and reports need of the state: plain data, small where the actor may run in a thread. Default: the
   * whole context. Must be pure and cheap.
   */
  readonly summary?: (snapshot: Snapshot) => unknown;
  /** Event to send right after start or restore, before any input (a broker reconciles, a recorder connects). */
  readonly onStart?: (restored: boolean) => MachineEvent | undefined;
  /** Called after each step, for metrics; must not throw and must not keep what it is given. */
  readonly observe?: (event: MachineEvent, snapshot: Snapshot) => void;
  /**
   * Delivery `commit` only: whether an effect that was committed but not known to be done is performed again after a
   * restart. Default: yes. An actor says no where it finds out by itself what became of it (a broker asks the terminal).
   */
  readonly redeliver?: (type: string, params: unknown) => boolean;
  /** Effects in flight at most, delivery `replay` only. Beyond it the mailbox waits: back-pressure. Default 256. */
  readonly maxInFlight?: number;
}

/** Control events go through a lane of their own and overtake everything else. */
export type ControlEvent =
  | { readonly type: 'control.pause' }
  | { readonly type: 'control.resume' }
  | { readonly type: 'control.halt'; readonly reason: string }
  | { readonly type: 'control.reduce'; readonly reason: string }
  | { readonly type: 'control.activate' }
  | { readonly type: 'control.reconcile' }
  /** No more ticks will come: symbols publish their open bars. Sent after the last tick has been applied. */
  | { readonly type: 'control.flush' };
