/** Two commands of one kind in one folder: the second is refused and harms nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { claimState } from '../../cli/claim.ts';
import { scratchFolder } from '../support/servers.ts';
import { projectFolder } from '../support/source.ts';

async function ended(script: string, args: readonly string[], state: string) {
  const child = spawn(process.execPath, [path.join(projectFolder, script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TROUPE_STATE: state },
    // One that was not refused stops in order, and leaves nothing.
    timeout: 15_000,
  });
  const status = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { stdout: await text(child.stdout), stderr: await text(child.stderr), status: await status };
}

describe('a folder that a run has', () => {
  // The second start of a whole company is in test/e2e/start.test.ts.
  const commands: [name: string, script: string, args: string[], folder: string][] = [
    ['npm run bench', 'bench/main.ts', ['ingest', '--seconds', '1'], 'bench'],
    ['npm run chaos', 'test/chaos/main.ts', ['--faults', '1'], 'chaos'],
  ];
  for (const [name, script, args, folder] of commands) {
    test(`is refused to a second \`${name}\`, by name, and left as it is`, async () => {
      const scratch = scratchFolder('claim');
      const own = path.join(scratch.path, folder);
      try {
        const release = await claimState(own, name);
        mkdirSync(path.join(own, 'nats'));
        const kept = path.join(own, 'nats', 'store');
        writeFileSync(kept, 'of the first');
        const second = await ended(script, args, scratch.path);
        assert.equal(second.status, 1);
        assert.equal(second.stdout, '');
        const expected = `another \`${name}\` is running with its state in ${own}: stop that one first, or name another folder in TROUPE_STATE`;
        assert.equal(second.stderr.trim(), expected);
        assert.ok(existsSync(kept));
        release();
        (await claimState(own, name))();
      } finally {
        scratch.remove();
      }
    });
  }
});
