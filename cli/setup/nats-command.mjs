// The step that makes sure of the `nats` command, with which a person operates the company and tests run the runbook.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { run } from './child.mjs';
import { findNatsCommand, NATS_COMMAND_LEAST, NATS_COMMAND_PINNED } from './find.mjs';
import { newerPackages } from './nats-debian.mjs';
import { goInstall } from './nats-go.mjs';
import { StepError } from './step-error.mjs';
import { formatVersion } from './version.mjs';
import { tryWays } from './ways.mjs';

const STEP = 'nats';
const MODULE = 'github.com/nats-io/natscli/nats';
/** Go of the release after Debian 12: 12's own is too old to build any version that we can use. */
const DEBIAN_GO = '1.24';

/** @typedef {import('./ways.mjs').Way} Way */

/** @type {readonly Way[]} */
export const commandWays = [
  { name: 'go install', install: (context, about) => goInstall(context, about, MODULE, NATS_COMMAND_PINNED) },
  { name: `go install, with the newer Debian release's Go ${DEBIAN_GO}`, install: withDebianGo },
];

/**
 * Where it is not `required`, a machine without it gets a note and goes on: only a person who operates misses it.
 * @param {import('./steps.mjs').Context} context
 * @param {{ required: boolean }} options
 * @param {readonly Way[]} [tried]
 * @throws {StepError} where it is required and cannot be had
 */
export async function ensureNatsCommand(context, { required }, tried = commandWays) {
  const where = { root: context.root, searchPath: context.searchPath };
  if (findNatsCommand(where) !== null) return;
  const progress = context.progress.step(STEP);
  const about = { step: STEP, log: context.logFile(STEP), progress };
  const program = {
    file: 'nats',
    find: () => findNatsCommand(where),
    least: NATS_COMMAND_LEAST,
    doing: (/** @type {string} */ way) => `the nats command by ${way} (a minute or two)`,
  };
  const reasons = await tryWays(context, about, program, tried);
  if (reasons === null) return;
  const todo = `Put one on PATH: go install ${MODULE}@latest (macOS: brew install nats-io/nats-tools/nats).`;
  if (required) {
    const why = `the nats command ${formatVersion(NATS_COMMAND_LEAST)} or newer could not be had.`;
    throw new StepError(STEP, why, { todo: [...reasons, todo], log: about.log });
  }
  progress.note(`going on without the nats command: it is only for operating the company by hand. ${todo}`);
}

/**
 * Go out of two Debian packages, unpacked for as long as it builds.
 * @param {import('./steps.mjs').Context} context
 * @param {import('./ways.mjs').About} about
 */
async function withDebianGo(context, about) {
  const folder = await newerPackages(context, about, [`golang-${DEBIAN_GO}-go`, `golang-${DEBIAN_GO}-src`]);
  try {
    const out = path.join(folder, 'root');
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.deb'))) {
      await run(about, 'dpkg-deb', ['-x', path.join(folder, name), out]);
    }
    const home = path.join(out, `usr/lib/go-${DEBIAN_GO}`);
    const go = path.join(home, 'bin/go');
    if (!existsSync(go)) throw new StepError(about.step, `the packages hold no ${go}.`);
    const env = { ...context.env, GOROOT: home };
    await goInstall({ ...context, env }, about, MODULE, NATS_COMMAND_PINNED, go);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
