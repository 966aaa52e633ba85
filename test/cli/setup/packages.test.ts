import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { unprivilegedUser } from '../../../cli/servers/postgres-place.ts';
import { findCommand, projectRoot } from '../../../cli/setup/find.mjs';
import type { Kit } from '../../../cli/setup/packages.mjs';
import {
  aptCandidate,
  installCommands,
  needs,
  notInstalled,
  packagesFor,
  simulatedPackages,
} from '../../../cli/setup/packages.mjs';
import { createProgress } from '../../../cli/setup/progress.mjs';
import { verbs } from '../../../cli/setup/steps.mjs';
import { missingNeeds } from '../../../cli/setup/system.mjs';
import { scratchFolder } from '../../support/servers.ts';

const named = (...names: string[]) => needs.filter((need) => names.includes(need.name));

describe('which packages', () => {
  test('only those of what is missing, each once', () => {
    const missing = named('Ninja', 'the protobuf library', 'the protobuf compiler');
    assert.deepEqual(packagesFor(missing, 'apt'), ['ninja-build', 'libprotobuf-dev', 'protobuf-compiler']);
    assert.deepEqual(packagesFor(missing, 'brew'), ['ninja', 'protobuf']);
    assert.deepEqual(packagesFor([], 'apt'), []);
  });

  test('every need has a name in every package manager; a compiler comes with macOS itself', () => {
    for (const need of needs) {
      assert.ok(need.apt.length > 0 && need.dnf.length > 0, need.name);
      assert.ok(need.brew.length > 0 || need.name === 'a C++ compiler', need.name);
    }
  });

  test('each command asks for its own kit only: building the DLL needs no server, npm test needs no Wine', () => {
    const lacking = (...kits: Kit[]): string[] =>
      missingNeeds({
        root: projectRoot,
        env: {},
        searchPath: '/nowhere',
        progress: createProgress(process.stderr),
        logFile: () => '/dev/null',
        wants: { natsServer: false, postgresPrograms: false, kits },
      }).map(({ name }) => name);
    assert.deepEqual(lacking('windows'), ['CMake', 'Ninja', 'the mingw-w64 compiler']);
    const native = lacking('native');
    assert.ok(native.includes('CMake') && native.includes('GoogleTest'));
    assert.ok(!native.includes('the mingw-w64 compiler') && !native.includes('Wine'));
    assert.deepEqual(verbs['bridge:dll'].kits, ['windows']);
    assert.ok(verbs['test:windows'].kits?.includes('wine'));
    assert.equal(verbs.test.kits, undefined, 'the native programs');
  });

  test('the commands for a person can be copied as they are', () => {
    assert.deepEqual(installCommands(named('a C++ compiler', 'Ninja', 'PostgreSQL 15 or newer')), [
      'Debian, Ubuntu:  sudo apt-get update && sudo apt-get install --no-install-recommends ninja-build g++ postgresql',
      'Fedora:          sudo dnf install ninja-build gcc-c++ libasan libubsan postgresql-server',
      'macOS:           xcode-select --install && brew install ninja postgresql@16',
    ]);
  });

  test('what dpkg has is left out; removed ones that left their configuration are not there', () => {
    const status = 'cmake installed\nninja-build config-files\ng++ installed\n';
    assert.deepEqual(notInstalled(['cmake', 'ninja-build', 'libnats-dev'], status), ['ninja-build', 'libnats-dev']);
    assert.deepEqual(notInstalled(['cmake', 'g++'], status), ['cmake', 'g++'], 'all there, yet something is missing');
  });

  test('apt is read', () => {
    assert.deepEqual(
      simulatedPackages([
        'Reading package lists...',
        'Inst libuv1 (1.44 Debian:12 [amd64])',
        'Inst cmake (3.25)',
        'Conf cmake',
      ]),
      ['libuv1', 'cmake'],
    );
    assert.equal(aptCandidate('postgresql:\n  Installed: (none)\n  Candidate: 1:15+248\n'), '15+248');
    assert.equal(aptCandidate('x:\n  Installed: (none)\n  Candidate: (none)\n'), null);
    assert.equal(aptCandidate(''), null);
  });
});

describe('where packages may not be installed', () => {
  /** Runs the step with a PATH that holds only what is named, as a user without rights where `uid` is given. */
  function ensureSystem(programs: string[], user?: { uid: number; gid: number }): string {
    const scratch = scratchFolder('system');
    chmodSync(scratch.path, 0o755);
    try {
      for (const name of programs) symlinkSync(findCommand(name) ?? '/bin/true', path.join(scratch.path, name));
      const code = `
        const { ensureSystem } = await import(${JSON.stringify(path.join(projectRoot, 'cli/setup/system.mjs'))});
        const { formatStepError } = await import(${JSON.stringify(path.join(projectRoot, 'cli/setup/step-error.mjs'))});
        const wants = { postgresPrograms: false, kits: ['native'] };
        const context = { searchPath: ${JSON.stringify(scratch.path)}, env: {}, wants };
        await ensureSystem(context).catch((error) => console.log(formatStepError(error)));`;
      const result = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
        ...(user ?? {}),
        cwd: '/',
        encoding: 'utf8',
      });
      return result.stdout + result.stderr;
    } finally {
      scratch.remove();
    }
  }

  const checkCommands = (text: string): void => {
    const wanted = needs.filter(({ probe, kits = ['native'] }) => !('postgres' in probe) && kits.includes('native'));
    for (const line of installCommands(wanted)) {
      assert.ok(text.includes(line), text);
    }
  };

  test('without apt-get the commands are printed and nothing is run', () => {
    const text = ensureSystem([]);
    assert.match(text, /^Set-up stopped at "system": CMake, Ninja, .*not found, and this machine has no apt-get\./);
    checkCommands(text);
  });

  const user = process.getuid?.() === 0 ? unprivilegedUser(readFileSync('/etc/passwd', 'utf8')) : undefined;
  const skip = process.getuid?.() === 0 && (user === undefined || projectRoot.startsWith('/root'));
  test('without root and sudo the commands are printed and nothing is run', { skip }, () => {
    const text = ensureSystem(['apt-get'], user);
    assert.match(text, /not found, and installing needs root, or a sudo that asks no password\./);
    checkCommands(text);
  });
});
