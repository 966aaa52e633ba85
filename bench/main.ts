/** `npm run bench -- QUESTION`: one question, one figure, and its ratio to the raw limit measured in the same run. */
import path from 'node:path';
import { claimState } from '../cli/claim.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { bridge } from './bridge.ts';
import { ingest } from './ingest.ts';
import { inspect } from './inspect.ts';
import type { BenchOptions, Question } from './options.ts';
import { HELP, parseOptions, UsageError } from './options.ts';
import { orderPath } from './order-path/index.ts';
import { recovery } from './recovery/index.ts';
import type { Result } from './result.ts';
import { cores, ms, NotVerified, writeNoResult, writeResult } from './result.ts';
import { runtime } from './runtime/index.ts';
import { Stage } from './stage.ts';

const STOP_LIMIT_MS = 25_000;

function summary({ name, value, unit, ratio, rounds }: Result): string {
  const whole = (n: number): string => Math.round(n).toLocaleString('en-US');
  const figure = unit === 'ms' ? ms(value) : unit === '%' ? `${value.toFixed(1)} %` : `${whole(value)} ${unit}`;
  return `${name}: ${figure}, ratio to the raw limit ${ratio.toFixed(2)} (${rounds} rounds, ${cores()} cores, verified)`;
}

interface Answerer {
  readonly unit: Result['unit'];
  readonly answer: (stage: Stage, options: BenchOptions) => Promise<Result>;
}

const questions: Readonly<Record<Question, Answerer>> = {
  ingest: { unit: 'ticks/s', answer: ingest },
  'order-path': { unit: 'ms', answer: orderPath },
  recovery: { unit: 'ms', answer: recovery },
  runtime: { unit: 'events/s', answer: runtime },
  inspect: { unit: '%', answer: inspect },
  bridge: { unit: 'ticks/s', answer: bridge },
};

async function answer(stage: Stage, options: BenchOptions): Promise<number> {
  const { unit, answer: find } = questions[options.question];
  try {
    const result = await find(stage, options);
    stage.say(summary(result));
    if (options.json !== undefined) {
      writeResult(options.json, result, clock.nowMs());
      stage.say(`written to ${options.json}`);
    }
    return 0;
  } catch (error) {
    if (options.json !== undefined) writeNoResult(options.json, options.question, unit, error);
    throw error;
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  const root = path.resolve(import.meta.dirname, '..');
  const folder = path.resolve(root, process.env.TROUPE_STATE ?? '.run', 'bench');
  // A round empties the folders of the round before: two at once would empty each other's.
  await claimState(folder, 'npm run bench');
  const stage = new Stage(root, folder, clock, (text) => console.log(text), options.profile);
  let interrupted = false;
  const interrupt = (status: number) => (): void => {
    if (interrupted) return;
    interrupted = true;
    console.error('stopping ...');
    clock.setTimer(STOP_LIMIT_MS, () => process.exit(status));
    void stage.stopAll().then(() => process.exit(status));
  };
  process.on('SIGINT', interrupt(130)).on('SIGTERM', interrupt(143)).on('SIGHUP', interrupt(129));
  // The set-up that started us is gone, however it ended.
  process.on('disconnect', interrupt(143));
  try {
    return await answer(stage, options);
  } catch (error) {
    await stage.stopAll();
    // The interruption ends the process; what failed because of it is nobody's news.
    if (interrupted) return new Promise(() => undefined);
    console.error(messageOf(error));
    if (!(error instanceof NotVerified)) console.error(`Logs of all parts are in ${path.join(folder, 'logs')}.`);
    return 1;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(messageOf(error));
  if (error instanceof UsageError) console.error('`npm run bench -- --help` lists the questions.');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.disconnect?.();
