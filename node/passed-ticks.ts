/**
 * How many ticks of each symbol nobody need wait for any more: those that its actor has applied, and those that it will
 * not: of frames that went to the dead letters, and of everything that comes while it is down. Whoever plays a market to
 * the company would otherwise stand still for ever behind one symbol.
 *
 * A source numbers the ticks of a symbol from 1 in each of its sessions, so the highest number that went past is the
 * count. It holds where the streams begin with the market, as in a replay.
 */
import type { Numbering } from '../actors/symbol/numbering.ts';
import type { TickColumns } from '../runtime/bus/ticks.ts';
import type { TopicMessage } from '../runtime/bus/topics.ts';
import { topics } from '../runtime/bus/topics.ts';
import { messageOf } from '../runtime/errors.ts';
import type { InputHub, Subscriber } from '../runtime/hub.ts';
import type { Logger } from '../runtime/telemetry/log.ts';

export interface PassedTicksOptions {
  readonly hub: InputHub;
  readonly source: string;
  readonly log: Logger;
  /** Ticks of this symbol went past. */
  readonly onPassed: (symbol: string) => void;
}

export class PassedTicks {
  private readonly o: PassedTicksOptions;
  /** Highest tick number that went past its actor, by symbol and session. */
  private readonly past = new Map<string, Map<string, number>>();
  /** Those who hear the ticks of an actor that is down. */
  private readonly standIns = new Map<string, Subscriber>();
  private readonly letters: Subscriber;

  constructor(options: PassedTicksOptions) {
    this.o = options;
    let taken = 0;
    this.letters = {
      inputs: [{ topic: 'deadLetter', key: { kind: 'symbol' } }],
      taken: () => taken,
      deliver: ({ sequence, message }) => {
        taken = sequence;
        if (message !== undefined) this.buried(message as TopicMessage<'deadLetter'>);
      },
    };
  }

  /**
   * Hears of the frames that were given up, from the first dead letter on: an actor that has gone past one may be on
   * another node by now, and the one that has buried it dead. A letter is stored before its actor commits that it has
   * gone past.
   */
  start(): Promise<void> {
    return this.o.hub.subscribe(this.letters);
  }

  stop(): Promise<void> {
    return this.o.hub.unsubscribe(this.letters);
  }

  /** `numbering` is the actor's own, undefined where it has never come up. */
  count(symbol: string, numbering: Numbering | undefined): number {
    const past = this.past.get(symbol);
    // The rule, and asked hundreds of times a second.
    if (past === undefined && numbering?.earlier.length === 0) return numbering.lastSequence;
    if (numbering === undefined || !numbering.begun) return sum(past?.values() ?? []);
    const sessions = [numbering, ...numbering.earlier];
    if (past === undefined) return sum(sessions.map(({ lastSequence }) => lastSequence));
    const highest = new Map(past);
    for (const { session, lastSequence } of sessions) {
      highest.set(session, Math.max(lastSequence, highest.get(session) ?? 0));
    }
    return sum(highest.values());
  }

  /** The actor is down until an operator acts: its ticks go past it from now on. */
  down(symbol: string): void {
    if (this.standIns.has(symbol)) return;
    const key = { source: this.o.source, symbol };
    let taken = 0;
    const standIn: Subscriber = {
      inputs: [{ topic: 'ticks', key }],
      taken: () => taken,
      deliver: ({ sequence, message }) => {
        taken = sequence;
        if (this.standIns.get(symbol) === standIn && message !== undefined) this.pass(symbol, message as TickColumns);
      },
    };
    this.standIns.set(symbol, standIn);
    const { hub, log } = this.o;
    const begin = async (): Promise<void> => {
      // The last frame that is stored says how many there have been.
      const last = await hub.bus.lastSequence(topics.ticks.stream, topics.ticks.subject(key, hub.layout));
      taken = Math.max(0, last - 1);
      if (this.standIns.get(symbol) === standIn) await hub.subscribe(standIn);
      if (this.standIns.get(symbol) !== standIn) await hub.unsubscribe(standIn);
    };
    begin().catch((error: unknown) => {
      log.error({ symbol, error: messageOf(error) }, 'the ticks that go past a symbol that is down are not counted');
    });
  }

  /** The actor runs again, is being started, or is not here any more. */
  up(symbol: string): void {
    const standIn = this.standIns.get(symbol);
    if (standIn === undefined) return;
    this.standIns.delete(symbol);
    void this.o.hub.unsubscribe(standIn);
  }

  private buried({ id, subject, payload }: TopicMessage<'deadLetter'>): void {
    const { hub, source, log } = this.o;
    if (subject !== topics.ticks.subject({ source, symbol: id }, hub.layout)) return;
    try {
      this.pass(id, topics.ticks.decode(payload));
    } catch (error) {
      // Nobody can say how many ticks stood in it.
      log.warn({ symbol: id, error: messageOf(error) }, 'a frame in the dead letters cannot be read');
    }
  }

  private pass(symbol: string, { session, firstSequence, count }: TickColumns): void {
    let past = this.past.get(symbol);
    if (past === undefined) {
      past = new Map();
      this.past.set(symbol, past);
    }
    past.set(session, Math.max(firstSequence + count - 1, past.get(session) ?? 0));
    this.o.onPassed(symbol);
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const one of numbers) total += one;
  return total;
}
