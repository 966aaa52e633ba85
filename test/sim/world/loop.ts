/**
 * The virtual event loop: one timer fires, then every promise that became ready runs to its end, then the next timer.
 * Nothing else moves, so a run is a function of its seed.
 */
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';

/** 2026-01-05 08:00 UTC, a Monday: where the simulated world begins. */
export const START_MS = 1_767_600_000_000;

const TURNS_AT_ONCE = 256;

export class Loop {
  readonly clock = new VirtualClock(START_MS);
  /** Timers fired so far. */
  fired = 0;

  /** Milliseconds since the world began. */
  get elapsedMs(): number {
    return this.clock.monotonicMs() - START_MS;
  }

  after(delayMs: number, fire: () => void): () => void {
    return this.clock.setTimer(delayMs, fire);
  }

  /** Runs the world up to `elapsedMs` after its beginning. What a timer throws ends the run, as it would a process. */
  async runUntil(elapsedMs: number): Promise<void> {
    const untilMs = START_MS + elapsedMs;
    let due = true;
    const fire = (): void => {
      const more = due;
      // Where a timer throws, nothing fires after it.
      due = false;
      due = more && this.clock.fireNext(untilMs);
      if (due) this.fired++;
    };
    // Each is a real turn of its own: by its end no promise is left that could go on. Many are asked for at once because
    // the event loop looks at the operating system between two rounds of them, which costs more than a turn.
    while (due) await Promise.all(Array.from({ length: TURNS_AT_ONCE }, () => systemClock.yield().then(fire)));
    this.clock.advance(untilMs - this.clock.monotonicMs());
  }
}
