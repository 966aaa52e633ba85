/**
 * How late this process's event loop comes to what is due: the time in which no tick is applied and no order moves. Here
 * and nowhere else, because it reads the real time whatever clock the actors have.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/**
 * One sample in this time. Each is a turn of the loop, and wakes a node that has nothing to do: shorter ones cost more than
 * they tell. What blocks for longer than this is seen whatever it is.
 */
const RESOLUTION_MS = 10;
/** Who scrapes more often than this is told of the same window again, so that two scrapers do not halve each other's. */
const WINDOW_MS = 10_000;

export interface LoopLag {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Milliseconds beyond the resolution, of what a histogram of Node's holds in nanoseconds. Pure. */
export function lagOf(histogram: {
  percentile(q: number): number;
  readonly max: number;
  readonly count: number;
}): LoopLag {
  const late = (ns: number): number => (histogram.count === 0 ? 0 : Math.max(0, ns / 1e6 - RESOLUTION_MS));
  return { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), max: late(histogram.max) };
}

/**
 * Adds the gauge `troupe_event_loop_lag_ms{quantile="0.5"|"0.99"|"1"}` to the registry: of all samples since the last
 * scrape that was at least 10 s before. Once per process: each call costs a timer. Returns its end.
 */
export function watchEventLoop(registry: Registry, monotonicMs: () => number): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let sinceMs = monotonicMs();
  new Gauge({
    name: 'troupe_event_loop_lag_ms',
    help: 'How late the event loop comes to what is due, milliseconds, by quantile; over at least 10 s',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      const { p50, p99, max } = lagOf(histogram);
      this.set({ quantile: '0.5' }, p50);
      this.set({ quantile: '0.99' }, p99);
      this.set({ quantile: '1' }, max);
      const nowMs = monotonicMs();
      if (nowMs - sinceMs < WINDOW_MS) return;
      sinceMs = nowMs;
      histogram.reset();
    },
  });
  return () => void histogram.disable();
}
