/**
 * The only place that reads the time or waits for it.
 *
 * Everything else takes a `Clock`, so that a whole company can run on virtual time: change this and backtests and
 * simulation stop being deterministic.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01 UTC, whole. */
  nowMs(): number;
  /** Wall clock, microseconds since 1970-01-01 UTC; comparable between processes of one machine. */
  nowUs(): number;
  /** Monotonic, milliseconds with fractions, from an arbitrary start: for durations. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs` (0 or more) unless cancelled. Returns the cancellation. */
  setTimer(delayMs: number, fire: () => void): () => void;
  /** Resolves after `delayMs`. */
  sleep(delayMs: number): Promise<void>;
  /** Resolves after other work that is ready has had its turn. */
  yield(): Promise<void>;
}

/** Longest delay that Node's timers take; longer ones are reached in hops. */
const LONGEST_HOP_MS = 2 ** 31 - 1;

function setTimer(delayMs: number, fire: () => void): () => void {
  let handle: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    handle =
      leftMs > LONGEST_HOP_MS
        ? setTimeout(() => arm(leftMs - LONGEST_HOP_MS), LONGEST_HOP_MS)
        : setTimeout(fire, Math.max(0, leftMs));
  };
  arm(delayMs);
  return () => clearTimeout(handle);
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
  monotonicMs: () => performance.now(),
  setTimer,
  sleep: (delayMs) => new Promise((resolve) => setTimer(delayMs, resolve)),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

interface Pending {
  atMs: number;
  order: number;
  fire: () => void;
}

/** A clock that stands still until told otherwise; timers fire in order of deadline, then of creation. */
export class VirtualClock implements Clock {
  private now: number;
  private created = 0;
  private readonly pending = new Set<Pending>();

  constructor(startMs: number) {
    this.now = startMs;
  }

  nowMs(): number {
    return Math.floor(this.now);
  }

  nowUs(): number {
    return Math.round(this.now * 1000);
  }

  monotonicMs(): number {
    return this.now;
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    const timer: Pending = { atMs: this.now + Math.max(0, delayMs), order: this.created++, fire };
    this.pending.add(timer);
    return () => this.pending.delete(timer);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.setTimer(delayMs, resolve));
  }

  yield(): Promise<void> {
    return Promise.resolve();
  }

  /** Moves time on by `byMs`, firing every timer that falls due at its own moment. */
  advance(byMs: number): void {
    const untilMs = this.now + byMs;
    for (let next = this.earliest(); next && next.atMs <= untilMs; next = this.earliest()) {
      this.pending.delete(next);
      this.now = Math.max(this.now, next.atMs);
      next.fire();
    }
    this.now = untilMs;
  }

  private earliest(): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.pending) {
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  }
}
