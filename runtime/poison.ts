/**
 * Inputs at which an actor fails. The record outlives the actor's restarts, and what of it still counts goes with the
 * actor to another node (`FailedInputs`); after five failures at one input it goes to the dead letters with its cause, and
 * the actor goes on without it.
 */
import type { Bus } from './bus/bus.ts';
import type { Family, Layout } from './bus/topics.ts';
import { topics } from './bus/topics.ts';
import type { Clock } from './clock.ts';
import type { Delivered } from './delivered.ts';
import type { Logger } from './telemetry/log.ts';

export const POISON_ATTEMPTS = 5;
/** Bytes of the input that a dead letter keeps. */
const PAYLOAD_LIMIT_BYTES = 64 * 1024;

export interface PoisonOptions {
  readonly kind: string;
  readonly id: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: Layout;
  readonly onBuried?: () => void;
  /** What earlier starts found; for an actor whose record is kept on another thread than its own. */
  readonly known?: PoisonState;
  /** After each change, with all that is known now. */
  readonly onChange?: (state: PoisonState) => void;
}

/** Plain data. Inputs are named `<family>.<sequence>`. */
export interface PoisonState {
  readonly attempts: readonly (readonly [input: string, attempts: number])[];
  readonly buried: readonly string[];
}

/**
 * What another node has to know: how often the actor has failed at inputs that no commit has gone past yet. One that is
 * buried counts as tried enough: who meets it again buries it at the next failure.
 */
export type FailedInputs = Readonly<Record<string, number>>;

export const NO_FAILED_INPUTS: FailedInputs = {};

export function failedInputs({ attempts, buried }: PoisonState): FailedInputs {
  return Object.fromEntries([...attempts, ...buried.map((input) => [input, POISON_ATTEMPTS] as const)]);
}

/** What another node has written; anything else is nothing. */
export function poisonState(failed: unknown): PoisonState {
  const entries = typeof failed === 'object' && failed !== null ? Object.entries(failed) : [];
  return { attempts: entries.filter(([, attempts]) => Number.isSafeInteger(attempts) && attempts > 0), buried: [] };
}

export class PoisonRecord {
  private readonly attempts: Map<string, number>;
  private readonly buried: Set<string>;
  private readonly o: PoisonOptions;
  /** Dead letters on their way. A commit that moves past their inputs waits for it; it rejects when one is not stored. */
  telling: Promise<void> | undefined;

  constructor(options: PoisonOptions) {
    this.o = options;
    this.attempts = new Map(options.known?.attempts);
    this.buried = new Set(options.known?.buried);
  }

  isBuried(family: Family, sequence: number): boolean {
    // Asked for every input: of a million, none is buried.
    return this.buried.size > 0 && this.buried.has(`${family}.${sequence}`);
  }

  /** The machine threw at this input. */
  failed(input: Delivered, cause: string): void {
    const key = `${input.family}.${input.sequence}`;
    const attempts = (this.attempts.get(key) ?? 0) + 1;
    this.attempts.set(key, attempts);
    if (attempts >= POISON_ATTEMPTS) this.bury(input, cause, attempts);
    else this.changed();
  }

  /** Puts the input to the dead letters; it is skipped from now on. */
  bury(input: Delivered, cause: string, attempts = 1): void {
    const key = `${input.family}.${input.sequence}`;
    if (this.buried.has(key)) return;
    this.buried.add(key);
    this.attempts.delete(key);
    this.changed();
    const { kind, id, bus, clock, log, layout } = this.o;
    const { stream } = topics[input.topic];
    this.o.onBuried?.();
    log.error({ code: 'ACTOR_POISONED', kind, id, stream, sequence: input.sequence, cause, attempts }, 'input buried');
    const letter = bus.publish({
      subject: topics.deadLetter.subject({ kind, id }, layout),
      messageId: `dlq.${kind}.${id}.${stream}.${input.sequence}`,
      data: topics.deadLetter.encode({
        kind,
        id,
        stream,
        sequence: input.sequence,
        subject: input.subject,
        cause,
        attempts,
        payload: input.data.slice(0, PAYLOAD_LIMIT_BYTES),
        timeMs: clock.nowMs(),
      }),
    });
    const edge = bus.publish({
      subject: topics.lifecycle.subject({ kind, id }, layout),
      messageId: `dead_letter.${kind}.${id}.${stream}.${input.sequence}`,
      data: topics.lifecycle.encode({
        kind,
        id,
        event: 'dead_letter',
        cause: `${input.subject} (${stream} ${input.sequence}): ${cause}`,
        attempt: attempts,
        timeMs: clock.nowMs(),
      }),
    });
    const telling = Promise.all([this.telling, letter, edge]).then(
      () => {
        if (this.telling === telling) this.telling = undefined;
      },
      (error: unknown) => {
        log.error({ error }, 'a dead letter could not be published');
        // Not told, so not buried: the next start comes to it again.
        this.buried.delete(key);
        this.attempts.set(key, attempts - 1);
        this.changed();
        if (this.telling === telling) this.telling = undefined;
        throw error;
      },
    );
    // Whoever commits waits for it and hears of a failure; without a commit nobody may be left with a rejection.
    telling.catch(() => undefined);
    this.telling = telling;
  }

  /** These positions are committed: what was before them never comes again. */
  committed(positions: ReadonlyMap<Family, number>): void {
    if (this.attempts.size === 0 && this.buried.size === 0) return;
    const isPast = (key: string): boolean => {
      const dot = key.lastIndexOf('.');
      return Number(key.slice(dot + 1)) <= (positions.get(key.slice(0, dot) as Family) ?? 0);
    };
    const past = [...this.attempts.keys(), ...this.buried].filter(isPast);
    if (past.length === 0) return;
    for (const key of past) {
      this.attempts.delete(key);
      this.buried.delete(key);
    }
    this.changed();
  }

  private changed(): void {
    this.o.onChange?.({ attempts: [...this.attempts], buried: [...this.buried] });
  }
}
