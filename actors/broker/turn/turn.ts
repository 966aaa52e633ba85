/**
 * One event's work: a context of its own to write fields on, and what is to be done. Fields are replaced, never changed
 * inside: the snapshot before stays what it was.
 */
import type { PublishEffect } from '../../../runtime/actor.ts';
import type { MachineEvent } from '../../../runtime/xstate.ts';
import type { CommandBody, CommandEffect } from '../commands.ts';
import type { BrokerContext, Counters } from '../context.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface Delayed {
  readonly id: string;
  readonly delayMs: number;
  readonly event: MachineEvent;
}

export interface Turn {
  readonly c: Writable<BrokerContext>;
  /** Wall clock of the event, ms. */
  readonly atMs: number;
  readonly effects: (PublishEffect | CommandEffect)[];
  /** Moves of the broker's own state chart. */
  readonly raised: MachineEvent[];
  readonly timers: Delayed[];
}

export function beginTurn(context: BrokerContext, atMs: number | undefined): Turn {
  const latestMs = Math.max(context.atMs, atMs ?? 0);
  return { c: { ...context, atMs: latestMs }, atMs: latestMs, effects: [], raised: [], timers: [] };
}

export function command(turn: Turn, commandId: string, orderId: string, body: CommandBody, createdUs = 0): void {
  turn.effects.push({ type: 'command', params: { commandId, orderId, body, createdUs, seal: turn.c.seals } });
}

type PlainCounter = Exclude<keyof Counters, 'denied'>;

export function count(turn: Turn, name: PlainCounter, by = 1): void {
  turn.c.counters = { ...turn.c.counters, [name]: turn.c.counters[name] + by };
}

export function countDenial(turn: Turn, code: string): void {
  const { denied } = turn.c.counters;
  turn.c.counters = { ...turn.c.counters, denied: { ...denied, [code]: (denied[code] ?? 0) + 1 } };
}

export function without<T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  const { [key]: _gone, ...rest } = record;
  return rest;
}

/** Appends and forgets the oldest beyond `limit`. */
export function appended<T>(list: readonly T[], value: T, limit: number): readonly T[] {
  return [...list.slice(Math.max(0, list.length + 1 - limit)), value];
}
