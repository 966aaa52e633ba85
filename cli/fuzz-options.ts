/** The command line of `npm run fuzz`, and what libFuzzer's output says. Pure. */
import { parseArgs } from 'node:util';

export const TARGETS = ['frames', 'journal', 'handshake', 'ticks'] as const;
export type Target = (typeof TARGETS)[number];

export const HELP = `npm run fuzz -- [options]

  frames      the link's frame decoder, and the check of every payload
  journal     the reader of the journal of orders
  handshake   both sides of the handshake
  ticks       tick batches: decoder, checks, framer

  --target T       one of them; all, one after the other, without it
  --seconds S      how long each runs, 1 to 86400 (60)
  --executions N   how many inputs each is given instead, 1 to 1000000000
  --help           this text

Inputs that reached something new are kept in .run/fuzz/corpus, findings in .run/fuzz/findings. Status 1 where one was found.`;

export interface FuzzOptions {
  readonly targets: readonly Target[];
  /** As libFuzzer takes it. */
  readonly limit: string;
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new RangeError(`--${name}: got ${text}, allowed: a whole number from 1 to ${most}`);
}

/** Throws where an option is wrong. */
export function parseFuzzOptions(args: readonly string[]): FuzzOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: 'string' },
      seconds: { type: 'string' },
      executions: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const { target, seconds, executions } = values;
  const known = TARGETS.find((name) => name === target);
  if (target !== undefined && known === undefined) {
    throw new RangeError(`--target: got ${target}, allowed: ${TARGETS.join(', ')}`);
  }
  if (seconds !== undefined && executions !== undefined) {
    throw new RangeError('--seconds and --executions: one of them only');
  }
  const limit =
    executions === undefined
      ? `-max_total_time=${whole('seconds', seconds ?? '60', 86_400)}`
      : `-runs=${whole('executions', executions, 1_000_000_000)}`;
  return { targets: known === undefined ? TARGETS : [known], limit };
}

export interface FuzzResult {
  readonly executions: number;
  readonly good: boolean;
  readonly why: string;
}

/** Of libFuzzer's last lines, its exit status and the number of inputs that it has kept as findings. */
export function resultOf(lines: readonly string[], status: number | null, findings: number): FuzzResult {
  const stat = lines.findLast((line) => line.startsWith('stat::number_of_executed_units:'));
  const executions = Number(stat?.split(':').at(-1)?.trim() ?? Number.NaN);
  if (findings > 0) return { executions: executions || 0, good: false, why: `${findings} findings` };
  if (status !== 0) return { executions: executions || 0, good: false, why: `the fuzzer ended with status ${status}` };
  // A fuzzer that ran nothing has shown nothing.
  if (!(executions > 0)) return { executions: 0, good: false, why: 'the fuzzer has executed nothing' };
  return { executions, good: true, why: '' };
}
