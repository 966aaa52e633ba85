/**
 * In what order the actors of one thread take their turns, and when the event loop has its own. Actors that are ready
 * wait in line; a pass gives them turns until its time is spent, then timers and what the network brought come first,
 * then the next pass goes on. Without it 10,000 ready actors are 10,000 turns in one go, in which no lease is renewed.
 *
 * There are two lines. What an order waits for goes first, however many prices came before it. In every pass at least
 * one of the other line has its turn, so that neither can keep the other from ever running.
 *
 * Only what a turn does at once counts: one that waits for a commit holds nobody up.
 *
 * In a flood the ordinary line rests between its rounds, so that more gathers for each turn (flood.ts).
 */
import type { Clock } from './clock.ts';
import { Fifo } from './fifo.ts';
import { type Flood, ROUND_MS_PER_TURN } from './flood.ts';

/**
 * So long turns are given in one go; a turn that has begun ends by itself, after TURN_MS at the latest. An answer that
 * an order waits for may come in right after a pass has begun, so this is part of its latency; much shorter ones ask
 * the operating system for news more often than there are any.
 */
export const PASS_MS = 1;
/** How often a line that waits for its next round looks whether the flood goes on. */
const REST_MS = 10;

/** A place in line. */
export interface Turn {
  /** Resolves when it has come. */
  readonly comes: Promise<void>;
  /** Moves it to the urgent line, behind those that are there. */
  hurry(): void;
}

interface Waiting {
  /** Undefined once it has been called. */
  call: (() => void) | undefined;
  isUrgent: boolean;
}

class Line {
  private readonly waiting = new Fifo<Waiting>();

  add(one: Waiting): void {
    this.waiting.push(one);
  }

  /** The next that has not been called: one that hurried stands in both lines. */
  take(): Waiting | undefined {
    for (let one = this.waiting.shift(); one !== undefined; one = this.waiting.shift()) {
      if (one.call !== undefined) return one;
    }
    return undefined;
  }
}

export class RunQueue {
  private readonly clock: Clock;
  private readonly flood: Flood | undefined;
  private readonly urgent = new Line();
  private readonly ordinary = new Line();
  /** In both lines, each once. */
  private length = 0;
  private urgentLength = 0;
  private running = false;
  /** A round: the turns of all who were in the ordinary line when it began. */
  private roundTurns = 0;
  private roundGiven = 0;
  private roundFromMs = 0;
  /** While the ordinary line waits for its next round. */
  private resting = false;
  private endRest: (() => void) | undefined;

  /** `flood`: where there can be one. */
  constructor(clock: Clock, flood?: Flood) {
    this.clock = clock;
    this.flood = flood;
  }

  /** How many wait for their turn. */
  get depth(): number {
    return this.length;
  }

  /** Gets in line. The turn never comes on the caller's stack. */
  turn(isUrgent: boolean): Turn {
    const one: Waiting = { call: undefined, isUrgent };
    const comes = new Promise<void>((resolve) => {
      one.call = resolve;
    });
    (isUrgent ? this.urgent : this.ordinary).add(one);
    this.length++;
    if (isUrgent) this.isHurried();
    if (!this.running) void this.run();
    const hurry = (): void => {
      if (one.call === undefined || one.isUrgent) return;
      one.isUrgent = true;
      this.urgent.add(one);
      this.isHurried();
    };
    return { comes, hurry };
  }

  private isHurried(): void {
    this.urgentLength++;
    this.endRest?.();
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.length > 0) {
      await this.clock.yield();
      await this.pass();
      if (this.resting && this.urgentLength === 0) await this.rest();
    }
    this.running = false;
  }

  /** For a while, and until something urgent comes. */
  private async rest(): Promise<void> {
    const leftMs = this.roundFromMs + this.roundTurns * ROUND_MS_PER_TURN - this.clock.monotonicMs();
    let isOver = leftMs <= 0;
    if (!isOver) {
      await new Promise<void>((resolve) => {
        const cancel = this.clock.setTimer(Math.min(leftMs, REST_MS), resolve);
        this.endRest = () => {
          cancel();
          resolve();
        };
      });
      this.endRest = undefined;
      if (this.urgentLength > 0) return;
      // A timer comes before what the network has brought.
      await this.clock.yield();
      isOver = this.flood?.isOn(this.clock.monotonicMs()) !== true;
    }
    if (isOver) this.resting = false;
  }

  private takeOrdinary(): Waiting | undefined {
    if (this.resting) return undefined;
    const next = this.ordinary.take();
    if (next === undefined || this.flood === undefined) return next;
    // One that hurried may be taken here too, beyond those of the round.
    if (this.roundGiven >= this.roundTurns) {
      this.roundGiven = 0;
      this.roundTurns = this.length - this.urgentLength;
      this.roundFromMs = this.clock.monotonicMs();
    }
    if (++this.roundGiven >= this.roundTurns) this.resting = this.flood.isOn(this.clock.monotonicMs());
    return next;
  }

  private async pass(): Promise<void> {
    const untilMs = this.clock.monotonicMs() + PASS_MS;
    for (let isOwed = true, isOver = false; !isOver || isOwed; ) {
      const next = isOver ? this.takeOrdinary() : (this.urgent.take() ?? this.takeOrdinary());
      if (next === undefined) return;
      if (next.isUrgent) this.urgentLength--;
      else isOwed = false;
      const { call } = next;
      next.call = undefined;
      this.length--;
      call?.();
      // Whoever was called goes on in a microtask that stands before this one: what it does at once is then done.
      await undefined;
      isOver = this.clock.monotonicMs() >= untilMs;
    }
  }
}
