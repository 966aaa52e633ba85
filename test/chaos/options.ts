/** The command line of `npm run chaos`. */
import { parseArgs } from 'node:util';
import { secretToken } from '../../runtime/random.ts';

export interface ChaosOptions {
  readonly faults: number;
  readonly seed: string;
  /** Where the result is written as JSON. */
  readonly json: string | undefined;
}

/** A wrong command line: `message` says what was found and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const FAULTS = 25;
const MOST_FAULTS = 10_000;

export const HELP = `npm run chaos -- [options]

A whole company trades: NATS, PostgreSQL, bridge, terminal and three nodes, every program real. Faults strike it one after
the other, some of them while it still mends the one before; then everything that was ordered, executed, booked and counted is
compared. Which fault strikes when is drawn from the seed.

  --faults N     How many, 1 to ${MOST_FAULTS} (${FAULTS}). About 4 s each.
  --seed TEXT    What is drawn from; another one at every call without it. Printed, so that a run can be had again.
  --json FILE    Write {faults, violations, recovery_ms, seed, seconds, cores} there.
  --help         This text.

Status 1 where something that must hold did not. What each fault is and what is checked: docs/chaos.md.
`;

/** Options of a command line, or 'help'. Throws UsageError. */
export function parseOptions(args: readonly string[]): ChaosOptions | 'help' {
  let values: { faults?: string; seed?: string; json?: string; help?: boolean };
  try {
    const text = { type: 'string' } as const;
    ({ values } = parseArgs({
      args: [...args],
      options: { faults: text, seed: text, json: text, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
  if (values.help) return 'help';
  const faults = Number(values.faults ?? FAULTS);
  if (values.faults?.trim() === '' || !Number.isInteger(faults) || faults < 1 || faults > MOST_FAULTS) {
    throw new UsageError(`--faults ${values.faults}: want a whole number from 1 to ${MOST_FAULTS}`);
  }
  if (values.seed === '') throw new UsageError('--seed: want a text');
  if (values.json === '') throw new UsageError('--json: want the name of a file');
  return { faults, seed: values.seed ?? secretToken(6), json: values.json };
}
