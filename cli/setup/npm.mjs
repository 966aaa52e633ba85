// The step that makes node_modules what package-lock.json says, with the pinned Node in it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './child.mjs';
import { findCommand, isExecutable } from './find.mjs';
import { firstDifference } from './lock-match.mjs';
import { StepError } from './step-error.mjs';

const STEP = 'npm';

/** @param {string} root */
export function pinnedNode(root) {
  return path.join(root, 'node_modules/node/bin/node');
}

/**
 * @param {string} root
 * @returns {string | null} why node_modules must be installed anew, null where it need not
 */
export function npmReason(root) {
  const read = (/** @type {string} */ name) => JSON.parse(readFileSync(path.join(root, name), 'utf8'));
  const hidden = 'node_modules/.package-lock.json';
  if (!existsSync(path.join(root, hidden))) return 'node_modules is not there yet';
  const different = firstDifference(read('package-lock.json'), read(hidden));
  if (different !== null) return `${different} differs from package-lock.json`;
  return null;
}

/** @param {import('./steps.mjs').Context} context */
export async function ensureNpm(context) {
  const { root } = context;
  const progress = context.progress.step(STEP);
  const about = { step: STEP, log: context.logFile(STEP), progress };
  const npm = findCommand('npm', context.searchPath);
  const reason = npmReason(root);
  if (reason !== null) {
    if (npm === null) {
      throw new StepError(STEP, 'npm is not on PATH.', {
        todo: 'Install npm (Debian: it comes with Node), then try again.',
      });
    }
    progress.start(`npm ci (${reason})`);
    // npm's own variables of the outer `npm start` would be taken for options of this one.
    await run(about, npm, ['ci', '--no-progress'], { cwd: root, env: context.env }).catch((error) => {
      if (error instanceof StepError) {
        error.todo.push('Check the network and the registry that npm is set to use, then run the same command again.');
      }
      throw error;
    });
    progress.done('npm packages installed');
  }
  await finishInstallScripts(context, about, progress);
}

/**
 * Install scripts that npm may have been told not to run (`ignore-scripts`, or npm 12 without our allowScripts): the
 * pinned Node links its binary in one, so without it nothing else would run.
 *
 * @param {import('./steps.mjs').Context} context
 * @param {{ step: string, log: string, progress: import('./progress.mjs').Step }} about
 * @param {import('./progress.mjs').Step} progress
 */
async function finishInstallScripts(context, about, progress) {
  const binary = pinnedNode(context.root);
  if (isExecutable(binary)) return;
  progress.start('linking the pinned Node');
  const folder = path.join(context.root, 'node_modules/node');
  const node = findCommand('node', context.searchPath) ?? process.execPath;
  await run(about, node, ['installArchSpecificPackage.js'], {
    cwd: folder,
    env: { ...context.env, npm_config_ignore_scripts: 'false' },
  });
  if (!isExecutable(binary)) {
    throw new StepError(STEP, `the pinned Node is missing at ${path.relative(context.root, binary)}.`, {
      todo: 'Remove node_modules and run the same command again.',
      log: about.log,
    });
  }
  progress.done();
}
