import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountsOf, countFaults, optionsOf, ticksTaken } from '../../bench/bridge-accounts.ts';
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

test('of several accounts the one that is named', () => {
  const two = `${PAGE}x_bucket{account="b",le="1e-05"} 0\nx_bucket{account="b",le="+Inf"} 3\n`;
  assert.equal(histogramOf(two, 'x', 'a').count, 100);
  assert.equal(histogramOf(two, 'x', 'b').count, 3);
});

test('each account has its own name, login and journal', () => {
  const [first, second] = accountsOf(2, (account) => `${account}.journal`);
  assert.deepEqual(first, { account: 'bench-1', source: 'bench-1', login: '1', journal: 'bench-1.journal' });
  assert.equal(second!.login, '2');
  assert.deepEqual(optionsOf([first!, second!]).filter((option) => option === '--login').length, 2);
  assert.ok(!optionsOf(accountsOf(1, (account) => account)).includes('--login'), 'one account takes any terminal');
});

test('ticks are counted for each account, frames for all together', () => {
  const accounts = accountsOf(2, (account) => account);
  const page = (first: number, second: number, frames: number): string =>
    [
      `troupe_bridge_ticks_acknowledged_total{account="bench-1"} ${first}`,
      `troupe_bridge_ticks_acknowledged_total{account="bench-2"} ${second}`,
      `troupe_bridge_frames_acknowledged_total{account="bench-1"} ${frames}`,
      `troupe_bridge_frames_acknowledged_total{account="bench-2"} 1`,
      'troupe_bridge_ticks_total{account="bench-1"} 30',
      'troupe_bridge_ticks_total{account="bench-2"} 12',
    ].join('\n');
  const of = { accounts, ticksEach: 30, frames: 4 };
  assert.deepEqual(countFaults(page(30, 30, 3), of), []);
  // The sum is right, and yet one account has the other's ticks.
  assert.deepEqual(countFaults(page(31, 29, 3), of), [
    'bench-1: 30 ticks sent, 31 acknowledged',
    'bench-2: 30 ticks sent, 29 acknowledged',
  ]);
  assert.deepEqual(countFaults(page(30, 30, 4), of), ['5 frames acknowledged, 4 stored']);
  assert.equal(countFaults('', of).length, 3);
  assert.equal(ticksTaken(page(0, 0, 0), accounts), 42);
});

test('memory is flat when it does not grow after the first quarter', () => {
  assert.deepEqual(memoryFaults([8, 40, 41, 42, 43], 100_000_000), []);
  assert.match(memoryFaults([8, 40, 60, 80, 100], 100_000_000)[0] ?? '', /grew from 40\.0 MB/);
  assert.deepEqual(memoryFaults([8, 40, 60, 80, 100], 1_000_000), [], 'too few ticks to say anything');
  assert.equal(memoryFaults([8, 0, 60, 80, 100], 100_000_000).length, 1);
  assert.equal(memoryFaults([8, 40], 100_000_000).length, 1);
});
