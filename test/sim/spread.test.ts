import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VirtualClock } from '../../runtime/clock.ts';
import { afterLooks } from './spread.ts';

describe('a seed that does not come to its end', () => {
  test('is given up after so many looks, unless it is done', () => {
    const clock = new VirtualClock(0);
    const fired: string[] = [];
    afterLooks(3, 1_000, clock, () => fired.push('stuck'));
    const cancel = afterLooks(3, 1_000, clock, () => fired.push('done'));
    clock.advance(2_500);
    assert.deepEqual(fired, []);
    cancel();
    clock.advance(10_000);
    assert.deepEqual(fired, ['stuck']);
  });

  test('is not because the machine was stopped meanwhile', () => {
    const clock = new VirtualClock(0);
    let now = 0;
    const timers: { dueMs: number; fire: () => void }[] = [];
    // A process that was stopped: all timers that came due fire once, late.
    const real = {
      ...{ nowMs: () => now, nowUs: () => now * 1_000, monotonicMs: () => now },
      ...{ sleep: (ms: number) => clock.sleep(ms), yield: () => clock.yield() },
      setTimer: (delayMs: number, fire: () => void) => {
        timers.push({ dueMs: now + delayMs, fire });
        return () => undefined;
      },
    };
    let fired = 0;
    afterLooks(120, 1_000, real, () => fired++);
    now = 600_000;
    for (const { fire } of timers.splice(0)) fire();
    assert.equal(fired, 0);
    for (let looks = 1; looks < 120; looks++) {
      now += 1_000;
      for (const { fire } of timers.splice(0)) fire();
    }
    assert.equal(fired, 1);
  });
});
