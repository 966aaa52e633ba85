/** Proof 2 of the company that does not die: real processes, struck by every kind of fault, and books that agree. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, test } from 'node:test';
import { systemClock as clock } from '../../runtime/clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { processesOf, stateFolder, until } from '../e2e/support.ts';
import { projectFolder } from '../support/source.ts';
import { parseOptions, UsageError } from './options.ts';
import type { Parts } from './plan.ts';
import { faultKinds, planFaults } from './plan.ts';
import { quantilesOf, recoveryKinds } from './result.ts';
import { runChaos } from './run.ts';

const FAULTS = 25;
const SEED = 'chaos';
const parts: Parts = { actors: ['broker.a', 'symbol.b'], threads: ['c'], nodes: ['node-1', 'node-2'], links: ['d e'] };

describe('the plan', () => {
  test('the same seed draws the same faults, another one others', () => {
    const plan = (seed: string) => planFaults(seededRandom(seed), 50, parts);
    assert.deepEqual(plan('1'), plan('1'));
    assert.notDeepEqual(plan('1'), plan('2'));
  });

  test('25 faults strike every kind, some while another one is mended, never three at once', () => {
    for (let seed = 0; seed < 100; seed++) {
      const plan = planFaults(seededRandom(seed), FAULTS, parts);
      assert.equal(new Set(plan.map(({ kind }) => kind)).size, faultKinds.length);
      const overlaps = plan.map(({ nextAfterMs }) => nextAfterMs !== undefined);
      assert.ok(overlaps.every((one, i) => !(one && overlaps[i + 1])));
      assert.ok(plan.every(({ kind, lastsMs }) => (kind === 'freeze' ? lastsMs > 10_000 : lastsMs <= 3_000)));
    }
  });
});

describe('the command line', () => {
  test('what is wrong is named with what is allowed', () => {
    const bad: [string[], RegExp][] = [
      [['--faults', '0'], /--faults 0: want a whole number from 1 to 10000/],
      [['--faults', 'x'], /--faults x: want a whole number/],
      [['--faults', ''], /want a whole number/],
      [['--seed', ''], /--seed: want a text/],
      [['--json', ''], /--json: want the name of a file/],
      [['--fault', '3'], /--fault/],
      [['more'], /more/],
    ];
    for (const [args, message] of bad) {
      assert.throws(
        () => parseOptions(args),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    }
    assert.deepEqual(parseOptions(['--faults', '3', '--seed', 's']), { faults: 3, seed: 's', json: undefined });
    assert.equal(parseOptions(['--help']), 'help');
  });
});

test('quantiles are figures that were measured', () => {
  assert.deepEqual(quantilesOf([]), { count: 0, p50: null, p99: null, max: null });
  assert.deepEqual(quantilesOf([3, 1, 2]), { count: 3, p50: 2, p99: 3, max: 3 });
});

test(`${FAULTS} faults on real processes: everything that must hold does`, { timeout: 420_000 }, async (t) => {
  const scratch = stateFolder('chaos');
  try {
    const result = await runChaos({
      ...{ root: projectFolder, folder: path.join(scratch.path, 'chaos'), faults: FAULTS, seed: SEED },
      say: (line) => t.diagnostic(line),
      signal: t.signal,
    });
    assert.deepEqual(result.violations, []);
    assert.equal(
      Object.values(result.faults).reduce((sum, n) => sum + n, 0),
      FAULTS,
    );
    for (const kind of recoveryKinds) assert.ok(result.recovery_ms[kind].count > 0, kind);
    assert.ok(result.fills > 100 && result.ticks > 10_000, 'a company that does nothing proves nothing');
  } finally {
    scratch.remove();
  }
});

/** Of its plan the first fault is followed by the second before what it struck is back: it is open for a while. */
const OPEN_AT_FIRST = 'iedQsEDa';

test('interrupted, the command stops everything and then ends at once', { timeout: 180_000 }, async () => {
  const scratch = stateFolder('chaos-stop');
  const child = spawn(
    process.execPath,
    [path.join(projectFolder, 'test/chaos/main.ts'), '--faults', '50', '--seed', OPEN_AT_FIRST],
    {
      env: { ...process.env, TROUPE_STATE: scratch.path },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  try {
    await until('a fault is open', () => said.includes(' later'));
    child.kill('SIGTERM');
    // The company has 25 s to stop; the command would end itself after a minute whatever happens.
    const [status] = await Promise.race([ended, clock.sleep(40_000).then(() => ['still there'])]);
    assert.equal(status, 143);
    await until('nothing of it is left', () => processesOf(scratch.path).length === 0);
  } finally {
    child.kill('SIGKILL');
    await ended;
    scratch.remove();
  }
});
