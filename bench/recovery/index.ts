/**
 * How long is an actor away that is killed, and how long are the actors of a node away that is killed? The market goes on
 * meanwhile, and afterwards nothing may be lost or doubled.
 */
import type { BenchOptions } from '../options.ts';
import type { Result } from '../result.ts';
import { ms } from '../result.ts';
import type { Stage } from '../stage.ts';
import { median, quantile } from '../statistics.ts';
import { actorTimes } from './actors.ts';
import { nodeTimes } from './nodes.ts';

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

/** `--rounds`: kills of each kind of actor; a node is killed once for every ten of them, at least three times. */
export async function recovery(stage: Stage, { symbols, rounds }: BenchOptions): Promise<Result> {
  const { byKind, bareMs, ticksPerS } = await actorTimes(stage, symbols, rounds);
  const { symbol, strategy, broker, thread } = byKind;
  const actors = spread([...symbol, ...strategy, ...broker]);
  const bare = spread(bareMs);
  const kinds = { symbol: spread(symbol), strategy: spread(strategy), broker: spread(broker), thread: spread(thread) };
  for (const [kind, one] of Object.entries(kinds)) stage.say(told(kind, one));
  stage.say(told('bare NATS', bare));
  const nodes = await nodeTimes(stage, symbols, Math.max(3, Math.floor(rounds / 10)));
  const node = spread(nodes.map(({ servingMs }) => servingMs));
  stage.say(told('node', node));
  return {
    name: 'recovery',
    value: actors.p99,
    unit: 'ms',
    ratio: actors.p99 / bare.p99,
    rounds,
    verified: true,
    details: {
      valueOf: 'p99 of symbol, strategy (inline) and broker together',
      ratioOf: 'that p99 to the p99 of what a restart asks of NATS',
      ticksPerS,
      recovery_ms: { actor: actors, ...kinds, bare, node },
      actorsPerNode: median(nodes.map(({ actors: lost }) => lost)),
      nodes,
      byKind,
    },
  };
}
