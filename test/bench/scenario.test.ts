import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quantile } from '../../bench/statistics.ts';
import { drawn } from '../../bench/strategies/at-moments.ts';

describe('the moments of orders that are spread over the time', () => {
  test('are the same for the same seed, and others for another', () => {
    const of = (seed: number): number[] => Array.from({ length: 100 }, (_, slot) => drawn(seed, slot));
    assert.deepEqual(of(1), of(1));
    assert.notDeepEqual(of(1), of(2));
  });

  test('lie anywhere in their slot', () => {
    const slots = 3_472_243_226;
    const all = [1, 2, 3, 4, 5].flatMap((seed) => Array.from({ length: 2_000 }, (_, n) => drawn(seed, slots + n)));
    for (const q of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      assert.ok(Math.abs(quantile(all, q) - q) < 0.02, `quantile ${q}: ${quantile(all, q)}`);
    }
  });
});
