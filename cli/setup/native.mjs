// The step that builds the C++ side. CMake and Ninja know what is out of date; here is only what they cannot know.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './child.mjs';
import { StepError } from './step-error.mjs';

const SOURCE = 'native/mt5-bridge';

/** @typedef {{ preset: 'release' | 'asan', folder: string, targets: string[] }} Build */

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
  const env = { ...context.env, PATH: context.searchPath };
  const todo = `The C++ sources are in ${SOURCE}; if a library is named above, install its development package.`;
  try {
    if (!configured(root, folder)) {
      progress.start(`cmake (preset ${build.preset})`);
      // A cache made in another place or with another generator makes CMake refuse; it holds nothing worth keeping.
      rmSync(path.join(folder, 'CMakeCache.txt'), { force: true });
      await run(about, 'cmake', ['--preset', build.preset], { cwd: path.join(root, SOURCE), env });
      writeFileSync(path.join(folder, '.preset'), presetKey(root));
      progress.done('configured');
    }
    const plan = await run(about, 'ninja', ['-C', folder, '-n', ...build.targets], { env });
    if (plan.some((line) => line.includes('no work to do'))) return;
    progress.start(`ninja, ${build.folder}`);
    await run(about, 'ninja', ['-C', folder, ...build.targets], { env });
    progress.done('built');
  } catch (error) {
    if (error instanceof StepError && error.todo.length === 0) error.todo.push(todo);
    throw error;
  }
}

/** @param {string} root */
function presetKey(root) {
  const presets = readFileSync(path.join(root, SOURCE, 'CMakePresets.json'));
  return createHash('sha256').update(presets).update(path.resolve(root)).digest('hex');
}

/**
 * @param {string} root
 * @param {string} folder
 */
function configured(root, folder) {
  const stamp = path.join(folder, '.preset');
  if (!existsSync(path.join(folder, 'build.ninja')) || !existsSync(stamp)) return false;
  return readFileSync(stamp, 'utf8') === presetKey(root);
}
