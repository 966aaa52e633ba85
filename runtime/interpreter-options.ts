/** What an interpreter is given, and how it says that it has ended. */
import type { ActorDefinition } from './actor.ts';
import type { Bus, KeyValue } from './bus/bus.ts';
import type { Layout } from './bus/topics.ts';
import type { Clock } from './clock.ts';
import type { StoredCommit } from './commit.ts';
import type { Inputs } from './hub.ts';
import type { Inspector } from './inspect/inspector.ts';
import type { PoisonRecord } from './poison.ts';
import type { RunQueue } from './run-queue.ts';
import type { Logger } from './telemetry/log.ts';

export type Exit =
  | { readonly reason: 'shutdown' }
  | { readonly reason: 'crash'; readonly error: unknown }
  /** Another owner has committed: this one stops at once and is not started again here. */
  | { readonly reason: 'fenced'; readonly error: unknown };

export interface InterpreterOptions {
  readonly definition: ActorDefinition;
  readonly bus: Bus;
  readonly snapshots: KeyValue;
  /** The last commit, where it is known already. */
  readonly stored?: StoredCommit | undefined;
  readonly hub: Inputs;
  readonly clock: Clock;
  /** Shared by the actors of a thread, which take turns. Default: one of its own, for an actor that is alone there. */
  readonly queue?: RunQueue;
  readonly log: Logger;
  readonly layout: Layout;
  /** Whether this node may still run actors; asked before every turn. An actor that may not ends without a word. */
  readonly mayRun?: () => boolean;
  /** Failures of this actor's inputs, kept by its supervisor across restarts. */
  readonly poison: PoisonRecord;
  /** Once, when the actor has ended by itself. */
  readonly onExit: (exit: Exit) => void;
  /** After each commit, with the time that it took. */
  readonly onCommit?: (tookMs: number) => void;
  /** Lets operators watch the actor. */
  readonly inspector?: Inspector | undefined;
  /** The state's name or the description changed. */
  readonly onState?: (state: string, detail: string) => void;
}
