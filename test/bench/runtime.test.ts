import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compare, decodedFrames, runInterpreter } from '../../bench/runtime/interpreter.ts';
import { metricOf } from '../../bench/scrape.ts';
import { systemClock } from '../../runtime/clock.ts';

describe('the interpreter against bare transitions', () => {
  test('all three ways end in the same state with the same bars, so that their times can be compared', async () => {
    const { faults, bars, perSecond } = await compare(systemClock, decodedFrames(400, 16));
    assert.deepEqual(faults, []);
    assert.ok(bars >= 6, `${bars} bars of 6.4 s`);
    for (const rate of Object.values(perSecond)) assert.ok(rate > 0 && Number.isFinite(rate));
  });

  test('whoever watches is told, and nobody else is', async () => {
    const frames = decodedFrames(200, 16);
    const unheard = await runInterpreter(systemClock, frames, 'unheard');
    const watched = await runInterpreter(systemClock, frames, 'watched');
    assert.deepEqual([unheard.ticks, unheard.told], [3_200, 0]);
    assert.equal(watched.ticks, 3_200);
    assert.ok(watched.told > 0);
  });
});

test('a metric is read from an exposition by its whole name and labels', () => {
  const text = [
    '# HELP lag How late',
    'lag_sum 7',
    'lag{quantile="0.5"} 0.25',
    'lag{quantile="0.99"} 3.5 1700000000000',
    'memory_bytes 1.5e+08',
  ].join('\n');
  assert.equal(metricOf(text, 'lag', 'quantile="0.99"'), 3.5);
  assert.equal(metricOf(text, 'memory_bytes'), 150_000_000);
  assert.equal(metricOf(text, 'lag'), undefined);
  assert.equal(metricOf(text, 'memory'), undefined);
});
