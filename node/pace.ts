/**
 * How far the company is, told to whoever plays a market to it: at once where ticks are few, once a millisecond
 * where they are many, and not while it has a backlog, because a market that ran ahead of that would be traded at
 * prices of the past.
 */
import type { Clock } from '../runtime/clock.ts';

export const SHORTEST_MS = 1;

export interface Paced {
  readonly ticksApplied: number;
  readonly behind: boolean;
}

export class Pace {
  private told = -1;
  private toldMs = Number.NEGATIVE_INFINITY;
  private cancel: (() => void) | undefined;
  private readonly clock: Clock;
  private readonly company: Paced;
  private readonly tell: (ticks: number) => void;

  constructor(clock: Clock, company: Paced, tell: (ticks: number) => void) {
    this.clock = clock;
    this.company = company;
    this.tell = tell;
  }

  /** Ticks have been applied. Cheap: called for every frame. */
  applied(): void {
    if (this.cancel !== undefined) return;
    this.arm(Math.max(0, this.toldMs + SHORTEST_MS - this.clock.monotonicMs()));
  }

  stop(): void {
    this.cancel?.();
  }

  private arm(delayMs: number): void {
    this.cancel = this.clock.setTimer(delayMs, () => {
      this.cancel = undefined;
      if (this.company.behind) {
        this.arm(SHORTEST_MS);
        return;
      }
      const ticks = this.company.ticksApplied;
      if (ticks === this.told) return;
      this.told = ticks;
      this.toldMs = this.clock.monotonicMs();
      this.tell(ticks);
    });
  }
}
