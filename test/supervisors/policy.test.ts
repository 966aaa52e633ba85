import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ErrorCode } from '../../runtime/errors.ts';
import { errorTable } from '../../runtime/errors.ts';
import {
  BACKOFF,
  CHILD_BUDGET,
  ceilingMs,
  delayMs,
  isHopeless,
  isSpent,
  nextStreak,
  recent,
  remaining,
  SUPERVISOR_BUDGET,
} from '../../supervisors/policy.ts';

test('the defaults are the ones of the design', () => {
  assert.deepEqual(CHILD_BUDGET, { restarts: 5, windowMs: 60_000 });
  assert.deepEqual(SUPERVISOR_BUDGET, { restarts: 20, windowMs: 60_000 });
  assert.deepEqual(BACKOFF, { firstMs: 100, longestMs: 10_000, healthyMs: 60_000 });
});

test('the first restart is immediate, later ones double up to the limit', () => {
  const delays = Array.from({ length: 12 }, (_, i) => ceilingMs(i + 1, BACKOFF));
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
});

test('five failures within the window are allowed, the sixth is not', () => {
  assert.deepEqual(
    [0, 4, 5, 6].map((failures) => [isSpent(failures, CHILD_BUDGET), remaining(failures, CHILD_BUDGET)]),
    [
      [false, 5],
      [false, 1],
      [false, 0],
      [true, 0],
    ],
  );
});

test('a failure counts until it is exactly as old as the window', () => {
  assert.deepEqual(recent([0, 1, 2], 59_999, CHILD_BUDGET), [0, 1, 2]);
  assert.deepEqual(recent([0, 1, 2], 60_000, CHILD_BUDGET), [1, 2]);
  assert.deepEqual(recent([0, 1, 2], 60_001, CHILD_BUDGET), [2]);
  assert.deepEqual(recent([], 5, CHILD_BUDGET), []);
});

test('a minute of health makes the next failure a first one', () => {
  assert.equal(nextStreak(0, 0, BACKOFF), 1);
  assert.equal(nextStreak(3, 59_999, BACKOFF), 4);
  assert.equal(nextStreak(3, 60_000, BACKOFF), 1);
});

test('jitter stays between nothing and the ceiling, and spreads over all of it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (streak, draw) => {
      const ms = delayMs(streak, draw, BACKOFF);
      assert.ok(ms >= 0 && ms <= ceilingMs(streak, BACKOFF));
    }),
  );
  assert.deepEqual(
    [0, 0.5, 1 - 2 ** -30].map((draw) => delayMs(3, draw, BACKOFF)),
    [0, 100, 200],
  );
});

test('which errors no start can mend', () => {
  const hopeless = (Object.keys(errorTable) as ErrorCode[]).filter(isHopeless);
  const are: ErrorCode[] = ['CONFIG_INVALID', 'CONFIG_NOT_FOUND', 'LEDGER_SCHEMA', 'BUS_DENIED', 'SNAPSHOT_CORRUPT'];
  for (const code of [...are, 'SNAPSHOT_VERSION']) assert.ok(hopeless.includes(code as ErrorCode), code);
  const areNot: ErrorCode[] = ['ACTOR_CRASHED', 'ACTOR_GIVEN_UP', 'BUS_TIMEOUT', 'BUS_NO_STREAM', 'LEDGER_UNAVAILABLE'];
  for (const code of areNot) assert.ok(!hopeless.includes(code), code);
  for (const code of hopeless) assert.ok(['fatal', 'operator'].includes(errorTable[code].class), code);
  assert.equal(isHopeless(undefined), false);
});
