import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { findNatsCommand, NATS_COMMAND_PINNED } from '../../../cli/setup/find.mjs';
import { ensureNatsCommand } from '../../../cli/setup/nats-command.mjs';
import { pinFor } from '../../../cli/setup/nats-go.mjs';
import { createProgress } from '../../../cli/setup/progress.mjs';
import { StepError } from '../../../cli/setup/step-error.mjs';
import type { Context } from '../../../cli/setup/steps.mjs';
import { scratchFolder, startNats } from '../../support/servers.ts';

function context(root: string): { context: Context; printed: string[] } {
  const printed: string[] = [];
  return {
    printed,
    context: {
      root,
      env: { PATH: '/usr/bin:/bin' },
      searchPath: '/nowhere',
      progress: createProgress({ write: (text) => printed.push(text) }),
      logFile: (step) => path.join(root, `${step}.log`),
      wants: { natsServer: true, postgresPrograms: true, kits: ['native'] },
    },
  };
}

const fails = {
  name: 'go install',
  install: async (): Promise<void> => {
    throw new StepError('nats', 'Go is not on PATH.');
  },
};
const brings = (version: string) => ({
  name: 'another way',
  install: async ({ root }: Context): Promise<void> => {
    mkdirSync(path.join(root, '.tools/bin'), { recursive: true });
    writeFileSync(path.join(root, '.tools/bin/nats'), `#!/bin/sh\necho v${version}\n`, { mode: 0o755 });
  },
});

describe('the nats command', () => {
  test('each way is tried until one gives a command that is new enough; the second time it is there', async () => {
    const scratch = scratchFolder('nats-command');
    try {
      const { context: c, printed } = context(scratch.path);
      await ensureNatsCommand(c, { required: true }, [fails, brings('0.1.1'), brings('0.3.0')]);
      assert.match(printed.join(''), /not by go install: Go is not on PATH/);
      assert.match(printed.join(''), /not by another way: what came does not run here as 0\.1\.5 or newer/);
      assert.match(printed.join(''), /nats 0\.3\.0 by another way/);
      printed.length = 0;
      await ensureNatsCommand(c, { required: true }, [fails]);
      assert.deepEqual(printed, []);
    } finally {
      scratch.remove();
    }
  });

  test('where it cannot be had: an error with what to do for tests, a note for everybody else', async () => {
    const scratch = scratchFolder('nats-command');
    try {
      const { context: c, printed } = context(scratch.path);
      await assert.rejects(ensureNatsCommand(c, { required: true }, [fails]), (error: StepError) => {
        assert.match(error.todo.join('\n'), /go install: Go is not on PATH[\s\S]*go install github\.com\/nats-io/);
        return true;
      });
      await ensureNatsCommand(c, { required: false }, [fails]);
      assert.match(printed.join(''), /going on without the nats command/);
    } finally {
      scratch.remove();
    }
  });

  const pins: Array<[string, string, string | undefined]> = [
    ['go1.26.8', 'local', '0.5.1'],
    ['go1.25.1', 'local', '0.4.0'],
    ['go1.24.4', 'auto', '0.3.0'],
    ['go1.23.0', 'local', '0.1.6'],
    ['go1.21.0', 'auto', '0.5.1'],
    ['go1.21.0', 'local', undefined],
    ['go1.19.8', '', undefined],
  ];
  for (const [version, toolchain, wanted] of pins) {
    test(`Go ${version} with GOTOOLCHAIN=${toolchain} builds ${wanted ?? 'none'}`, () => {
      assert.equal(pinFor(NATS_COMMAND_PINNED, version, toolchain)?.version, wanted);
    });
  }

  test('the context file of a run logs the operator in, and only this user can read it', async () => {
    const found = findNatsCommand();
    assert.ok(found, 'no nats command: run `npm run setup`');
    const nats = await startNats();
    try {
      assert.equal(statSync(nats.operatorContext).mode & 0o777, 0o600);
      const env = { PATH: process.env.PATH, HOME: nats.folder };
      // By what it may and may not do: versions of the command differ in what they print of who one is.
      const publish = (subject: string): string => {
        const args = ['--context', nats.operatorContext, 'pub', subject, '{}'];
        const { stdout, stderr } = spawnSync(found.path, args, { encoding: 'utf8', env });
        return `${stdout}${stderr}`;
      };
      assert.match(publish('control.strategy.any.status'), /Published 2 bytes/);
      assert.match(publish('trade.intent.any.any'), /permissions violation for publish/i);
    } finally {
      await nats.stop();
    }
  });
});
