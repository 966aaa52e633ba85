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

/** The two clocks are rounded by themselves. */
const ROUNDED_MS = 0.05;

/**
 * The wall clock in microseconds, out of one in whole milliseconds and a finer one that only counts from `originMs` on.
 * The two are compared at every call: a wall clock that is set (after a computer has slept or was moved, by a time
 * server), in one step or in many, is followed to a millisecond, as every other process follows it. With the first
 * offset for ever, times of two processes, or of two threads, would differ from then on.
 */
export function wallClockUs(wallMs: () => number, monotonicMs: () => number, originMs: number): () => number {
  let offsetMs = originMs;
  return () => {
    const beforeMs = wallMs();
    const fineMs = offsetMs + monotonicMs();
    // Who was stopped between the two readings looks again: only then it is too much.
    const isAhead = fineMs > beforeMs + 1 + ROUNDED_MS && fineMs > wallMs() + 1 + ROUNDED_MS;
    if (!isAhead && fineMs >= beforeMs - ROUNDED_MS) return Math.round(fineMs * 1000);
    offsetMs += beforeMs - fineMs;
    return beforeMs * 1000;
  };
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowUs: wallClockUs(
    () => Date.now(),
    () => performance.now(),
    performance.timeOrigin,
  ),
  monotonicMs: () => performance.now(),
  setTimer,
  sleep: (delayMs) => new Promise((resolve) => setTimer(delayMs, resolve)),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
  cancelled: boolean;
}

const before = (a: Pending, b: Pending): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** A clock that stands still until told otherwise; timers fire in order of deadline, then of creation. */
export class VirtualClock implements Clock {
  private now: number;
  private created = 0;
  /** Binary heap, the next timer first. Cancelled ones stay until they would be next. */
  private readonly heap: Pending[] = [];

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
    const timer: Pending = { atMs: this.now + Math.max(0, delayMs), order: this.created++, fire, cancelled: false };
    this.push(timer);
    return () => {
      timer.cancelled = true;
    };
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
    while (this.fireNext(untilMs)) {
      // Each fires at its own moment.
    }
    this.now = untilMs;
  }

  /**
   * Fires the next timer that is due by `untilMs` and moves time to its moment; false, with time untouched, where there
   * is none. For an event loop that lets promises run between two timers.
   */
  fireNext(untilMs: number): boolean {
    for (;;) {
      const next = this.heap[0];
      if (next === undefined) return false;
      if (!next.cancelled && next.atMs > untilMs) return false;
      this.pop();
      if (next.cancelled) continue;
      this.now = Math.max(this.now, next.atMs);
      next.fire();
      return true;
    }
  }

  private push(timer: Pending): void {
    const { heap } = this;
    let at = heap.length;
    for (; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!before(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
