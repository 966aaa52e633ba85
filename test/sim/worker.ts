/** One process of a simulation: takes a seed, answers with its result, until its parent lets it go. */
import { messageOf } from '../../runtime/errors.ts';
import { breaks } from './breaks.ts';
import type { SeedResult } from './run.ts';
import { runSeed } from './run.ts';
import type { Task } from './spread.ts';

let unhandled: string[] = [];
// A promise that nobody awaits would end a real node; here it is a finding of the seed that runs.
process.on('unhandledRejection', (error) => {
  unhandled.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
});

process.on('message', ({ seed, broken }: Task) => {
  unhandled = [];
  const without = breaks.find(({ name }) => name === broken);
  runSeed(seed, without)
    .catch((error: unknown): SeedResult => {
      const detail = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
      const violations = [{ invariant: 'simulation', detail }];
      return { seed, violations, digest: '', events: 0, intents: 0, restMs: 0, done: [] };
    })
    .then((result) => {
      const found = unhandled.map((detail) => ({ invariant: 'unhandled-rejection', detail }));
      process.send?.({ ...result, violations: [...result.violations, ...found] });
    });
});
process.on('disconnect', () => {
  process.exitCode = 0;
});
