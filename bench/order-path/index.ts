/**
 * How long from a strategy's decision until the terminal has the command, while 100,000 ticks/s go through the company?
 *
 * Asked in two ways: of orders that strategies decide on one by one, at moments of their own (`spread`), and of orders
 * that all of them decide on at the close of the same second (`burst`). The first is the figure, the second stands beside it.
 */

import { LatencyHistogram } from '../../runtime/telemetry/latency.ts';
import type { BenchOptions } from '../options.ts';
import type { Result } from '../result.ts';
import { ms } from '../result.ts';
import type { Stage } from '../stage.ts';
import { median, quantile } from '../statistics.ts';
import { benchTape } from '../tape.ts';
import type { Round } from './round.ts';
import { playRound } from './round.ts';
import type { Scenario } from './scenario.ts';
import { EVERY_MS, scenariosOf } from './scenario.ts';

export async function orderPath(stage: Stage, options: BenchOptions): Promise<Result> {
  const { symbols, seconds, rounds, orders, density } = options;
  const tape = await benchTape(stage, { symbols, ticks: seconds * density, ticksPerSecond: density });
  const scenarios = scenariosOf(options.scenario);
  const done = new Map<Scenario, Round[]>(scenarios.map((scenario) => [scenario, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of scenarios) {
      const one = await playRound(stage, { tape, scenario, orders, seconds, round });
      done.get(scenario)!.push(one);
      stage.say(line(`round ${round}/${rounds}  ${scenario}`, figuresOf([one])));
    }
  }
  for (const [scenario, all] of done) stage.say(line(`all ${rounds}  ${scenario}`, figuresOf(all)));
  const first = figuresOf(done.get(scenarios[0]!)!);
  return {
    ...{ name: 'order-path', value: first.p99Ms, unit: 'ms', ratio: first.ratio, rounds, verified: true },
    details: {
      ...{ symbols, strategies: orders, spreadEveryMs: EVERY_MS, density },
      ratioOf: 'p99 of the path to p99 of the bare chain',
      scenario: scenarios[0],
      scenarios: Object.fromEntries([...done].map(([scenario, all]) => [scenario, figuresOf(all)])),
      perRound: Object.fromEntries([...done].map(([scenario, all]) => [scenario, all.map(perRound)])),
    },
  };
}

/** Of all timed orders of the rounds together: the p99 of a single round's would be that of a handful. */
function figuresOf(all: readonly Round[]) {
  const path = new LatencyHistogram();
  for (const { latency } of all) path.merge(latency);
  const bare = all.flatMap(({ trips }) => trips.map(({ totalMs }) => totalMs));
  const [p50Ms, p90Ms, p99Ms] = [path.quantile(0.5), path.quantile(0.9), path.quantile(0.99)];
  const [bareP50Ms, bareP99Ms] = [quantile(bare, 0.5), quantile(bare, 0.99)];
  return {
    ...{ timed: path.count, p50Ms, p90Ms, p99Ms, bareTrips: bare.length, bareP50Ms, bareP99Ms },
    ...{ ratio: p99Ms / bareP99Ms, ratioP50: p50Ms / bareP50Ms },
    ticksPerS: median(all.map(({ ticksPerS }) => ticksPerS)),
  };
}

function line(head: string, f: ReturnType<typeof figuresOf>): string {
  return (
    `${head}: ${f.timed} orders at ${Math.round(f.ticksPerS).toLocaleString('en-US')} ticks/s: ` +
    `p50 ${ms(f.p50Ms)}, p90 ${ms(f.p90Ms)}, p99 ${ms(f.p99Ms)}; ` +
    `bare NATS p50 ${ms(f.bareP50Ms)}, p99 ${ms(f.bareP99Ms)}; ratio ${f.ratio.toFixed(2)}`
  );
}

/** What the JSON says of one round: its own figures, and its parts. */
function perRound(round: Round) {
  const { orders, p99AllMs, sizes, trips } = round;
  const part = (key: keyof (typeof trips)[number]): number => median(trips.map((trip) => trip[key]));
  return {
    ...figuresOf([round]),
    ...{ orders, p99AllMs, sizes },
    bareParts: {
      strategyCommitP50Ms: part('strategyCommitMs'),
      brokerCommitP50Ms: part('brokerCommitMs'),
    },
  };
}
