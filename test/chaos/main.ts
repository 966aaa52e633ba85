/** `npm run chaos`: real processes, killed, frozen and cut off from each other, and every book compared afterwards. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { claimState } from '../../cli/claim.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import { HELP, parseOptions, UsageError } from './options.ts';
import type { Quantiles } from './result.ts';
import { runChaos } from './run.ts';

const STOP_LIMIT_MS = 60_000;
const SHOWN = 50;

let isInterrupted = false;

const say = (line: string): void => console.log(line);
const ms = (value: number | null): string => (value === null ? '-' : `${Math.round(value)}`);
const figures = ({ count, p50, p99, max }: Quantiles): string =>
  `${String(count).padStart(4)}  p50 ${ms(p50).padStart(6)} ms  p99 ${ms(p99).padStart(6)} ms  max ${ms(max).padStart(6)} ms`;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    say(HELP);
    return 0;
  }
  const root = path.resolve(import.meta.dirname, '../..');
  const folder = path.resolve(root, process.env.TROUPE_STATE ?? '.run', 'chaos');
  await claimState(folder, 'npm run chaos');
  const stop = new AbortController();
  const interrupt = (status: number) => (): void => {
    if (stop.signal.aborted) return;
    stop.abort(new Error('interrupted'));
    console.error('stopping ...');
    process.exitCode = status;
    isInterrupted = true;
    clock.setTimer(STOP_LIMIT_MS, () => process.exit(status));
  };
  process.on('SIGINT', interrupt(130)).on('SIGTERM', interrupt(143)).on('SIGHUP', interrupt(129));
  // The set-up that started us is gone, however it ended.
  process.on('disconnect', interrupt(143));
  say(`${options.faults} faults, seed ${options.seed}`);
  const { faults, seed, json } = options;
  const result = await runChaos({ root, folder, faults, seed, say, signal: stop.signal });
  const { violations, recovery_ms, healthy_ms, seconds, cores, intents, fills, ticks } = result;
  for (const [kind, one] of Object.entries(recovery_ms)) if (one.count > 0) say(`${kind.padEnd(9)}${figures(one)}`);
  say(`${'healthy'.padEnd(9)}${figures(healthy_ms)}`);
  for (const { invariant, detail } of violations.slice(0, SHOWN)) say(`VIOLATION ${invariant}: ${detail}`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, undefined, 2)}\n`);
  say(
    `${Object.values(result.faults).reduce((sum, n) => sum + n, 0)} faults, ${violations.length} violations, ` +
      `${intents} intents, ${fills} fills, ${ticks} ticks in ${seconds} s on ${cores} cores; seed ${seed}`,
  );
  if (violations.length > 0)
    say(`see it again: npm run chaos -- --faults ${faults} --seed ${seed}; logs in ${folder}/logs`);
  return violations.length === 0 ? 0 : 1;
}

try {
  const status = await main();
  process.exitCode ??= status;
} catch (error) {
  console.error(messageOf(error));
  if (error instanceof UsageError) console.error('`npm run chaos -- --help` shows what is possible.');
  process.exitCode ??= error instanceof UsageError ? 2 : 1;
}
process.disconnect?.();
// The company has stopped; what a fault was still to come back from would keep this process for a minute more.
if (isInterrupted) process.exit();
