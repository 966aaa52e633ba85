/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';

import { usualMarket, WIDE_FROM } from './market.ts';
import type { Scenario } from './order-path/scenario.ts';
import { SCENARIOS } from './order-path/scenario.ts';
import type { Victim } from './recovery/watch.ts';
import { VICTIMS } from './recovery/watch.ts';

export type Question = 'ingest' | 'order-path' | 'recovery' | 'runtime' | 'inspect' | 'bridge';

export const FEEDS = ['link_feed', 'expert', 'native'] as const;
export type FeedName = (typeof FEEDS)[number];

export interface BenchOptions {
  readonly question: Question;
  /** Where the result is written as JSON. */
  readonly json: string | undefined;
  readonly rounds: number;
  readonly symbols: number;
  /** About how long one round plays, at the rate that the question aims at. */
  readonly seconds: number;
  /** Ticks per second of market time; ingest, and order-path, which plays the market as fast as in life. */
  readonly density: number;
  /** Strategies that trade; order-path only. */
  readonly orders: number;
  /** When they decide; order-path only. */
  readonly scenario: Scenario | 'both';
  /** Ticks of one round; bridge only. */
  readonly ticks: number;
  /** Who is killed; recovery only. */
  readonly kinds: readonly Victim[];
  /** Terminals that send them at once, each with an account of its own; bridge only. */
  readonly accounts: number;
  /** Who sends them; bridge only. */
  readonly from: FeedName;
  /** Folder for a CPU profile of the node per round. */
  readonly profile: string | undefined;
}

/** A wrong command line: `message` says what was found and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Usual {
  readonly rounds: number;
  readonly mostRounds?: number;
  readonly symbols: number;
  readonly seconds: number;
  readonly mostSymbols: number;
  readonly leastSeconds: number;
}

const USUAL: Readonly<Record<Question, Usual>> = {
  ingest: { rounds: 5, symbols: 3, seconds: usualMarket(3).seconds, mostSymbols: 5_000, leastSeconds: 1 },
  'order-path': { rounds: 3, symbols: 20, seconds: 60, mostSymbols: 100, leastSeconds: 15 },
  recovery: { rounds: 200, mostRounds: 2_000, symbols: 10, seconds: 1, mostSymbols: 1_000, leastSeconds: 1 },
  runtime: { rounds: 5, symbols: 10_000, seconds: 20, mostSymbols: 20_000, leastSeconds: 5 },
  bridge: { rounds: 3, symbols: 3, seconds: 1, mostSymbols: 5_000, leastSeconds: 1 },
  inspect: { rounds: 9, symbols: 1, seconds: 3, mostSymbols: 1, leastSeconds: 1 },
};

const usual = (what: 'rounds' | 'symbols' | 'seconds', ...questions: Question[]): string =>
  questions.map((question) => `${question} ${USUAL[question][what]}`).join(', ');

const DEFAULT_ORDERS = 5;
const LEAST_DENSITY = 1_000;
const MOST_DENSITY = 10_000_000;
/** Ticks/s beside the orders of order-path. */
const BACKGROUND = 100_000;
/** With fewer a strategy finds no tick close to its moments. */
const LEAST_BACKGROUND = 10_000;
const MOST_BACKGROUND = 1_000_000;
const DEFAULT_TICKS = 20_000_000;
const LEAST_TICKS = 100_000;
const MOST_TICKS = 1_000_000_000;
/** As many as a daemon serves. */
const MOST_ACCOUNTS = 64;

const wide = usualMarket(WIDE_FROM);

export const HELP = `npm run bench -- QUESTION [options]

  ingest       How many ticks/s go from the terminal through the bridge into a file-backed JetStream stream and are
               applied by symbol actors? Second figure: the ratio to the bridge's own publisher alone, equal frames.
  order-path   How long from a strategy's decision until the terminal has the command (p99), while 100,000 ticks/s go
               through the same company? Second figure: the ratio to the bare NATS round trips of that path. Asked of
               orders decided one by one, spread over the time, and of a burst of them at the close of each second.

  recovery     How long is an actor away that is killed while it works (p99), and how long are the actors of a node that
               is killed? Second figure: the ratio to what a restart asks of NATS.
  runtime      What does the runtime cost? Events/s through the interpreter and the ratio to XState's bare transition();
               10,000 symbol actors on one node; how late the event loop is at 100,000 ticks/s.
  bridge       How many ticks/s go from a terminal through the bridge alone into a file-backed JetStream stream, what does
               it add to a command (p99), and how does its memory go? Second figure: the ratio to the bridge's own
               publisher alone, equal frames.
  inspect      What does it cost an actor to be watched at full rate, and that it could be?

  --rounds N     How often each is measured, 1 to 100 (${usual('rounds', 'ingest', 'order-path', 'recovery', 'runtime', 'bridge', 'inspect')});
                 the figure is the median; recovery (up to 2000) kills an actor of each kind so often, and gives the p99.
  --symbols N    1 to 5000 (${usual('symbols', 'ingest', 'order-path', 'recovery', 'runtime', 'bridge')});
                 at most 100 for order-path, 1000 for recovery, 20000 for runtime.
  --seconds N    About how long one round plays, 1 to 3600 (${usual('seconds', 'ingest', 'order-path', 'runtime', 'inspect')});
                 at least 15 for order-path, 5 for runtime. For ingest of market time, and with many symbols ${wide.seconds}.
  --density N    ingest: ticks per second of market time, ${LEAST_DENSITY} to ${MOST_DENSITY} (default ${usualMarket(1).density}, with ${WIDE_FROM}
                 symbols or more ${wide.density}). Played faster than that, the market closes more bars than in life.
                 order-path: ticks/s that go through the company meanwhile, ${LEAST_BACKGROUND} to ${MOST_BACKGROUND} (default
                 ${BACKGROUND}, which the figure asks for).
  --orders N     order-path: strategies that trade, each on a symbol of its own, 1 to the number of symbols
                 (default ${DEFAULT_ORDERS}).
  --scenario S   order-path: spread, burst or both (default), in turn.
  --kinds LIST   recovery: who is killed, of ${VICTIMS.join(',')} (default all of them). A node is killed once for every
                 fifty actors of a kind, at least three times.
  --ticks N      bridge: ticks of one round, ${LEAST_TICKS} to ${MOST_TICKS} (default ${DEFAULT_TICKS}); 20 bytes of disk each.
  --accounts N   bridge: so many link_feeds at once through one daemon, each with an account, a source and --symbols
                 symbols of its own, and an equal part of --ticks; 1 to ${MOST_ACCOUNTS} (default 1).
  --from F       bridge: who sends the ticks: link_feed, a program that does nothing else (default), or the simulated
                 terminal with the program expert (the MQL5 expert and the DLL's link client) or native.
  --json FILE    Write {name, value, unit, ratio, rounds, verified} and the details there.
  --profile DIR  Write a CPU profile of the node per round there. Slows it down: not for figures.
  --help         This text.

Every part is the real one, as \`npm start\` runs it. A figure is printed only when every tick, order and cent was checked.
How each is measured: docs/benchmarks.md.
`;

function whole(name: string, text: string | undefined, fallback: number, least: number, most: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new UsageError(`--${name} ${text}: want a whole number from ${least} to ${most}`);
  }
  return value;
}

function scenarioOf(text = 'both'): Scenario | 'both' {
  const all = [...SCENARIOS, 'both'] as const;
  const known = all.find((one) => one === text);
  if (known === undefined) throw new UsageError(`--scenario ${text}: want ${all.join(', ')}`);
  return known;
}

function kindsOf(list: string | undefined): readonly Victim[] {
  if (list === undefined) return VICTIMS;
  const wanted = list.split(',');
  const wrong = wanted.find((one) => !VICTIMS.some((kind) => kind === one));
  if (wrong !== undefined) throw new UsageError(`--kinds ${list}: want some of ${VICTIMS.join(',')}`);
  return VICTIMS.filter((kind) => wanted.includes(kind));
}

function feedOf(text = 'link_feed'): FeedName {
  const known = FEEDS.find((one) => one === text);
  if (known === undefined) throw new UsageError(`--from ${text}: want ${FEEDS.join(', ')}`);
  return known;
}

/** Options of a command line, or 'help'. Throws UsageError. */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  let parsed: ReturnType<typeof read>;
  try {
    parsed = read(args);
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [question, ...more] = positionals;
  const known = Object.keys(USUAL).join(', ');
  if (question === undefined) throw new UsageError(`which question? One of: ${known}`);
  if (!Object.hasOwn(USUAL, question)) throw new UsageError(`${question}: no such question; one of: ${known}`);
  if (more.length > 0) throw new UsageError(`${more.join(' ')}: one question at a time`);
  if (values.json === '') throw new UsageError('--json: want the name of a file');
  if (values.profile === '') throw new UsageError('--profile: want the name of a folder');
  const asked = question as Question;
  const { mostSymbols, leastSeconds, ...usually } = USUAL[asked];
  const trading = asked === 'order-path';
  if (!trading && values.orders !== undefined) throw new UsageError('--orders: for order-path only');
  if (!trading && values.scenario !== undefined) throw new UsageError('--scenario: for order-path only');
  if (asked !== 'recovery' && values.kinds !== undefined) throw new UsageError('--kinds: for recovery only');
  if (asked !== 'ingest' && !trading && values.density !== undefined)
    throw new UsageError('--density: for ingest and order-path only');
  if (asked !== 'bridge' && values.ticks !== undefined) throw new UsageError('--ticks: for bridge only');
  if (asked !== 'bridge' && values.from !== undefined) throw new UsageError('--from: for bridge only');
  if (asked !== 'bridge' && values.accounts !== undefined) throw new UsageError('--accounts: for bridge only');
  const accounts = whole('accounts', values.accounts, 1, 1, MOST_ACCOUNTS);
  const from = feedOf(values.from);
  if (accounts > 1 && from !== 'link_feed')
    throw new UsageError(`--accounts ${accounts}: want 1 with --from ${from}, which plays one terminal`);
  const symbols = whole('symbols', values.symbols, usually.symbols, 1, mostSymbols);
  const market = usualMarket(symbols);
  const usualSeconds = asked === 'ingest' ? market.seconds : usually.seconds;
  return {
    question: asked,
    json: values.json,
    rounds: whole('rounds', values.rounds, usually.rounds, 1, usually.mostRounds ?? 100),
    symbols,
    orders: whole('orders', values.orders, Math.min(DEFAULT_ORDERS, symbols), 1, symbols),
    scenario: scenarioOf(values.scenario),
    kinds: kindsOf(values.kinds),
    ticks: whole('ticks', values.ticks, DEFAULT_TICKS, LEAST_TICKS, MOST_TICKS),
    accounts,
    from,
    seconds: whole('seconds', values.seconds, usualSeconds, leastSeconds, 3600),
    density: trading
      ? whole('density', values.density, BACKGROUND, LEAST_BACKGROUND, MOST_BACKGROUND)
      : whole('density', values.density, market.density, LEAST_DENSITY, MOST_DENSITY),
    profile: values.profile,
  };
}

function read(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      rounds: { type: 'string' },
      symbols: { type: 'string' },
      seconds: { type: 'string' },
      density: { type: 'string' },
      orders: { type: 'string' },
      scenario: { type: 'string' },
      kinds: { type: 'string' },
      ticks: { type: 'string' },
      accounts: { type: 'string' },
      from: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
