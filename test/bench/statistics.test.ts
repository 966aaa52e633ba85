import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { median, quantile, recordedSince } from '../../bench/statistics.ts';
import { LatencyHistogram } from '../../runtime/telemetry/latency.ts';

const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 });

describe('statistics of rounds', () => {
  test('the median is the middle, or the mean of the two middles', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.throws(() => median([]), RangeError);
  });

  test('the median leaves what it was given as it was', () => {
    const given = [3, 1, 2];
    median(given);
    assert.deepEqual(given, [3, 1, 2]);
  });

  test('a quantile is the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    assert.equal(quantile(hundred, 0.99), 99);
    assert.equal(quantile(hundred, 0.5), 50);
    assert.equal(quantile(hundred, 0), 1);
    assert.equal(quantile(hundred, 1), 100);
    assert.throws(() => quantile([], 0.5), RangeError);
    for (const q of [-0.1, 1.1, Number.NaN]) assert.throws(() => quantile([1], q), RangeError);
  });

  test('at least a share q of the values lies at or below the quantile', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (some, q) => {
        const at = quantile(some, q);
        assert.ok(some.includes(at));
        assert.ok(some.filter((value) => value <= at).length >= q * some.length);
      }),
    );
  });
});

describe('what was recorded between two looks', () => {
  const latencies = fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }));

  test('is what was recorded after the first', () => {
    fc.assert(
      fc.property(latencies, latencies, (first, second) => {
        const all = new LatencyHistogram();
        for (const ms of first) all.record(ms);
        const before = all.toJSON();
        const alone = new LatencyHistogram();
        for (const ms of second) {
          all.record(ms);
          alone.record(ms);
        }
        const { count, buckets } = recordedSince(before, all.toJSON()).toJSON();
        assert.deepEqual({ count, buckets }, { count: alone.count, buckets: alone.toJSON().buckets });
      }),
    );
  });

  test('a look at something else is refused', () => {
    const other = new LatencyHistogram();
    other.record(5);
    assert.throws(() => recordedSince(other.toJSON(), new LatencyHistogram().toJSON()), RangeError);
  });
});
