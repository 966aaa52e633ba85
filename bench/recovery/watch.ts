/** When an actor has gone on after it was killed, as its own status tells. Pure. */
import type { ActorStatus } from '../operator.ts';

export type Kind = 'symbol' | 'strategy' | 'thread' | 'broker';
export type Victim = Kind | 'node';
export const VICTIMS: readonly Victim[] = ['symbol', 'strategy', 'broker', 'thread', 'node'];

/** What a supervisor says of a child that does not run; anything else is a state of the actor's own machine. */
const DOWN: ReadonlySet<string> = new Set(['idle', 'waiting', 'starting', 'backoff', 'stopping', 'stopped', 'failed']);
/** A broker runs and does not trade while it compares its books with the terminal's. */
const SERVES: Partial<Record<Kind, RegExp>> = { broker: /^trading/ };

/** How many inputs the actor has applied, as far as its status tells: only that it grows counts. */
export function progressOf(kind: Kind, status: ActorStatus): number {
  const figure = kind === 'symbol' ? status.ticksApplied : kind === 'broker' ? status.intended : status.bars;
  return typeof figure === 'number' ? figure : Number.NaN;
}

export const isUp = (kind: Kind, { state }: ActorStatus): boolean =>
  state !== '' && !DOWN.has(state) && (SERVES[kind]?.test(state) ?? true);

/**
 * It was started again, its level is running, and it has applied more than it had when it was killed. A broker trades
 * only after it has applied what the terminal answered; orders come when its strategies, which are started after it, are
 * back.
 */
export function hasGoneOn(kind: Kind, before: ActorStatus, now: ActorStatus): boolean {
  if (now.restarts <= before.restarts || !isUp(kind, now)) return false;
  return kind === 'broker' || progressOf(kind, now) > progressOf(kind, before);
}
