/**
 * The virtual event loop: one timer fires, then every promise that became ready runs to its end, then the next timer.
 * Nothing else moves, so a run is a function of its seed.
 */
import { systemClock, VirtualClock } from '../../../runtime/clock.ts';

/** 2026-01-05 08:00 UTC, a Monday: where the simulated world begins. */
export const START_MS = 1_767_600_000_000;

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

  /** Runs the world up to `elapsedMs` after its beginning. */
  async runUntil(elapsedMs: number): Promise<void> {
    const untilMs = START_MS + elapsedMs;
    while (this.clock.fireNext(untilMs)) {
      this.fired++;
      // A real turn of the event loop: by its end no promise is left that could go on.
      await systemClock.yield();
    }
    this.clock.advance(untilMs - this.clock.monotonicMs());
  }
}
