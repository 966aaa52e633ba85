/**
 * How far the company is, told to whoever plays a market to it: at once where ticks are few, once per `leastMs`
 * where they are many, less often where that would cost more than it brings (each telling wakes three processes), and
 * not while it has a backlog, because a market that ran ahead of that would be traded at prices of the past.
 */
import type { Clock } from '../runtime/clock.ts';

export const LONGEST_MS = 10;
/** A telling names each symbol that has moved: so many of them are worth a millisecond. */
const SYMBOLS_PER_MS = 32;
/**
 * At four million ticks/s a market that may run half a minute ahead has far more ticks to go on with than ten
 * milliseconds take.
 */
const FLOOD_PER_MS = 4_000;

/** To ask an actor whether it keeps up and to tell its count costs up to half a microsecond: 5 % of the time at most. */
export const MS_PER_ACTOR = 0.01;

export interface Paced {
  /** Applied, or passed over for good. */
  ticksDone(symbol: string): number;
  readonly behind: boolean;
  /** How many actors it has. */
  readonly size: number;
}

/** Ticks done with so far by each symbol actor whose count has changed. */
export type Applied = Readonly<Record<string, number>>;

export class Pace {
  private readonly changed = new Set<string>();
  private readonly told = new Map<string, number>();
  private toldMs = Number.NEGATIVE_INFINITY;
  private intervalMs: number;
  private cancel: (() => void) | undefined;
  private readonly clock: Clock;
  private readonly company: Paced;
  /** Nobody waits for it more often. */
  private readonly leastMs: number;
  private readonly tell: (symbols: Applied) => void;

  constructor(clock: Clock, company: Paced, leastMs: number, tell: (symbols: Applied) => void) {
    this.clock = clock;
    this.company = company;
    this.leastMs = leastMs;
    this.intervalMs = leastMs;
    this.tell = tell;
  }

  /** A symbol actor has applied ticks, or they went past it. Cheap: called for every frame. */
  applied(symbol: string): void {
    this.changed.add(symbol);
    if (this.cancel !== undefined) return;
    this.arm(Math.max(0, this.toldMs + Math.max(this.intervalMs, this.shortestMs) - this.clock.monotonicMs()));
  }

  stop(): void {
    this.cancel?.();
  }

  private get shortestMs(): number {
    return Math.max(this.leastMs, this.company.size * MS_PER_ACTOR);
  }

  private arm(delayMs: number): void {
    this.cancel = this.clock.setTimer(delayMs, () => {
      this.cancel = undefined;
      if (this.company.behind) {
        this.arm(this.shortestMs);
        return;
      }
      this.tell(this.take());
    });
  }

  private take(): Applied {
    const symbols: Record<string, number> = {};
    let ticks = 0;
    for (const symbol of this.changed) {
      const done = this.company.ticksDone(symbol);
      ticks += done - (this.told.get(symbol) ?? 0);
      this.told.set(symbol, done);
      symbols[symbol] = done;
    }
    const nowMs = this.clock.monotonicMs();
    const flood = ticks >= FLOOD_PER_MS * (nowMs - this.toldMs);
    const widthMs = this.changed.size / SYMBOLS_PER_MS;
    this.intervalMs = Math.max(this.leastMs, flood ? LONGEST_MS : Math.min(LONGEST_MS, widthMs));
    this.toldMs = nowMs;
    this.changed.clear();
    return symbols;
  }
}
