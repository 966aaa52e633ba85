/**
 * How far the company is, told to whoever plays a market to it: at once where ticks are few, once a millisecond
 * where they are many, and not while it has a backlog, because a market that ran ahead of that would be traded at
 * prices of the past.
 */
import type { Clock } from '../runtime/clock.ts';

export const SHORTEST_MS = 1;

export interface Paced {
  ticksApplied(symbol: string): number;
  readonly behind: boolean;
}

/** Ticks applied so far by each symbol actor whose count has changed. */
export type Applied = Readonly<Record<string, number>>;

export class Pace {
  private readonly changed = new Set<string>();
  private toldMs = Number.NEGATIVE_INFINITY;
  private cancel: (() => void) | undefined;
  private readonly clock: Clock;
  private readonly company: Paced;
  private readonly tell: (symbols: Applied) => void;

  constructor(clock: Clock, company: Paced, tell: (symbols: Applied) => void) {
    this.clock = clock;
    this.company = company;
    this.tell = tell;
  }

  /** A symbol actor has applied ticks. Cheap: called for every frame. */
  applied(symbol: string): void {
    this.changed.add(symbol);
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
      const symbols: Record<string, number> = {};
      for (const symbol of this.changed) symbols[symbol] = this.company.ticksApplied(symbol);
      this.changed.clear();
      this.toldMs = this.clock.monotonicMs();
      this.tell(symbols);
    });
  }
}
