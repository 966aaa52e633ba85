import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { projectRoot } from '../../../cli/setup/find.mjs';
import { stepEnvironment, withoutNpmFolders } from '../../../cli/setup/steps.mjs';
import { scratchFolder } from '../../support/servers.ts';

/** Runs launch() on a project whose only command is `script`, the way main.mjs does. */
function launched(
  script: string,
  args: string[],
): { child: ChildProcess; lines: AsyncIterator<string>; remove(): void } {
  const scratch = scratchFolder('launch');
  mkdirSync(path.join(scratch.path, 'node_modules/node/bin'), { recursive: true });
  symlinkSync(process.execPath, path.join(scratch.path, 'node_modules/node/bin/node'));
  writeFileSync(path.join(scratch.path, 'entry.mjs'), script);
  const code = `
    const { launch } = await import(${JSON.stringify(path.join(projectRoot, 'cli/setup/launch.mjs'))});
    const where = { root: ${JSON.stringify(scratch.path)}, env: process.env, searchPath: process.env.PATH };
    process.exitCode = await launch(where, 'entry.mjs', ${JSON.stringify(args)});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines, remove: scratch.remove };
}

const next = async (lines: AsyncIterator<string>): Promise<string> => (await lines.next()).value;

describe('the command itself', { timeout: 180_000 }, () => {
  test('gets the arguments, and its status is ours', async () => {
    const { child, lines, remove } = launched('console.log(process.argv.slice(2).join("|")); process.exit(7);', [
      '--a',
      'b c',
    ]);
    try {
      assert.equal(await next(lines), '--a|b c');
      assert.deepEqual(await once(child, 'close'), [7, null]);
    } finally {
      remove();
    }
  });

  test('Ctrl-C that reaches us twice reaches it once, and we wait for its end', async () => {
    // Ends when told by a third signal, having counted the first kind.
    const script = `
      let interrupts = 0;
      process.on('SIGINT', () => { interrupts++; console.log('interrupt'); });
      process.on('SIGTERM', () => { console.log(interrupts); process.exit(0); });
      process.stdin.resume();
      process.channel.ref();
      console.log('ready');`;
    const { child, lines, remove } = launched(script, []);
    try {
      assert.equal(await next(lines), 'ready');
      child.kill('SIGINT');
      assert.equal(await next(lines), 'interrupt');
      child.kill('SIGINT');
      child.kill('SIGTERM');
      assert.equal(await next(lines), '1');
      assert.deepEqual(await once(child, 'close'), [0, null]);
    } finally {
      remove();
    }
  });

  test('is in a group of its own, so that the terminal does not reach it', async () => {
    const { child, lines, remove } = launched('console.log(process.pid); process.on("message", () => {});', []);
    try {
      const pid = Number(await next(lines));
      process.kill(-pid, 'SIGTERM'); // throws where it leads no group
      assert.deepEqual(await once(child, 'close'), [128 + 15, null]);
    } finally {
      remove();
    }
  });

  test('hears of our death', async () => {
    const { child, lines, remove } = launched(
      `process.once('disconnect', () => { console.log('gone'); }); console.log('ready');`,
      [],
    );
    try {
      assert.equal(await next(lines), 'ready');
      child.kill('SIGKILL');
      assert.equal(await next(lines), 'gone');
    } finally {
      remove();
    }
  });
});

describe("the steps' environment", () => {
  test("finds the machine's own programs, not those of node_modules", () => {
    const search = ['/p/node_modules/.bin', '/node_modules/.bin', '/usr/lib/npm/node-gyp-bin', '/usr/bin', '/bin'];
    assert.equal(withoutNpmFolders(search.join(path.delimiter)), ['/usr/bin', '/bin'].join(path.delimiter));
  });

  test('keeps what the user set for npm, not what npm says of itself', () => {
    const env = stepEnvironment(
      { HOME: '/h', npm_config_cache: '/c', npm_lifecycle_event: 'start', PATH: 'x' },
      '/usr/bin',
    );
    assert.deepEqual(env, { HOME: '/h', npm_config_cache: '/c', PATH: '/usr/bin', ONNXRUNTIME_NODE_INSTALL: 'skip' });
  });
});
