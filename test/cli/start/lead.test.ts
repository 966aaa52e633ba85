import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appliedEveryMs } from '../../../cli/start/fleet/lead.ts';

const every = (speed: number, leadLimitMs: number): number => appliedEveryMs({ speed, leadLimitMs });

test('a market that goes as fast as it may hears of the company each millisecond', () => {
  assert.equal(every(0, 30_000), 1);
});

test('a market of a given speed hears ten times while it plays its lead', () => {
  assert.equal(every(300, 30_000), 10);
  assert.equal(every(3_000, 30_000), 1);
  assert.equal(every(100_000, 30_000), 1);
});

test('at the speed of life hearing is for the eye only', () => {
  assert.equal(every(1, 30_000), 250);
  assert.equal(every(1, 0), 250);
});

test('without a limit, as fast as possible, it is for who measures', () => {
  assert.equal(every(0, 0), 50);
});
