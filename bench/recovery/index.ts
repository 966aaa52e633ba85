/**
 * How long is an actor away that is killed, and how long are the actors of a node away that is killed? The market goes on
 * meanwhile, and afterwards nothing may be lost or doubled.
 */
import type { BenchOptions } from '../options.ts';
import type { Result } from '../result.ts';
import { ms } from '../result.ts';
import type { Stage } from '../stage.ts';
import { quantile } from '../statistics.ts';
import { actorTimes } from './actors.ts';
import { nodeTimes } from './nodes.ts';

/** Kills of which it is said where they spent their time. */
const SLOWEST = 5;

interface Spread {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const spread = (values: readonly number[]): Spread => ({
  n: values.length,
  p50: quantile(values, 0.5),
  p99: quantile(values, 0.99),
  max: Math.max(...values),
});

const told = (name: string, { n, p50, p99, max }: Spread): string =>
  `${name.padEnd(9)} p50 ${ms(p50)}, p99 ${ms(p99)}, longest ${ms(max)}  (${n} killed)`;

/** `--rounds`: kills of each kind of actor. */
export async function recovery(stage: Stage, { symbols, rounds, kinds }: BenchOptions): Promise<Result> {
  const { kills, bareMs, ticksPerS } = await actorTimes(stage, symbols, rounds, kinds);
  const byKind = Object.fromEntries(
    kinds.map((kind) => [kind, kills.filter((one) => one.kind === kind).map(({ tookMs }) => tookMs)]),
  );
  const nodes = kinds.includes('node') ? await nodeTimes(stage, symbols, Math.max(3, Math.floor(rounds / 50))) : [];
  if (kinds.includes('node')) byKind.node = nodes.map(({ servingMs }) => servingMs);
  const found = Object.fromEntries(kinds.map((kind) => [kind, spread(byKind[kind]!)]));
  for (const kind of kinds) stage.say(told(kind, found[kind]!));
  const bare = bareMs.length > 0 ? spread(bareMs) : undefined;
  if (bare !== undefined) stage.say(told('bare NATS', bare));
  // Where the slowest spent their time.
  const slowest = [...kills].sort((a, b) => b.tookMs - a.tookMs).slice(0, SLOWEST);
  for (const { kind, id, tookMs, failedMs, restartedMs } of slowest) {
    stage.say(
      `slow: ${kind} ${id} ${ms(tookMs)}; told as failed after ${ms(failedMs)}, as restarted after ${ms(restartedMs)}`,
    );
  }
  const worst = Math.max(...kinds.filter((kind) => kind !== 'node').map((kind) => found[kind]!.p99));
  const value = Number.isFinite(worst) ? worst : found.node!.p99;
  return {
    name: 'recovery',
    value,
    unit: 'ms',
    ratio: bare === undefined ? 1 : value / bare.p99,
    rounds,
    verified: true,
    details: {
      valueOf: 'the largest p99 of the kinds of actors; of nodes where nobody else was killed',
      ratioOf: 'that p99 to the p99 of what a restart asks of NATS; 1 where only nodes were killed',
      ticksPerS,
      recovery_ms: { ...found, ...(bare === undefined ? {} : { bare }) },
      nodes,
      slowest,
      byKind,
    },
  };
}
