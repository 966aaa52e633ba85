// Finds programs that the machine has. Used by set-up and by what starts the servers, so that both see the same ones.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { atLeast, compareVersions, parseVersion } from './version.mjs';

/** The project's folder. */
export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** JetStream of 2.10 is the oldest with per-subject metadata and consumer filters that the bus relies on. */
export const NATS_LEAST = /** @type {const} */ ([2, 10, 0]);
/** What is installed where nothing new enough is there: a release whose Go version is not the very newest. */
export const NATS_PINNED = { version: '2.12.15', go: /** @type {const} */ ([1, 25, 0]) };
export const POSTGRES_LEAST_MAJOR = 15;

/** The `nats` command, with which a person operates the company: contexts that are named by their file. */
export const NATS_COMMAND_LEAST = /** @type {const} */ ([0, 1, 5]);
/** What is installed where it is missing, by the Go that there is; newest first. */
export const NATS_COMMAND_PINNED = /** @type {const} */ ([
  { version: '0.5.1', go: [1, 26, 0] },
  { version: '0.4.0', go: [1, 25, 0] },
  { version: '0.3.0', go: [1, 24, 0] },
  { version: '0.1.6', go: [1, 22, 0] },
]);

/** @param {string} file */
export function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {string} name of a command, or its absolute path
 * @param {string} [searchPath] as in PATH
 * @returns {string | null} absolute path
 */
export function findCommand(name, searchPath = process.env.PATH ?? '') {
  if (path.isAbsolute(name)) return isExecutable(name) ? name : null;
  for (const folder of searchPath.split(path.delimiter)) {
    if (!path.isAbsolute(folder)) continue;
    const file = path.join(folder, name);
    if (isExecutable(file)) return file;
  }
  return null;
}

/**
 * Standard output of a short command, or null where it is missing or fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export function outputOf(command, args, env = process.env) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 20_000,
  });
  return result.status === 0 ? result.stdout : null;
}

/**
 * Whether clang is there together with the library of its fuzzer, which distributions pack apart.
 * @param {string} [searchPath]
 */
export function hasLibFuzzer(searchPath = process.env.PATH ?? '') {
  const clang = findCommand('clang++', searchPath);
  const folder = clang === null ? null : outputOf(clang, ['--print-runtime-dir'])?.trim();
  if (!folder) return false;
  // One of Debian's prints the folder of another layout than it uses; the other is its neighbour.
  return [folder, path.join(path.dirname(folder), 'linux')].some((place) => {
    try {
      return readdirSync(place).some((name) => name.includes('clang_rt.fuzzer'));
    } catch {
      return false;
    }
  });
}

/** @typedef {{ path: string, version: import('./version.mjs').Version }} Program */

/**
 * The nats-server to use: the one on PATH, else the one in .tools/bin; null where neither is new enough.
 * @param {{ root?: string, searchPath?: string }} [where]
 * @returns {Program | null}
 */
export function findNatsServer({ root = projectRoot, searchPath = process.env.PATH ?? '' } = {}) {
  for (const file of [findCommand('nats-server', searchPath), path.join(root, '.tools/bin/nats-server')]) {
    if (file === null || !isExecutable(file)) continue;
    const version = parseVersion(outputOf(file, ['--version']) ?? '');
    if (version && atLeast(version, NATS_LEAST)) return { path: file, version };
  }
  return null;
}

/**
 * The `nats` command to use: the one on PATH, else the one in .tools/bin; null where neither is new enough.
 * @param {{ root?: string, searchPath?: string }} [where]
 * @returns {Program | null}
 */
export function findNatsCommand({ root = projectRoot, searchPath = process.env.PATH ?? '' } = {}) {
  for (const file of [findCommand('nats', searchPath), path.join(root, '.tools/bin/nats')]) {
    if (file === null || !isExecutable(file)) continue;
    const version = parseVersion(outputOf(file, ['--version']) ?? '');
    if (version && atLeast(version, NATS_COMMAND_LEAST)) return { path: file, version };
  }
  return null;
}

/** @typedef {{ bin: string, major: number }} PostgresPrograms */

/**
 * Folders that may hold `postgres` and `initdb`, by the habits of Debian, Fedora, PGDG and Homebrew.
 * @param {string} searchPath
 */
function postgresFolders(searchPath) {
  const folders = new Set();
  /** @type {Array<[string, RegExp, string]>} */
  const habits = [
    ['/usr/lib/postgresql', /^\d+$/, 'bin'],
    ['/usr', /^pgsql-\d+$/, 'bin'],
    ['/opt/homebrew/opt', /^postgresql(@\d+)?$/, 'bin'],
    ['/usr/local/opt', /^postgresql(@\d+)?$/, 'bin'],
  ];
  for (const [base, pattern, sub] of habits) {
    let names;
    try {
      names = readdirSync(base);
    } catch {
      continue;
    }
    for (const name of names) if (pattern.test(name)) folders.add(path.join(base, name, sub));
  }
  const onPath = findCommand('postgres', searchPath);
  if (onPath) folders.add(path.dirname(onPath));
  const config = folders.size === 0 ? findCommand('pg_config', searchPath) : null;
  const told = config ? outputOf(config, ['--bindir'])?.trim() : undefined;
  if (told) folders.add(told);
  return [...folders];
}

/**
 * Every usable PostgreSQL on this machine, newest first.
 * @param {string} [searchPath]
 * @returns {PostgresPrograms[]}
 */
export function findPostgresAll(searchPath = process.env.PATH ?? '') {
  const found = [];
  for (const bin of postgresFolders(searchPath)) {
    if (!['postgres', 'initdb', 'pg_ctl'].every((name) => isExecutable(path.join(bin, name)))) continue;
    const version = parseVersion(outputOf(path.join(bin, 'postgres'), ['--version']) ?? '');
    if (version && version[0] >= POSTGRES_LEAST_MAJOR) found.push({ bin, major: version[0], version });
  }
  found.sort((a, b) => compareVersions(b.version, a.version));
  return found.map(({ bin, major }) => ({ bin, major }));
}
