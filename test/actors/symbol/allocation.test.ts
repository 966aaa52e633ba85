/** What a tick costs in a warm symbol actor is time, and no memory. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, test } from 'node:test';

const PROBE = path.join(import.meta.dirname, 'allocation-probe.ts');
/** So large that a million ticks with an object each find room: nothing is collected while it is counted. */
const ARGS = ['--expose-gc', '--max-semi-space-size=512', '--min-semi-space-size=512', PROBE];

interface Probed {
  readonly bytesPerTick: number;
  readonly bytesPerFrame: number;
  readonly ticks: number;
  readonly bars: number;
  readonly collections: number;
}

const probe = (...args: readonly string[]): Probed =>
  JSON.parse(execFileSync(process.execPath, [...ARGS, ...args], { encoding: 'utf8' })) as Probed;

/** The smallest object is 16 bytes, a boxed number 12: below one nothing is made for each tick, nor for each tenth. */
const LEAST_BYTES = 1;

describe('memory per tick: bars of all timeframes and all default features', () => {
  for (const [mode, bars] of [
    ['in-a-bar', 0],
    ['a-bar-per-frame', 250],
  ] as const) {
    test(`${mode}: a million ticks take none`, { timeout: 60_000 }, () => {
      const found = probe(mode);
      assert.equal(found.ticks, 1_024_000);
      assert.equal(found.bars, bars);
      assert.equal(found.collections, 0, 'a collection would have hidden what was taken');
      assert.ok(found.bytesPerTick < LEAST_BYTES && found.bytesPerTick > -LEAST_BYTES, JSON.stringify(found));
      assert.ok(found.bytesPerFrame > 100, `it does count what a frame takes: ${JSON.stringify(found)}`);
    });
  }

  test('one object for each tick would be seen', { timeout: 60_000 }, () => {
    const found = probe('in-a-bar', 'object-per-tick');
    assert.equal(found.collections, 0);
    assert.ok(found.bytesPerTick > 16, JSON.stringify(found));
  });
});
