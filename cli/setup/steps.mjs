// What each command needs, in order. Every step looks at what is there and does only what is missing.
import path from 'node:path';
import { ensureNative } from './native.mjs';
import { ensureNatsCommand } from './nats-command.mjs';
import { ensureNatsServer } from './nats-server.mjs';
import { ensureNpm } from './npm.mjs';
import { ensureProto } from './proto.mjs';
import { checkNatsUrl, checkPostgresUrl } from './reach.mjs';
import { ensureSystem } from './system.mjs';

/**
 * @typedef {object} Context
 * @property {string} root the project's folder
 * @property {NodeJS.ProcessEnv} env for the commands of the steps
 * @property {string} searchPath PATH without node_modules/.bin, so that the machine's own programs are found
 * @property {ReturnType<typeof import('./progress.mjs').createProgress>} progress
 * @property {(step: string) => string} logFile
 * @property {{ natsServer: boolean, postgresPrograms: boolean, kits: readonly import('./packages.mjs').Kit[] }} wants
 */

/** @typedef {'start' | 'test' | 'bench' | 'sim' | 'chaos' | 'fuzz' | 'doctor' | 'setup' | 'bridge:dll' | 'test:windows'} Verb */

/**
 * @param {string[]} targets
 * @returns {import('./native.mjs').Build}
 */
function windowsBuild(targets) {
  return { preset: 'windows', folder: 'build/windows', source: 'native/mt5-bridge/dll/windows', targets };
}

/** @type {Record<Verb, { entry: string | null, ownServers: boolean, natsCommand: 'required' | 'welcome' | 'unused', builds: import('./native.mjs').Build[], codeOnly?: boolean, noServers?: boolean, kits?: import('./packages.mjs').Kit[] }>} */
export const verbs = {
  // Only the two programs that trade, so that the first fill comes soon.
  start: {
    entry: 'cli/start.ts',
    ownServers: false,
    // Building it takes a minute that nobody should wait for who only wants to see it trade.
    natsCommand: 'unused',
    builds: [{ preset: 'release', folder: 'build/native', targets: ['bridge', 'terminal'] }],
  },
  // Tests stop, freeze and fill up their servers: they start their own, whatever the environment names.
  test: {
    entry: 'cli/test.ts',
    ownServers: true,
    natsCommand: 'required',
    builds: [
      { preset: 'release', folder: 'build/native', targets: [] },
      { preset: 'asan', folder: 'build/native-asan', targets: [] },
    ],
  },
  bench: {
    entry: 'bench/main.ts',
    ownServers: false,
    natsCommand: 'unused',
    builds: [{ preset: 'release', folder: 'build/native', targets: ['bench'] }],
  },
  // The whole company in memory: no server, nothing compiled.
  sim: { entry: 'test/sim/main.ts', ownServers: false, natsCommand: 'unused', builds: [], codeOnly: true },
  // It kills its servers: they are its own, whatever the environment names.
  chaos: {
    entry: 'test/chaos/main.ts',
    ownServers: true,
    natsCommand: 'unused',
    builds: [{ preset: 'release', folder: 'build/native', targets: ['bridge', 'terminal'] }],
  },
  // Parsers alone, with a compiler of its own.
  fuzz: {
    entry: 'cli/fuzz.ts',
    ownServers: false,
    natsCommand: 'unused',
    builds: [{ preset: 'fuzz', folder: 'build/native-fuzz', targets: ['fuzz'] }],
    noServers: true,
    kits: ['native', 'fuzz'],
  },
  // Asks a company that runs already.
  doctor: { entry: 'cli/bridge-doctor/main.ts', ownServers: false, natsCommand: 'unused', builds: [], codeOnly: true },
  // A compiler for Windows, and no server.
  'bridge:dll': {
    entry: 'cli/bridge-dll.ts',
    ownServers: true,
    natsCommand: 'unused',
    builds: [windowsBuild(['troupe-link'])],
    noServers: true,
    kits: ['windows'],
  },
  'test:windows': {
    entry: 'cli/test-windows.ts',
    ownServers: true,
    natsCommand: 'unused',
    builds: [
      { preset: 'release', folder: 'build/native', targets: ['bridge', 'host_test'] },
      windowsBuild(['troupe-link', 'dll_host']),
    ],
    kits: ['native', 'windows', 'wine'],
  },
  setup: {
    entry: null,
    ownServers: false,
    natsCommand: 'welcome',
    builds: [{ preset: 'release', folder: 'build/native', targets: [] }],
  },
};

/**
 * @param {string} searchPath value of PATH, which `npm start` has put node_modules/.bin in front of
 */
export function withoutNpmFolders(searchPath) {
  return searchPath
    .split(path.delimiter)
    .filter((folder) => !/[/\\]node_modules[/\\]\.bin$|node-gyp-bin$/.test(folder))
    .join(path.delimiter);
}

/**
 * The environment of the steps' commands: without what the outer `npm start` says about itself.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} searchPath
 */
export function stepEnvironment(env, searchPath) {
  const kept = Object.entries(env).filter(([name]) => !/^npm_(?!config_)/.test(name));
  // onnxruntime-node would download GPU libraries that nothing here uses; the CPU library is in its package.
  return { ...Object.fromEntries(kept), PATH: searchPath, ONNXRUNTIME_NODE_INSTALL: 'skip' };
}

/**
 * Enough to load the command and print its help.
 * @param {Context} context
 */
export async function prepareCode(context) {
  await ensureNpm(context);
  await ensureProto(context);
}

/**
 * @param {Context} context
 * @param {Verb} verb
 */
export async function prepareAll(context, verb) {
  if (verbs[verb].codeOnly) {
    await prepareCode(context);
    return;
  }
  const { ownServers, noServers } = verbs[verb];
  const natsUrl = ownServers || noServers ? undefined : context.env.TROUPE_NATS_URL;
  const postgresUrl = ownServers || noServers ? undefined : context.env.TROUPE_POSTGRES_URL;
  if (natsUrl) await checkNatsUrl(natsUrl);
  if (postgresUrl) await checkPostgresUrl(postgresUrl);
  await prepareCode(context);
  await ensureSystem(context);
  if (context.wants.natsServer) await ensureNatsServer(context);
  for (const build of verbs[verb].builds) await ensureNative(context, build);
  const { natsCommand } = verbs[verb];
  if (natsCommand !== 'unused') await ensureNatsCommand(context, { required: natsCommand === 'required' });
}
