/** `npm run fuzz`: the bridge's parsers under libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer. */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../runtime/clock.ts';
import { HELP, parseFuzzOptions, resultOf, TARGETS, type Target } from './fuzz-options.ts';
import { onLauncherGone } from './launcher.ts';

const root = path.resolve(import.meta.dirname, '..');
const programs = path.join(root, 'build/native-fuzz/fuzz');
const place = path.join(root, '.run/fuzz');
/** Long enough for several frames, short enough to be quick. */
const LONGEST_INPUT_BYTES = 1_024;

let running: ChildProcess | undefined;
let ended = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    ended = true;
    running?.kill('SIGTERM');
  });
}
onLauncherGone(() => process.kill(process.pid, 'SIGTERM'));

/** Prints the result. False where something was found, or the fuzzer itself failed. */
async function fuzz(target: Target, limit: string): Promise<boolean> {
  const corpus = path.join(place, 'corpus', target);
  const findings = path.join(place, 'findings');
  mkdirSync(corpus, { recursive: true });
  mkdirSync(findings, { recursive: true });
  const before = new Set(readdirSync(findings));
  const sinceMs = systemClock.monotonicMs();
  const child = spawn(
    path.join(programs, target),
    [
      limit,
      `-max_len=${LONGEST_INPUT_BYTES}`,
      '-timeout=10',
      '-rss_limit_mb=1024',
      '-print_final_stats=1',
      `-artifact_prefix=${findings}/${target}-`,
      corpus,
      path.join(place, 'seeds', target),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: root },
  );
  running = child;
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 400) lines.shift();
    const pulse = /^#(\d+)\s+pulse/.exec(line);
    if (pulse) process.stderr.write(`  ${target}: ${Number(pulse[1]).toLocaleString('en')} executions so far\n`);
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  running = undefined;
  const seconds = ((systemClock.monotonicMs() - sinceMs) / 1_000).toFixed(0);
  const fresh = readdirSync(findings).filter((name) => !before.has(name));
  const { executions, good, why } = resultOf(lines, status, fresh.length);
  console.log(`${target}: ${executions.toLocaleString('en')} executions in ${seconds} s, ${fresh.length} findings`);
  if (good) return true;
  console.error(lines.slice(-60).join('\n'));
  console.error(`${target}: ${why}`);
  for (const name of fresh) {
    console.error(`Again: build/native-fuzz/fuzz/${target} .run/fuzz/findings/${name}`);
  }
  return false;
}

async function main(): Promise<number> {
  const options = parseFuzzOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  const seeds = spawnSync(path.join(programs, 'seeds'), [path.join(place, 'seeds')], { stdio: 'inherit' });
  if (seeds.status !== 0) return 1;
  const failed: string[] = [];
  for (const target of options.targets) {
    if (ended) return 130;
    if (!(await fuzz(target, options.limit))) failed.push(target);
  }
  if (ended) return 130;
  if (failed.length > 0) console.error(`Findings in: ${failed.join(', ')} (of ${TARGETS.join(', ')})`);
  return failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
process.disconnect?.();
