// The step that makes sure of a nats-server: each way in turn, until one gives a server that runs.
import { findNatsServer, NATS_LEAST, NATS_PINNED } from './find.mjs';
import { fromDistribution, fromNewerDebian } from './nats-debian.mjs';
import { fromGo } from './nats-go.mjs';
import { fromRelease } from './nats-release.mjs';
import { StepError } from './step-error.mjs';
import { formatVersion } from './version.mjs';
import { tryWays } from './ways.mjs';

const STEP = 'nats-server';

/** @typedef {import('./ways.mjs').Way} Way */

/** @type {readonly Way[]} */
export const ways = [
  { name: `go install of version ${NATS_PINNED.version}`, install: fromGo },
  { name: "the distribution's package", install: fromDistribution },
  { name: "the newer Debian release's package", install: fromNewerDebian },
  { name: `the official release archive of ${NATS_PINNED.version}`, install: fromRelease },
];

/**
 * @param {import('./steps.mjs').Context} context
 * @param {readonly Way[]} tried
 */
export async function ensureNatsServer(context, tried = ways) {
  const where = { root: context.root, searchPath: context.searchPath };
  if (findNatsServer(where) !== null) return;
  const progress = context.progress.step(STEP);
  const about = { step: STEP, log: context.logFile(STEP), progress };
  const program = {
    file: 'nats-server',
    find: () => findNatsServer(where),
    least: NATS_LEAST,
    doing: (/** @type {string} */ way) => way,
  };
  const reasons = await tryWays(context, about, program, tried);
  if (reasons === null) return;
  throw new StepError(STEP, `no nats-server ${formatVersion(NATS_LEAST)} or newer could be had.`, {
    todo: [
      ...reasons,
      'Put a nats-server on PATH (macOS: brew install nats-server), or set TROUPE_NATS_URL to a server that you have.',
    ],
    log: about.log,
  });
}
