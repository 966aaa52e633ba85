import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { LatencyHistogram } from '../../../runtime/telemetry/latency.ts';

const of = (values: readonly number[]): LatencyHistogram => {
  const histogram = new LatencyHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
};
const milliseconds = fc.double({ min: 0.001, max: 1e8, noNaN: true });

describe('latency histogram', () => {
  test('a quantile is off by at most 1 % of its own value', () => {
    fc.assert(
      fc.property(fc.array(milliseconds, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1]!;
        const found = of(values).quantile(q);
        assert.ok(Math.abs(found - exact) <= exact * 0.0100001, `${found} for ${exact}`);
      }),
    );
  });

  test('count and max are exact', () => {
    fc.assert(
      fc.property(fc.array(milliseconds), (values) => {
        const histogram = of(values);
        assert.equal(histogram.count, values.length);
        assert.equal(histogram.max, Math.max(0, ...values));
        if (values.length > 0) assert.equal(histogram.quantile(1), histogram.max);
      }),
    );
  });

  test('merging equals recording everything in one', () => {
    fc.assert(
      fc.property(fc.array(milliseconds), fc.array(milliseconds), (a, b) => {
        const merged = of(a);
        merged.merge(of(b));
        assert.deepEqual(merged.toJSON(), of([...a, ...b]).toJSON());
      }),
    );
  });

  test('comes back from JSON as it was', () => {
    fc.assert(
      fc.property(fc.array(milliseconds), (values) => {
        const histogram = of(values);
        const back = LatencyHistogram.fromJSON(JSON.parse(JSON.stringify(histogram)));
        assert.deepEqual(back.toJSON(), histogram.toJSON());
        assert.equal(back.quantile(0.5), histogram.quantile(0.5));
      }),
    );
  });

  test('odd values: negative counts as nothing, NaN not at all, infinity in the last bucket; empty knows nothing', () => {
    const histogram = of([-5, Number.NaN, 0]);
    assert.equal(histogram.count, 2);
    assert.equal(histogram.max, 0);
    assert.equal(histogram.quantile(0.5), 0);
    assert.equal(of([1, Number.POSITIVE_INFINITY]).quantile(0.5) < 1.02, true);
    assert.ok(Number.isNaN(new LatencyHistogram().quantile(0.99)));
    assert.throws(() => histogram.quantile(1.1), /outside 0\.\.1/);
  });

  test('JSON that it cannot have made is refused', () => {
    for (const json of [
      { count: 1, max: 1, buckets: [] },
      { count: 1, max: 1, buckets: [[-1, 1]] as [number, number][] },
      { count: 1, max: 1, buckets: [[1e6, 1]] as [number, number][] },
      { count: 0.5, max: 1, buckets: [[1, 0.5]] as [number, number][] },
      { count: 1, max: Number.NaN, buckets: [[1, 1]] as [number, number][] },
    ]) {
      assert.throws(() => LatencyHistogram.fromJSON(json), RangeError);
    }
  });
});
