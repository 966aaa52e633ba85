// Ways to come by a program of `.tools/bin`: each in turn, until one gives a program that runs.
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { endingSignal } from './child.mjs';
import { StepError } from './step-error.mjs';
import { formatVersion } from './version.mjs';

/** @typedef {{ step: string, log: string, progress: import('./progress.mjs').Step }} About */

/**
 * A way ends in the program's file in `.tools/bin` or throws a StepError that says why it could not.
 * @typedef {object} Way
 * @property {string} name
 * @property {(context: import('./steps.mjs').Context, about: About) => Promise<void>} install
 */

/**
 * @typedef {object} Program
 * @property {string} file its name in `.tools/bin`
 * @property {() => { version: import('./version.mjs').Version } | null} find the program where it runs here and is new enough
 * @property {import('./version.mjs').Version} least
 * @property {(way: string) => string} doing what progress shows while a way is tried
 */

/**
 * Null when one of the ways gave it, otherwise why each of them did not. Throws what is no StepError, and everything once
 * the user has asked to stop.
 * @param {import('./steps.mjs').Context} context
 * @param {About} about
 * @param {Program} program
 * @param {readonly Way[]} tried
 * @returns {Promise<string[] | null>}
 */
export async function tryWays(context, about, program, tried) {
  const { progress, step } = about;
  const bin = path.join(context.root, '.tools/bin');
  mkdirSync(bin, { recursive: true });
  /** @type {string[]} */
  const reasons = [];
  for (const way of tried) {
    progress.start(program.doing(way.name));
    try {
      await way.install(context, about);
      const found = program.find();
      if (found !== null) {
        progress.done(`${program.file} ${formatVersion(found.version)} by ${way.name}`);
        return null;
      }
      throw new StepError(step, `what came does not run here as ${formatVersion(program.least)} or newer`);
    } catch (error) {
      if (!(error instanceof StepError) || endingSignal() !== null) throw error;
      rmSync(path.join(bin, program.file), { force: true });
      const last = error.tail.at(-1)?.trim();
      reasons.push(`${way.name}: ${error.message}${last ? ` (${last})` : ''}`);
      progress.note(`not by ${way.name}: ${error.message}`);
    }
  }
  return reasons;
}
