// The step that builds the C++ side. CMake and Ninja know what is out of date; here is only what they cannot know.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './child.mjs';
import { StepError } from './step-error.mjs';

const USUAL_SOURCE = 'native/mt5-bridge';

/**
 * @typedef {object} Build
 * @property {'release' | 'asan' | 'fuzz' | 'windows'} preset
 * @property {string} folder where it is built
 * @property {string[]} targets
 * @property {string} [source] folder of the presets, where it is not that of the native programs
 */

/**
 * @param {import('./steps.mjs').Context} context
 * @param {Build} build
 */
export async function ensureNative(context, build) {
  const { root } = context;
  const step = build.preset === 'release' ? 'native' : `native-${build.preset}`;
  const progress = context.progress.step(step);
  const about = { step, log: context.logFile(step), progress };
  const folder = path.join(root, build.folder);
  const source = build.source ?? USUAL_SOURCE;
  const env = { ...context.env, PATH: context.searchPath };
  const todo = `The C++ sources are in ${source}; if a library is named above, install its development package.`;
  try {
    if (!configured(root, source, folder)) {
      progress.start(`cmake (preset ${build.preset})`);
      // A cache made in another place or with another generator makes CMake refuse; it holds nothing worth keeping.
      rmSync(path.join(folder, 'CMakeCache.txt'), { force: true });
      await run(about, 'cmake', ['--preset', build.preset], { cwd: path.join(root, source), env });
      writeFileSync(path.join(folder, '.preset'), presetKey(root, source));
      progress.done('configured');
    }
    // Ninja is quick to see that nothing is to be done; only when it builds is there something to tell.
    let building = false;
    const output = (/** @type {string} */ line) => {
      if (!building && isWork(line)) {
        building = true;
        progress.start(`ninja, ${build.folder}`);
      }
      if (building) progress.output(line);
    };
    await run({ ...about, progress: { ...progress, output } }, 'ninja', ['-C', folder, ...build.targets], { env });
    if (building) progress.done('built');
  } catch (error) {
    if (error instanceof StepError && error.todo.length === 0) error.todo.push(todo);
    throw error;
  }
}

/**
 * Whether a line of Ninja's tells of work, not of looking for it ("[0/2] Re-checking globbed directories...").
 * @param {string} line
 */
export function isWork(line) {
  return /^\[\d+\/\d+\] (?!Re-)/.test(line);
}

/**
 * What CMake would not notice by itself: other presets, a project that was moved, a room that has come or gone.
 * @param {string} root
 * @param {string} source
 */
function presetKey(root, source) {
  const rooms = readdirSync(path.join(root, source), { recursive: true, encoding: 'utf8' })
    .filter((name) => path.basename(name) === 'CMakeLists.txt')
    .sort();
  const presets = readFileSync(path.join(root, source, 'CMakePresets.json'));
  return createHash('sha256')
    .update(presets)
    .update([path.resolve(root), ...rooms].join('\0'))
    .digest('hex');
}

/**
 * @param {string} root
 * @param {string} source
 * @param {string} folder
 */
function configured(root, source, folder) {
  const stamp = path.join(folder, '.preset');
  if (!existsSync(path.join(folder, 'build.ninja')) || !existsSync(stamp)) return false;
  return readFileSync(stamp, 'utf8') === presetKey(root, source);
}
