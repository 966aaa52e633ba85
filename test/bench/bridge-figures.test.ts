import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketQuantile, histogramOf, memoryFaults } from '../../bench/bridge-figures.ts';

const PAGE = `# TYPE x histogram
x_bucket{account="a",le="1e-05"} 10
x_bucket{account="a",le="0.0002"} 98
x_bucket{account="a",le="0.001"} 99
x_bucket{account="a",le="+Inf"} 100
x_sum 0.5
x_count 100
xy_bucket{le="1"} 7
`;

test('a quantile is the upper bound of the bucket in which it lies', () => {
  const reading = histogramOf(PAGE, 'x');
  assert.equal(reading.count, 100);
  assert.equal(bucketQuantile(reading, 0.1), 1e-5);
  assert.equal(bucketQuantile(reading, 0.98), 0.0002);
  assert.equal(bucketQuantile(reading, 0.99), 0.001);
  assert.equal(bucketQuantile(reading, 1), Number.POSITIVE_INFINITY);
  assert.throws(() => histogramOf(PAGE, 'y'), /no histogram y/);
  assert.throws(() => bucketQuantile({ buckets: [], count: 0 }, 0.5), RangeError);
});

test('memory is flat when it does not grow after the first quarter', () => {
  assert.deepEqual(memoryFaults([8, 40, 41, 42, 43], 100_000_000), []);
  assert.match(memoryFaults([8, 40, 60, 80, 100], 100_000_000)[0] ?? '', /grew from 40\.0 MB/);
  assert.deepEqual(memoryFaults([8, 40, 60, 80, 100], 1_000_000), [], 'too few ticks to say anything');
  assert.equal(memoryFaults([8, 0, 60, 80, 100], 100_000_000).length, 1);
  assert.equal(memoryFaults([8, 40], 100_000_000).length, 1);
});
