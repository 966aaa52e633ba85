/**
 * `npm test`: everything, in the order in which a fault is cheapest to find. `npm test -- FILE...` runs only those
 * TypeScript tests.
 */
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { systemClock } from '../runtime/clock.ts';
import { onLauncherGone } from './launcher.ts';

const root = path.resolve(import.meta.dirname, '..');
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);

interface Stage {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** What the schemas are compared with: the main branch as it was published, or else the commit before this one. */
function breakingBase(): string | undefined {
  const revision = (ref: string): string | undefined => {
    const { status, stdout } = spawnSync('git', ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], {
      cwd: root,
      encoding: 'utf8',
    });
    return status === 0 ? stdout.trim() : undefined;
  };
  const head = revision('HEAD');
  const published = revision('origin/main');
  const base = published !== undefined && published !== head ? published : revision('HEAD~1');
  if (base === undefined) return undefined;
  const hasProto = spawnSync('git', ['cat-file', '-e', `${base}:buf.yaml`], { cwd: root }).status === 0;
  return hasProto ? base : undefined;
}

function stages(files: readonly string[]): Stage[] {
  const jobs = String(availableParallelism());
  const node = (tests: readonly string[]): Stage => ({
    name: 'TypeScript tests',
    command: process.execPath,
    args: ['--test', `--test-concurrency=${jobs}`, '--test-reporter=spec', ...tests],
  });
  if (files.length > 0) return [node(files)];
  const base = breakingBase();
  return [
    { name: 'schema lint', command: bin('buf'), args: ['lint'] },
    ...(base === undefined
      ? []
      : [{ name: 'schema compatibility', command: bin('buf'), args: ['breaking', '--against', `.git#ref=${base}`] }]),
    { name: 'types', command: bin('tsc'), args: ['--noEmit'] },
    { name: 'lint', command: bin('biome'), args: ['check', '.'] },
    {
      name: 'C++ tests (ASan, UBSan)',
      command: 'ctest',
      args: ['--test-dir', 'build/native-asan', '--output-on-failure', '--parallel', jobs],
    },
    node(['test/**/*.test.ts']),
  ];
}

function run(stage: Stage): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(stage.command, stage.args, { cwd: root, stdio: 'inherit', detached: true });
    const pass = (signal: NodeJS.Signals): void => {
      // The stage's whole group: a test's servers must not outlive it.
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    };
    process.on('SIGINT', pass).on('SIGTERM', pass);
    const done = (code: number): void => {
      process.removeListener('SIGINT', pass).removeListener('SIGTERM', pass);
      resolve(code);
    };
    child.once('error', (error) => {
      console.error(`${stage.name}: ${stage.command} cannot be run: ${error.message}`);
      done(1);
    });
    child.once('exit', (code, signal) => done(signal === null ? (code ?? 1) : 1));
  });
}

onLauncherGone(() => process.kill(process.pid, 'SIGTERM'));
const failed: string[] = [];
for (const stage of stages(process.argv.slice(2))) {
  const sinceMs = systemClock.monotonicMs();
  console.log(`\n== ${stage.name}`);
  const status = await run(stage);
  console.log(
    `== ${stage.name}: ${status === 0 ? 'good' : 'FAILED'} (${Math.round((systemClock.monotonicMs() - sinceMs) / 1000)} s)`,
  );
  if (status !== 0) failed.push(stage.name);
}
console.log(failed.length === 0 ? '\nAll is well.' : `\nFailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
