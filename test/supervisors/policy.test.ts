import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../runtime/random.ts';
import { BACKOFF, CHILD_BUDGET, judge, SUPERVISOR_BUDGET } from '../../supervisors/policy.ts';

const always = (value: number) => ({ ...seededRandom(1), next: () => value });

test('the defaults are the ones of the design', () => {
  assert.deepEqual(CHILD_BUDGET, { restarts: 5, windowMs: 60_000 });
  assert.deepEqual(SUPERVISOR_BUDGET, { restarts: 20, windowMs: 60_000 });
  assert.deepEqual(BACKOFF, { firstMs: 100, longestMs: 10_000 });
});

test('the first restart is immediate, later ones double up to the limit', () => {
  const budget = { restarts: 20, windowMs: 60_000 };
  const delays = Array.from({ length: 12 }, (_, i) => {
    const verdict = judge(Array(i + 1).fill(0), 0, always(1 - 2 ** -30), budget);
    return verdict.restart ? verdict.delayMs : -1;
  });
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
});

test('the sixth failure within a minute spends the budget, a minute later it is whole again', () => {
  const failures = [0, 1, 2, 3, 4, 5];
  assert.equal(judge(failures.slice(0, 5), 5, always(0)).restart, true);
  assert.deepEqual(judge(failures, 5, always(0)), { restart: false, attempt: 6 });
  assert.deepEqual(judge([...failures, 60_005], 60_005, always(0)), {
    restart: true,
    delayMs: 0,
    attempt: 1,
    remaining: 4,
  });
});

test('jitter stays between nothing and the ceiling', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 5 }), (seed, failures) => {
      const verdict = judge(Array(failures).fill(0), 0, seededRandom(seed));
      assert.ok(verdict.restart && verdict.delayMs >= 0 && verdict.delayMs <= 100 * 2 ** (failures - 2));
    }),
  );
});
