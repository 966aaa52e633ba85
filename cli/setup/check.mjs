// `npm run setup -- --check`: says what is there and what is missing, and changes nothing.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { findCommand, findNatsCommand, findNatsServer, findPostgresAll, outputOf } from './find.mjs';
import { isWork } from './native.mjs';
import { npmReason } from './npm.mjs';
import { installCommands } from './packages.mjs';
import { protoReady } from './proto.mjs';
import { missingNeeds } from './system.mjs';
import { formatVersion } from './version.mjs';

const NATS_COMMAND = 'nats command';

/**
 * @param {import('./steps.mjs').Context} context
 * @returns {{ lines: string[], ready: boolean }}
 */
export function report(context) {
  /** @type {Array<[name: string, ok: boolean, text: string]>} */
  const rows = [['node', true, `${process.versions.node} runs set-up`]];
  const { root } = context;
  const npm = npmReason(root);
  rows.push(['npm packages', npm === null, npm ?? 'as package-lock.json says']);
  const proto = npm === null && protoReady(root);
  rows.push(['schemas', proto, proto ? 'generated' : 'not generated from the present schemas']);

  const missing = missingNeeds(context);
  const names = missing.map((need) => need.name).join(', ');
  rows.push([
    'system',
    missing.length === 0,
    names === '' ? 'compiler, libraries and PostgreSQL are there' : `missing: ${names}`,
  ]);
  rows.push(natsRow(context));
  const command = findNatsCommand({ root, searchPath: context.searchPath });
  rows.push([
    NATS_COMMAND,
    command !== null,
    command ? `${formatVersion(command.version)} at ${command.path}` : 'not there; `npm test` needs it',
  ]);
  const postgres = findPostgresAll(context.searchPath)[0];
  const named = context.wants.postgresPrograms ? null : 'the server of TROUPE_POSTGRES_URL';
  rows.push([
    'postgresql',
    named !== null || postgres !== undefined,
    named ?? (postgres ? `${postgres.major} in ${postgres.bin}` : 'missing'),
  ]);
  for (const [name, folder] of /** @type {const} */ ([
    ['c++', 'build/native'],
    ['c++ sanitized', 'build/native-asan'],
  ])) {
    rows.push([name, ...builtState(context, folder)]);
  }

  const lines = rows.map(([name, ok, text]) => `  ${ok ? 'ready  ' : 'missing'}  ${name.padEnd(14)} ${text}`);
  if (missing.length > 0)
    lines.push('To install what the system misses:', ...installCommands(missing).map((line) => `  ${line}`));
  // `npm start` needs neither.
  return { lines, ready: rows.every(([name, ok]) => ok || name === 'c++ sanitized' || name === NATS_COMMAND) };
}

/**
 * @param {import('./steps.mjs').Context} context
 * @returns {[string, boolean, string]}
 */
function natsRow(context) {
  if (!context.wants.natsServer) return ['nats-server', true, 'the server of TROUPE_NATS_URL'];
  const found = findNatsServer({ root: context.root, searchPath: context.searchPath });
  return [
    'nats-server',
    found !== null,
    found ? `${formatVersion(found.version)} at ${found.path}` : 'no 2.10 or newer',
  ];
}

/**
 * @param {import('./steps.mjs').Context} context
 * @param {string} folder
 * @returns {[boolean, string]}
 */
function builtState(context, folder) {
  const place = path.join(context.root, folder);
  const ninja = findCommand('ninja', context.searchPath);
  if (!existsSync(path.join(place, 'build.ninja')) || ninja === null) return [false, `${folder} is not built`];
  const plan = outputOf(ninja, ['-C', place, '-n']);
  return plan !== null && !plan.split('\n').some(isWork)
    ? [true, `${folder} is up to date`]
    : [false, `${folder} is out of date`];
}
