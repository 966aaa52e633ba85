import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../../../cli/setup/find.mjs';
import { takeLock, tryLock } from '../../../cli/setup/lock.mjs';
import { firstDifference, forgottenOptional } from '../../../cli/setup/lock-match.mjs';
import { scratchFolder } from '../../support/servers.ts';

describe('one set-up at a time', () => {
  test('a second one waits until the first is done', async () => {
    const scratch = scratchFolder('lock');
    const file = path.join(scratch.path, 'setup.sock');
    try {
      const release = await takeLock(file, () => assert.fail('nobody else holds it'));
      assert.equal(await tryLock(file), null);
      const order: string[] = [];
      let waiting: () => void = () => {};
      const waits = new Promise<void>((resolve) => {
        waiting = resolve;
      });
      const second = takeLock(file, waiting).then((done) => {
        order.push('second');
        done();
      });
      await waits;
      order.push('first');
      release();
      await second;
      assert.deepEqual(order, ['first', 'second']);
    } finally {
      scratch.remove();
    }
  });

  test('a holder that was killed holds nothing, also where the path is too long for a socket', async () => {
    const scratch = scratchFolder('lock');
    const file = path.join(scratch.path, 'deep/'.repeat(30), 'setup.sock');
    const code = `
      const { takeLock } = await import(${JSON.stringify(path.join(projectRoot, 'cli/setup/lock.mjs'))});
      await takeLock(${JSON.stringify(file)}, () => {});
      console.log('held');
      process.stdin.resume();`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      assert.equal(await tryLock(file), null);
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      const release = await tryLock(file);
      assert.ok(release);
      release();
    } finally {
      holder.kill('SIGKILL');
      scratch.remove();
    }
  });
});

describe('node_modules and package-lock.json', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0', integrity: 'x' },
      'node_modules/b-win32': { version: '1.0.0', optional: true },
    },
  };
  const cases: Array<[string, Record<string, { version?: string; integrity?: string }>, string | null]> = [
    ['the same', { 'node_modules/a': { version: '1.0.0', integrity: 'x' } }, null],
    ['another version', { 'node_modules/a': { version: '1.0.1', integrity: 'x' } }, 'a'],
    ['another content', { 'node_modules/a': { version: '1.0.0', integrity: 'y' } }, 'a'],
    ['missing', {}, 'a'],
    [
      "this platform's optional one with a hash of its own",
      {
        'node_modules/a': { version: '1.0.0', integrity: 'x' },
        'node_modules/b-win32': { version: '1.0.0', integrity: 'z' },
      },
      null,
    ],
  ];
  for (const [name, packages, difference] of cases) {
    test(name, () => assert.equal(firstDifference(lock, { packages }), difference));
  }

  test("the project's lock forgets no platform: `npm ci` would fail for everybody", () => {
    const text = readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8');
    assert.deepEqual(forgottenOptional(JSON.parse(text)), []);
    assert.deepEqual(
      forgottenOptional({ packages: { 'node_modules/a': { optionalDependencies: { 'a-linux': '1' } } } }),
      ['a-linux'],
    );
  });
});
