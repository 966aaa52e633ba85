/** Proof 1 of the company that does not die: fault schedules drawn from seeds, watched from outside. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, test } from 'node:test';
import { breaks } from './breaks.ts';
import { planOf } from './plan.ts';
import { runSeed } from './run.ts';
import { Workers } from './spread.ts';

/** In every `npm test`; `npm run sim -- --seeds N` runs as many as one likes. */
const SEEDS = 1_000;
/** The promise is a thousand; each of them is caught much sooner. */
const CAUGHT_WITHIN = 1_000;
const workers = new Workers(Math.max(2, availableParallelism()));
after(() => workers.close());

describe('deterministic simulation', () => {
  test('the same seed twice is the same history, and another seed another one', async () => {
    const [once, twice, other] = [await runSeed('7'), await runSeed('7'), await runSeed('8')];
    assert.deepEqual(twice, once);
    assert.notEqual(other.digest, once.digest);
    assert.ok(once.intents > 5 && once.events > 1_000, 'a world in which nothing happens proves nothing');
  });

  test('the seeds try every fault, several nodes, both kinds of account', () => {
    const plans = Array.from({ length: SEEDS }, (_, i) => planOf(String(i + 1)));
    const kinds = new Set(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    assert.equal(kinds.size, 20, [...kinds].join(', '));
    assert.ok(plans.every(({ nodes }) => nodes.length >= 2));
    assert.equal(new Set(plans.map(({ hedging }) => hedging)).size, 2);
  });

  test(`${SEEDS} seeds: every promise holds`, { timeout: 600_000 }, async () => {
    const report = await workers.spread({ from: 1, seeds: SEEDS, broken: undefined });
    assert.deepEqual(report.violations, []);
    assert.equal(report.done, SEEDS);
    // What people and the end of a budget bring about has happened, more than by chance.
    const endings = [
      'safe_mode: no order of ours',
      'safe_mode: no order and no position',
      'safe_mode: nothing is under way',
    ];
    for (const ending of [
      ...endings,
      'flattened',
      'difference_resolved: accepted',
      'difference_resolved: corrected',
      'drained',
    ]) {
      assert.ok((report.endings[ending] ?? 0) >= SEEDS / 100, `${ending}: in ${report.endings[ending]} seeds`);
    }
  });
});

describe('seeds that have found something', () => {
  // What each is about stands in its fix; it may meet it no more, because every change of the company changes histories.
  const seeds = [9_782, 100_540, 101_172, 101_371, 101_619, 101_886, 103_537, 107_420];
  for (const seed of seeds) {
    test(`seed ${seed}`, async () => {
      const report = await workers.spread({ from: seed, seeds: 1, broken: undefined });
      assert.deepEqual(report.violations, []);
    });
  }
});

describe('the witness has teeth', () => {
  for (const { name, what } of breaks) {
    test(`without ${name} (${what})`, { timeout: 600_000 }, async () => {
      const enough = (result: { violations: readonly unknown[] }): boolean => result.violations.length > 0;
      const report = await workers.spread({ from: 1, seeds: CAUGHT_WITHIN, broken: name, enough });
      assert.ok(report.violations.length > 0, `not seen within ${CAUGHT_WITHIN} seeds`);
      assert.ok(report.violations.every(({ invariant }) => !['stuck', 'simulation'].includes(invariant)));
    });
  }
});
