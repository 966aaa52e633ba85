/** What a spare thread practises. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { clearAway, rehearse } from '../../../node/thread/rehearsal.ts';
import { systemClock as clock } from '../../../runtime/clock.ts';

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!.space_used_size;

test('it plays strategies through, bar by bar', async () => {
  assert.equal(await rehearse(clock, () => false), 240);
});

test('it ends within a bar when the thread is needed', async () => {
  let asked = 0;
  const bars = await rehearse(clock, () => ++asked > 10);
  assert.ok(bars > 0 && bars < 10, `${bars} bars`);
});

test('afterwards the young objects are collected: the next start does not stop for it', () => {
  const rubbish = Array.from({ length: 20_000 }, (_, i) => ({ i }));
  assert.equal(rubbish.length, 20_000);
  const before = youngBytes();
  assert.ok(clearAway());
  assert.ok(youngBytes() < before, `${youngBytes()} bytes, before: ${before}`);
});
