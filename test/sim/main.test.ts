/** `npm run sim` as a command: what it prints and writes, and that what it prints leads back to what it found. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { scratchFolder } from '../support/servers.ts';
import { projectFolder } from '../support/source.ts';
import { breaks } from './breaks.ts';

const scratch = scratchFolder('sim');
after(() => scratch.remove());
const file = path.join(scratch.path, 'report.json');

interface Report {
  readonly seeds: number;
  readonly violations: readonly { readonly seed: number; readonly invariant: string; readonly detail: string }[];
  readonly digest: string;
}

const sim = (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [path.join(projectFolder, 'test/sim/main.ts'), ...args], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const report = (): Report => JSON.parse(readFileSync(file, 'utf8'));

describe('npm run sim', () => {
  test('without a violation: status 0, and the digest that the same seeds have again', async () => {
    const runs = [];
    for (const jobs of ['1', '2']) {
      const { status, stdout } = await sim('--seeds', '2', '--from', '7', '--jobs', jobs, '--json', file);
      assert.equal(status, 0, stdout);
      assert.match(stdout, /^2 seeds, 0 failed, /m);
      runs.push(report());
    }
    const [one, two] = runs;
    assert.deepEqual(Object.keys(one!), ['seeds', 'violations', 'digest']);
    assert.deepEqual([one!.seeds, one!.violations], [2, []]);
    assert.match(one!.digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(two, one, 'however many processes share the work');
  });

  test('with one: status 1, each by seed and invariant, and a command that shows it again', async () => {
    const found = await sim('--seeds', '2', '--break', 'position', '--json', file);
    assert.equal(found.status, 1);
    const [first] = report().violations;
    assert.deepEqual(Object.keys(first!).sort(), ['detail', 'invariant', 'seed']);
    assert.ok(found.stdout.includes(`seed ${first!.seed}: ${first!.invariant}: ${first!.detail}`), found.stdout);
    const [, again = ''] = /^see it again: npm run sim -- (.+)$/m.exec(found.stdout) ?? [];
    const seed = /^--from (\S+) --break position --trace$/.exec(again)?.[1];
    assert.ok(seed !== undefined, again);
    const shown = await sim(...again.split(' '));
    assert.equal(shown.status, 1);
    const ofSeed = report().violations.filter((one) => String(one.seed) === seed);
    assert.ok(ofSeed.length > 0);
    for (const { invariant, detail } of ofSeed) {
      assert.ok(shown.stdout.includes(`VIOLATION ${invariant}: ${detail}`), `${invariant}: ${detail}`);
    }
    assert.match(shown.stdout, /^ +\d+\.\d{3} {2}FAULT /m);
  });

  test('--breaks names every safeguard that can be taken away, with what it is', async () => {
    const { status, stdout } = await sim('--breaks');
    assert.equal(status, 0);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
      breaks.map(({ name, what }) => [name, what]),
    );
  });

  const mistakes: [args: string[], message: RegExp][] = [
    [['--seeds', '0'], /^--seeds: got 0, allowed: a whole number from 1$/m],
    [['--from', 'x'], /^--from: got x, allowed: a whole number from 0$/m],
    [['--break', 'fences'], /^--break: got fences, allowed: outbox, compare-and-set, /m],
    [['--sedes', '3'], /--sedes/],
  ];
  for (const [args, message] of mistakes) {
    test(`${args.join(' ')}: status 2, and what is allowed`, async () => {
      const own = path.join(scratch.path, 'none.json');
      const { status, stdout, stderr } = await sim(...args, '--json', own);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, message);
      assert.equal(existsSync(own), false);
    });
  }
});
