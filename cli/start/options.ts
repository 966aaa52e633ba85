/** The command line of `npm start`. */
import { parseArgs } from 'node:util';

export interface StartOptions {
  /** Files to play; none plays the built-in synthetic market. */
  readonly ticks: readonly string[];
  readonly symbol: string | undefined;
  readonly barsAsTicks: boolean;
  /** Market seconds per second; 0 is as fast as the company keeps up. */
  readonly speed: number;
  /** Node processes that share the actors. */
  readonly nodes: number;
  readonly config: string;
  readonly watch: boolean;
  readonly report: string | undefined;
  /** Broker's clock ahead of UTC, seconds; where absent, terminal.utc_offset_s of the configuration. */
  readonly utcOffsetS: number | undefined;
  readonly seed: string;
}

/** A wrong command line: `message` says what was found and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const DEFAULT_SPEED = 1000;
const FASTEST = 1_000_000;
export const MOST_NODES = 16;

export const HELP = `npm start -- [options]

Trades a market on this machine, with every part running: NATS, PostgreSQL, the simulated MetaTrader 5 terminal, the
bridge and the actors. Without options it plays a built-in seeded market: three FX symbols, two million ticks.

  --ticks FILE[,FILE...]  Play these files instead. Formats, known by their content, gzip too: MT5 tick export,
                          TrueFX, HistData ASCII; MT5 and HistData bar exports with --bars-as-ticks.
  --symbol NAME           The symbol, where the file does not say.
  --bars-as-ticks         Turn bar files into four ticks a bar.
  --utc-offset HOURS      The broker's clock ahead of UTC, for MT5 exports, -14 to 14
                          (default: terminal.utc_offset_s of the configuration, 0 if absent).
  --speed N|max           Market seconds per second, 1 to ${FASTEST}, or max: as fast as the company keeps up
                          (default ${DEFAULT_SPEED}).
  --nodes N               Node processes that share the actors, 1 to ${MOST_NODES} (default 1). A node that dies is started
                          again; meanwhile the others take over its actors.
  --config FILE           Configuration (default config/demo.yaml).
  --seed TEXT             Seed of the built-in market (default troupe).
  --watch                 Stay after the end of the file, until Ctrl-C.
  --report FILE.json      Write the figures of the run.
  --help                  This text.

Environment: TROUPE_NATS_URL and TROUPE_POSTGRES_URL use servers that you already have.
`;

function parseSpeed(text: string): number {
  if (text === 'max') return 0;
  const speed = Number(text);
  if (!Number.isFinite(speed) || speed < 1 || speed > FASTEST) {
    throw new UsageError(`--speed ${text}: want a number from 1 to ${FASTEST}, or max`);
  }
  return speed;
}

function parseNodes(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > MOST_NODES) {
    throw new UsageError(`--nodes ${text}: want a whole number from 1 to ${MOST_NODES}`);
  }
  return Number(text);
}

function parseOffset(text: string): number {
  const hours = Number(text);
  if (text.trim() === '' || !Number.isFinite(hours) || Math.abs(hours) > 14 || !Number.isInteger(hours * 4)) {
    throw new UsageError(`--utc-offset ${text}: want hours from -14 to 14, in quarters`);
  }
  return hours * 3600;
}

/** Options of a command line, or 'help'. Throws UsageError. */
export function parseOptions(args: readonly string[]): StartOptions | 'help' {
  let values: ReturnType<typeof read>['values'];
  try {
    ({ values } = read(withNegativeNumbers(args)));
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
  if (values.help) return 'help';
  const ticks = (values.ticks ?? []).flatMap((list) => list.split(',')).filter((file) => file !== '');
  if (values.ticks !== undefined && ticks.length === 0) throw new UsageError('--ticks: want at least one file');
  if (values.report === '') throw new UsageError('--report: want the name of a file');
  return {
    ticks,
    symbol: values.symbol,
    barsAsTicks: values['bars-as-ticks'] ?? false,
    speed: values.speed === undefined ? DEFAULT_SPEED : parseSpeed(values.speed),
    nodes: values.nodes === undefined ? 1 : parseNodes(values.nodes),
    config: values.config ?? 'config/demo.yaml',
    watch: values.watch ?? false,
    report: values.report,
    utcOffsetS: values['utc-offset'] === undefined ? undefined : parseOffset(values['utc-offset']),
    seed: values.seed ?? 'troupe',
  };
}

/** `--utc-offset -5` means `--utc-offset=-5`: the parser would take the number for another option. */
function withNegativeNumbers(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    if (/^--(utc-offset|nodes)$/.test(joined.at(-1) ?? '') && /^-\d/.test(arg)) joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

function read(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    strict: true,
    options: {
      ticks: { type: 'string', multiple: true },
      symbol: { type: 'string' },
      'bars-as-ticks': { type: 'boolean' },
      'utc-offset': { type: 'string' },
      speed: { type: 'string' },
      nodes: { type: 'string' },
      config: { type: 'string' },
      seed: { type: 'string' },
      watch: { type: 'boolean' },
      report: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
