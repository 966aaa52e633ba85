import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parseFuzzOptions, resultOf, TARGETS } from '../../cli/fuzz-options.ts';
import { projectRoot } from '../../cli/setup/find.mjs';

describe('npm run fuzz', () => {
  test('options: a minute of every target unless told otherwise', () => {
    assert.deepEqual(parseFuzzOptions([]), { targets: TARGETS, limit: '-max_total_time=60' });
    assert.deepEqual(parseFuzzOptions(['--target', 'ticks', '--executions', '10000000']), {
      targets: ['ticks'],
      limit: '-runs=10000000',
    });
    assert.equal(parseFuzzOptions(['--help']), 'help');
    for (const [args, message] of [
      [['--target', 'x'], /--target: got x, allowed: frames, journal, handshake, ticks/],
      [['--seconds', '0'], /--seconds: got 0, allowed: a whole number from 1 to 86400/],
      [['--executions', '1e9'], /--executions: got 1e9/],
      [['--executions', '5', '--seconds', '5'], /one of them only/],
      [['--nonsense'], /nonsense/],
    ] as const) {
      assert.throws(() => parseFuzzOptions(args), message);
    }
  });

  test('a result is good only when something was executed and nothing was found', () => {
    const lines = ['Done', 'stat::number_of_executed_units: 1234', 'stat::peak_rss_mb: 50'];
    assert.deepEqual(resultOf(lines, 0, 0), { executions: 1234, good: true, why: '' });
    assert.equal(resultOf(lines, 0, 1).good, false);
    assert.equal(resultOf(lines, 77, 0).good, false);
    assert.equal(resultOf(['Done'], 0, 0).good, false);
    assert.equal(resultOf(['stat::number_of_executed_units: 0'], 0, 0).good, false);
  });

  test('every target is built, and CI runs all of them', () => {
    const built = readFileSync(path.join(projectRoot, 'native/mt5-bridge/fuzz/CMakeLists.txt'), 'utf8');
    const names = [...built.matchAll(/^fuzz_target\((\w+)/gm)].map((match) => match[1]);
    assert.deepEqual(names.sort(), [...TARGETS].sort());
    assert.match(readFileSync(path.join(projectRoot, '.ci/run'), 'utf8'), /^npm run fuzz -- --seconds 60$/m);
  });
});
