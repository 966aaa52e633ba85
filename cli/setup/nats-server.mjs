// The step that makes sure of a nats-server: each way in turn, until one gives a server that runs.
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { endingSignal } from './child.mjs';
import { findNatsServer, NATS_LEAST, NATS_PINNED } from './find.mjs';
import { fromDistribution, fromNewerDebian } from './nats-debian.mjs';
import { fromGo } from './nats-go.mjs';
import { fromRelease } from './nats-release.mjs';
import { StepError } from './step-error.mjs';
import { formatVersion } from './version.mjs';

const STEP = 'nats-server';

/**
 * A way ends in `.tools/bin/nats-server` or throws a StepError that says why it could not.
 * @typedef {object} Way
 * @property {string} name
 * @property {(context: import('./steps.mjs').Context, about: About) => Promise<void>} install
 */
/** @typedef {{ step: string, log: string, progress: import('./progress.mjs').Step }} About */

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
  const bin = path.join(context.root, '.tools/bin');
  mkdirSync(bin, { recursive: true });
  const reasons = [];
  for (const way of tried) {
    progress.start(way.name);
    try {
      await way.install(context, about);
      const found = findNatsServer(where);
      if (found !== null) {
        progress.done(`nats-server ${formatVersion(found.version)} by ${way.name}`);
        return;
      }
      throw new StepError(STEP, `what came does not run here as ${formatVersion(NATS_LEAST)} or newer`);
    } catch (error) {
      if (!(error instanceof StepError) || endingSignal() !== null) throw error;
      rmSync(path.join(bin, 'nats-server'), { force: true });
      const last = error.tail.at(-1)?.trim();
      reasons.push(`${way.name}: ${error.message}${last ? ` (${last})` : ''}`);
      progress.note(`not by ${way.name}: ${error.message}`);
    }
  }
  throw new StepError(STEP, `no nats-server ${formatVersion(NATS_LEAST)} or newer could be had.`, {
    todo: [
      ...reasons,
      'Put a nats-server on PATH (macOS: brew install nats-server), or set TROUPE_NATS_URL to a server that you have.',
    ],
    log: about.log,
  });
}
