/**
 * Watching actors: `inspect.<kind>.<id>` carries what an actor hears, does and becomes while somebody subscribes.
 *
 * Core NATS tells nobody that somebody subscribes, so each actor is asked for in turn with a short message that the server
 * refuses when nobody hears it (`Bus.probe`). What is not watched has `watch` undefined, and that one test is all it costs.
 */
import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Inspectable, Telling } from './watch.ts';
import { greeting, Savings, subjectOf, Watch } from './watch.ts';

export type { Inspectable } from './watch.ts';

export interface InspectorOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly node: string;
}

/** Every actor is asked for this often ... */
const PROBE_EVERY_MS = 2_000;
/** ... unless there are so many that this would be exceeded. */
const MOST_PROBES_PER_S = 200;
const ROUND_MS = 100;
/** First questions are spread by this step, so that thousands do not come at once. */
const SPREAD_MS = 37;

interface Known {
  readonly actor: Inspectable;
  dueMs: number;
  asking: boolean;
}

export class Inspector {
  private readonly o: InspectorOptions;
  private readonly telling: Telling;
  /** Whoever was asked last stands last. */
  private readonly known = new Map<Inspectable, Known>();
  private cancel: (() => void) | undefined;
  private ended = false;
  private allowance = 0;

  constructor(options: InspectorOptions) {
    this.o = options;
    this.telling = { ...options, savings: new Savings() };
  }

  /** Begins to ask for the actor. Returns the end of that. */
  add(actor: Inspectable): () => void {
    const dueMs = this.o.clock.monotonicMs() + ((this.known.size * SPREAD_MS) % PROBE_EVERY_MS);
    const known = { actor, dueMs, asking: false };
    this.known.set(actor, known);
    this.arm();
    return () => {
      this.known.delete(actor);
      actor.watch = undefined;
    };
  }

  /** Number of actors that are watched now. */
  get watched(): number {
    let count = 0;
    for (const { actor } of this.known.values()) if (actor.watch !== undefined) count++;
    return count;
  }

  /** Nothing is asked for or shown any more. */
  stop(): void {
    this.ended = true;
    this.cancel?.();
    for (const { actor } of this.known.values()) actor.watch = undefined;
    this.known.clear();
  }

  private arm(): void {
    if (this.cancel !== undefined || this.ended || this.known.size === 0) return;
    this.cancel = this.o.clock.setTimer(ROUND_MS, () => {
      this.cancel = undefined;
      this.round();
      this.arm();
    });
  }

  private round(): void {
    const nowMs = this.o.clock.monotonicMs();
    this.allowance = Math.min(MOST_PROBES_PER_S, this.allowance + (MOST_PROBES_PER_S * ROUND_MS) / 1_000);
    const due: Known[] = [];
    for (const known of this.known.values()) {
      if (due.length >= this.allowance) break;
      if (!known.asking && known.dueMs <= nowMs) due.push(known);
    }
    this.allowance -= due.length;
    for (const known of due) {
      this.known.delete(known.actor);
      this.known.set(known.actor, known);
      known.dueMs = nowMs + PROBE_EVERY_MS;
      void this.ask(known);
    }
  }

  private async ask(known: Known): Promise<void> {
    const { actor } = known;
    known.asking = true;
    try {
      const heard = await this.o.bus.probe(subjectOf(actor), greeting(actor, this.o));
      if (this.known.get(actor) !== known) return;
      if (!heard) actor.watch = undefined;
      else actor.watch ??= new Watch(actor, this.telling);
    } catch (error) {
      this.o.log.debug({ err: error, kind: actor.kind, id: actor.id }, 'could not ask who watches');
    } finally {
      known.asking = false;
    }
  }
}
