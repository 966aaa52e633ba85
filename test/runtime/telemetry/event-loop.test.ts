import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { systemClock as clock } from '../../../runtime/clock.ts';
import { lagOf, watchEventLoop } from '../../../runtime/telemetry/event-loop.ts';

const histogram = (count: number, p50Ns: number, p99Ns: number, max: number) => ({
  ...{ count, max },
  percentile: (q: number) => (q === 50 ? p50Ns : p99Ns),
});

test('lag is what a sample took beyond its own time, in milliseconds', () => {
  assert.deepEqual(lagOf(histogram(10, 10_100_000, 15_000_000, 40_000_000)), { p50: 10.1 - 10, p99: 5, max: 30 });
});

test('no sample, or one that came early, is no lag', () => {
  assert.deepEqual(lagOf(histogram(0, 0, 0, 0)), { p50: 0, p99: 0, max: 0 });
  assert.deepEqual(lagOf(histogram(1, 9_900_000, 9_900_000, 9_900_000)), { p50: 0, p99: 0, max: 0 });
});

async function block(ms: number): Promise<void> {
  const untilMs = clock.monotonicMs() + ms;
  while (clock.monotonicMs() < untilMs) {
    // Nobody else has a turn.
  }
  await clock.sleep(10);
}

const longest = async (registry: Registry): Promise<number> => {
  const { values } = (await registry.getSingleMetric('troupe_event_loop_lag_ms')!.get()) as {
    values: { labels: { quantile?: string }; value: number }[];
  };
  return values.find(({ labels }) => labels.quantile === '1')!.value;
};

/** Far longer than what else runs on the machine holds a loop up. */
const BLOCKED_MS = 1_000;

test('a blocked loop is seen until a scrape ends the window, and scraping often does not end it', async () => {
  const registry = new Registry();
  let nowMs = 0;
  const stop = watchEventLoop(registry, () => nowMs);
  try {
    await clock.sleep(10);
    await block(BLOCKED_MS);
    assert.ok((await longest(registry)) >= BLOCKED_MS - 20);
    nowMs = 9_000;
    assert.ok((await longest(registry)) >= BLOCKED_MS - 20, 'a second scraper is told the same');
    nowMs = 11_000;
    assert.ok((await longest(registry)) >= BLOCKED_MS - 20);
    await clock.sleep(10);
    assert.ok((await longest(registry)) < BLOCKED_MS / 2, 'a new window');
  } finally {
    stop();
  }
});
