/**
 * The Windows DLL: what it needs and what it exports, that it is built the same twice, and that it works: a Windows
 * program loads it under Wine as a terminal would, and test/host_link_test.cpp drives that against the daemon.
 * Run by `npm run test:windows`, which has built everything; not part of `npm test`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { findCommand, findNatsServer, projectRoot } from '../../cli/setup/find.mjs';
import { winePlaces } from '../../cli/setup/packages.mjs';
import { scratchFolder } from '../support/servers.ts';

const built = (...parts: string[]): string => path.join(projectRoot, 'build', ...parts);
const dll = built('windows', 'troupe-link.dll');
const searchPath = process.env.PATH ?? '';

function output(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${error?.message ?? ''}\n${stdout}\n${stderr}`);
  return stdout;
}

const sumOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('the DLL as a file', () => {
  const headers = output('x86_64-w64-mingw32-objdump', ['-p', dll]);

  test('needs nothing that Windows does not have', () => {
    const needed = [...headers.matchAll(/DLL Name: (\S+)/g)].map((match) => match[1]?.toLowerCase());
    const ofWindows = [
      'bcrypt.dll',
      'crypt32.dll',
      'kernel32.dll',
      'msvcrt.dll',
      'secur32.dll',
      'winmm.dll',
      'ws2_32.dll',
    ];
    assert.deepEqual(needed.sort(), ofWindows, 'imports');
  });

  test('exports the functions of troupe_link.h by these names, and nothing else', () => {
    const header = readFileSync(path.join(projectRoot, 'native/mt5-bridge/dll/troupe_link.h'), 'utf8');
    const declared = [...header.matchAll(/^int32_t (\w+)\(/gm)].map((match) => match[1]);
    const table = headers.slice(headers.indexOf('[Ordinal/Name Pointer] Table'));
    const exported = [...table.matchAll(/^\s*\[\s*\d+\] (\S+)$/gm)].map((match) => match[1]);
    assert.ok(declared.length >= 4, 'functions were found in the header');
    assert.deepEqual(exported.sort(), declared.sort());
  });

  test('is the same file when it is built again, elsewhere', (t) => {
    const scratch = scratchFolder('windows');
    t.after(() => scratch.remove());
    const folder = scratch.path;
    const source = path.join(projectRoot, 'native/mt5-bridge/dll/windows');
    // Compiled once more, not taken from a compiler's cache.
    const { CMAKE_CXX_COMPILER_LAUNCHER: _, ...uncached } = process.env;
    const toolchain = `-DCMAKE_TOOLCHAIN_FILE=${path.join(source, 'mingw.cmake')}`;
    output('cmake', ['-S', source, '-B', folder, '-G', 'Ninja', toolchain], uncached);
    output('ninja', ['-C', folder, 'troupe-link'], uncached);
    assert.equal(sumOf(path.join(folder, 'troupe-link.dll')), sumOf(dll));
  });

  test('npm run bridge:dll writes the checksum of what it has built', () => {
    const said = output(process.execPath, [path.join(projectRoot, 'cli/bridge-dll.ts')]);
    assert.match(said, new RegExp(`SHA-256 ${sumOf(dll)}`));
    assert.equal(readFileSync(`${dll}.sha256`, 'utf8'), `${sumOf(dll)}  troupe-link.dll\n`);
    const wrong = spawnSync(process.execPath, [path.join(projectRoot, 'cli/bridge-dll.ts'), '--debug']);
    assert.equal(wrong.status, 2);
  });
});

describe('the DLL under Wine', () => {
  const wine = winePlaces.map((name) => findCommand(name, searchPath)).find((found) => found !== null);
  // A prefix of its own, kept: making one takes longer than the tests.
  const prefix = built('windows', 'wine-prefix');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    DISPLAY: '',
    LC_ALL: 'C.UTF-8',
  };
  // Without the browser and .NET that Wine would ask for on a screen.
  env.WINEDLLOVERRIDES = 'mscoree,mshtml=';
  const server = ['wineserver', '/usr/lib/wine/wineserver64']
    .map((name) => findCommand(name, searchPath))
    .find((found) => found !== null);

  after(() => {
    if (server) spawnSync(server, ['-k'], { env });
  });

  test('links, stores every tick once, answers, outlives kills and reloads, stops in time, and is quick', (t) => {
    assert.ok(wine, 'wine');
    mkdirSync(prefix, { recursive: true });
    output(wine, ['wineboot', '-i'], env);
    // As a terminal's folder may be named.
    const libraries = path.join(prefix, 'drive_c', 'Program Files', 'Терминал é', 'MQL5', 'Libraries');
    mkdirSync(libraries, { recursive: true });
    copyFileSync(dll, path.join(libraries, 'troupe-link.dll'));
    const nats = findNatsServer({ root: projectRoot, searchPath });
    assert.ok(nats, 'nats-server');
    const said = output(built('native', 'tests', 'host_test'), ['--gtest_filter=HostLink.*'], {
      ...env,
      NATS_SERVER: nats.path,
      TROUPE_DLL_HOST_COMMAND: `${wine}\n${built('windows', 'dll_host.exe')}`,
      TROUPE_DLL_LIBRARY: 'C:\\Program Files\\Терминал é\\MQL5\\Libraries\\troupe-link.dll',
    });
    assert.match(said, /\[ {2}PASSED {2}\] 5 tests/);
    for (const line of said.split('\n').filter((text) => text.startsWith('push,'))) t.diagnostic(line);
  });
});
