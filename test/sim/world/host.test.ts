import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../runtime/random.ts';
import { Host } from './host.ts';
import { Loop } from './loop.ts';

// Seed 337: a node waited for what was left of a second, and its timers fired without an end at one moment.
test('who waits for what is left of a time gets there, however its clock drifts', async () => {
  const random = seededRandom('drift');
  for (let i = 0; i < 200; i++) {
    const loop = new Loop();
    const rate = 1 + (random.next() - 0.5) * 4e-4;
    const { clock } = new Host('node', loop, random, { skewMs: 0, rate });
    await loop.runUntil(random.next() * 40_000);
    const untilMs = clock.monotonicMs() + 1_000;
    let fired = 0;
    const wait = (): void => {
      if (fired++ > 10) throw new Error(`${untilMs - clock.monotonicMs()} ms are left after ${fired} timers`);
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs > 0) clock.setTimer(leftMs, wait);
    };
    wait();
    await loop.runUntil(loop.elapsedMs + 1_100);
    assert.ok(clock.monotonicMs() >= untilMs);
  }
});
