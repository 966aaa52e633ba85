import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { NATS_PINNED } from '../../../cli/setup/find.mjs';
import { goCanBuild } from '../../../cli/setup/nats-go.mjs';
import { archiveName, fromRelease, publishedSum } from '../../../cli/setup/nats-release.mjs';
import { ensureNatsServer } from '../../../cli/setup/nats-server.mjs';
import { createProgress } from '../../../cli/setup/progress.mjs';
import { StepError } from '../../../cli/setup/step-error.mjs';
import type { Context } from '../../../cli/setup/steps.mjs';
import { scratchFolder } from '../../support/servers.ts';

/** A stand-in that only knows its version, which is all that set-up asks of it. */
const program = (version: string): string => `#!/bin/sh\necho "nats-server: v${version}"\n`;

function context(root: string, searchPath = '/nowhere'): { context: Context; printed: string[] } {
  const printed: string[] = [];
  return {
    printed,
    context: {
      root,
      env: { PATH: '/usr/bin:/bin' },
      searchPath,
      progress: createProgress({ write: (text) => printed.push(text) }),
      logFile: (step) => path.join(root, `${step}.log`),
      wants: { natsServer: true, postgresPrograms: true, kits: ['native'] },
    },
  };
}

const into = (root: string, version: string) => async (): Promise<void> => {
  const file = path.join(root, '.tools/bin/nats-server');
  writeFileSync(file, program(version));
  chmodSync(file, 0o755);
};

describe('ways to a nats-server', () => {
  test('each is tried and named until one gives a server that is new enough', async () => {
    const scratch = scratchFolder('ways');
    try {
      const { context: c, printed } = context(scratch.path);
      const fails = async (): Promise<void> => {
        throw new StepError('nats-server', 'Go is not on PATH.');
      };
      let late = 0;
      const ways = [
        { name: 'first', install: fails },
        { name: 'second', install: into(scratch.path, '2.9.10') },
        { name: 'third', install: into(scratch.path, '2.10.27') },
        { name: 'fourth', install: async () => void late++ },
      ];
      await ensureNatsServer(c, ways);
      const text = printed.join('');
      assert.match(text, /not by first: Go is not on PATH/);
      assert.match(text, /not by second: what came does not run here as 2\.10\.0 or newer/);
      assert.match(text, /nats-server 2\.10\.27 by third/);
      assert.equal(late, 0);
      printed.length = 0;
      await ensureNatsServer(c, [{ name: 'never', install: fails }]);
      assert.deepEqual(printed, [], 'the second time it is there');
    } finally {
      scratch.remove();
    }
  });

  test('where none works, all reasons and what to do are told', async () => {
    const scratch = scratchFolder('ways');
    try {
      const install = async (): Promise<void> => {
        throw new StepError('nats-server', 'no network.');
      };
      const ways = [{ name: 'only', install }];
      await assert.rejects(ensureNatsServer(context(scratch.path).context, ways), (error: StepError) => {
        assert.match(error.todo.join('\n'), /only: no network\.[\s\S]*TROUPE_NATS_URL/);
        return true;
      });
    } finally {
      scratch.remove();
    }
  });

  test('the one on PATH is taken where it is new enough, and passed over where it is not', async () => {
    const scratch = scratchFolder('ways');
    try {
      const bin = path.join(scratch.path, 'bin');
      mkdirSync(bin);
      for (const [version, used] of [
        ['2.9.1', true],
        ['2.10.0', false],
      ] as const) {
        writeFileSync(path.join(bin, 'nats-server'), program(version), { mode: 0o755 });
        let tried = false;
        const install = async (): Promise<void> => {
          tried = true;
          throw new StepError('nats-server', 'no');
        };
        await ensureNatsServer(context(scratch.path, bin).context, [{ name: 'x', install }]).catch(() => {});
        assert.equal(tried, used, version);
      }
    } finally {
      scratch.remove();
    }
  });

  const go: Array<[string, string, boolean]> = [
    ['go1.26.8', 'local', true],
    ['go1.25.0', 'auto', true],
    ['go1.24.9', 'local', false],
    ['go1.24.9', 'auto', true],
    ['go1.19.8', '', false],
    ['', '', false],
  ];
  for (const [version, toolchain, can] of go) {
    test(`Go "${version}" with GOTOOLCHAIN=${toolchain} ${can ? 'can' : 'cannot'} build it`, () => {
      assert.equal(goCanBuild(version, toolchain, [1, 25, 0]), can);
    });
  }
});

describe('the release archive', () => {
  test('its name, and its published hash', () => {
    assert.equal(archiveName('linux', 'x64', '2.12.15'), 'nats-server-v2.12.15-linux-amd64');
    assert.equal(archiveName('darwin', 'arm64', '2.12.15'), 'nats-server-v2.12.15-darwin-arm64');
    assert.equal(archiveName('win32', 'x64', '2.12.15'), null);
    const hash = 'A'.repeat(64);
    assert.equal(
      publishedSum(`${'b'.repeat(64)}  other.tar.gz\n${hash}  wanted.tar.gz\n`, 'wanted.tar.gz'),
      'a'.repeat(64),
    );
    assert.equal(publishedSum(`${hash}  wanted.tar.gz.sig\n`, 'wanted.tar.gz'), null);
  });

  test('is unpacked when it agrees with its hash, and refused when it does not', async () => {
    const scratch = scratchFolder('release');
    const name = archiveName(process.platform, process.arch, NATS_PINNED.version);
    assert.ok(name);
    mkdirSync(path.join(scratch.path, name));
    writeFileSync(path.join(scratch.path, name, 'nats-server'), program(NATS_PINNED.version), { mode: 0o755 });
    execFileSync('tar', ['-czf', 'archive', name], { cwd: scratch.path });
    const archive = readFileSync(path.join(scratch.path, 'archive'));
    let sum = createHash('sha256').update(archive).digest('hex');
    const files: Record<string, () => Buffer | string> = {
      SHA256SUMS: () => `${sum}  ${name}.tar.gz\n`,
      [`${name}.tar.gz`]: () => archive,
    };
    const site = createServer((request, response) => {
      const file = files[path.basename(request.url ?? '')];
      response.writeHead(file ? 200 : 404).end(file?.());
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    const base = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const install = (c: Context, about: Parameters<typeof fromRelease>[1]) => fromRelease(c, about, base);
    try {
      const good = context(scratch.path);
      await ensureNatsServer(good.context, [{ name: 'archive', install }]);
      assert.match(good.printed.join(''), new RegExp(`nats-server ${NATS_PINNED.version} by archive`));

      sum = '0'.repeat(64);
      const elsewhere = path.join(scratch.path, 'elsewhere');
      const bad = ensureNatsServer(context(elsewhere).context, [{ name: 'archive', install }]);
      await assert.rejects(bad, (error: StepError) => /SHA-256 of .* published is 0{64}/.test(error.todo.join('\n')));
      assert.equal(existsSync(path.join(elsewhere, '.tools/bin/nats-server')), false);
    } finally {
      site.close();
      scratch.remove();
    }
  });
});
