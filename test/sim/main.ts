/** `npm run sim`: how the company holds under fault schedules that seeds decide. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { breaks } from './breaks.ts';
import { runSeed } from './run.ts';
import { Workers } from './spread.ts';

const HELP = `npm run sim -- [options]
  --seeds N      how many seeds to run (1000)
  --from SEED    the first of them, a whole number (1)
  --break NAME   with one safeguard taken away: at least one seed must fail
  --breaks       list the safeguards that can be taken away
  --json FILE    write {seeds, violations, digest} there
  --trace        print what happens, for one seed
  --jobs N       processes side by side (all processors)`;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function whole(name: string, value: string, least: number): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new RangeError(`--${name}: got ${value}, allowed: a whole number from ${least}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      break: { type: 'string' },
      breaks: { type: 'boolean', default: false },
      json: { type: 'string' },
      trace: { type: 'boolean', default: false },
      jobs: { type: 'string', default: String(availableParallelism()) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  if (values.breaks) {
    const width = Math.max(...breaks.map(({ name }) => name.length));
    for (const { name, what } of breaks) say(`${name.padEnd(width)}  ${what}`);
    return 0;
  }
  const known = breaks.map(({ name }) => name);
  if (values.break !== undefined && !known.includes(values.break)) {
    throw new RangeError(`--break: got ${values.break}, allowed: ${known.join(', ')}`);
  }
  const from = whole('from', values.from, 0);
  const seeds = whole('seeds', values.seeds, 1);
  if (values.trace) {
    const broken = breaks.find(({ name }) => name === values.break);
    const result = await runSeed(String(from), broken, (atMs, text) =>
      say(`${(atMs / 1_000).toFixed(3).padStart(9)}  ${text}`),
    );
    for (const { invariant, detail } of result.violations) say(`VIOLATION ${invariant}: ${detail}`);
    say(`seed ${from}: ${result.violations.length} violations, digest ${result.digest}`);
    return result.violations.length === 0 ? 0 : 1;
  }
  const workers = new Workers(Math.min(seeds, whole('jobs', values.jobs, 1)));
  const report = await workers.spread({
    ...{ from, seeds, broken: values.break },
    onFailed: ({ seed, violations }) => {
      for (const { invariant, detail } of violations) process.stderr.write(`seed ${seed}: ${invariant}: ${detail}\n`);
    },
    onProgress: (done, failed) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds} seeds, ${failed} failed `);
      else if (done % 100 === 0) process.stderr.write(`${done} of ${seeds} seeds, ${failed} failed\n`);
    },
  });
  await workers.close();
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (values.json !== undefined) {
    const { violations, digest } = report;
    writeFileSync(values.json, `${JSON.stringify({ seeds, violations, digest }, undefined, 2)}\n`);
  }
  const failed = new Set(report.violations.map(({ seed }) => seed));
  for (const { seed, invariant, detail } of report.violations.slice(0, 50))
    say(`seed ${seed}: ${invariant}: ${detail}`);
  const again = values.break === undefined ? '' : ` --break ${values.break}`;
  const [first] = failed;
  if (first !== undefined) say(`see it again: npm run sim -- --from ${first}${again} --trace`);
  say(
    `${seeds} seeds, ${failed.size} failed, ${report.intents} intents, ${Math.round(report.simulatedMs / 1_000)} s ` +
      `simulated in ${(report.tookMs / 1_000).toFixed(1)} s; digest ${report.digest}`,
  );
  for (const [ending, times] of Object.entries(report.endings)) say(`${ending}: in ${times} seeds`);
  return failed.size === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
